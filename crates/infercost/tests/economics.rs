//! The commands of unit economics through the binary: on the recorded sample, on made-up runs with known joules, and
//! on what must be refused.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "economics/hours.rs"]
mod hours;
#[path = "economics/made_up.rs"]
mod made_up;
#[path = "economics/pace.rs"]
mod pace;
#[path = "economics/timers.rs"]
mod timers;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use made_up::MadeUp;
use serde_json::Value;
use tempfile::TempDir;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sample() -> String {
    let mut run = fs::read_dir(workspace().join("traces/sample")).unwrap().map(|entry| entry.unwrap().path());
    run.find(|path| path.is_dir()).unwrap().display().to_string()
}

fn infercost(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_infercost"))
        .current_dir(folder)
        .args(arguments)
        .env("INFERCOST_CACHE", folder.join("cache"))
        .env("HOME", folder)
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .env_remove("INFERCOST_PRICES")
        .env_remove("RUNPOD_API_KEY")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

#[track_caller]
fn check(folder: &Path, arguments: &[&str], code: i32, wanted: &[&str]) -> String {
    let output = infercost(folder, arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for words in wanted {
        assert!(said.contains(words), "{arguments:?}: {said} lacks {words:?}");
    }
    assert!(!said.contains('\u{1b}'), "{arguments:?}: {said:?}");
    said
}

fn close(found: &Value, wanted: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - wanted).abs() <= 1e-6 * wanted.abs())
}

/// Prices whose costs are easy to reckon.
const SETTINGS: &str = r#"
[prices]
currency = "EUR"
utilisation = 0.5
electricity = { per_kwh = 0.36, source = "a bill", date = 2026-11-01 }
hardware = { kind = "owned", purchase = 8760, salvage_share = 0.0, life_years = 1, source = "an invoice", date = 2026-11-01 }
[revenue]
per_session = 0.04
inferences_per_session = 4
source = "a price list"
date = 2026-11-01
[[offers]]
kind = "rent"
name = "elsewhere"
per_hour = 0.5
currency = "USD"
source = "a quotation"
date = 2026-11-01
[[exchange]]
from = "EUR"
to = "USD"
rate = 1.25
source = "a bank"
date = 2026-11-20
"#;

/// A folder with settings and a run of 1 s and 100 J an inference (90 J of work would be 50 W above idle).
fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("infercost.toml"), SETTINGS).unwrap();
    MadeUp { id: "20261101-000000", seconds: 1.0, watts: Some(100.0), idle: Some(20.0), threads: 2 }
        .write(folder.path());
    folder
}

#[test]
fn the_audit_of_a_run_with_known_joules() {
    let folder = bench();
    let output = infercost(folder.path(), &["audit", "--json"]);
    let audit = json(&output);
    assert_eq!(audit["schema"], "infercost.audit/1");
    // energy 100 J × 0.36/3.6e6; idle 20 W × 1 s × 0.36/3.6e6; hardware 1 EUR/h ÷ 3600 ÷ 0.5
    let (energy, idle, hardware) = (1e-5, 2e-6, 1.0 / 1800.0);
    let part = |name: &str| {
        let parts = audit["bill"]["parts"].as_array().unwrap();
        let found = parts.iter().find(|part| part["name"] == name).unwrap();
        found["amount"].as_str().unwrap().parse::<f64>().unwrap()
    };
    for (name, wanted) in [("energy", energy), ("idle", idle), ("hardware", hardware)] {
        assert!((part(name) / wanted - 1.0).abs() < 1e-6, "{name}: {audit:#}");
    }
    let sum = energy + idle + hardware;
    assert!(
        close(&audit["per_inference"]["point"], sum) && close(&audit["per_thousand"]["point"], 1000.0 * sum)
    );
    assert!(close(&audit["per_session"]["point"], 4.0 * sum));
    // every second answer is right
    assert!(close(&audit["per_correct"]["point"], 2.0 * sum), "{}", audit["per_correct"]);
    assert!(close(&audit["share"]["point"], sum / 0.01) && close(&audit["margin"]["point"], 0.01 - sum));
    assert_eq!(audit["limits"][0]["zone"], "profit");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(audit["tornado"][0]["lever"], "utilisation_down");

    // the report of the same run says the same cost
    let report = json(&infercost(folder.path(), &["report", "--json"]));
    let cost = &report["candidates"][0]["cost"]["per_inference"]["point"];
    assert!(close(cost, sum), "{cost} is not {sum}");
}

#[test]
fn limits_give_exit_codes() {
    let folder = bench();
    let sum = 1e-5 + 2e-6 + 1.0 / 1800.0;
    let revenue = |share: f64| format!("{}", sum / share);
    check(folder.path(), &["audit", "--revenue", &revenue(0.149)], 0, &["14.9 %", "below the limit of 15 %"]);
    check(
        folder.path(),
        &["audit", "--revenue", &revenue(0.151)],
        4,
        &["15.1 %", "at or above the limit of 15 %"],
    );
    check(
        folder.path(),
        &["audit", "--revenue", &revenue(0.151), "--loss-zone", "0.2"],
        0,
        &["limit of 20 %"],
    );
    check(folder.path(), &["audit", "--max-cost", "0.0001"], 4, &["cost per inference"]);
    check(folder.path(), &["audit", "--revenue", "0"], 2, &["above 0"]);
    // a limit in another currency: 0.0006 USD are 0.00048 EUR, below the cost
    let limited = SETTINGS.replace("[revenue]\n", "[revenue]\ncurrency = \"USD\"\nmax_cost = 0.0006\n");
    fs::write(folder.path().join("limited.toml"), limited).unwrap();
    check(folder.path(), &["audit", "--config", "limited.toml"], 4, &["at or above the limit of 0.00048"]);
    // twice the capacity: half the hardware
    let fast = json(&infercost(folder.path(), &["audit", "--capacity-per-hour", "7200", "--json"]));
    assert!(close(&fast["per_inference"]["point"], 1e-5 + 1e-6 + 1.0 / 3600.0), "{fast:#}");
    let sample = sample();
    fs::write(folder.path().join("example.toml"), "").unwrap();
    // an interval that holds the limit
    let straddling = ["audit", &sample, "--revenue", "0.00014", "--assume-watts", "60,20"];
    check(
        folder.path(),
        &[&straddling[..], &["--config", "example.toml"]].concat(),
        3,
        &["not told apart from the limit of 15 %"],
    );
    // energy unknown: below the limit is not settled, above it is
    check(
        folder.path(),
        &["audit", &sample, "--revenue", "1"],
        3,
        &["energy and idle left out", "would pass it above"],
    );
    check(folder.path(), &["audit", &sample, "--revenue", "0.000001"], 4, &["at or above", "cost ÷ revenue"]);
    check(
        folder.path(),
        &["audit", &sample, "--revenue", "1", "--assume-watts", "60,20"],
        0,
        &["assumed, not measured: 60 W"],
    );
}

#[test]
fn the_sample_run_answers_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample();
    let said = check(
        folder.path(),
        &["audit", &sample, "--chart", "t.svg"],
        0,
        &["what moves it", "left out: energy", "Prices are assumed"],
    );
    assert!(said.contains("−1 year of life"));
    check(folder.path(), &["host", &sample, "--chart", "m.svg"], 0, &["the only way with a known cost"]);
    check(
        folder.path(),
        &["optimize", &sample],
        0,
        &["q8_0", "measured", "confirm: infercost compare", "shared prefix"],
    );
    check(
        folder.path(),
        &["replace", &sample, &sample, "--new-variant", "q8_0", "--new-price", "900"],
        3,
        &["not settled: the energy"],
    );
    for chart in ["t.svg", "m.svg"] {
        let svg = fs::read_to_string(folder.path().join(chart)).unwrap();
        assert!(
            svg.starts_with("<svg ")
                && svg.ends_with("</svg>\n")
                && !svg.contains("NaN")
                && !svg.contains("=\"inf"),
            "{chart}"
        );
    }
    for arguments in [vec!["audit"], vec!["host"], vec!["optimize"]] {
        let output = infercost(folder.path(), &[&arguments[..], &[&sample, "--json"]].concat());
        let schema = json(&output)["schema"].as_str().unwrap().to_owned();
        assert_eq!(schema, format!("infercost.{}/1", arguments[0]));
    }
}

#[test]
fn hosting_with_a_rate_of_exchange() {
    let folder = bench();
    let found = json(&infercost(folder.path(), &["host", "--json"]));
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
    let measured = json(&infercost(folder.path(), &there));
    let rent = measured["ways"].as_array().unwrap().iter().find(|way| way["name"] == "elsewhere").unwrap();
    assert!(
        close(&rent["utilisation"], 0.25) && !measured["assumptions"].to_string().contains("as fast as"),
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
    let dollars = json(&infercost(folder.path(), &["host", "--json", "--currency", "USD"]));
    assert_eq!(
        (&dollars["currency"], &dollars["cheapest"]),
        (&"USD".into(), &serde_json::json!(["elsewhere"]))
    );
    check(folder.path(), &["host", "--currency", "GBP"], 2, &["EUR to GBP", "[[exchange]]", "ecb"]);
    // a load that needs several machines: 3600 an hour are one machine's capacity
    let many = json(&infercost(
        folder.path(),
        &["host", "--json", "--requests-per-hour", "9000", "--utilisation", "0.5"],
    ));
    assert_eq!(many["ways"][0]["machines"], 5);
}

#[test]
fn keep_or_replace_two_runs() {
    let folder = bench();
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: Some(60.0), idle: Some(10.0), threads: 2 }
        .write(folder.path());
    let arguments = [
        "replace",
        "20261101-000000",
        "20261102-000000",
        "--requests-per-hour",
        "1800",
        "--new-life",
        "5",
        "--resale",
        "0",
    ];
    let found =
        json(&infercost(folder.path(), &[&arguments[..], &["--new-price", "100", "--json"]].concat()));
    // a year: old 1800 × 8760 × 100 J + 20 W × half the seconds; new 30 J and 10 W × three quarters; 0.36 EUR/kWh
    let (requests, seconds) = (1800.0 * 8760.0, 8760.0 * 3600.0);
    let saving =
        ((requests * 100.0 + 20.0 * seconds * 0.5) - (requests * 30.0 + 10.0 * seconds * 0.75)) * 1e-7;
    assert!(close(&found["yearly_saving"]["point"], saving), "{} is not {saving}", found["yearly_saving"]);
    assert!(close(&found["payback_months"]["point"], 100.0 / saving * 12.0));
    assert_eq!(found["decision"], "replace");
    check(folder.path(), &[&arguments[..], &["--new-price", "9000"]].concat(), 0, &["keep: "]);
}

#[test]
fn what_could_be_changed_about_known_runs() {
    let folder = bench();
    // Prompts "Question 0" to "Question 19": 0 of them for the first, 9 of 10 letters for one digit, 10 of 11 for
    // two; a tenth of the time is prefill.
    let prefix = 0.1 * (9.0 * 0.9 + 10.0 * 10.0 / 11.0) / 20.0;
    let found = json(&infercost(folder.path(), &["optimize", "--json"]));
    let change = |found: &Value, kind: &str| {
        found["changes"].as_array().unwrap().iter().find(|change| change["kind"] == kind).unwrap().clone()
    };
    let shared = change(&found, "shared_prefix");
    assert!(close(&shared["saving"]["point"], prefix) && shared["basis"] == "computed", "{shared:#}");
    assert!(change(&found, "output_limit")["why"].as_str().unwrap().contains("no longer than the others"));
    assert_eq!(change(&found, "threads")["basis"], "unknown");
    fs::write(folder.path().join("bare.toml"), SETTINGS.split("[[offers]]").next().unwrap()).unwrap();
    check(
        folder.path(),
        &["optimize", "--config", "bare.toml"],
        3,
        &["nothing that was measured or computed saves 10 %"],
    );

    // The same prompts with four threads take half the time and 60 J: 1e-5 + 2e-6 + 1/1800 against half of all but
    // the joules.
    let four =
        MadeUp { id: "20261103-000000", seconds: 0.5, watts: Some(120.0), idle: Some(20.0), threads: 4 };
    four.write(folder.path());
    let found = json(&infercost(folder.path(), &["optimize", "20261101-000000", "--json"]));
    let threads = change(&found, "threads");
    let (now_cost, then) = (1e-5 + 2e-6 + 1.0 / 1800.0, 6e-6 + 1e-6 + 1.0 / 3600.0);
    assert!(close(&threads["saving"]["point"], 1.0 - then / now_cost), "{threads:#}");
    assert_eq!((&threads["basis"], &threads["to"]), (&"measured".into(), &"4 threads".into()));
    assert!(threads["command"].as_str().unwrap().contains("--threads 4"));
    check(
        folder.path(),
        &["optimize", "20261101-000000", "--config", "bare.toml"],
        0,
        &["→ threads, 4 threads: saves"],
    );

    // eight hours at a lower price than the fifteen after them, and offers elsewhere
    let now = jiff::Timestamp::now().as_second();
    let at = |hour: i64| jiff::Timestamp::from_second(now + hour * 3600).unwrap();
    let hour =
        |hour: i64| format!("{},{},{},EUR,MWh\n", at(hour), at(hour + 1), if hour < 8 { 100 } else { 250 });
    let curve: String = (0..23).map(hour).collect();
    fs::write(folder.path().join("day.csv"), format!("start,end,price,currency,unit\n{curve}")).unwrap();
    check(folder.path(), &["prices", "fetch", "csv", "--file", "day.csv"], 0, &["23 slots of csv"]);
    let found = json(&infercost(folder.path(), &["optimize", "20261101-000000", "--json"]));
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

const CURVE: &str = "start,end,price,currency,unit\n\
2026-11-23T00:00Z,2026-11-23T01:00Z,300,EUR,MWh\n2026-11-23T01:00Z,2026-11-23T02:00Z,100,EUR,MWh\n\
2026-11-23T02:00Z,2026-11-23T03:00Z,-50,EUR,MWh\n2026-11-23T03:00Z,2026-11-23T04:00Z,200,EUR,MWh\n";

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
    let found = json(&infercost(
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
    assert_eq!(found["timers"]["cron"][0], "0 2 23 11 * 'night job.sh' '5\\%'");
    assert_eq!(found["timers"]["cron_zone"], "UTC");
    assert!(found["timers"]["systemd"][0].as_str().unwrap().contains("'2026-11-23 02:00:00 UTC'"));
    assert!(fs::read_to_string(folder.path().join("c.svg")).unwrap().contains("When to run"));
    check(
        folder.path(),
        &arguments,
        0,
        &["+0100", "systemd-run", "this machine's clock (UTC)", "waiting saves"],
    );
    // without joules only the share is known
    let sample = sample();
    let mut of_sample = [&arguments[..], &["--json"]].concat();
    of_sample.insert(1, &sample);
    let plan = json(&infercost(folder.path(), &of_sample));
    assert!(
        plan["total"].is_null()
            && plan["saving"].is_null()
            && plan["saving_share"]["point"].as_f64().unwrap() > 0.5,
        "{plan:#}"
    );
    for (index, value, code, wanted) in [
        (4, "2026-11-23T00:30Z", 2, "move the deadline"),
        (4, "2026-11-22T00:30Z", 2, "has passed"),
        (4, "soon", 2, "is no time"),
        (2, "20000", 2, "move the deadline"),
        (8, "nothing.csv", 2, "nothing.csv"),
        (12, "Nowhere", 2, "time zone"),
    ] {
        let mut broken = arguments;
        broken[index] = value;
        check(folder.path(), &broken, code, &[wanted]);
    }
    let stored = ["schedule", "--inferences", "10", "--deadline", "+12h"];
    check(folder.path(), &stored, 2, &["no curve reaches beyond now", "flat price"]);
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
    let output = infercost(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let started: i64 = fs::read_to_string(folder.path().join("started")).unwrap().trim().parse().unwrap();
    assert!(started >= now + 4, "started after {} s", started - now);
}

#[test]
fn production_traces_by_their_own_cost_and_by_tokens() {
    let folder = bench();
    let line = |session: &str, output: u32, cost: &str, correct: bool| {
        format!(
            "{{\"model\":\"m\",\"input_tokens\":1000,\"output_tokens\":{output},\"latency\":0.5,\"session\":\"{session}\",\"cost_stated\":{{\"amount\":\"{cost}\",\"currency\":\"USD\"}},\"correct\":{correct}}}\n"
        )
    };
    let lines =
        line("a", 100, "0.002", true) + &line("a", 300, "0.004", false) + &line("b", 200, "0.003", true);
    fs::write(folder.path().join("p.jsonl"), lines).unwrap();
    let audit = json(&infercost(folder.path(), &["audit", "--inferences", "p.jsonl", "--json"]));
    // 0.003 USD are 0.0024 EUR; 1.5 inferences a session; two of three right
    assert!(
        close(&audit["per_inference"]["point"], 0.0024) && close(&audit["per_session"]["point"], 0.0036),
        "{audit:#}"
    );
    assert!(close(&audit["per_correct"]["point"], 0.0036));
    let api = "[[offers]]\nkind = \"api\"\nname = \"m at x\"\ninput_per_million = 1\noutput_per_million = 5\ncurrency = \"EUR\"\nsource = \"a page\"\ndate = 2026-11-01\n";
    fs::write(folder.path().join("infercost.toml"), format!("{SETTINGS}\n{api}")).unwrap();
    let arguments = ["audit", "--inferences", "p.jsonl", "--api-model", "m at x", "--json"];
    let audit = json(&infercost(folder.path(), &arguments));
    assert!(close(&audit["per_inference"]["point"], 0.002), "{audit:#}");
    let longer =
        audit["tornado"].as_array().unwrap().iter().find(|swing| swing["lever"] == "output_up").unwrap();
    assert!(close(&longer["change"], 0.0002), "{longer}");
    check(
        folder.path(),
        &["audit", "--inferences", "p.jsonl", "--api-model", "nobody"],
        2,
        &["nobody", "litellm"],
    );
    fs::write(folder.path().join("broken.jsonl"), "{\"model\":\"m\"}\n{\"model\":\u{1b}}\n").unwrap();
    check(folder.path(), &["audit", "--inferences", "broken.jsonl"], 2, &["broken.jsonl:2:"]);
    fs::write(folder.path().join("more.jsonl"), "{\"model\":\"m\",\"cost\":1}\n").unwrap();
    check(folder.path(), &["audit", "--inferences", "more.jsonl"], 2, &["more.jsonl:1:", "cost"]);
}

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
        check(
            folder.path(),
            &["audit", &sample],
            2,
            &["infercost.toml", wanted].map(|w| if w == "infercost.toml" { "" } else { w }),
        );
    }
}

#[test]
fn the_settings_of_the_document_are_taken() {
    let folder = bench();
    let document = fs::read_to_string(workspace().join("docs/economics.md")).unwrap();
    let settings = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    let found = json(&infercost(folder.path(), &["host", "--json"]));
    assert_eq!(found["ways"].as_array().unwrap().len(), 5, "{found:#}");
    let stored =
        infercost(folder.path(), &["schedule", "--inferences", "10", "--deadline", "+12h", "--json"]);
    assert_eq!(json(&stored)["unit"], "EUR/kWh", "{}", text(&stored.stderr));
}

/// Always the same answer, until the process ends.
fn serve(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _read = stream.read(&mut [0; 4096]);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _gone = stream.write_all((head + body).as_bytes());
        }
    });
    url
}

#[test]
fn prices_are_fetched_stored_listed_and_used_offline() {
    let folder = bench();
    let list = ["prices", "list"];
    check(folder.path(), &list, 0, &["nothing is stored"]);
    let rates = serve("<Cube time='2026-11-20'><Cube currency='GBP' rate='0.8'/></Cube>");
    check(
        folder.path(),
        &["prices", "fetch", "ecb", "--base-url", &rates],
        0,
        &["1 rates of ecb", "stored: "],
    );
    let models =
        serve(r#"{"tiny":{"input_cost_per_token":1e-8,"output_cost_per_token":1e-8,"mode":"chat"}}"#);
    let settings = format!("{SETTINGS}\n[sources.litellm]\nbase_url = \"{models}\"\n");
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
    let found = json(&infercost(folder.path(), &arguments));
    let names: Vec<&str> =
        found["ways"].as_array().unwrap().iter().map(|way| way["name"].as_str().unwrap()).collect();
    for name in ["tiny", "vast 1", "vast 1, spot, if never interrupted", "elsewhere", "own"] {
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

/// What a person reads, with prices that never grow old.
#[test]
fn answers_as_they_are_read() {
    let folder = bench();
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: Some(60.0), idle: Some(10.0), threads: 4 }
        .write(folder.path());
    let lasting = SETTINGS.replace("2026-11-01", "2099-01-01").replace("2026-11-20", "2099-01-01");
    fs::write(folder.path().join("infercost.toml"), lasting).unwrap();
    fs::write(folder.path().join("curve.csv"), CURVE).unwrap();
    for (name, arguments) in [
        ("audit", "audit 20261101-000000"),
        ("host", "host 20261101-000000 --requests-per-hour 1000"),
        ("replace", "replace 20261101-000000 20261102-000000 --new-price 1200 --resale 200"),
        ("optimize", "optimize 20261101-000000"),
        (
            "schedule",
            "schedule 20261101-000000 --inferences 5400 --deadline 2026-11-23T04:00Z --now 2026-11-23T00:00Z \
             --curve curve.csv --time-zone UTC --interruptible",
        ),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output = infercost(folder.path(), &arguments);
        insta::assert_snapshot!(name, text(&output.stdout));
    }
}
