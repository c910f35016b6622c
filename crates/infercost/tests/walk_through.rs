//! The walk-through of docs/fleet.md, run as it is written, against an S3 server that others wrote.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod python_packages;
#[expect(dead_code, reason = "other tests look at the recorded run")]
mod workspace;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use python_packages::programs_with;

/// What was tried; a newer one may do.
const MOTO: &str = "moto[server,s3]==5.2.5";

/// The commands of one part of the document's walk-through.
fn part(number: usize) -> String {
    let document = fs::read_to_string(workspace::root().join("docs/fleet.md")).unwrap();
    let section = document.split_once("## A walk-through").unwrap().1;
    section.split("```").nth(2 * number - 1).unwrap().to_owned()
}

/// The commands of the first part, at a port that is free.
fn commands() -> String {
    let commands = part(1);
    assert!(commands.contains("127.0.0.1:5551"), "{commands}");

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    commands.replace("5551", &port.to_string())
}

#[test]
fn the_walk_through_works_as_it_is_written() {
    let Some(moto) = programs_with("moto", &[MOTO]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_infercost")).parent().unwrap();
    let path = format!("{}:{}:{}", program.display(), moto.display(), env::var("PATH").unwrap());

    // the report is inconclusive on four prompts, which is an answer; the server is stopped however it ends
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null' EXIT\n{}\nexit 0\n", commands());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("INFERCOST_CACHE", folder.path().join("cache"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );

    assert!(out.contains("3 runs below"), "{out}{error}");
    for label in ["a100", "4090", "cpu"] {
        assert!(out.contains(&format!("on {label}")), "{label}: {out}{error}");
    }
    let pushed =
        error.lines().filter(|line| line.starts_with("pushed ") && line.ends_with("s3://team/infercost"));
    assert_eq!(pushed.count(), 3, "{error}");
    assert!(out.contains("of 1 run to s3://team/tables"), "{out}{error}");
    assert!(!error.contains("error:"), "{error}");
}

#[test]
fn production_adds_up_as_it_is_written() {
    let commands = part(2);
    assert!(commands.contains(" 1000000\n"), "{commands}");
    let root = workspace::root().display().to_string();
    let fewer = commands.replace(" 1000000\n", " 20000\n").replace("benches/", &format!("{root}/benches/"));
    let engines = programs_with("DuckDB and Polars", &["duckdb", "polars"]);
    let kept = fewer.lines().filter(|line| engines.is_some() || !line.contains("duckdb"));
    let script = kept.collect::<Vec<_>>().join("\n");

    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_infercost")).parent().unwrap();
    let pythons = engines.as_deref().unwrap_or(program);
    let output = Command::new("bash")
        .args(["-ec", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{}:{}", program.display(), pythons.display(), env::var("PATH").unwrap()))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));

    // 10,000 calls: tokens of call n are 100 + n % 900 in and 20 + n % 200 out, at 3 and 15 USD a million
    let micros: u64 = (0..10_000_u64).map(|n| 3 * (100 + n % 900) + 15 * (20 + n % 200)).sum();
    let wanted = format!("{}.{:06}000000", micros / 1_000_000, micros % 1_000_000);
    let seen = out.matches(&wanted).count();
    assert_eq!(seen, if engines.is_some() { 2 } else { 1 }, "{wanted}: {out}");
    assert!(out.contains("10000 inferences for"), "{out}");
}
