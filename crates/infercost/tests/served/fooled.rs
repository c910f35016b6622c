//! A server that refuses is fast, and wins nothing: not in single requests, not under load, not in an audit.

use std::fs;
use std::time::Duration;

use infercost_openai_mock::{Asked, Reply, StandIn, StreamScript};
use serde_json::Value;
use tempfile::TempDir;

use super::{SHORT, alone};
use crate::program::{json, run};

const MODELS: &str = r#"{"object":"list","data":[{"id":"good"},{"id":"odd"}]}"#;

/// A server of two models: `good` answers every time, after 20 ms, and never what the graders want; `odd` refuses some
/// prompts at once, by their number, and answers the others in half the time.
fn two_models(refuses: fn(u32) -> bool) -> StandIn {
    let (models, none) = (Reply::json(MODELS), Reply::not_found());
    let good = StreamScript { first: Duration::from_millis(20), ..StreamScript::default() }.reply();
    let fast = StreamScript { first: Duration::from_millis(10), ..StreamScript::default() }.reply();
    let refusal = Reply::error(500, &[], r#"{"error":{"message":"CUDA out of memory"}}"#);
    let number = |body: &str| -> Option<u32> {
        let rest = body.split("Say ").nth(1)?;
        rest.split('.').next()?.parse().ok()
    };

    StandIn::start(move |asked: &Asked<'_>| match asked.path {
        "/v1/models" => models.clone(),
        path if !path.ends_with("/completions") => none.clone(),
        _ if asked.body.contains(r#""good""#) => good.clone(),
        _ if number(asked.body).is_none_or(refuses) => refusal.clone(),
        _ => fast.clone(),
    })
    .unwrap()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let prompts: String = (0..20)
        .map(|index| {
            format!("{{\"id\":\"p{index}\",\"prompt\":\"Say {index}.\",\"grader\":\"contains\",\"answer\":\"zebra\",\"max_tokens\":16}}\n")
        })
        .collect();
    fs::write(folder.path().join("mine.jsonl"), prompts).unwrap();
    folder
}

/// Compares the two, with the further flags, and gives what was said and the exit code.
fn compared(folder: &TempDir, server: &StandIn, further: &[&str]) -> (Value, Option<i32>) {
    let [good, odd] = ["good", "odd"].map(|name| format!("{}#{name}", server.base()));
    let mut arguments = vec!["compare", &good, &odd, "--baseline", "good", "--prompts", "mine.jsonl"];
    arguments.extend(["--warm-ups", "0", "--meter", "none", "--max-remeasure", "0", "--json"]);
    arguments.extend(further);
    let output = run(folder.path(), &arguments);
    (json(&output), output.status.code())
}

fn odd(report: &Value) -> &Value {
    let candidates = report["candidates"].as_array().unwrap();
    candidates.iter().find(|one| one["variant"].as_str().unwrap().contains("odd")).unwrap()
}

#[track_caller]
fn is_not_recommended(report: &Value, code: Option<i32>) {
    assert_ne!(report["recommendation"]["kind"], "switch", "{:#}", report["recommendation"]);
    assert_ne!(code, Some(1), "{report:#}");
    assert_eq!(odd(report)["verdict"], "fail", "{:#}", odd(report)["reasons"]);
}

#[test]
fn a_server_that_answers_nothing_wins_no_load_point() {
    let _alone = alone();
    let (folder, server) = (folder(), two_models(|_| true));
    let (report, code) = compared(&folder, &server, &["--concurrency", "1,4", "--duration", SHORT]);
    is_not_recommended(&report, code);

    let found = odd(&report);
    assert!(found["saving"].is_null() && found["cost"]["per_inference"].is_null(), "{found:#}");
    for point in found["operating_points"].as_array().unwrap() {
        assert!(point["cost_per_inference"].is_null(), "an answer that never came has a cost: {point:#}");
    }

    // The same records, audited: there is no answer that a price could be put on.
    let audit = run(folder.path(), &["audit", "--variant", "odd", "--revenue", "1", "--json"]);
    let said = String::from_utf8_lossy(&audit.stdout).into_owned() + &String::from_utf8_lossy(&audit.stderr);
    assert!(!audit.status.success() && !said.contains("\"zone\": \"profit\""), "{said}");

    // And it is no change that saves anything.
    let advice = run(folder.path(), &["optimize", "--variant", "good", "--json"]);
    let advice = json(&advice);
    for change in advice["changes"].as_array().unwrap() {
        let to = change["to"].as_str().unwrap_or_default();
        assert!(!to.contains("odd") || change["saving"].is_null(), "{change:#}");
    }
}

/// Twice as fast, and every second request is refused: single requests show it, and so does each load point.
#[test]
fn a_server_that_sheds_load_is_not_cheaper() {
    let _alone = alone();
    let (folder, server) = (folder(), two_models(|number| number.is_multiple_of(2)));
    let (report, code) = compared(&folder, &server, &["--concurrency", "4", "--duration", SHORT]);
    is_not_recommended(&report, code);

    let gates = odd(&report)["gates"].as_array().unwrap();
    let failing = gates.iter().find(|gate| gate["gate"] == "failure_rate").unwrap();
    assert_eq!(failing["verdict"], "fail", "{failing:#}");

    // A refusal is not an answer: the failures of the point are counted, and billed.
    let point = &odd(&report)["operating_points"][0];
    let (requests, failures) = (point["requests"].as_u64().unwrap(), point["failures"].as_u64().unwrap());
    assert!(failures * 5 > requests, "{point:#}");
}
