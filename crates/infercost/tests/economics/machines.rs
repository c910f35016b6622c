//! One report over runs of several machines, as a user asks for it.

use std::fs;
use std::path::{Path, PathBuf};

use infercost_core::MachineFacts;
use serde_json::Value;

use crate::made_up::MadeUp;
use crate::program::{json, run};
use crate::text;

const PRICES: &str = r#"
[prices]
currency = "EUR"
utilization = 0.5
electricity = { per_kwh = 0.36, source = "a bill", date = 2026-10-01 }

[[machines]]
label = "A100"
hardware = { kind = "rented", per_hour = 3.60, source = "a bill", date = 2026-10-01 }

[[machines]]
gpu = "RTX 4090"
hardware = { kind = "rented", per_hour = 0.36, includes_electricity = false, source = "a bill", date = 2026-10-01 }
"#;

fn two_machines() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let labeled = MachineFacts {
        id: Some("aaaa".into()),
        label: Some("A100".into()),
        host: None,
        cpu: Some("Some CPU".into()),
        ..MachineFacts::default()
    };
    let gaming = MachineFacts {
        id: Some("bbbb".into()),
        host: Some("gpu-box.example.com".into()),
        gpus: vec!["NVIDIA GeForce RTX 4090".into()],
        ..MachineFacts::default()
    };
    MadeUp { id: "20261101-000000", seconds: 0.25, watts: Some(100.0), idle: Some(20.0), threads: 2 }
        .write_on(folder.path(), labeled);
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: Some(72.0), idle: Some(36.0), threads: 2 }
        .write_on(folder.path(), gaming);
    fs::write(folder.path().join("infercost.toml"), PRICES).unwrap();
    folder
}

fn both(folder: &Path) -> Value {
    json(&run(folder, &["report", "20261101-000000", "20261102-000000", "--json"]))
}

fn near(value: &Value, wanted: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - wanted).abs() < 1e-12, "{value} is not {wanted}");
}

/// Every amount by hand: half of the hours are used, a request of the one takes 0.25 s and of the other 0.5 s.
#[test]
fn costs_are_each_machines_own() {
    let folder = two_machines();
    let report = both(folder.path());
    let candidates = report["candidates"].as_array().unwrap();
    let names: Vec<&str> = candidates.iter().map(|one| one["variant"].as_str().unwrap()).collect();
    assert_eq!(names, ["made-up/full on A100", "made-up/full on RTX 4090"]);

    // 3.60 EUR an hour, electricity included
    let rent = 0.25 / 3600.0 / 0.5 * 3.60;
    near(&candidates[0]["cost"]["per_inference"]["point"], rent);
    assert_eq!(candidates[0]["cost"]["components"]["energy"], Value::Null);

    // 0.36 EUR an hour; 72 W for 0.5 s and 36 W for another 0.5 s at 0.36 EUR a kWh
    let other = 0.5 / 3600.0 / 0.5 * 0.36 + (36.0 + 18.0) / 3.6e6 * 0.36;
    near(&candidates[1]["cost"]["per_inference"]["point"], other);
    near(&candidates[1]["saving"]["point"], 1.0 - other / rent);
    assert_eq!(report["machines"][1]["name"], "RTX 4090");

    let shown = text(&run(folder.path(), &["report", "20261101-000000", "20261102-000000"]).stdout);
    assert!(shown.contains("full on RTX 4090") && shown.contains("2 machines"), "{shown}");
}

/// A report goes to others, and a host name is nobody's business.
#[test]
fn no_report_and_no_page_holds_a_host_name() {
    let folder = two_machines();
    let page = folder.path().join("page.html");
    let path = page.to_str().unwrap();
    let runs = ["20261101-000000", "20261102-000000"];
    let shown = text(&run(folder.path(), &["report", runs[0], runs[1], "--html", path]).stdout);
    for report in [both(folder.path()).to_string(), shown] {
        assert!(!report.contains("gpu-box"), "{report}");
    }
    assert!(!fs::read_to_string(&page).unwrap().contains("gpu-box"));
    let alone = json(&run(folder.path(), &["report", runs[1], "--json"]));
    assert_eq!(alone["machine"].get("host"), None);
}

#[test]
fn runs_and_diff_show_the_machine() {
    let folder = two_machines();
    let runs = json(&run(folder.path(), &["runs", "--json"]))["runs"].clone();
    assert_eq!(runs[1]["machine"], "A100: Some CPU");
    assert_eq!(runs[1]["machine_id"], "aaaa");
    let labeled = json(&run(folder.path(), &["runs", "--machine", "a100", "--json"]));
    assert_eq!(labeled["runs"].as_array().unwrap().len(), 1);

    let diff = json(&run(folder.path(), &["diff", "20261101-000000", "20261102-000000", "--json"]));
    let words = diff["findings"].to_string();
    assert!(words.contains("the machines differ: A100: Some CPU before"), "{words}");
}

/// An entry is one machine's, and a machine has one.
#[test]
fn entries_that_fit_one_machine_twice_are_refused() {
    let folder = two_machines();
    let twice = format!("{PRICES}\n[[machines]]\ngpu = \"4090\"\n");
    fs::write(folder.path().join("infercost.toml"), twice).unwrap();
    let output = run(folder.path(), &["report", "20261101-000000", "20261102-000000"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("RTX 4090 and 4090 both fit RTX 4090"), "{error}");
}

/// The machine's entry prices a run alone, too.
#[test]
fn an_entry_prices_a_single_run() {
    let folder = two_machines();
    let alone = json(&run(folder.path(), &["report", "20261101-000000", "--json"]));
    near(&alone["candidates"][0]["cost"]["per_inference"]["point"], 0.25 / 3600.0 / 0.5 * 3.60);
}

/// What a run records of the machine that it was made on.
#[test]
fn a_run_knows_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["models", "demo"]).status.success());
    let machine = |traces: &str, flags: &[&str]| {
        let mut words =
            vec!["record", "demo.gguf", "--max-prompts", "2", "--warm-ups", "0", "--traces", traces];
        words.extend(flags);
        let output = run(folder.path(), &words);
        assert!(output.status.success(), "{}", text(&output.stderr));

        let run = only_run(&folder.path().join(traces));
        let header: Value = serde_json::from_str(&fs::read_to_string(run.join("run.json")).unwrap()).unwrap();
        let spans = fs::read_to_string(run.join("spans.jsonl")).unwrap();
        (header["machine"].clone(), spans)
    };

    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let (plain, spans) = machine("plain", &[]);
    assert_eq!(plain["host"], host.as_str());
    let id = plain["id"].as_str().unwrap();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert!(spans.contains(&format!(r#"{{"key":"host.id","value":{{"stringValue":"{id}"}}}}"#)));
    assert!(spans.contains(&format!(r#"{{"key":"host.name","value":{{"stringValue":"{host}"}}}}"#)));

    // the same machine under a name of its own, and without any
    let (labeled, spans) = machine("labeled", &["--label", "rack 1"]);
    assert_eq!((labeled["id"].as_str(), labeled["label"].as_str()), (Some(id), Some("rack 1")));
    assert_eq!(labeled.get("host"), None);
    assert!(spans.contains(r#"{"key":"host.name","value":{"stringValue":"rack 1"}}"#));
    let (redacted, spans) = machine("redacted", &["--redact", "^.+$"]);
    assert_eq!((redacted.get("host"), redacted["id"].as_str()), (None, Some(id)));
    assert!(!spans.contains("host.name"));

    let output = run(folder.path(), &["record", "demo.gguf", "--label", "a/b"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

fn only_run(traces: &Path) -> PathBuf {
    let runs = fs::read_dir(traces).unwrap().map(|entry| entry.unwrap().path());
    let mut runs: Vec<PathBuf> = runs.filter(|path| path.join("run.json").is_file()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}

/// A machine without an entry has the rent of its GPU, of the prices that were fetched, where `--market` asks for it.
#[test]
fn a_machine_without_an_entry_is_rented_by_the_market() {
    let folder = two_machines();
    let settings = PRICES.replace("EUR", "USD");
    let settings = settings.split("[[machines]]\ngpu").next().unwrap();
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    let market = r#"{"offers":[{"id":1,"gpu_name":"NVIDIA GeForce RTX 4090","num_gpus":1,"dph_base":0.3,"dph_total":0.3}]}"#;
    fs::write(folder.path().join("vast.json"), market).unwrap();
    run(folder.path(), &["prices", "fetch", "vast", "--file", "vast.json", "--offline"]);

    let asked = ["report", "20261101-000000", "20261102-000000", "--json"];
    let without = json(&run(folder.path(), &asked));
    let with = json(&run(folder.path(), &[&asked[..], &["--market"]].concat()));
    near(&with["candidates"][1]["cost"]["per_inference"]["point"], 0.5 / 3600.0 / 0.5 * 0.3);
    assert_ne!(without["candidates"][1]["cost"], with["candidates"][1]["cost"]);

    let asked = ["diff", "20261102-000000", "20261101-000000", "--json"];
    let without = json(&run(folder.path(), &asked));
    let with = json(&run(folder.path(), &[&asked[..], &["--market"]].concat()));
    assert_ne!(without["variants"], with["variants"]);
}
