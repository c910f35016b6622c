//! What `optimize` says of the hour of day, with exchange prices and a tariff.

use std::fs;

use super::program::{json, run};
use super::{SETTINGS, bench, check, close};

/// A machine that is used nine hours in ten can wait for the cheap ones hardly at all.
#[test]
fn the_hour_of_a_busy_machine_saves_next_to_nothing() {
    let folder = bench();
    let busy = SETTINGS.replace("utilization = 0.5", "utilization = 0.9");
    let now = jiff::Timestamp::now().as_millisecond();
    let hour = |hour: i64| {
        let (start, price) = (now + hour * 3_600_000, if hour < 8 { 0 } else { 90 });
        let end = start + 3_600_000;
        format!(
            "{{\"start_timestamp\":{start},\"end_timestamp\":{end},\"marketprice\":{price},\"unit\":\"Eur/MWh\"}}"
        )
    };

    let data: Vec<String> = (0..24).map(hour).collect();
    let answer = format!("{{\"object\":\"list\",\"data\":[{}]}}", data.join(","));
    fs::write(folder.path().join("day.json"), answer).unwrap();
    check(folder.path(), &["prices", "fetch", "awattar", "--file", "day.json"], 0, &["24 slots"]);
    let tariff = "\n[tariff]\nadder = 0.15\ntax = 0.2\nsource = 'a supplier'\ndate = 2026-11-01\n";

    // 100 J and 20 W × 1 s ÷ 9 at 0.36 EUR/kWh, and 1 EUR an hour
    let cost = (100.0 + 20.0 / 9.0) * 1e-7 + 1.0 / 3240.0;

    // 21.6 of 24 hours, 8 of them for nothing, against 60 EUR/MWh on average
    let saved = 80.0 * (60.0 - 13.6 * 90.0 / 21.6) / 1000.0 / 3.6e6;
    for (settings, factor, said) in
        [(busy.clone(), 1.0, "give [tariff]"), (format!("{busy}{tariff}"), 1.2, "with adder and tax")]
    {
        fs::write(folder.path().join("infercost.toml"), settings).unwrap();
        let found = json(&run(folder.path(), &["optimize", "--json"]));
        let hours =
            found["changes"].as_array().unwrap().iter().find(|change| change["kind"] == "hour").unwrap();
        assert!(close(&hours["saving"]["point"], factor * saved / cost), "{hours:#}");
        assert!(hours["why"].as_str().unwrap().contains(said), "{hours:#}");
        assert_eq!(hours["to"], "the cheapest 90 % of the hours");
    }
}
