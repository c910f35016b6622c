//! What every command shows on terminals of 80 and of 140 columns: the answer first, one table, at most two cautions.

use std::fs;
use std::path::Path;

use super::{CURVE, SETTINGS, bench, sample, text, workspace};
use crate::hosted_run;
use crate::made_up::MadeUp;
use crate::program::infercost;
use crate::recorded;

/// Commands and the names of their captures.
/// A finished run is only reported by `compare --resume`, in just the form that ends a comparison.
const COMMANDS: [(&str, &str); 11] = [
    ("compare", "compare --resume=SAMPLE --traces sampled"),
    ("report", "report SAMPLE"),
    ("hosted", "report 20261031-000000 --config usd.toml"),
    ("audit", "audit 20261101-000000"),
    ("monitored", "audit 20261104-000000"),
    ("host", "host 20261101-000000 --requests-per-hour 1000"),
    ("optimize", "optimize 20261101-000000"),
    ("replace", "replace 20261101-000000 20261102-000000 --new-price 1200 --resale 200"),
    (
        "schedule",
        "schedule 20261101-000000 --inferences 5400 --deadline 2026-11-23T04:00Z --now 2026-11-23T00:00Z \
         --curve curve.csv --time-zone UTC --interruptible",
    ),
    ("models", "models list"),
    ("runs", "runs"),
];

/// The words of a command; `SAMPLE` is the recorded run, which `--resume` names by its id.
fn words(command: &str) -> Vec<String> {
    let id = workspace::sample_run().file_name().unwrap().to_string_lossy().into_owned();
    let resume = format!("--resume={id}");
    let said = |word: &str| word.replace("--resume=SAMPLE", &resume).replace("SAMPLE", &sample());
    command.split_whitespace().map(said).collect()
}

/// The command's output on so many columns; where runs lie is left out.
fn shown(folder: &Path, arguments: &str, columns: usize) -> String {
    let words = words(arguments);
    let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = infercost(folder, &arguments).env("COLUMNS", columns.to_string()).output().unwrap();
    let shown = text(&output.stdout);
    assert!(!shown.is_empty(), "{arguments:?}: {}", text(&output.stderr));
    shown.lines().filter(|line| !line.starts_with("  trace: ")).map(|line| format!("{line}\n")).collect()
}

/// Two runs, and prices that never grow old.
fn lasting() -> tempfile::TempDir {
    let folder = bench();
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: Some(60.0), idle: Some(10.0), threads: 4 }
        .write(folder.path());
    let settings = SETTINGS.replace("2026-11-01", "2099-01-01").replace("2026-11-20", "2099-01-01");
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    fs::write(folder.path().join("curve.csv"), CURVE).unwrap();
    hosted_run::write(folder.path(), "20261031-000000");
    recorded::write(folder.path(), "20261104-000000");

    // resuming writes into the folder of the run, so it is a copy
    let recorded = workspace::sample_run();
    let copy = folder.path().join("sampled").join(recorded.file_name().unwrap());
    fs::create_dir_all(&copy).unwrap();
    for name in ["run.json", "spans.jsonl"] {
        fs::copy(recorded.join(name), copy.join(name)).unwrap();
    }
    fs::write(folder.path().join("usd.toml"), "[prices]\ncurrency = \"USD\"\nelectricity = 0.3\n").unwrap();
    folder
}

#[test]
fn captures_at_80_and_140_columns() {
    let folder = lasting();
    for columns in [80, 140] {
        for (name, arguments) in COMMANDS {
            insta::assert_snapshot!(format!("{name}_at_{columns}"), shown(folder.path(), arguments, columns));
        }
    }
}

/// The order is the same everywhere, and no line is wider than the terminal but those that are typed.
#[test]
fn the_answer_comes_first_and_fits() {
    let folder = lasting();
    for (_, arguments) in COMMANDS {
        for columns in [80, 100, 140] {
            let shown = shown(folder.path(), arguments, columns);
            assert!(shown.starts_with("→ "), "{arguments}: {shown}");
            let cautions = shown.lines().filter(|line| line.starts_with("! ")).count();
            assert!(cautions <= 2, "{arguments}: {shown}");

            let is_typed =
                |line: &str| line.starts_with("  infercost ") || line.starts_with("  systemd-run ");
            for line in shown.lines().filter(|line| !is_typed(line)) {
                assert!(line.chars().count() <= columns, "{arguments} at {columns}: {line}");
            }
        }
    }
}

/// One answer in every form: what is asked for goes to stdout, and files say by their endings what they hold.
#[test]
fn every_form_of_an_answer() {
    let folder = lasting();
    for (_, arguments) in COMMANDS {
        let words = words(arguments);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let with = |more: &[&str]| {
            let output = infercost(folder.path(), &[&words[..], more].concat()).output().unwrap();
            (text(&output.stdout), text(&output.stderr))
        };

        let (markdown, _) = with(&["--format", "markdown"]);
        assert!(markdown.starts_with("**") && markdown.contains("| --- |"), "{arguments}: {markdown}");

        // every row has as many fields as the header, and a number is a number
        let (table, _) = with(&["--format", "csv"]);
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let fields = rows.headers().unwrap().len();
        let rows: Vec<csv::StringRecord> = rows.records().collect::<Result<_, _>>().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.len() == fields), "{arguments}: {table}");
        assert!(!table.contains('–') && !table.contains(" %,"), "{arguments}: {table}");

        let (json, _) = with(&["--format", "json"]);
        assert_eq!(json, with(&["--json"]).0, "{arguments}");
        serde_json::from_str::<serde_json::Value>(&json).unwrap();

        let (shown, said) = with(&["--export", "a.md", "--export", "a.csv", "--export", "a.json"]);
        assert!(shown.starts_with("→ ") && said.contains("wrote a.md"), "{arguments}: {said}");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("a.md").starts_with("**"), "{arguments}");
        assert_eq!(read("a.csv"), table, "{arguments}");
        assert_eq!(read("a.json"), json, "{arguments}");
    }
}

#[test]
fn what_cannot_be_written_is_refused_first() {
    let folder = lasting();
    for (arguments, words) in [
        ("audit --export x.png", ".md, .csv, .json or .svg"),
        ("audit --chart x.png", "ends in .svg"),
        ("audit --chart -", "ends in .svg"),
        ("audit --export none/x.csv", "there is no folder none"),
        ("optimize --export x.svg", "draws no chart"),
        ("audit --json --format csv", "cannot be used with"),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        super::check(folder.path(), &arguments, 2, &[words]);
    }

    let sample = sample();
    let redact = ["report", &sample, "--html", "p.html", "--redact", "("];
    super::check(folder.path(), &redact, 2, &["'--redact <REGEX>': unclosed group at character 1\n"]);
    super::check(folder.path(), &["report", &sample, "--export", "c.svg"], 0, &["wrote c.svg"]);
    let chart = fs::read_to_string(folder.path().join("c.svg")).unwrap();
    assert!(chart.starts_with("<svg ") && chart.contains("q8_0"), "{chart}");
}

/// One model alone: what it does and costs, and how to compare it.
#[test]
fn a_model_alone_gets_a_summary() {
    let folder = lasting();
    let said = super::check(
        folder.path(),
        &["report", "20261101-000000"],
        0,
        &[
            "→ full: ",
            "tokens/s, TTFT ",
            "EUR per million output tokens",
            "reading 1M input tokens",
            "energy of an inference",
            "infercost compare made-up",
        ],
    );
    assert!(!said.contains("no other variant"), "{said}");

    // what cannot be drawn is said, and no other file is left behind
    let chart = ["report", "20261101-000000", "--export", "x.md", "--export", "x.svg"];
    let said =
        super::check(folder.path(), &chart, 1, &["→ full: ", "x.svg: the chart shows cost against quality"]);
    assert!(said.contains("here is one variant") && !folder.path().join("x.md").exists(), "{said}");
}

#[test]
fn runs_are_found_where_they_are_meant() {
    let folder = lasting();
    let traces = folder.path().join("traces");
    fs::create_dir(traces.join("week")).unwrap();
    fs::rename(traces.join("20261102-000000"), traces.join("week/20261102-000000")).unwrap();

    let deeper = "did you mean traces/week/20261102-000000?";
    super::check(folder.path(), &["report", "20261102-000000"], 2, &["is not a run", deeper]);
    super::check(folder.path(), &["report", "traces/week"], 2, &[deeper]);
    super::check(folder.path(), &["report", "nowhere"], 2, &["`infercost runs` lists"]);
    super::check(folder.path(), &["audit", "latest"], 0, &["in run 20261101-000000"]);

    let spans = "traces/20261101-000000/spans.jsonl";
    super::check(folder.path(), &["report", spans], 0, &["`infercost report traces/20261101-000000` shows"]);

    // each back-end is named at its own port
    let phoenix = ["export", "20261101-000000", "--phoenix", "localhost:6006"];
    let said = super::check(folder.path(), &phoenix, 1, &["is not an address", "http://localhost:6006"]);
    assert!(!said.contains("4318"), "{said}");
}
