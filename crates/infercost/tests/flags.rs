//! No flag that does nothing: each one changes what is printed, written or refused.
//!
//! A flag is tried here with a value that must make a difference on a run with known joules. What needs a model at work, a
//! server or the network to show what it does stands in `elsewhere.rs` with the test that tries it, and forms of answers in
//! `forms.rs`, for every command that has them.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "flags/elsewhere.rs"]
mod elsewhere;
#[path = "flags/forms.rs"]
mod forms;
#[path = "flags/json.rs"]
mod json;
#[path = "economics/made_up.rs"]
mod made_up;
#[expect(dead_code, reason = "other tests read JSON")]
mod program;
mod workspace;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use elsewhere::{GLOBAL, TRIED_ELSEWHERE};
use forms::FORMS;
use json::JSON;
use made_up::MadeUp;
use program::{infercost, run};

/// Commands as they are run without the flag, and flags with the values that are tried.
const TRIED: &[(&str, &[&str])] = &[
    (
        "compare --resume=SAMPLE --traces sampled",
        &[
            "--margin 0.5",
            "--max-kld 1",
            "--min-top1 0.1",
            "--min-score 0.9",
            "--confidence 0.6",
            "--slo ttft=1ms",
            "--currency USD",
            "--html d.html",
            "--force --html taken2.html",
            "--config other.toml",
        ],
    ),
    (
        "report SAMPLE",
        &[
            "--baseline q8_0",
            "--margin 0.5",
            "--max-kld 1",
            "--min-top1 0.1",
            "--min-score 0.9",
            "--confidence 0.6",
            "--slo ttft=1ms",
            "--currency USD",
            "--html a.html",
            "--config other.toml",
            "--no-content --html b.html --force",
            "--redact the --html c.html --force",
            "--force --html taken.html",
        ],
    ),
    (
        "audit 20261101-000000",
        &[
            "--api-model x",
            "--revenue 0.001",
            "--per-session 9 --explain",
            "--capacity-per-hour 9000",
            "--loss-zone 0.01 --revenue 0.001",
            "--max-cost 0.00001",
            "--variant none",
            "--currency USD",
            "--chart a.svg",
            "--config other.toml",
            "--quiet --chart q.svg",
            "--verbose",
        ],
    ),
    ("audit 20261103-000000", &["--assume-watts 200,100"]),
    ("audit 20261101-000000 --currency GBP", &["--price-store stored"]),
    ("host 20261101-000000 --currency GBP", &["--price-store stored"]),
    ("optimize 20261101-000000 --currency GBP", &["--price-store stored"]),
    ("replace 20261101-000000 20261102-000000 --new-price 900 --currency GBP", &["--price-store stored"]),
    (
        "host 20261101-000000",
        &[
            "--requests-per-hour 900",
            "--utilization 0.9",
            "--hours-per-day 3",
            "--capacity-per-hour 9000",
            "--market none",
            "--api-model none",
            "--measured-on elsewhere=20261102-000000",
            "--variant none",
            "--currency USD",
            "--chart b.svg",
        ],
    ),
    ("host 20261101-000000 --config other.toml", &["--no-example-offers"]),
    ("optimize 20261101-000000", &["--variant none", "--currency USD", "--traces none"]),
    (
        "replace 20261101-000000 20261102-000000 --new-price 900",
        &[
            "--new-price 9000",
            "--new-life 9",
            "--new-salvage 0.9 --explain",
            "--resale 500",
            "--decline 0.9 --resale 500",
            "--new-variant none",
            "--variant none",
            "--requests-per-hour 900",
            "--utilization 0.9",
            "--hours-per-day 3",
            "--currency USD",
        ],
    ),
    (
        "schedule 20261101-000000 --inferences 5400 --deadline 2026-11-23T04:00Z --now 2026-11-23T00:00Z \
         --curve curve.csv --time-zone UTC",
        &[
            "--inferences 7200",
            "--deadline 2026-11-23T02:00Z",
            "--curve other.csv",
            "--carbon",
            "--interruptible",
            "--restartable",
            "--stays-on --explain",
            "--always-on --explain",
            "--start-joules 90000 --explain",
            "--start-time 30m",
            "--time-zone Asia/Tokyo",
            "--now 2026-11-23T03:00Z",
            "--step 7m",
            "--chart c.svg",
            "--variant none",
            "--currency USD",
            "--price-store stored --currency GBP",
        ],
    ),
    ("runs", &["--model none", "--machine none", "--since 2099-01-01", "--traces none"]),
    (
        "diff 20261101-000000 20261102-000000",
        &[
            "--max-cost-increase 1%",
            "--max-latency-increase 1%",
            "--max-quality-loss 1%",
            "--tolerance 90%",
            "--claim-confidence 0.6 --json",
            "--currency USD",
        ],
    ),
    ("prices list", &["--price-store stored"]),
    ("prices fetch ecb --file rates.xml", &["--price-store elsewhere"]),
    ("audit --inferences production.jsonl", &["--api-model tiny --price-store stored"]),
    ("host 20261103-000000", &["--assume-watts 200,100"]),
    ("optimize 20261103-000000", &["--assume-watts 200,100"]),
    ("replace 20261103-000000 20261103-000000 --new-price 900", &["--assume-watts 200,100"]),
    (
        "schedule 20261103-000000 --inferences 5400 --deadline 2026-11-23T04:00Z --now 2026-11-23T00:00Z \
         --curve curve.csv --time-zone UTC",
        &["--assume-watts 200,100"],
    ),
];

fn bench() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "infercost.toml",
        "[prices]\ncurrency = \"EUR\"\nutilization = 0.5\n\
         electricity = { per_kwh = 0.36, source = \"a bill\", date = 2099-01-01 }\n\
         hardware = { kind = \"owned\", purchase = 8760, salvage_share = 0.0, life_years = 1, source = \"an invoice\", date = 2099-01-01 }\n\
         [[offers]]\nkind = \"rent\"\nname = \"elsewhere\"\nper_hour = 0.5\ncurrency = \"USD\"\nsource = \"a quotation\"\ndate = 2099-01-01\n\
         [[exchange]]\nfrom = \"EUR\"\nto = \"USD\"\nrate = 1.25\nsource = \"a bank\"\ndate = 2099-01-01\n",
    );

    write("other.toml", "");
    write("taken.html", "mine");
    write("taken2.html", "mine");
    let curve = |first: u32| {
        format!(
            "start,end,price,currency,unit\n2026-11-23T00:00Z,2026-11-23T01:00Z,{first},EUR,MWh\n\
             2026-11-23T01:00Z,2026-11-23T02:00Z,60,EUR,MWh\n2026-11-23T02:00Z,2026-11-23T03:00Z,100,EUR,MWh\n\
             2026-11-23T03:00Z,2026-11-23T04:00Z,50,EUR,MWh\n"
        )
    };

    write("curve.csv", &curve(300));
    write("other.csv", &curve(10));
    write("production.jsonl", "{\"model\":\"m\",\"input_tokens\":10,\"output_tokens\":10}\n");
    write("text.txt", &"when then the thing in the inn. ".repeat(20));
    write("one.txt", "Say a.\n");

    for (id, seconds, watts) in [
        ("20261101-000000", 1.0, Some(100.0)),
        ("20261102-000000", 0.5, Some(60.0)),
        ("20261103-000000", 1.0, None),
    ] {
        MadeUp { id, seconds, watts, idle: watts.map(|watts| watts / 50.0), threads: 2 }.write(folder.path());
    }

    // resuming writes into the folder of the run, so it is a copy
    let recorded = workspace::sample_run();
    let copy = folder.path().join("sampled").join(recorded.file_name().unwrap());
    fs::create_dir_all(&copy).unwrap();
    for name in ["run.json", "spans.jsonl"] {
        fs::copy(recorded.join(name), copy.join(name)).unwrap();
    }

    // prices that were fetched, in a folder of their own
    write("rates.xml", "<Cube time='2099-01-01'><Cube currency='GBP' rate='0.8'/></Cube>");
    write(
        "tokens.json",
        r#"{"tiny":{"input_cost_per_token":1e-8,"output_cost_per_token":1e-8,"mode":"chat"}}"#,
    );
    for (source, file) in [("ecb", "rates.xml"), ("litellm", "tokens.json")] {
        let stored =
            run(folder.path(), &["prices", "fetch", source, "--file", file, "--price-store", "stored"]);
        assert!(stored.status.success(), "{source}: {}", String::from_utf8_lossy(&stored.stderr));
    }

    // models lie where no effect looks: they are large
    fs::create_dir(folder.path().join("weights")).unwrap();
    assert!(run(folder.path(), &["models", "demo", "weights/demo.gguf"]).status.success());
    folder
}

/// The words of a command. `SAMPLE` is the recorded run, which `--resume` names by its id.
fn words(command: &str) -> Vec<String> {
    let sample = workspace::sample_run();
    let resume = format!("--resume={}", sample.file_name().unwrap().to_string_lossy());
    let said = |word: &str| {
        let word = word.replace("--resume=SAMPLE", &resume).replace("SAMPLE", &sample.display().to_string());
        word.replace("QUERY", "SELECT model, cost FROM inferences")
    };
    command.split_whitespace().map(said).collect()
}

/// All that a command leaves behind: what it prints, how it ends, and the files beside it.
fn effect(folder: &Path, command: &str) -> (Option<i32>, String, BTreeMap<String, Vec<u8>>) {
    let words = words(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = infercost(folder, &words).output().unwrap();
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap());
    }
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said, files)
}

/// The command with more flags; one that stands there already gets the new value.
fn joined(command: &str, more: &str) -> String {
    let mut words: Vec<&str> = command.split_whitespace().collect();
    for flag in more.split_whitespace().filter(|word| word.starts_with("--")) {
        if let Some(at) = words.iter().position(|word| *word == flag) {
            words.drain(at..=at + 1);
        }
    }
    words.extend(more.split_whitespace());
    words.join(" ")
}

#[test]
fn every_flag_changes_something() {
    let folder = bench();
    let mut idle = Vec::new();
    for (command, flags) in TRIED {
        for flag in *flags {
            // what stands behind the flag under test is given without it as well
            let (tried, besides) = match flag.split_once(" --") {
                Some((tried, besides)) => (tried, format!(" --{besides}")),
                None => (*flag, String::new()),
            };
            let without = effect(folder.path(), &joined(command, &besides));
            let with = effect(folder.path(), &joined(&joined(command, &besides), tried));
            // a line that clap does not take shows nothing of a flag
            assert!(!with.1.contains("try '--help'"), "{command} {flag}: {}", with.1);
            if without == with {
                idle.push(format!("{command} {flag}"));
            }
        }
    }
    assert!(idle.is_empty(), "flags that change nothing:\n{}", idle.join("\n"));
}

/// A page that is written is shown by whatever shows pages here.
#[cfg(target_os = "linux")]
#[test]
fn a_page_is_opened() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, Instant};

    let folder = bench();
    let programs = folder.path().join("programs");
    fs::create_dir(&programs).unwrap();
    let viewer = programs.join("xdg-open");
    fs::write(&viewer, "#!/bin/sh\necho \"$1\" > \"$1.opened\"\n").unwrap();
    fs::set_permissions(&viewer, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());

    for (command, page) in
        [("report 20261101-000000", "r.html"), ("compare --resume=SAMPLE --traces sampled", "c.html")]
    {
        let words = words(&format!("{command} --html {page} --open"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        infercost(folder.path(), &words).env("PATH", &path).output().unwrap();

        // the viewer is a program of its own, and nobody waits for it
        let opened = folder.path().join(format!("{page}.opened"));
        let patience = Instant::now();
        while !opened.exists() {
            assert!(patience.elapsed() < Duration::from_secs(30), "{command}: nothing was opened");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A command, and the flags that its help shows.
struct Command {
    name: String,
    flags: Vec<String>,
}

/// Every command with its flags, as `--help` shows them; those that have commands below themselves as well.
fn commands(folder: &Path, path: &[&str], all: &mut Vec<Command>) {
    let help = String::from_utf8(run(folder, &[path, &["--help"]].concat()).stdout).unwrap();
    let mut flags = Vec::new();
    for line in help.lines() {
        let line = line.trim_start();
        // `-p, --prompt-tokens` or `--prompts`
        let Some((_, name)) =
            line.split_once("--").filter(|(before, _)| before.len() <= 4 && line.starts_with('-'))
        else {
            continue;
        };
        let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        if !name.is_empty() {
            flags.push(name);
        }
    }
    all.push(Command { name: path.join(" "), flags });

    let below = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    for line in below.lines().take_while(|line| !line.trim().is_empty()) {
        let name = line.trim_start().split(' ').next().unwrap();
        // a description that goes on in the next line begins further right
        let is_command = line.starts_with("  ") && !line.starts_with("   ");
        if is_command && name != "help" {
            commands(folder, &[path, &[name]].concat(), all);
        }
    }
}

/// The command that a line runs: the longest name that it begins with.
fn command_of<'c>(line: &str, all: &'c [Command]) -> &'c str {
    let begins = |name: &str| line == name || line.starts_with(&format!("{name} "));
    let named = all.iter().map(|command| command.name.as_str()).filter(|name| begins(name));
    named.max_by_key(|name| name.len()).unwrap_or_else(|| panic!("no command: {line}"))
}

/// Each flag that `--help` shows is tried here, or says which test tries it; and nothing is listed that is not there.
#[test]
fn every_flag_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    commands(folder.path(), &[], &mut all);

    let mut tried: Vec<(String, String)> = Vec::new();
    for (line, flags) in TRIED {
        for flag in *flags {
            let name = flag.split(' ').next().unwrap().trim_start_matches("--");
            tried.push((command_of(line, &all).to_owned(), name.to_owned()));
        }
    }
    for line in FORMS {
        for name in ["format", "export", "wide", "explain", "json"] {
            tried.push((command_of(line, &all).to_owned(), name.to_owned()));
        }
    }
    for one in JSON {
        tried.push((command_of(one.line, &all).to_owned(), "json".to_owned()));
    }
    for (commands, flags, _) in TRIED_ELSEWHERE {
        for command in *commands {
            assert!(
                all.iter().any(|one| one.name == *command) || !cfg!(feature = "fleet"),
                "no command: {command}"
            );
            tried.extend(flags.iter().map(|flag| ((*command).to_owned(), (*flag).to_owned())));
        }
    }
    for (page, flag) in [("report", "open"), ("compare", "open")] {
        tried.push((page.to_owned(), flag.to_owned()));
    }

    let mut missing = Vec::new();
    for command in &all {
        for flag in &command.flags {
            let is_global = GLOBAL.iter().any(|(name, _)| name == flag);
            let is_tried = tried.iter().any(|(of, name)| *of == command.name && name == flag);
            // commands that have others below them do nothing themselves, but for `runs`
            let is_heading = all.iter().any(|one| one.name.starts_with(&format!("{} ", command.name)));
            let is_passed_on = command.name.is_empty() || (is_heading && command.name != "runs");
            if !(is_global || is_tried || is_passed_on) {
                missing.push(format!("{} --{flag}", command.name));
            }
        }
    }
    assert!(missing.is_empty(), "flags that nobody tries:\n{}", missing.join("\n"));

    // without the feature some are not there
    if !cfg!(feature = "fleet") {
        return;
    }
    let mut gone = Vec::new();
    for (of, name) in &tried {
        let command = all.iter().find(|command| command.name == *of);
        if command.is_some_and(|command| !command.flags.contains(name)) {
            gone.push(format!("{of} --{name}"));
        }
    }
    assert!(gone.is_empty(), "flags that are not there:\n{}", gone.join("\n"));
}

/// A test that is named is there, and its file holds the flag.
#[test]
fn what_is_tried_elsewhere_is_tried_there() {
    let mut wrong = Vec::new();
    let global = GLOBAL.iter().map(|(flag, test)| (vec![*flag], *test));
    let others = TRIED_ELSEWHERE.iter().map(|(_, flags, test)| (flags.to_vec(), *test));
    for (flags, test) in global.chain(others) {
        let (file, name) = test.split_once("::").unwrap();
        let path = workspace::root().join("crates/infercost/tests").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        if !text.contains(&format!("fn {name}(")) {
            wrong.push(format!("{file} has no test {name}"));
        }
        for flag in flags {
            let holds = |place: usize| {
                let rest = &text[place + flag.len() + 2..];
                !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
            };
            let dashed = format!("--{flag}");
            if !text.match_indices(&dashed).any(|(place, _)| holds(place)) {
                wrong.push(format!("{file} does not hold {dashed}, which {name} is said to try"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
