//! `optimize --measure` on servers that it starts: what is planted is found, failures are outcomes, a kill is survived.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::StreamScript;
use serde_json::Value;
use tempfile::TempDir;

use super::forward::forward;
use super::{alone, bench, serving};
use crate::program::{infercost, json, run};
use crate::run_on_disk::spans;
use crate::schema::hold;
use crate::started::answers;
use crate::tiny;

/// Not a test: a server whose speed is planted by `np=`. With 3 it runs out of memory, with 4 it answers something else.
#[test]
#[ignore = "a server for another test"]
fn planted_server() {
    let word = |name: &str| {
        std::env::args().find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let Some(port) = word("port").and_then(|port| port.parse::<u16>().ok()) else { return };
    let np = word("np").unwrap_or_default();
    fs::write(format!("pid-{port}"), std::process::id().to_string()).unwrap();
    assert_ne!(np, "3", "CUDA error: out of memory");

    let first = match np.as_str() {
        "2" => 40,
        "4" => 20,
        _ => 120,
    };
    let tokens =
        (0..10).map(|token| if np == "4" { "x ".to_owned() } else { format!("t{token} ") }).collect();
    let script = StreamScript { first: Duration::from_millis(first), tokens, ..StreamScript::default() };
    let server = serving(move |_| script.reply());
    forward(port, &server.base());
}

pub(super) fn command() -> String {
    let this = std::env::current_exe().unwrap();
    format!(
        "'{}' --ignored --exact --nocapture sprint::planted_server port={{port}} model={{model}} np={{np}}",
        this.display()
    )
}

pub(super) fn place() -> TempDir {
    let folder = bench();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    folder
}

pub(super) fn arguments<'a>(command: &'a str, vary: &'a str) -> Vec<&'a str> {
    vec![
        "optimize",
        "--measure",
        "some.gguf",
        "--prompts",
        "mine.jsonl",
        "--requests",
        "3",
        "--serve",
        command,
        "--vary",
        vary,
        "--budget",
        "5m",
        "--json",
    ]
}

/// Ports of all servers that were started in the folder.
pub(super) fn ports(folder: &Path) -> Vec<u16> {
    let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_string_lossy().strip_prefix("pid-")?.parse().ok()).collect()
}

pub(super) fn sprint_folder(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder.join("traces")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).find(|path| path.join("sprint.jsonl").is_file())
}

fn of_setting<'a>(report: &'a Value, np: &str) -> &'a Value {
    let settings = report["settings"].as_array().unwrap();
    settings.iter().find(|one| one["setting"]["np"] == np).unwrap_or_else(|| panic!("{np}: {report:#}"))
}

#[test]
fn the_planted_optimum_is_found_and_failures_are_outcomes() {
    let _alone = alone();
    let folder = place();
    let command = command();
    let output = run(folder.path(), &arguments(&command, "np=1,2,3"));
    let report = json(&output);
    hold("sprint.v1", "optimize --measure", std::slice::from_ref(&report));
    let said = String::from_utf8_lossy(&output.stderr);

    assert_eq!(output.status.code(), Some(0), "{said}\n{report:#}");
    assert_eq!(report["answer"]["answer"], "found", "{report:#}");
    assert_eq!(report["answer"]["quality"]["quality"], "proven");
    let copied = report["command"].as_str().unwrap();
    assert!(copied.contains("np=2") && copied.contains("some.gguf") && !copied.contains('{'), "{copied}");

    let failed = of_setting(&report, "3");
    assert!(failed["outcome"].as_str().unwrap().contains("out of memory"), "{failed:#}");
    let saving = &of_setting(&report, "2")["standing"]["saving"];
    assert!(saving["lower"].as_f64().unwrap() > 0.1, "{saving}");

    // the same answer in a file, without measuring anything again
    let mut again = arguments(&command, "np=1,2,3");
    again.retain(|word| *word != "--json");
    again.extend(["--resume", "--format", "csv", "--export", "sprint.md"]);
    let resumed = run(folder.path(), &again);
    let csv = String::from_utf8_lossy(&resumed.stdout).into_owned();
    assert!(csv.starts_with("setting,saves") && csv.contains("np=2,"), "{csv}\n{resumed:?}");
    let markdown = fs::read_to_string(folder.path().join("sprint.md")).unwrap();
    assert!(markdown.contains("| np=2 |") && markdown.contains("### basis"), "{markdown}");

    // what confirmed is counted apart: a grid has none of it
    let lines = fs::read_to_string(sprint_folder(folder.path()).unwrap().join("sprint.jsonl")).unwrap();
    let of_phase = |phase: &str| lines.matches(&format!("\"phase\":\"{phase}\"")).count();
    let (chose, confirmed) = (of_phase("race"), of_phase("confirmation"));
    assert!(confirmed > 0 && report["confirmation_visits"] == confirmed, "{report:#}");
    assert_eq!(report["visits"], chose + confirmed);
    assert!(markdown.contains(&format!("{chose} measurements (")), "{markdown}");
    assert!(markdown.contains(&format!("), and {confirmed} that confirmed")), "{markdown}");

    let ports = ports(folder.path());
    assert!(ports.len() > 5, "{ports:?}");
    assert!(ports.into_iter().all(|port| !answers(port)), "a server outlived the sprint");
}

#[test]
fn a_killed_sprint_goes_on_where_it_was() {
    let _alone = alone();
    let folder = place();
    let command = command();
    let arguments = arguments(&command, "np=1,2");
    let mut child =
        infercost(folder.path(), &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now();
    let lines = |path: &Path| fs::read_to_string(path.join("sprint.jsonl")).unwrap_or_default();
    let path = loop {
        assert!(patience.elapsed() < Duration::from_secs(120), "the sprint never began");
        match sprint_folder(folder.path()).filter(|path| lines(path).lines().count() >= 2) {
            Some(path) => break path,
            None => sleep(Duration::from_millis(10)),
        }
    };
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = lines(&path);

    // a kill may cut a line
    let mut cut = fs::OpenOptions::new().append(true).open(path.join("sprint.jsonl")).unwrap();
    cut.write_all(b"{\"line\":\"visit\",\"pha").unwrap();
    let mut again = arguments.clone();
    again.push("--resume");
    let output = run(folder.path(), &again);
    let report = json(&output);
    assert_eq!(report["answer"]["answer"], "found", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(lines(&path).starts_with(&before), "what was measured is measured again");

    // another question is no continuation
    let mut other = self::arguments(&command, "np=1,4");
    other.push("--resume");
    let output = run(folder.path(), &other);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("what is varied differ"), "{error}");
}

#[test]
fn what_is_cheaper_and_worse_is_not_named() {
    let _alone = alone();
    let folder = place();
    let command = command();
    let output = run(folder.path(), &arguments(&command, "np=1,4"));
    let report = json(&output);
    // that nothing here saves enough is an answer; that the budget did not show it is none
    let wanted = if report["answer"]["answer"] == "nothing" { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(wanted), "{report:#}");
    assert!(report["command"].is_null(), "{report:#}");
    assert_ne!(report["answer"]["answer"], "found");
    assert_eq!(of_setting(&report, "4")["same_answers"][0], 0);
}

/// A program that is called as llama.cpp's server is, and knows two of its flags: it is fast where a model drafts.
fn drafting_server(folder: &Path) -> String {
    let script = format!(
        "#!/bin/sh\n\
         [ \"$1\" = --help ] && echo '--model-draft FNAME, --spec-type TYPE' && exit 0\n\
         np=1\n\
         while [ $# -gt 0 ]; do\n\
           case $1 in --port) port=$2;; --model-draft) [ -s \"$2\" ] || exit 1; np=2;; esac\n\
           shift\n\
         done\n\
         exec '{}' --ignored --exact --nocapture sprint::planted_server port=$port np=$np\n",
        std::env::current_exe().unwrap().display()
    );
    let path = folder.join("llama-server");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    format!("{} -m {{model}} --port {{port}}", path.display())
}

#[test]
fn a_model_that_drafts_is_a_setting_of_the_shipped_space() {
    let _alone = alone();
    let folder = place();
    tiny::write_model(&folder.path().join("draft.gguf"), 1, GgmlDType::Q8_0).unwrap();
    let command = drafting_server(folder.path());
    let mut arguments = arguments(&command, "");
    arguments.retain(|word| !["--vary", ""].contains(word));
    arguments.extend(["--draft", "draft.gguf"]);
    let output = run(folder.path(), &arguments);
    let report = json(&output);

    let settings = report["settings"].as_array().unwrap();
    let drafts = settings.iter().find(|one| one["setting"]["model-draft"] == "{draft}").unwrap();
    assert!(drafts["standing"]["saving"]["lower"].as_f64().is_some_and(|saving| saving > 0.1), "{drafts:#}");
    assert_eq!(drafts["setting"]["spec-type"], "draft-simple", "{drafts:#}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("{draft} is draft"), "{notes}");
    assert!(notes.contains("does not know --parallel"), "{notes}");
    // three prompts settle no quality, and a draft may change answers
    assert_ne!(report["answer"]["answer"], "found", "{report:#}");
    assert!(report["quality_run"].as_str().is_some(), "{report:#}");
}

#[test]
fn a_public_trace_is_replayed_at_its_own_times() {
    let _alone = alone();
    let folder = place();
    let rows = ["0,ChatGPT,20,5", "1,ChatGPT,30,5", "1,ChatGPT,25,5", "12,GPT-4,9,0", "30,ChatGPT,12,5"];
    let trace = format!("Timestamp,Model,Request tokens,Response tokens\n{}\n", rows.join("\n"));
    fs::write(folder.path().join("burst.csv"), trace).unwrap();
    let command = command();
    let mut arguments = arguments(&command, "np=1,2");
    arguments.retain(|word| !["--requests", "3"].contains(word));
    arguments.extend(["--workload", "burst.csv", "--speedup", "20"]);
    let output = run(folder.path(), &arguments);
    let report = json(&output);

    assert!(report["workload"].as_str().unwrap().contains("BurstGPT"), "{report:#}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("1 request of the trace is left out: failed"), "{notes}");
    // 30 s become 1.5 s, in which four requests of about 120 ms are in flight
    let lines = fs::read_to_string(sprint_folder(folder.path()).unwrap().join("sprint.jsonl")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let measured = &first["shown"]["measured"];
    assert_eq!((&measured["answers"], &measured["failures"]), (&4.into(), &0.into()), "{first:#}");
    assert!(measured["wall_s"].as_f64().unwrap() >= 1.5, "{first:#}");
    assert_eq!(report["roofline"]["bound"], "empty_machine", "{report:#}");
}

#[test]
fn models_in_process_race_over_variants_and_threads() {
    let _alone = alone();
    let folder = place();
    tiny::write_model(&folder.path().join("other.gguf"), 1, GgmlDType::Q8_0).unwrap();
    let arguments = [
        "optimize",
        "--measure",
        "some.gguf",
        "other.gguf",
        "--prompts",
        "mine.jsonl",
        "--vary",
        "threads=2,1",
    ];
    let output =
        run(folder.path(), &[&arguments[..], &["--requests", "3", "--budget", "5m", "--json"]].concat());
    let report = json(&output);

    // which of such tiny models is cheaper is chance; that there is an answer is none
    assert!([Some(0), Some(3)].contains(&output.status.code()), "{report:#}");
    assert!(report["present"].as_str().unwrap().starts_with("some"), "{report:#}");
    let settings = report["settings"].as_array().unwrap();
    let threads = settings.iter().filter(|one| one["setting"]["threads"] == "1").count();
    let variant = settings.iter().filter(|one| one["setting"]["variant"] == "other").count();
    assert_eq!((settings.len(), threads, variant), (3, 2, 2), "{report:#}");
    let only_threads = settings.iter().find(|one| one["setting"]["variant"].is_null()).unwrap();
    let same = &only_threads["same_answers"];
    assert_eq!(same[0], same[1], "threads changed an answer: {only_threads:#}");
    assert!(report["sentence"].as_str().is_some_and(|said| !said.is_empty()));

    // the same as text fits a terminal and ends with the review
    let text = run(folder.path(), &[&arguments[..], &["--requests", "3", "--budget", "5m"]].concat());
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("→ ") && text.contains("Cost review") && text.contains("3 pivot"), "{text}");
}

#[test]
fn a_limit_on_answers_is_measured_and_judged() {
    let _alone = alone();
    let folder = place();
    let arguments = [
        "optimize",
        "--measure",
        "some.gguf",
        "--prompts",
        "mine.jsonl",
        "--vary",
        "threads=2,1",
        "--vary",
        "max-tokens=none,2",
        "--requests",
        "6",
        "--budget",
        "5m",
        "--json",
    ];
    let report = json(&run(folder.path(), &arguments));
    let settings = report["settings"].as_array().unwrap();
    let limited = settings
        .iter()
        .find(|one| one["setting"]["max-tokens"] == "2" && one["setting"]["threads"].is_null());
    let limited = limited.unwrap_or_else(|| panic!("{report:#}"));

    // two tokens of sixteen were asked for, and the saving was known; its size is the machine's and its neighbors' too
    assert!(limited["standing"]["saving"]["point"].is_number(), "{limited:#}");
    let lines =
        fs::read_to_string(folder.path().join(report["folder"].as_str().unwrap()).join("sprint.jsonl"));
    let visits: Vec<Value> = lines.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let longest = |is_limited: bool| {
        let chosen = visits.iter().filter(|visit| (visit["setting"]["max-tokens"] == "2") == is_limited);
        let measured = chosen.filter_map(|visit| visit["shown"].get("measured"));
        let tokens = |one: &Value| one["output_tokens"].as_f64().unwrap() / one["answers"].as_f64().unwrap();
        measured.map(tokens).fold(0.0, f64::max)
    };
    assert!(
        (1.0..=2.0).contains(&longest(true)) && longest(false) > 2.0,
        "{}, {}",
        longest(true),
        longest(false)
    );
    assert_eq!(limited["same_answers"][0], 0, "{limited:#}");
    let levers = report["levers"].to_string();
    assert!(!levers.contains("a quarter shorter"), "{levers}");

    // the run that judged it asked for as little
    let Some(name) = report["quality_run"].as_str() else {
        // no run, no verdict about the limit: what is named last gives the same answers, so it has no limit
        let named = settings.iter().find(|one| one["candidate"] == report["answer"]["candidate"]);
        assert!(named.is_none_or(|one| one["setting"]["max-tokens"].is_null()), "{report:#}");
        return;
    };
    let inferences = spans(&folder.path().join("traces").join(name), "inference");
    let tokens = |is_limited: bool| -> Vec<u64> {
        let of = |one: &serde_json::Map<String, Value>| {
            one["gen_ai.usage.output_tokens"]["intValue"].as_str().unwrap().parse::<u64>().unwrap()
        };
        let chosen = inferences.iter().filter(|(_, one)| {
            one["infercost.variant"]["stringValue"].as_str().unwrap().contains("max-tokens=2") == is_limited
        });
        chosen.map(|(_, one)| of(one)).collect()
    };
    assert!(!tokens(true).is_empty() && tokens(true).iter().all(|count| *count <= 2), "{:?}", tokens(true));
    assert!(tokens(false).iter().any(|count| *count > 2), "{:?}", tokens(false));
}

#[test]
fn what_cannot_be_searched_is_refused_before_a_server_is_started() {
    let folder = place();
    let command = command();
    let with = |more: &[&'static str]| {
        let mut all = vec!["optimize", "--measure", "some.gguf"];
        all.extend(more);
        all
    };

    let served = |more: &[&'static str]| {
        let mut all: Vec<String> = with(more).into_iter().map(str::to_owned).collect();
        all.extend(["--serve".to_owned(), command.clone()]);
        all
    };

    let cases: [(Vec<String>, &str); 14] = [
        (served(&[]), "nothing fills it"),
        (served(&["--vary", "np=1,2", "--vary", "other=1,2"]), "no {other}"),
        (served(&["--vary", "np=1,2", "--vary", "np=3,4"]), "varied twice"),
        (served(&["--vary", "np=1"]), "nothing to vary"),
        (served(&["--vary", "np=1,2", "--vary", "max-tokens=64,32"]), "first value is `none`"),
        (served(&["--vary", "np=1,2", "--vary", "max-tokens=none,many"]), "not a number of tokens"),
        (served(&["--vary", "np=1,2", "--draft", "some.gguf"]), "nothing takes it"),
        (served(&["--vary", "np=1,2", "--budget", "5s"]), "too small"),
        (served(&["--vary", "np=1,2", "--workload", "none.csv"]), "no file"),
        (served(&["--vary", "np=1,2", "--workload", "synthetic:input=5"]), "lengths are missing"),
        (served(&["--vary", "np=1,2", "--concurrency", "2", "--rate", "1"]), "contradict"),
        (served(&["--space", "no-such-space"]), "no-such-space"),
        (with(&["--space", "llama.cpp"]).into_iter().map(str::to_owned).collect(), "flags are a server's"),
        (with(&["--vary", "np=1,2"]).into_iter().map(str::to_owned).collect(), "placeholders of --serve"),
    ];

    for (words, wanted) in cases {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = run(folder.path(), &words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {error}");
        assert!(error.contains(wanted), "{words:?}: {error}");
    }

    assert!(ports(folder.path()).is_empty());
}
