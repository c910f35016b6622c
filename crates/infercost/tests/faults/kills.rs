//! SIGKILL at random moments: each finished record stays, once, and the run becomes the run it would have been.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use infercost_openai_mock::{Reply, StandIn, StreamScript};
use serde_json::Value;

use super::{
    COMPARE, Moments, Undisturbed, alone, assert_answered, bench, inputs, kill_after, kill_at, rounds, runs,
    strays, tell,
};
use crate::program::{infercost, run};
use crate::run_on_disk::{only_run, spans};

/// Goes on with what a kill left: resumes a run that had begun, and else begins one.
fn go_on(folder: &Path, start: &[&str], resume: &[&str]) -> Output {
    run(folder, if runs(folder).is_empty() { start } else { resume })
}

#[test]
fn a_killed_compare_becomes_the_run_it_would_have_been() {
    const RESUME: [&str; 2] = ["compare", "--resume"];
    let _alone = alone();
    let whole = bench();
    let undisturbed = Undisturbed::of(infercost(whole.path(), &COMPARE), whole.path());
    let wanted = inputs(&only_run(whole.path()));
    let (mut moments, mut caught, mut begun) = (Moments::seeded(), 0, 0);

    for round in 0..rounds() {
        let folder = bench();
        let moment = moments.of(&undisturbed, round);
        let was_running = kill_at(infercost(folder.path(), &COMPARE), folder.path(), &moment);
        let has_begun = !runs(folder.path()).is_empty();
        caught += u32::from(was_running);
        begun += u32::from(was_running && has_begun);

        // every other run is killed a second time, while it goes on
        if moments.next() < 0.5 && has_begun {
            kill_after(infercost(folder.path(), &RESUME), moments.within(undisturbed.whole));
        }

        let output = go_on(folder.path(), &COMPARE, &RESUME);
        assert_answered(&output, &format!("round {round}"));
        assert_eq!(inputs(&only_run(folder.path())), wanted, "round {round}");
        assert_eq!(strays(folder.path()), [] as [&Path; 0], "round {round}");
    }

    assert!(begun > 0, "no run had begun: nothing was tried");
    let tried = format!(
        "{} kills, {caught} before its end, {begun} of them with a run begun, half of these killed again",
        rounds()
    );
    tell("`compare`", &tried, "every record once, the inputs of the report those of a run left alone");
}

#[test]
fn a_run_killed_under_load_keeps_every_request_once() {
    const PROMPTS: &str = "{\"id\":\"a\",\"prompt\":\"Say t1.\",\"grader\":\"contains\",\"answer\":\"t1\",\"max_tokens\":16}\n{\"id\":\"b\",\"prompt\":\"Go on.\",\"max_tokens\":16}\n";
    let _alone = alone();
    let script = StreamScript { first: Duration::from_millis(10), ..StreamScript::default() };
    let server = StandIn::always(script.reply()).unwrap();
    let url = format!("{}#m", server.base());
    let start = ["record", &url, "--prompts", "mine.jsonl", "--concurrency", "1,4", "--duration", "1300ms"];
    let folder = || {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine.jsonl"), PROMPTS).unwrap();
        folder
    };

    let whole = folder();
    let undisturbed = Undisturbed::of(infercost(whole.path(), &start), whole.path());
    let (mut moments, mut caught) = (Moments::seeded(), 0);

    for round in 0..rounds() {
        let folder = folder();
        let moment = moments.of(&undisturbed, round);
        caught += u32::from(kill_at(infercost(folder.path(), &start), folder.path(), &moment));
        let before = runs(folder.path()).first().map(|run| requests(run)).unwrap_or_default();

        let output = go_on(folder.path(), &start, &["record", "--resume"]);
        assert_answered(&output, &format!("round {round}"));
        let run = only_run(folder.path());
        let after = requests(&run);
        assert!(after.values().all(|count| *count == 1), "round {round}: a request stands twice: {after:?}");
        let lost: Vec<&String> = before.keys().filter(|request| !after.contains_key(*request)).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");

        // each operating point was driven to its end once
        let mut points = BTreeMap::new();
        for (_, window) in spans(&run, "window") {
            if window.contains_key("infercost.load")
                && window["infercost.window.interrupted"]["boolValue"] == false
            {
                let point = window["infercost.operating_point.concurrency"].to_string();
                *points.entry(point).or_insert(0) += 1;
            }
        }
        assert!(points.len() == 2 && points.values().all(|count| *count == 1), "round {round}: {points:?}");
        assert_eq!(strays(folder.path()), [] as [&Path; 0], "round {round}");
    }

    let tried = format!("{} kills, {caught} before its end", rounds());
    tell("`record` under load", &tried, "every finished request once, every operating point whole once");
}

/// Requests by what they are; how often each stands in the run.
fn requests(run: &Path) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    if run.join("spans.jsonl").is_file() {
        for (span, _) in spans(run, "inference") {
            *counts.entry(span["spanId"].to_string()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn a_live_export_that_is_killed_is_completed() {
    let _alone = alone();
    let taken: Arc<Mutex<HashSet<String>>> = Arc::default();
    let takes = Arc::clone(&taken);
    let collector = StandIn::start(move |asked| {
        takes.lock().unwrap().extend(span_ids(asked.body));
        Reply::json("{}")
    })
    .unwrap();
    let address = collector.base().replace("/v1", "");
    let start = [
        "record",
        "some.gguf",
        "--prompts",
        "many.jsonl",
        "--warm-ups=0",
        "--otlp",
        &address,
        "--otlp-protocol",
        "http/json",
    ];

    let whole = bench();
    let undisturbed = Undisturbed::of(infercost(whole.path(), &start), whole.path());
    let (mut moments, mut caught) = (Moments::seeded(), 0);

    for round in 0..rounds() {
        let folder = bench();
        taken.lock().unwrap().clear();
        let moment = moments.of(&undisturbed, round);
        caught += u32::from(kill_at(infercost(folder.path(), &start), folder.path(), &moment));
        assert_answered(&go_on(folder.path(), &start, &["record", "--resume"]), &format!("round {round}"));

        let rest = ["export", "--otlp", &address, "--otlp-protocol", "http/json", "--unsent"];
        assert_answered(&run(folder.path(), &rest), &format!("round {round}"));

        let text = fs::read_to_string(only_run(folder.path()).join("spans.jsonl")).unwrap();
        let on_disk: BTreeSet<String> = text.lines().flat_map(span_ids).collect();
        let taken = taken.lock().unwrap();
        let missing: Vec<&String> = on_disk.iter().filter(|id| !taken.contains(*id)).collect();
        assert!(missing.is_empty(), "round {round}: {} of {} never arrived", missing.len(), on_disk.len());
        assert_eq!(strays(folder.path()), [] as [&Path; 0], "round {round}");
    }

    let tried = format!("{} kills, {caught} before its end", rounds());
    tell("live export (`record --otlp`)", &tried, "every span arrived, what came twice under the same id");
}

/// The ids of the spans of a message or line of OTLP JSON.
fn span_ids(json: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let message: Value = serde_json::from_str(json).unwrap_or_default();
    for resource in message["resourceSpans"].as_array().into_iter().flatten() {
        for scope in resource["scopeSpans"].as_array().into_iter().flatten() {
            for span in scope["spans"].as_array().into_iter().flatten() {
                ids.push(span["spanId"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    ids
}
