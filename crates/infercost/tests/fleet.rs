//! Recorded runs as tables, and the same totals whoever adds them: `report`, `fleet`, `sql`, DuckDB and Polars.
#![cfg(feature = "fleet")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "economics/made_up.rs"]
mod made_up;
mod program;
mod python_packages;
mod schema;
mod workspace;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use made_up::MadeUp;
use program::{infercost, json, run};
use python_packages::programs_with;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

/// What reads the same tables.
const ENGINES: &str = "DuckDB and Polars";

/// Two made-up runs and the recorded one, in the tables of one folder.
fn tables() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made_up = |id| MadeUp { id, seconds: 0.7, watts: Some(61.3), idle: Some(20.0), threads: 2 };
    made_up("20261101-000000").write_failing(folder.path(), |index| index % 5 == 2);
    made_up("20261102-000000").write(folder.path());
    let sample = workspace::sample_run().display().to_string();
    let output =
        run(folder.path(), &["export", "20261101-000000", "20261102-000000", &sample, "--parquet", "tables"]);
    assert!(output.status.success(), "{}", error(&output));
    folder
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn sql(folder: &Path, query: &str) -> Vec<Vec<String>> {
    let answer = json(&run(folder, &["sql", query, "tables", "--json"]));
    let cells = |row: &Value| -> Vec<String> {
        row.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap_or("null").to_owned()).collect()
    };
    answer["rows"].as_array().unwrap().iter().map(cells).collect()
}

/// Parts × answers, each rounded once, as the tables hold them.
fn billed(components: &Value, answers: &Value) -> Decimal {
    let mut sum = Decimal::ZERO;
    for part in components.as_object().unwrap().values().filter_map(Value::as_f64) {
        let total = Decimal::from_f64_retain(part * answers.as_f64().unwrap()).unwrap();
        sum += total.round_dp_with_strategy(12, RoundingStrategy::MidpointAwayFromZero);
    }
    sum
}

/// What the reports of some runs bill for a model in all, single requests and requests under load.
fn reported(folder: &Path, runs: &[&str], model: &str) -> Decimal {
    let mut sum = Decimal::ZERO;
    for name in runs {
        let report = json(&run(folder, &["report", name, "--json"]));
        let candidates = report["candidates"].as_array().unwrap();
        for candidate in candidates.iter().filter(|candidate| candidate["variant"] == model) {
            sum += billed(&candidate["cost"]["components"], &candidate["answers"]);
            for point in candidate["operating_points"].as_array().into_iter().flatten() {
                if !point["cost_per_inference"].is_null() {
                    sum += billed(&point["cost_components"], &point["answered"]);
                }
            }
        }
    }
    sum
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|_| panic!("no decimal: {text}"))
}

#[test]
fn totals_are_those_of_reports() {
    let folder = tables();
    let sample = workspace::sample_run().display().to_string();
    let runs = ["20261101-000000", "20261102-000000", sample.as_str()];
    let answer = json(&run(folder.path(), &["fleet", "tables", "--json"]));
    let rows = answer["rows"].as_array().unwrap();
    assert!(rows.len() >= 3, "{answer:#}");

    for row in rows {
        let model = row["keys"]["model"].as_str().unwrap();
        let cost = decimal(row["cost"].as_str().unwrap());
        assert_eq!(cost, reported(folder.path(), &runs, model), "{model}");
        let query = format!("SELECT SUM(cost) FROM inferences WHERE model = '{model}' AND counted");
        assert_eq!(decimal(&sql(folder.path(), &query)[0][0]), cost, "{model}");
    }
    let made_up = rows.iter().find(|row| row["keys"]["model"] == "made-up/full").unwrap();
    assert_eq!((&made_up["inferences"], &made_up["failures"]), (&40.into(), &4.into()));
    assert_eq!(made_up["output_tokens"], 360);
}

#[test]
fn duckdb_and_polars_add_up_the_same() {
    let Some(programs) = programs_with(ENGINES, &["duckdb", "polars"]) else { return };
    let folder = tables();
    let script = workspace::root().join("benches/fleet/other_engines.py");
    let output =
        Command::new(programs.join("python")).arg(script).arg(folder.path().join("tables")).output().unwrap();
    assert!(output.status.success(), "{}", error(&output));
    let engines = json(&output);
    let answer = json(&run(folder.path(), &["fleet", "tables", "--json"]));

    for engine in ["duckdb", "polars"] {
        let models = engines[engine].as_object().unwrap();
        assert_eq!(models.len(), answer["rows"].as_array().unwrap().len(), "{engine}");
        for row in answer["rows"].as_array().unwrap() {
            let model = row["keys"]["model"].as_str().unwrap();
            let found = &models[model];
            for field in ["inferences", "failures", "input_tokens", "output_tokens"] {
                assert_eq!(found[field], row[field], "{engine}, {model}, {field}");
            }
            let cost = decimal(found["cost"].as_str().unwrap());
            assert_eq!(cost, decimal(row["cost"].as_str().unwrap()), "{engine}, {model}");
        }
    }
}

#[test]
fn a_run_is_exported_once() {
    let folder = tables();
    let count = "SELECT COUNT(*) FROM inferences";
    let before = sql(folder.path(), count);
    let again = json(&run(folder.path(), &["export", "20261101-000000", "--parquet", "tables", "--json"]));
    assert_eq!(again["files"], again["replaced"], "{again:#}");
    assert_eq!(sql(folder.path(), count), before);

    let contents = "SELECT COUNT(prompt), COUNT(answer) FROM inferences";
    assert_eq!(sql(folder.path(), contents), [["0", "0"]]);
    run(folder.path(), &["export", "20261101-000000", "--parquet", "tables", "--content"]);
    assert_ne!(sql(folder.path(), contents), [["0", "0"]]);
}

/// Tables of a store: the same totals as those of a folder, whoever adds them, and each run once.
#[test]
fn tables_of_a_store_are_those_of_a_folder() {
    let folder = tables();
    let sample = workspace::sample_run().display().to_string();
    let url = format!("file://{}", folder.path().join("store").display());
    let export = ["export", "20261101-000000", "20261102-000000", &sample, "--parquet", &url, "--json"];
    let first = json(&run(folder.path(), &export));
    assert_eq!((&first["replaced"], &first["folder"]), (&0.into(), &url.as_str().into()));

    let local = json(&run(folder.path(), &["fleet", "tables", "--by", "model,day", "--json"]));
    let same = || {
        let stored = json(&run(folder.path(), &["fleet", &url, "--by", "model,day", "--json"]));
        assert_eq!(exact(&stored), exact(&local));
    };
    same();

    // again: nothing more; with prompts: other files in their place
    let again = json(&run(folder.path(), &export));
    assert_eq!((&again["replaced"], &again["files"]), (&first["files"], &first["files"]));
    same();
    run(folder.path(), &["export", "20261101-000000", "--parquet", &url, "--content"]);
    same();
    schema::hold("tables-export.v1", "export --parquet DIR --json", &[first, again]);

    // of one day alone, with the files of that day
    let one_day = ["fleet", &url, "--from", "2026-11-01", "--to", "2026-11-01", "--json"];
    let fresh = folder.path().join("fresh");
    let answer = infercost(folder.path(), &one_day).env("INFERCOST_CACHE", &fresh).output().unwrap();
    let here = ["fleet", "tables", "--from", "2026-11-01", "--to", "2026-11-01", "--json"];
    assert_eq!(exact(&json(&answer)), exact(&json(&run(folder.path(), &here))));
    let days = files_below(&fresh);
    assert!(!days.is_empty() && days.iter().all(|path| path.contains("day=2026-11-01")), "{days:?}");

    // DuckDB finds the files of today in the log, as the document says
    let Some(programs) = programs_with(ENGINES, &["duckdb", "polars"]) else { return };
    let document = fs::read_to_string(workspace::root().join("docs/fleet.md")).unwrap();
    let query = document.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let query = query.replace("s3://team/tables", &folder.path().join("store").display().to_string());
    let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1].rsplit(';', 2)[0]) or '');
for row in duckdb.sql(sys.argv[1].rsplit(';', 2)[1]).fetchall(): print(*row, sep='\t')";
    let output = Command::new(programs.join("python")).args(["-c", script, &query]).output().unwrap();
    assert!(output.status.success(), "{}", error(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let by_model = json(&run(folder.path(), &["fleet", "tables", "--json"]));
    for row in by_model["rows"].as_array().unwrap() {
        let model = row["keys"]["model"].as_str().unwrap();
        let line = said.lines().find(|line| line.starts_with(&format!("{model}\t"))).unwrap_or(&said);
        let cost = decimal(line.rsplit('\t').next().unwrap());
        assert_eq!(cost, decimal(row["cost"].as_str().unwrap()), "{model}");
    }
}

/// The rows of an answer but for joules, which are added up as doubles, in any order.
fn exact(answer: &Value) -> Vec<Value> {
    let mut rows = answer["rows"].as_array().unwrap().clone();
    for row in &mut rows {
        row["energy_j"] = Value::Null;
    }
    rows
}

/// Files of tables below a folder.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn every_json_keeps_its_schema() {
    let folder = tables();
    let exported = run(folder.path(), &["export", "20261101-000000", "--parquet", "tables", "--json"]);
    schema::hold("tables-export.v1", "export --parquet DIR --json", &[json(&exported)]);
    fs::write(folder.path().join("revenue.toml"), REVENUE).unwrap();
    let moved = "fleet tables --by model,machine --from 2026-11-01 --to 2026-11-02 --movers 3 --json";
    let mut answers = Vec::new();
    for command in [
        "fleet tables --json",
        moved,
        "fleet tables --by service,day,customer --revenue revenue.toml --json",
        "fleet tables --from 2001-01-01 --to 2001-01-02 --json",
    ] {
        answers.push(json(&run(folder.path(), &command.split(' ').collect::<Vec<_>>())));
    }
    schema::hold("fleet.v1", "fleet DIR --json", &answers);

    let asked =
        run(folder.path(), &["sql", "SELECT model, cost, customer FROM inferences", "tables", "--json"]);
    schema::hold("sql.v1", "sql QUERY DIR --json", &[json(&asked)]);
}

const REVENUE: &str = "[[revenue]]\nservice = \"chat\"\nper_inference = 0.002\ncurrency = \"USD\"\n";
const PRICES: &str = "[[prices]]\nmodel = \"made-up/*\"\ninput_per_million = 1\noutput_per_million = 2\n\
                      currency = \"USD\"\nsource = \"a list\"\n";

#[test]
fn prices_take_the_place_of_recorded_costs() {
    let folder = tables();
    fs::write(folder.path().join("prices.toml"), PRICES).unwrap();
    let answer = json(&run(folder.path(), &["fleet", "tables", "--prices", "prices.toml", "--json"]));
    let rows = answer["rows"].as_array().unwrap();
    let made_up = rows.iter().find(|row| row["keys"]["model"] == "made-up/full").unwrap();

    // 40 prompts of 50 tokens, but for the four that failed and whose tokens are counted all the same; 36 answers of 10
    let tokens = sql(
        folder.path(),
        "SELECT SUM(input_tokens), SUM(output_tokens) FROM inferences WHERE model = 'made-up/full'",
    );
    let wanted = decimal(&tokens[0][0]) / Decimal::from(1_000_000)
        + decimal(&tokens[0][1]) * Decimal::from(2) / Decimal::from(1_000_000);
    assert_eq!(decimal(made_up["cost"].as_str().unwrap()), wanted);
}

#[test]
fn what_is_wrong_is_said_before_anything_runs() {
    let folder = tables();
    fs::write(folder.path().join("prices.toml"), PRICES.repeat(2)).unwrap();
    fs::write(folder.path().join("revenue.toml"), REVENUE).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let check = |command: &str, code: i32, wanted: &str| {
        let output = run(folder.path(), &command.split(' ').collect::<Vec<_>>());
        let said = error(&output);
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        assert!(said.contains(wanted), "{command}: {said}");
    };
    check("fleet tables --by prompt", 2, "use model, machine");
    check("fleet tables --prices prices.toml", 2, "[[prices]] 1 and 2 both hold for `made-up/*`");
    check("fleet tables --revenue revenue.toml", 2, "add --by service");
    check("fleet tables --movers 3", 2, "--from");
    check("fleet tables --by day --from 2026-11-01 --to 2026-11-02 --movers 3", 2, "leave `day` out");
    check("fleet tables --from 2026-11-02 --to 2026-11-01", 2, "is before");
    check("fleet empty", 1, "no tables in");
    check("fleet nosuch", 2, "nosuch: no such folder; `infercost export RUN --parquet nosuch` writes one");
    check("fleet tables --from 2026-13-01", 2, "'2026-13-01' for '--from <DATE>': not a date");
    check("fleet tables --memory 2", 2, "32MB");
    check("export 20261101-000000 20261102-000000 --otlp http://127.0.0.1:1", 2, "one run at a time");
    check("export 20261101-000000 --parquet tables --otlp http://127.0.0.1:1", 2, "cannot be used with");
    check("export --content", 2, "--parquet");

    let output = run(folder.path(), &["sql", "DROP TABLE inferences", "tables"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("the tables are only read; write one SELECT"), "{}", error(&output));
}

/// A build without a client of clusters says so, and what to build.
#[cfg(not(feature = "cluster"))]
#[test]
fn clusters_need_a_build_with_a_client() {
    let folder = tables();
    for command in [&["fleet", "tables"][..], &["sql", "SELECT 1", "tables"]] {
        let output = run(folder.path(), &[command, &["--cluster", "df://127.0.0.1:1"]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(error(&output).contains("--features cluster"), "{}", error(&output));
    }
}

#[test]
fn every_form_of_an_answer() {
    let folder = tables();
    let text = |command: &[&str]| String::from_utf8(run(folder.path(), command).stdout).unwrap();
    let table = text(&["fleet", "tables", "--from", "2026-11-01", "--to", "2026-11-02", "--movers", "2"]);
    assert!(table.contains("made-up/full") && table.contains("against 2026-10-30 to 2026-10-31"), "{table}");
    assert!(text(&["fleet", "tables", "--format", "markdown"]).contains("| model"));
    assert!(
        text(&["fleet", "tables", "--by", "day,model", "--format", "csv"])
            .starts_with("day,model,inferences")
    );

    let cut = text(&["sql", "SELECT prompt_id FROM inferences", "tables", "--limit", "2"]);
    assert!(cut.contains("the first 2 rows"), "{cut}");
    let csv = text(&["sql", "SELECT COUNT(*) AS n FROM runs", "tables", "--format", "csv"]);
    assert!(csv.starts_with("n\n"), "{csv}");
}
