//! Credentials in addresses are shown nowhere, whichever flag or variable they stand in.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[expect(dead_code, reason = "only the builder of the command is used here")]
mod program;
mod workspace;

use std::fs;

use program::infercost;
use workspace::sample_run;

/// Runs a command that must fail without showing the secret. `RUN` stands for a copy of the recorded run: an export
/// keeps beside a run how far it came.
#[track_caller]
fn check(arguments: &[&str], variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("run");
    fs::create_dir(&copy).unwrap();
    for name in ["run.json", "spans.jsonl"] {
        fs::copy(sample_run().join(name), copy.join(name)).unwrap();
    }

    let run = copy.display().to_string();
    let arguments: Vec<&str> =
        arguments.iter().map(|word| if *word == "RUN" { run.as_str() } else { *word }).collect();
    let output = infercost(folder.path(), &arguments).envs(variables.iter().copied()).output().unwrap();

    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "{arguments:?} succeeded: {said}");
    assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
}

#[test]
fn credentials_of_addresses_are_shown_nowhere() {
    // refused as they are read
    let refused = [
        "http://user:hunter2@127.0.0.1:9",
        "http://hunter2@127.0.0.1:9",
        "ftp://127.0.0.1:9/x?api_key=hunter2",
    ];
    for address in refused {
        check(&["export", "RUN", "--otlp", address], &[]);
        check(&["export", "RUN"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", address)]);
    }

    // asked, where they can be: nothing listens at port 9 of this machine
    for address in
        refused.into_iter().chain(["http://127.0.0.1:9?api_key=hunter2", "127.0.0.1:9?api_key=hunter2"])
    {
        check(&["export", "RUN", "--phoenix", address], &[]);
        check(&["report", &format!("phoenix:{address}/project")], &[]);
        check(&["doctor", "--meter", &format!("shelly:{address}")], &[]);
    }
    for address in ["http://user:hunter2@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?api_key=hunter2"] {
        check(&["compare", address], &[]);
    }
    check(&["doctor", "--meter", "prometheus:http://user:hunter2@127.0.0.1:9/metrics?metric=x"], &[]);

    // refused as they are read, by a build without stores too
    for address in ["s3://user:hunter2@bucket/x", "s3://bucket/x?token=hunter2", "az://c/x?sig=hunter2"] {
        check(&["record", "model.gguf", "--traces", address], &[]);
        check(&["report", "--traces", address], &[]);
        check(&["push", "RUN", "--to", address], &[]);
    }
}

/// A build without stores says so before anything is measured, and what to build.
#[test]
#[cfg(not(feature = "fleet"))]
fn stores_need_a_build_with_them() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["compare", "--traces", "s3://b/x"][..], &["runs", "--traces", "file:///x"]] {
        let output = infercost(folder.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--features fleet"), "{output:?}");
    }
}
