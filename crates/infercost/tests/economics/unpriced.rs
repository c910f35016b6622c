//! Settings that do not say what the machine costs: what is unknown keeps within no limit, and saves nothing.

use std::fs;

use serde_json::Value;

use super::{SETTINGS, bench, check};
use crate::program::{json, run};

/// The settings of the tests without the lines that begin so, and with a second offer.
fn settings_without(prices: &[&str]) -> String {
    let kept = SETTINGS.lines().filter(|line| !prices.iter().any(|price| line.starts_with(price)));
    let second = "[[offers]]\nkind = 'rent'\nname = 'cheap'\nper_hour = 0.05\ncurrency = 'EUR'\n\
                  source = 'a quotation'\ndate = 2026-11-01\n";
    let kept: Vec<&str> = kept.collect();
    format!("{}\n{second}", kept.join("\n"))
}

fn has_finding(answer: &Value, code: &str) -> bool {
    answer["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == code)
}

#[test]
fn an_unknown_cost_keeps_within_no_limit() {
    let folder = bench();
    let settings = settings_without(&["hardware", "electricity"]);
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();

    let unknown =
        "the cost of an inference is unknown: no price of the hardware is known; set hardware in [prices]";
    for limit in [&["audit"][..], &["audit", "--loss-zone", "0.5"], &["audit", "--max-cost", "1"]] {
        check(folder.path(), limit, 3, &[unknown]);
    }

    let said = check(folder.path(), &["audit", "--explain"], 3, &["share is unknown: the cost is unknown"]);
    assert!(!said.contains("no revenue per inference is given"), "{said}");
    assert!(said.contains("per correct is unknown: the cost is unknown"), "{said}");
}

#[test]
fn no_place_is_cheaper_than_a_machine_of_unknown_cost() {
    let folder = bench();
    for missing in [&["hardware", "electricity"][..], &["hardware"]] {
        fs::write(folder.path().join("infercost.toml"), settings_without(missing)).unwrap();

        let host = json(&run(folder.path(), &["host", "--json"]));
        assert_eq!(host["cheapest"], serde_json::json!(["cheap"]));
        assert!(has_finding(&host, "machine_unpriced"), "{host:#}");

        let advice = json(&run(folder.path(), &["optimize", "--json"]));
        let changes = advice["changes"].as_array().unwrap();
        let places: Vec<&Value> = changes.iter().filter(|change| change["kind"] == "place").collect();
        assert_eq!(places.len(), 2, "{advice:#}");
        for place in places {
            assert_eq!((&place["saving"], &place["basis"]), (&Value::Null, &"unknown".into()), "{place:#}");
            assert!(place["why"].as_str().unwrap().contains("the machine in use"), "{place:#}");
        }
        assert!(has_finding(&advice, "machine_unpriced"), "{advice:#}");
    }

    // before what is merely assumed
    let caution =
        "! what an hour of this machine costs is unknown (set hardware in [prices] of infercost.toml)";
    check(folder.path(), &["host"], 0, &[caution]);
    check(folder.path(), &["optimize"], 0, &[caution]);

    let told = ["place, cheap (rent): what an hour of the machine in use costs is unknown"];
    check(folder.path(), &["optimize", "--explain"], 0, &told);

    // with prices nothing of it is said
    fs::write(folder.path().join("infercost.toml"), SETTINGS).unwrap();
    for command in ["host", "optimize"] {
        assert!(!has_finding(&json(&run(folder.path(), &[command, "--json"])), "machine_unpriced"));
    }
}
