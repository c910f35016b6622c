//! What could be changed, and what each change would save.

use std::fs;

use serde_json::Value;

use super::{SETTINGS, bench, check, close};
use crate::made_up::MadeUp;
use crate::program::{json, run};

#[test]
fn what_could_be_changed_about_known_runs() {
    let folder = bench();
    // Prompts "Question 0" to "Question 19": 0 of them for the first, 9 of 10 letters for one digit, 10 of 11 for
    // two; a tenth of the time is prefill.
    let prefix = 0.1 * (9.0 * 0.9 + 10.0 * 10.0 / 11.0) / 20.0;
    let found = json(&run(folder.path(), &["optimize", "--json"]));
    let change = |found: &Value, kind: &str| {
        found["changes"].as_array().unwrap().iter().find(|change| change["kind"] == kind).unwrap().clone()
    };
    let shared = change(&found, "shared_prefix");
    assert!(close(&shared["saving"]["point"], prefix) && shared["basis"] == "computed", "{shared:#}");
    assert!(change(&found, "output_limit")["why"].as_str().unwrap().contains("no longer than the others"));
    assert_eq!(change(&found, "threads")["basis"], "unknown");
    fs::write(folder.path().join("bare.toml"), SETTINGS.split("[[offers]]").next().unwrap()).unwrap();

    // the shared prefix saves less than a tenth at both ends, and nothing else is known
    let bare = ["optimize", "--config", "bare.toml"];
    check(folder.path(), &bare, 0, &["nothing that was measured or computed saves 10 %"]);

    let settled = json(&run(folder.path(), &[&bare[..], &["--json"]].concat()));
    assert_eq!((&settled["settled"], &settled["why_code"]), (&true.into(), &"nothing".into()), "{settled:#}");

    // The same prompts with four threads take half the time and 60 J: 1e-5 + 2e-6 + 1/1800 against half of all but
    // the joules.
    let four =
        MadeUp { id: "20261103-000000", seconds: 0.5, watts: Some(120.0), idle: Some(20.0), threads: 4 };
    four.write(folder.path());
    let found = json(&run(folder.path(), &["optimize", "20261101-000000", "--json"]));
    let threads = change(&found, "threads");
    let (now_cost, then) = (1e-5 + 2e-6 + 1.0 / 1800.0, 6e-6 + 1e-6 + 1.0 / 3600.0);
    assert!(close(&threads["saving"]["point"], 1.0 - then / now_cost), "{threads:#}");
    assert_eq!((&threads["basis"], &threads["to"]), (&"measured".into(), &"4 threads".into()));
    assert!(threads["command"].as_str().unwrap().contains("--threads 4"));
    check(
        folder.path(),
        &["optimize", "20261101-000000", "--config", "bare.toml"],
        0,
        &["→ change threads to 4 threads: saves"],
    );

    // eight hours at a lower price than the fifteen after them, and offers elsewhere
    let now = jiff::Timestamp::now().as_second();
    let at = |hour: i64| jiff::Timestamp::from_second(now + hour * 3600).unwrap();
    let hour =
        |hour: i64| format!("{},{},{},EUR,MWh\n", at(hour), at(hour + 1), if hour < 8 { 100 } else { 250 });
    let curve: String = (0..23).map(hour).collect();
    fs::write(folder.path().join("day.csv"), format!("start,end,price,currency,unit\n{curve}")).unwrap();
    check(folder.path(), &["prices", "fetch", "csv", "--file", "day.csv"], 0, &["23 slots of csv"]);
    let found = json(&run(folder.path(), &["optimize", "20261101-000000", "--json"]));
    let hours = change(&found, "hour");
    // used half of the time, the work needs 11.5 of the 23 hours: eight at 100, 3.5 at 250; idling, 20 J of the 100 in
    // that second, costs the same whenever the work is done
    let (mean, cheapest) = ((8.0 * 100.0 + 15.0 * 250.0) / 23.0, (8.0 * 100.0 + 3.5 * 250.0) / 11.5);
    let saved = (100.0 - 20.0) * (mean - cheapest) / 1000.0 / 3.6e6;
    assert!(close(&hours["saving"]["point"], saved / now_cost), "{hours:#}");
    assert_eq!(hours["to"], "the cheapest 50 % of the hours");
    let place = change(&found, "place");
    assert!(
        place["to"].as_str().unwrap().starts_with("elsewhere (rent)")
            && place["saving"]["point"].as_f64().unwrap() > 0.5
    );
}
