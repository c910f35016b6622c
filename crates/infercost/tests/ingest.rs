//! Production traces into tables, through the program: whatever they are compressed by and wherever they lie, and never twice.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod program;
#[expect(dead_code, reason = "not every fault is scripted here")]
#[path = "../../store/tests/s3_mock/mod.rs"]
mod s3_mock;
mod schema;
#[expect(dead_code, reason = "the recorded run is not needed here")]
mod workspace;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use program::{infercost, json, run};
use s3_mock::{Fault, S3Mock};
use serde_json::Value;

/// Lines of OTLP: a call and a span that is none in each.
fn lines(service: &str, from: u64, to: u64) -> String {
    let mut text = String::new();
    for number in from..to {
        let call = format!(
            r#"{{"traceId":"{number:032x}","spanId":"{number:016x}","name":"chat","startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"chat"}}}},{{"key":"gen_ai.request.model","value":{{"stringValue":"gpt-x"}}}},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"10"}}}},{{"key":"gen_ai.usage.output_tokens","value":{{"intValue":"5"}}}},{{"key":"user.id","value":{{"stringValue":"u{}"}}}},{{"key":"llm.cost.total","value":{{"doubleValue":0.001}}}}]}}"#,
            number % 3,
            start = 1_795_000_000_000_000_000 + number * 1_000_000,
            end = 1_795_000_001_000_000_000 + number * 1_000_000,
        );
        let other =
            format!(r#"{{"traceId":"{number:032x}","spanId":"{:016x}","name":"GET /"}}"#, number + (1 << 40));
        text.push_str(&format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"spans":[{call},{other}]}}]}}]}}"#
        ));
        text.push('\n');
    }
    text
}

/// What the tables answer, without the heading.
#[track_caller]
fn asked(folder: &Path, query: &str) -> String {
    let output = run(folder, &["sql", query, "tables", "--format", "csv"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    said.lines().skip(1).collect::<Vec<_>>().join("|")
}

/// Rows, tokens and money.
#[track_caller]
fn totals(folder: &Path) -> String {
    asked(folder, "SELECT count(*), sum(output_tokens), CAST(sum(cost) AS DOUBLE) FROM inferences")
}

#[track_caller]
fn ingested(folder: &Path, sources: &[&str]) -> Value {
    let arguments = [&["ingest"], sources, &["--into", "tables", "--json"]].concat();
    let output = run(folder, &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    json(&output)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_no_inference_is_counted_and_nothing_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("logs/b")).unwrap();
    fs::write(at("logs/shop.jsonl"), lines("shop", 1, 101)).unwrap();
    fs::write(at("logs/b/desk.jsonl.gz"), gzip(&lines("desk", 1000, 1050))).unwrap();

    let first = ingested(folder.path(), &["logs"]);
    assert_eq!((first["spans"].as_u64(), first["inferences"].as_u64()), (Some(300), Some(150)));
    assert_eq!(first["skipped"], 150);
    assert_eq!(totals(folder.path()), "150,750,0.15");
    let services = "SELECT service, count(*), count(DISTINCT customer) FROM inferences GROUP BY 1 ORDER BY 1";
    assert_eq!(asked(folder.path(), services), "desk,50,3|shop,100,3");

    // again, and under other names: the same rows
    let again = ingested(folder.path(), &["logs"]);
    assert_eq!(again["sources"][0]["outcome"], "replaced");
    fs::rename(at("logs/shop.jsonl"), at("logs/shop.jsonl.1")).unwrap();
    fs::write(at("logs/desk.copy"), lines("desk", 1000, 1050)).unwrap();
    ingested(folder.path(), &["logs"]);
    assert_eq!(totals(folder.path()), "150,750,0.15");

    // it has grown: the new rows alone are new; a shorter copy takes nothing away
    fs::write(at("logs/shop.jsonl.1"), lines("shop", 1, 121)).unwrap();
    ingested(folder.path(), &["logs"]);
    assert_eq!(totals(folder.path()), "170,850,0.17");
    fs::write(at("short.jsonl"), lines("shop", 1, 11)).unwrap();
    let shorter = ingested(folder.path(), &["short.jsonl"]);
    assert_eq!(shorter["sources"][0]["outcome"], "shorter");
    assert_eq!(totals(folder.path()), "170,850,0.17");

    schema::hold("ingest.v1", "ingest SOURCE --into DIR --json", &[first, again, shorter]);
}

#[test]
fn a_source_that_cannot_be_read_leaves_the_others_in_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.jsonl"), lines("shop", 1, 11)).unwrap();
    fs::write(folder.path().join("bad.jsonl"), "PAR1 and nothing more").unwrap();
    let output = run(folder.path(), &["ingest", "bad.jsonl", "good.jsonl", "--into", "tables", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["failed_sources"], 1);
    assert_eq!(totals(folder.path()), "10,50,0.01");

    // where nothing was taken, there is nothing to sum up
    let output = run(folder.path(), &["ingest", "bad.jsonl", "--into", "other"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().filter(|line| *line == "bad.jsonl").count(), 1, "{said}");
    assert!(output.stdout.is_empty() && said.contains("cannot take in bad.jsonl"), "{output:?}");

    for (arguments, part) in [
        (vec!["ingest", "none.jsonl", "--into", "tables"], "neither a file nor a folder"),
        (vec!["ingest", "good.jsonl", "--into", "s3://key:hunter2@b/x"], "no credentials"),
        (vec!["ingest", "good.jsonl", "--into", "ftp://b/x"], "no store is reached so"),
    ] {
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(part) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn objects_of_a_store_are_sources_too() {
    let (mock, folder) = (S3Mock::start(), tempfile::tempdir().unwrap());
    mock.set("logs/otlp/2026-11/1.jsonl", lines("shop", 1, 11).as_bytes());
    mock.set("logs/otlp/2026-11/2.jsonl.gz", &gzip(&lines("desk", 100, 120)));
    // characters that stores escape in names that they are given
    mock.set("logs/otlp/2026-11/3 ~50%.jsonl", lines("desk", 300, 305).as_bytes());
    mock.set("logs/other/3.jsonl", lines("desk", 500, 600).as_bytes());
    let arguments = ["ingest", "s3://logs/otlp", "--into", "tables", "--json"];
    let output = infercost(folder.path(), &arguments).envs(mock.variables()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(json(&output)["sources"][1]["source"], "s3://logs/otlp/2026-11/2.jsonl.gz");
    assert_eq!(totals(folder.path()), "35,175,0.035");
}

/// The tables of a store that the program writes and asks.
struct StoredTables {
    mock: S3Mock,
    folder: tempfile::TempDir,
}

impl StoredTables {
    const URL: &str = "s3://team/tables";

    fn new() -> Self {
        Self { mock: S3Mock::start(), folder: tempfile::tempdir().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        infercost(self.folder.path(), arguments).envs(self.mock.variables()).output().unwrap()
    }

    fn ingest(&self, sources: &[&str]) -> std::process::Output {
        self.run(&[&["ingest"], sources, &["--into", Self::URL, "--json"]].concat())
    }

    /// Rows, tokens and money.
    #[track_caller]
    fn totals(&self) -> String {
        let query = "SELECT count(*), sum(output_tokens), CAST(sum(cost) AS DOUBLE) FROM inferences";
        let output = self.run(&["sql", query, Self::URL, "--format", "csv"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().skip(1).collect::<Vec<_>>().join("|")
    }
}

#[test]
fn a_store_takes_each_source_once_as_well() {
    let stored = StoredTables::new();
    let write = |name: &str, text: String| fs::write(stored.folder.path().join(name), text).unwrap();
    write("shop.jsonl", lines("shop", 1, 101));
    write("desk.jsonl", lines("desk", 1000, 1050));

    let first = json(&stored.ingest(&["shop.jsonl", "desk.jsonl"]));
    assert_eq!((&first["inferences"], &first["skipped"]), (&150.into(), &150.into()));
    assert_eq!((&first["into"], &first["sources"][0]["outcome"]), (&StoredTables::URL.into(), &"new".into()));
    assert_eq!(stored.totals(), "150,750,0.15");

    // again: not an object more
    let names = stored.mock.names();
    let again = json(&stored.ingest(&["shop.jsonl", "desk.jsonl"]));
    assert_eq!(again["sources"][1]["outcome"], "replaced");
    assert_eq!(stored.mock.names(), names);

    // grown, under another name and compressed; then a part of it
    fs::write(stored.folder.path().join("shop.gz"), gzip(&lines("shop", 1, 121))).unwrap();
    stored.ingest(&["shop.gz"]);
    assert_eq!(stored.totals(), "170,850,0.17");
    write("short.jsonl", lines("shop", 1, 11));
    let shorter = json(&stored.ingest(&["short.jsonl"]));
    assert_eq!(shorter["sources"][0]["outcome"], "shorter");
    assert_eq!(stored.totals(), "170,850,0.17");

    // by service, from the store alone
    let fleet = json(&stored.run(&["fleet", StoredTables::URL, "--by", "service", "--json"]));
    assert_eq!(fleet["rows"].as_array().unwrap().len(), 2);
    schema::hold("ingest.v1", "ingest SOURCE --into DIR --json", &[first, again, shorter]);
}

#[test]
fn a_store_that_fails_in_the_middle_keeps_the_old_totals() {
    let stored = StoredTables::new();
    let write = |text: String| fs::write(stored.folder.path().join("shop.jsonl"), text).unwrap();
    write(lines("shop", 1, 101));
    stored.ingest(&["shop.jsonl"]);

    write(lines("shop", 1, 201));
    for path in ["/inferences/", "/log/"] {
        stored.mock.script("PUT", path, Fault::Status(403), usize::MAX);
        let output = stored.ingest(&["shop.jsonl"]);
        assert_eq!((output.status.code(), &json(&output)["failed_sources"]), (Some(1), &1.into()));
        stored.mock.unscript();
        assert_eq!(stored.totals(), "100,500,0.1", "{path}");
    }
    assert!(stored.ingest(&["shop.jsonl"]).status.success());
    assert_eq!(stored.totals(), "200,1000,0.2");

    // a store that may not be written is said before a source is read
    stored.mock.script("PUT", "/elsewhere/", Fault::Status(403), usize::MAX);
    let output = stored.run(&["ingest", "shop.jsonl", "--into", "s3://team/elsewhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write"), "{output:?}");

    // and what is there is damaged or the right answer
    stored.mock.script("GET", "traces-", Fault::OtherByte, usize::MAX);
    let fresh = tempfile::tempdir().unwrap();
    let output = infercost(fresh.path(), &["fleet", StoredTables::URL])
        .envs(stored.mock.variables())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("checksum"), "{output:?}");
}

/// A copy of a store on a disk holds files that count no more.
#[test]
fn a_copy_of_a_store_is_no_folder_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.jsonl"), lines("shop", 1, 11)).unwrap();
    let url = format!("file://{}", folder.path().join("tables").display());
    let output = run(folder.path(), &["ingest", "shop.jsonl", "--into", &url]);
    assert!(output.status.success(), "{output:?}");
    let output = run(folder.path(), &["sql", "SELECT count(*) FROM inferences", &url, "--format", "csv"]);
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("10\n"), "{output:?}");

    for arguments in [
        vec!["sql", "SELECT 1", "tables"],
        vec!["ingest", "shop.jsonl", "--into", "tables"],
        vec!["fleet", &url, "--cluster", "df://127.0.0.1:1"],
    ] {
        let output = run(folder.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code().is_some_and(|code| code == 1 || code == 2), "{said}");
        assert!(said.contains("is a store of tables") || said.contains("and no stores"), "{said}");
    }

    // the other way round: tables that were copied somewhere are none of a store
    fs::create_dir_all(folder.path().join("copied/inferences/day=2026-11-29/model=m")).unwrap();
    fs::write(folder.path().join("copied/inferences/day=2026-11-29/model=m/a-0.parquet"), "PAR1").unwrap();
    let url = format!("file://{}", folder.path().join("copied").display());
    let output = run(folder.path(), &["ingest", "shop.jsonl", "--into", &url]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("were copied there"), "{output:?}");
}
