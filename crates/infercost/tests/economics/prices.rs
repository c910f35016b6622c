//! Prices that are fetched, stored and used.

use std::fs;

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

/// Gives the same answer to whatever is asked.
fn serve(body: &str) -> StandIn {
    let reply = Reply::json(body);
    StandIn::start(move |_| reply.clone()).unwrap()
}
