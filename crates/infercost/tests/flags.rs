//! No flag that does nothing: each one changes what is printed, written or refused.
//!
//! A flag is tried with a value that must make a difference on a run with known joules. Flags that need a model, a server or
//! the network to show what they do stand in `TRIED_ELSEWHERE` with the test that tries them.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "economics/made_up.rs"]
mod made_up;
#[expect(dead_code, reason = "other tests read JSON")]
mod program;
mod workspace;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use made_up::MadeUp;
use program::{infercost, run};

/// Commands as they are run without the flag, and flags with the values that are tried.
const TRIED: [(&str, &[&str]); 12] = [
    (
        "report SAMPLE",
        &[
            "--baseline q8_0",
            "--all",
            "--margin 0.5",
            "--max-kld 1",
            "--min-top1 0.1",
            "--min-score 0.9",
            "--confidence 0.6",
            "--slo ttft=1ms",
            "--currency USD",
            "--format csv",
            "--export a.md",
            "--wide",
            "--explain",
            "--json",
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
            "--format markdown",
            "--export b.csv",
            "--explain",
            "--json",
            "--config other.toml",
            "--inferences production.jsonl",
            "--quiet --chart q.svg",
            "--verbose",
        ],
    ),
    ("audit 20261103-000000", &["--assume-watts 200,100"]),
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
            "--format csv",
            "--export c.svg",
            "--explain",
            "--json",
        ],
    ),
    ("host 20261101-000000 --config other.toml", &["--no-example-offers"]),
    (
        "optimize 20261101-000000",
        &[
            "--variant none",
            "--currency USD",
            "--format csv",
            "--export d.csv",
            "--explain",
            "--json",
            "--traces none",
        ],
    ),
    (
        "replace 20261101-000000 20261102-000000 --new-price 900",
        &[
            "--new-price 9000",
            "--new-life 9",
            "--new-salvage 0.9 --explain",
            "--resale 500",
            "--decline 0.9 --resale 500",
            "--new-variant none",
            "--requests-per-hour 900",
            "--utilization 0.9",
            "--hours-per-day 3",
            "--format csv",
            "--export e.md",
            "--explain",
            "--json",
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
            "--format csv",
            "--export f.json",
            "--json",
            "--explain",
        ],
    ),
    (
        "runs",
        &[
            "--model none",
            "--machine none",
            "--since 2099-01-01",
            "--format csv",
            "--export g.csv",
            "--json",
            "--traces none",
        ],
    ),
    (
        "diff 20261101-000000 20261102-000000",
        &[
            "--max-cost-increase 1%",
            "--max-latency-increase 1%",
            "--max-quality-loss 1%",
            "--tolerance 90%",
            "--claim-confidence 0.6 --json",
            "--format csv",
            "--export h.md",
            "--json",
            "--currency USD",
        ],
    ),
    ("models list", &["--format csv", "--export i.csv", "--explain", "--json", "--wide"]),
    ("prices list", &["--format markdown", "--export j.json", "--json", "--price-store elsewhere"]),
];

/// Flags that show what they do where a model runs, a server answers or the network is there: command, flags, test.
const TRIED_ELSEWHERE: [(&str, &[&str], &str); 19] = [
    (
        "*",
        &["offline", "help", "version", "quiet", "verbose"],
        "reference.rs::offline_is_understood_everywhere",
    ),
    ("compare", &["*"], "compare.rs, served/, energy.rs, resume.rs, export.rs"),
    ("record", &["*"], "compare.rs, served/, energy.rs, resume.rs, export.rs"),
    ("monitor", &["*"], "monitor.rs"),
    ("export", &["*"], "export.rs, backends.rs"),
    ("push", &["*"], "shared_runs.rs"),
    ("quantize", &["*"], "readme.rs::the_three_jobs_work_as_they_are_written"),
    ("tokenize", &["*"], "compare.rs::tokens_of_a_text"),
    ("score", &["*"], "score.rs"),
    ("bench", &["*"], "compare.rs::speed_of_a_model"),
    ("doctor", &["*"], "energy.rs"),
    ("init", &["*"], "economics/init.rs"),
    (
        "optimize",
        &[
            "measure",
            "budget",
            "saving",
            "vary",
            "space",
            "baseline",
            "resume",
            "seed",
            "threads",
            "device",
            "prompts",
            "max-prompts",
            "workload",
            "speedup",
            "concurrency",
            "rate",
            "requests",
            "slo",
            "margin",
            "confidence",
            "serve",
            "serve-timeout",
            "request-timeout",
            "prompt-cache",
            "meter",
            "require-measured",
            "draft",
            "exhaustive",
        ],
        "served/sprint.rs, crates/sprint",
    ),
    ("prices fetch", &["*"], "economics/prices.rs, crates/prices/tests"),
    ("report", &["market"], "economics/machines.rs"),
    ("diff", &["market"], "economics/machines.rs"),
    ("fleet", &["by", "from", "to", "prices", "revenue", "movers"], "fleet.rs, crates/fleet/tests"),
    ("sql", &["limit"], "fleet.rs"),
    ("*", &["memory"], "crates/fleet/tests"),
    ("*", &["cluster"], "cluster.rs, crates/fleet/tests/fleet/cluster.rs"),
];

/// Commands that are there with the feature alone.
const OF_FEATURES: &[&str] = if cfg!(feature = "fleet") { &["fleet", "sql"] } else { &[] };

/// Flags that change nothing here by what they are.
const WITHOUT_EFFECT: [(&str, &[&str], &str); 6] = [
    ("*", &["config", "price-store", "traces"], "where things lie; tried once"),
    ("*", &["wide"], "tables that fit have nothing to add"),
    ("report", &["open"], "starts a browser"),
    (
        "schedule",
        &["run", "currency", "variant", "assume-watts"],
        "economics/schedule.rs; the others as in audit",
    ),
    (
        "runs",
        &["all", "explain", "keep", "older-than", "yes", "format", "export"],
        "more than 20 runs; deletes",
    ),
    (
        "*",
        &[
            "variant",
            "assume-watts",
            "json",
            "explain",
            "format",
            "export",
            "currency",
            "margin",
            "max-kld",
            "min-top1",
            "min-score",
            "confidence",
            "slo",
            "dir",
        ],
        "the same code as where it was tried",
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

    for (id, seconds, watts) in [
        ("20261101-000000", 1.0, Some(100.0)),
        ("20261102-000000", 0.5, Some(60.0)),
        ("20261103-000000", 1.0, None),
    ] {
        MadeUp { id, seconds, watts, idle: watts.map(|watts| watts / 50.0), threads: 2 }.write(folder.path());
    }

    folder
}

/// All that a command leaves behind: what it prints, how it ends, and the files beside it.
fn effect(folder: &Path, command: &str) -> (Option<i32>, String, BTreeMap<String, Vec<u8>>) {
    let sample = workspace::sample_run().display().to_string();
    let words: Vec<&str> = command
        .split_whitespace()
        .map(|word| if word == "SAMPLE" { sample.as_str() } else { word })
        .collect();
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
        for flag in flags {
            // what stands behind the flag under test is given without it as well
            let (tried, besides) = match flag.split_once(" --") {
                Some((tried, besides)) => (tried, format!(" --{besides}")),
                None => (*flag, String::new()),
            };
            let without = effect(folder.path(), &joined(command, &besides));
            let with = effect(folder.path(), &joined(&joined(command, &besides), tried));
            if without == with {
                idle.push(format!("{command} {flag}"));
            }
        }
    }
    assert!(idle.is_empty(), "flags that change nothing:\n{}", idle.join("\n"));
}

/// Each flag that `--help` shows is tried above, or says where it is tried.
#[test]
fn every_flag_is_accounted_for() {
    let folder = bench();
    let mut missing = Vec::new();

    let commands = [
        "compare",
        "record",
        "report",
        "runs",
        "diff",
        "export",
        "push",
        "models list",
        "models demo",
        "quantize",
        "tokenize",
        "score",
        "bench",
        "doctor",
        "audit",
        "host",
        "replace",
        "schedule",
        "optimize",
        "monitor",
        "prices fetch",
        "prices list",
        "init",
        "man",
    ];
    for command in commands.iter().chain(OF_FEATURES).copied() {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = String::from_utf8(run(folder.path(), &words).stdout).unwrap();
        let flags = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let at = line.find("--")?;
            let is_flag = line.starts_with('-') && at <= 4;
            let name =
                line.get(at + 2..)?.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next()?;
            (is_flag && !name.is_empty()).then(|| name.to_owned())
        });
        for flag in flags {
            let of =
                |tried: &str| tried == "*" || tried == command || command.starts_with(&format!("{tried} "));
            let listed = |names: &[&str]| names.iter().any(|name| *name == "*" || *name == flag);
            let is_tried = TRIED.iter().any(|(tried, flags)| {
                tried.starts_with(command)
                    && flags.iter().any(|one| one.split(' ').next() == Some(format!("--{flag}").as_str()))
            });
            let is_elsewhere = TRIED_ELSEWHERE.iter().any(|(tried, names, _)| of(tried) && listed(names));
            let is_excepted = WITHOUT_EFFECT.iter().any(|(tried, names, _)| of(tried) && listed(names));
            if !(is_tried || is_elsewhere || is_excepted) {
                missing.push(format!("{command} --{flag}"));
            }
        }
    }

    assert!(missing.is_empty(), "flags that nobody tries:\n{}", missing.join("\n"));
}
