//! Ways to host, at rates of exchange and under loads that are easy to compute.

use std::fs;

use super::{bench, check, close};
use crate::made_up::MadeUp;
use crate::program::{json, run};

#[test]
fn hosting_with_a_rate_of_exchange() {
    let folder = bench();
    let found = json(&run(folder.path(), &["host", "--json"]));

    // 0.5 USD are 0.40 EUR an hour; owning costs 1 EUR and electricity
    assert_eq!(found["cheapest"], serde_json::json!(["elsewhere"]));
    let rent = found["ways"].as_array().unwrap().iter().find(|way| way["name"] == "elsewhere").unwrap();
    assert!(close(&rent["per_hour"]["point"], 0.4), "{rent:#}");
    assert!(rent["own_cheaper_from"]["reason"].as_str().unwrap().contains("costs more"));
    let assumed = found["assumptions"].to_string();
    assert!(
        assumed.contains("a bank, 2026-11-20") && assumed.contains("as fast as the measured machine"),
        "{assumed}"
    );

    // a run recorded there, twice as fast: half as much of the machine is used
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: None, idle: None, threads: 2 }.write(folder.path());
    let there = [
        "host",
        "20261101-000000",
        "--requests-per-hour",
        "1800",
        "--json",
        "--measured-on",
        "elsewhere=20261102-000000",
    ];

    let measured = json(&run(folder.path(), &there));
    let rent = measured["ways"].as_array().unwrap().iter().find(|way| way["name"] == "elsewhere").unwrap();
    assert!(
        close(&rent["utilization"], 0.25) && !measured["assumptions"].to_string().contains("as fast as"),
        "{rent:#}"
    );
    check(
        folder.path(),
        &["host", "--measured-on", "nowhere=20261102-000000"],
        2,
        &["no offer has that name"],
    );

    fs::remove_dir_all(folder.path().join("traces/20261102-000000")).unwrap();

    // in dollars the same, and without a rate an error that says what to do
    let dollars = json(&run(folder.path(), &["host", "--json", "--currency", "USD"]));
    assert_eq!(
        (&dollars["currency"], &dollars["cheapest"]),
        (&"USD".into(), &serde_json::json!(["elsewhere"]))
    );
    check(folder.path(), &["host", "--currency", "GBP"], 2, &["EUR to GBP", "[[exchange]]", "ecb"]);

    // a load that needs several machines: 3600 an hour are one machine's capacity
    let many =
        json(&run(folder.path(), &["host", "--json", "--requests-per-hour", "9000", "--utilization", "0.5"]));
    assert_eq!(many["ways"][0]["machines"], 5);
}
