//! What the writer promises: bounded memory, nothing half visible, names that lead nowhere.

use std::fs;

use infercost_fleet::tables::rows::InferenceRow;
use infercost_fleet::{TablesError, TablesWriter};

use crate::made_up::{call, engine, files, november, one, write};

#[test]
fn many_partitions_are_written_with_few_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let models: Vec<String> = (0..33).map(|number| format!("model {number}")).collect();
    let mut writer = TablesWriter::create(folder.path(), "many").unwrap();
    for round in 0..2 {
        for day in 1..=4 {
            for model in &models {
                writer.inference(&call(model, "s", november(day, round), "0.000001")).unwrap();
            }
        }
    }
    let written = writer.finish().unwrap();
    assert_eq!(written.inferences, 264);
    assert!(written.files > 132, "{written:?}");

    let engine = engine(&[folder.path()]);
    let found = one(&engine, "SELECT COUNT(*), COUNT(DISTINCT model), SUM(cost) FROM inferences");
    assert_eq!(found, ["264", "33", "0.000264000000"]);
}

#[test]
fn fewer_parts_take_the_place_of_more() {
    let folder = tempfile::tempdir().unwrap();
    let at = november(1, 0);
    write(folder.path(), "traces", &[call("a", "s", at, "1"), call("b", "s", at, "1")]);
    write(folder.path(), "traces-1", &[call("c", "s", at, "1")]);
    let written = write(folder.path(), "traces", &[call("b", "s", at, "2")]);

    assert_eq!(written.replaced, 2);
    let models = "SELECT SUM(cost), MIN(model), MAX(model) FROM inferences";
    assert_eq!(one(&engine(&[folder.path()]), models), ["3.000000000000", "b", "c"]);
}

#[test]
fn nothing_is_seen_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TablesWriter::create(folder.path(), "traces").unwrap();
    for second in 0..20_000 {
        writer.inference(&call("m", "s", november(1, second), "0.1")).unwrap();
    }
    assert!(!folder.path().join("inferences").exists());
    drop(writer);
    assert_eq!(files(folder.path()), Vec::<std::path::PathBuf>::new());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"]);
}

#[test]
fn names_lead_nowhere() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("tables");
    let names = ["../../../up", "/etc/passwd", "a\0b", "..", "*?[x]", "é/ü%2F", "__HIVE_DEFAULT_PARTITION__"];
    for name in names {
        write(&folder, name, &[call(name, name, november(1, 0), "1")]);
    }

    let entries: Vec<String> = fs::read_dir(outer.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(entries, ["tables"]);
    let engine = engine(&[&folder]);
    for name in names.iter().filter(|name| !name.contains('\0')) {
        let found = one(&engine, &format!("SELECT COUNT(*) FROM inferences WHERE model = '{name}'"));
        assert_eq!(found, ["1"], "{name}");
    }
}

#[test]
fn what_is_not_known_has_a_place() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "traces", &[InferenceRow::default()]);
    let engine = engine(&[folder.path()]);
    let found = one(&engine, "SELECT day, model, cost, issued_at, failed, kind FROM inferences");
    assert_eq!(found, ["null", "null", "null", "null", "false", "production"]);
}

#[test]
fn amounts_that_do_not_fit_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TablesWriter::create(folder.path(), "traces").unwrap();
    let error = writer.inference(&call("m", "s", november(1, 0), "1000000")).unwrap_err();
    assert!(matches!(error, TablesError::Amount { .. }), "{error}");
    assert!(matches!(TablesWriter::create(folder.path(), ""), Err(TablesError::NoSource)));
}
