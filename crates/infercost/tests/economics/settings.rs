//! `infercost.toml`: what is refused, and the example of the document.

use std::fs;

use super::{bench, check, sample, text};
use crate::program::{json, run};
use crate::workspace;

#[test]
fn settings_are_refused_with_their_key() {
    let folder = bench();
    let sample = sample();
    for (settings, wanted) in [
        ("[revenue]\nper_inference = 1\nsource = 'x'\ndate = 2026-01-01\nprofit = 2", "profit"),
        ("[load]\nrequests_per_hour = 0", "load.requests_per_hour"),
        ("[load]\nusers = 3", "users"),
        ("[[offers]]\nkind = 'rent'\nname = 'x'", "missing field"),
        (
            "[[exchange]]\nfrom = 'EUR'\nto = 'USD'\nrate = 0\nsource = 'x'\ndate = 2026-01-01",
            "exchange.rate",
        ),
        ("[tariff]\nadders = 1", "adders"),
        ("[sources.vast]\nurl = 'x'", "url"),
    ] {
        fs::write(folder.path().join("infercost.toml"), settings).unwrap();
        check(folder.path(), &["audit", &sample], 2, &["infercost.toml", wanted]);
    }
}

#[test]
fn the_settings_of_the_document_are_taken() {
    let folder = bench();
    let document = fs::read_to_string(workspace::root().join("docs/economics.md")).unwrap();
    let settings = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    let found = json(&run(folder.path(), &["host", "--json"]));
    assert_eq!(found["ways"].as_array().unwrap().len(), 5, "{found:#}");
    let stored = run(folder.path(), &["schedule", "--inferences", "10", "--deadline", "+12h", "--json"]);
    assert_eq!(json(&stored)["unit"], "EUR/kWh", "{}", text(&stored.stderr));
}
