//! When to run a job.

use std::fs;

use super::{CURVE, bench, check, close, sample, text};
use crate::program::{json, run};

#[test]
fn a_job_over_a_table_of_prices() {
    let folder = bench();
    fs::write(folder.path().join("curve.csv"), CURVE).unwrap();
    let arguments = [
        "schedule",
        "--inferences",
        "3600",
        "--deadline",
        "2026-11-23T04:00Z",
        "--now",
        "2026-11-23T00:00Z",
        "--curve",
        "curve.csv",
        "--start-seconds",
        "0",
        "--time-zone",
        "CET-1CEST,M3.5.0,M10.5.0/3",
    ];

    let found = json(&run(
        folder.path(),
        &[&arguments[..], &["--json", "--chart", "c.svg", "--", "night job.sh", "5%"]].concat(),
    ));
    let plan = &found;
    assert_eq!(plan["schema"], "infercost.schedule/1");

    // an hour at 100 W is 0.1 kWh: 0.03 now, −0.005 in the hour that pays
    assert!(close(&plan["total_now"]["point"], 0.03) && close(&plan["total"]["point"], -0.005), "{plan:#}");
    assert!(close(&plan["saving"]["point"], 0.035) && plan["more_than_noise"] == true);
    assert_eq!(plan["blocks"][1]["start"], "2026-11-23T02:00:00Z");

    // cron goes by the machine's clock, not by the plan's
    assert_eq!(found["timers"]["cron"][0], "0 2 23 11 * 'night job.sh' 5\\%");
    assert_eq!(found["timers"]["cron_zone"], "UTC");
    assert!(found["timers"]["systemd"][0].as_str().unwrap().contains("'2026-11-23 02:00:00 UTC'"));
    assert!(fs::read_to_string(folder.path().join("c.svg")).unwrap().contains("When to run"));
    check(
        folder.path(),
        &[&arguments[..], &["--explain"]].concat(),
        0,
        &["+0100", "systemd-run", "this machine's clock (UTC)", "waiting saves"],
    );

    // without joules only the share is known
    let sample = sample();
    let mut of_sample = [&arguments[..], &["--json"]].concat();
    of_sample.insert(1, &sample);
    let plan = json(&run(folder.path(), &of_sample));
    assert!(
        plan["total"].is_null()
            && plan["saving"].is_null()
            && plan["saving_share"]["point"].as_f64().unwrap() > 0.5,
        "{plan:#}"
    );

    for (index, value, code, wanted) in [
        (4, "2026-11-23T00:30Z", 2, "move the deadline"),
        (4, "2026-11-22T00:30Z", 2, "has passed"),
        (4, "soon", 2, "is not a time"),
        (2, "20000", 2, "move the deadline"),
        (8, "nothing.csv", 2, "nothing.csv"),
        (12, "Nowhere", 2, "time zone"),
    ] {
        let mut broken = arguments;
        broken[index] = value;
        check(folder.path(), &broken, code, &[wanted]);
    }

    let stored = ["schedule", "--inferences", "10", "--deadline", "+12h"];
    check(folder.path(), &stored, 2, &["no prices after now are known", "--zone DE-LU", "flat price"]);
}

#[test]
fn a_job_is_run_when_it_is_cheap() {
    let folder = bench();
    let now = jiff::Timestamp::now().as_second();
    let row = |from: i64, until: i64, price: i64| {
        let at = |offset: i64| jiff::Timestamp::from_second(now + offset).unwrap();
        format!("{},{},{price},EUR,MWh\n", at(from), at(until))
    };
    let curve =
        format!("start,end,price,currency,unit\n{}{}{}", row(0, 4, 300), row(4, 6, 1), row(6, 40, 300));
    fs::write(folder.path().join("curve.csv"), curve).unwrap();
    let arguments = [
        "schedule",
        "--inferences",
        "2",
        "--deadline",
        "+30s",
        "--curve",
        "curve.csv",
        "--start-seconds",
        "0",
        "--step",
        "1",
        "--run",
        "--",
        "sh",
        "-c",
        "date +%s > started; exit 7",
    ];

    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let started: i64 = fs::read_to_string(folder.path().join("started")).unwrap().trim().parse().unwrap();
    assert!(started >= now + 4, "started after {} s", started - now);
}
