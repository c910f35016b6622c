//! Statements of users only read, and only the tables.

use infercost_fleet::reading::engine::Engine;
use infercost_fleet::reading::error::QueryError;
use infercost_fleet::reading::files::Days;
use infercost_fleet::reading::sql;

use crate::made_up::{ask, call, engine, november, one, write};

#[test]
fn statements_only_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "traces", &[call("m", "s", november(1, 0), "1")]);
    let secret = folder.path().join("secret.csv");
    std::fs::write(&secret, "a,b\n1,2\n").unwrap();
    let secret = secret.display();
    let engine = engine(&[folder.path()]);

    for statement in [
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "DROP TABLE inferences".to_owned(),
        "INSERT INTO inferences SELECT * FROM inferences".to_owned(),
        "DELETE FROM inferences".to_owned(),
        "UPDATE inferences SET cost = 0".to_owned(),
        format!("COPY inferences TO '{secret}.parquet'"),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "BEGIN".to_owned(),
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{secret}'"),
        format!("SELECT * FROM '{secret}'"),
        format!("SELECT * FROM \"{secret}\""),
        format!("SELECT * FROM read_csv('{secret}')"),
        format!("EXPLAIN ANALYZE COPY inferences TO '{secret}.parquet'"),
        "SELECT 1; SELECT 2".to_owned(),
        "SELECT no_such_column FROM inferences".to_owned(),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let error = sql::answer(&engine, &statement, 10).unwrap_err();
        let is_refused = matches!(error, QueryError::NotReading | QueryError::Statement { .. });
        assert!(is_refused, "{statement}: {error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "something was written");
    assert_eq!(one(&engine, "SELECT SUM(cost) FROM inferences"), ["1.000000000000"]);
}

#[test]
fn answers_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "traces", &[call("m", "s", november(1, 0), "1")]);
    let engine = engine(&[folder.path()]);

    let answer = sql::answer(&engine, "SELECT value FROM generate_series(1, 100000000000)", 7).unwrap();
    assert!(answer.is_cut && answer.rows.len() == 7, "{}", answer.rows.len());
    let answer = sql::answer(&engine, "SELECT value FROM generate_series(1, 7)", 7).unwrap();
    assert!(!answer.is_cut && answer.rows.len() == 7);

    // deeper than any stack, had it no limit
    for (before, after) in
        [("1+", ""), ("NOT ", ""), ("(", ")"), ("- ", ""), ("1 IN (", ")"), ("(SELECT ", ")")]
    {
        let levels = 9_900 / (before.len() + after.len());
        let deep = format!("SELECT {}1{}", before.repeat(levels), after.repeat(levels));
        let _answer_or_error = sql::answer(&engine, &deep, 7);
    }
    let long = format!("SELECT {}1", "1+".repeat(6_000));
    assert!(matches!(sql::answer(&engine, &long, 7), Err(QueryError::Statement { .. })));
}

#[test]
fn columns_are_described() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "traces", &[call("m", "s", november(1, 0), "1")]);
    let engine = engine(&[folder.path()]);
    let columns = ask(&engine, "DESCRIBE inferences");
    assert!(columns.iter().any(|row| row[0].as_deref() == Some("issued_at")), "{columns:?}");
    assert_eq!(one(&engine, "SELECT issued_at FROM inferences"), ["2026-11-01T00:00:00Z"]);
    assert_eq!(one(&engine, "SELECT COUNT(*) FROM windows"), ["0"]);
    assert_eq!(
        one(&engine, "SELECT date_trunc('month', issued_at) FROM inferences"),
        ["2026-11-01T00:00:00Z"]
    );
}

/// More groups than fit the memory go to temporary files, or the query says what it needs.
#[test]
fn memory_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "traces", &[call("m", "s", november(1, 0), "1")]);
    let folders = [folder.path().to_owned()];
    let with = |memory: usize| Engine::open(&folders, Days::default(), memory).unwrap();
    let statement = "SELECT COUNT(*), SUM(value) FROM \
        (SELECT value, COUNT(*) FROM generate_series(1, 400000) GROUP BY value ORDER BY value DESC)";

    assert_eq!(one(&with(24_000_000), statement), ["400000", "80000200000"]);
    let error = sql::answer(&with(100_000), statement, 5).unwrap_err();
    assert!(matches!(error, QueryError::Memory { .. }) && error.to_string().contains("--memory"), "{error}");
}
