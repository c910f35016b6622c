//! Prices that are fetched, stored and used.

use std::fs;
use std::sync::{Arc, Mutex};

use infercost_openai_mock::{Reply, StandIn};

use super::{SETTINGS, bench, check};
use crate::program::{json, run};

#[test]
fn prices_are_fetched_stored_listed_and_used_offline() {
    let folder = bench();
    let list = ["prices", "list"];
    check(folder.path(), &list, 0, &["no prices are stored"]);
    let rates = serve("<Cube time='2026-11-20'><Cube currency='GBP' rate='0.8'/></Cube>");
    check(
        folder.path(),
        &["prices", "fetch", "ecb", "--base-url", &rates.base()],
        0,
        &["1 rates of ecb", "stored: "],
    );
    let models =
        serve(r#"{"tiny":{"input_cost_per_token":1e-8,"output_cost_per_token":1e-8,"mode":"chat"}}"#);
    let settings = format!("{SETTINGS}\n[sources.litellm]\nbase_url = \"{}\"\n", models.base());
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    check(folder.path(), &["prices", "fetch", "litellm"], 0, &["1 models of litellm"]);
    let machines = r#"{"offers":[{"id":1,"gpu_name":"RTX 4090","num_gpus":1,"dph_base":0.3,"dph_total":0.3,"min_bid":0.1}]}"#;
    fs::write(folder.path().join("vast.json"), machines).unwrap();
    check(
        folder.path(),
        &["prices", "fetch", "vast", "--file", "vast.json", "--offline"],
        0,
        &["2 offers of vast"],
    );
    check(folder.path(), &list, 0, &["ecb", "litellm", "vast", "0 days"]);

    // the stored rate, machines and model are used; nothing is asked
    let arguments = ["host", "--json", "--currency", "GBP", "--market", "4090", "--api-model", "tiny"];
    let found = json(&run(folder.path(), &arguments));
    let names: Vec<&str> =
        found["ways"].as_array().unwrap().iter().map(|way| way["name"].as_str().unwrap()).collect();
    for name in [
        "tiny",
        "vast 1, 1 × RTX 4090",
        "vast 1, 1 × RTX 4090, spot, if never interrupted",
        "elsewhere",
        "own",
    ] {
        assert!(names.contains(&name), "{names:?} lack {name}");
    }
    check(folder.path(), &["host", "--market", "H100"], 2, &["H100", "prices fetch vast"]);

    // older than 90 days is said
    let store = folder.path().join("cache/prices");
    for entry in fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path()) {
        let old = fs::read_to_string(&entry).unwrap();
        let at = old.find("\"fetched_at\": \"").unwrap() + 15;
        fs::write(&entry, format!("{}2025{}", &old[..at], &old[at + 4..])).unwrap();
    }
    check(folder.path(), &list, 0, &["older than 90 days"]);
    check(folder.path(), &["host", "--market", "4090"], 0, &["days old"]);

    check(folder.path(), &["prices", "fetch", "ecb", "--offline"], 2, &["--offline"]);
    check(
        folder.path(),
        &["prices", "fetch", "ecb", "--base-url", "http://127.0.0.1:1"],
        1,
        &["cannot be reached"],
    );
    check(folder.path(), &["prices", "fetch", "runpod"], 1, &["RUNPOD_API_KEY"]);
    check(folder.path(), &["prices", "fetch", "tea-leaves"], 2, &["no source is called", "octopus-agile"]);
    check(folder.path(), &["prices", "fetch", "vast", "--file", "infercost.toml"], 1, &["infercost.toml"]);
}

/// What is asked of a market is what the flags say: here of a scripted one, which keeps each address that was asked.
#[test]
fn flags_say_what_a_market_is_asked() {
    let folder = bench();
    let asked = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&asked);
    let rate = |method: &str, pence: u32| {
        format!(
            r#"{{"value_inc_vat":{pence},"valid_from":"2026-10-25T00:00:00Z","valid_to":"2026-10-25T00:30:00Z","payment_method":"{method}"}}"#
        )
    };
    let page = format!(r#"{{"next":null,"results":[{},{}]}}"#, rate("DIRECT_DEBIT", 10), rate("CASH", 20));
    let market = StandIn::start(move |request| {
        *kept.lock().unwrap() = request.path.to_owned();
        if request.path.contains("/price?") {
            Reply::json(r#"{"unix_seconds":[1761350400,1761354000],"price":[50.0,60.0],"unit":"EUR / MWh"}"#)
        } else {
            Reply::json(&page)
        }
    })
    .unwrap();
    let fetch = |source: &str, more: &[&str]| {
        let base = market.base();
        let arguments = [&["prices", "fetch", source, "--base-url", &base, "--json"], more].concat();
        let output = run(folder.path(), &arguments);
        let said = super::text(&output.stderr);
        (output.status.code(), said, super::text(&output.stdout), asked.lock().unwrap().clone())
    };

    let days = ["--zone", "FR", "--from", "2026-10-25", "--days", "3"];
    let (code, said, _, address) = fetch("energy-charts", &days);
    assert_eq!(code, Some(0), "{said}");
    assert!(address.ends_with("/price?bzn=FR&start=2026-10-25&end=2026-10-27"), "{address}");

    let tariff = ["--product", "AGILE-X", "--zone", "C", "--from", "2026-10-25", "--days", "1"];
    let (code, said, _, address) = fetch("octopus-agile", &tariff);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--payment-method: CASH, DIRECT_DEBIT"), "{said}");
    assert!(address.contains("/products/AGILE-X/electricity-tariffs/E-1R-AGILE-X-C/"), "{address}");
    let (code, said, printed, _) =
        fetch("octopus-agile", &[&tariff[..], &["--payment-method", "direct_debit"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(printed.contains("0.1") && !printed.contains("0.2"), "{printed}");

    let clock = "start,end,price,currency,unit\n2026-11-23T00:00,2026-11-23T01:00,300,EUR,MWh\n";
    fs::write(folder.path().join("clock.csv"), clock).unwrap();
    let table = ["prices", "fetch", "csv", "--file", "clock.csv", "--json", "--time-zone"];
    let start = |zone: &str| {
        json(&run(folder.path(), &[&table[..], &[zone]].concat()))
            .to_string()
            .contains("2026-11-22T15:00:00Z")
    };
    assert!(start("Asia/Tokyo") && !start("UTC"));
}

/// Gives the same answer to whatever is asked.
fn serve(body: &str) -> StandIn {
    let reply = Reply::json(body);
    StandIn::start(move |_| reply.clone()).unwrap()
}
