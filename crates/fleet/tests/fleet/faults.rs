//! Files that are not what they should be, and writers that meet: a clear error or the right answer, never a wrong total.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;
use infercost_fleet::reading::engine::{DEFAULT_MEMORY, Engine};
use infercost_fleet::reading::files::{Days, TableFiles};
use infercost_fleet::tables::schema::{SCHEMA_KEY, SOURCE_KEY, TABLE_KEY, TABLES_SCHEMA, Table};

use crate::made_up::{call, engine, files, november, one, write};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows = [call("m", "s", november(1, 0), "1"), call("m", "s", november(2, 0), "2")];
    write(folder.path(), "traces", &rows);
    folder
}

/// What is said of a folder that cannot be read.
fn said(folder: &Path) -> String {
    match Engine::open(&[folder.to_owned()], Days::default(), DEFAULT_MEMORY) {
        Ok(_) => panic!("the folder was read"),
        Err(error) => error.to_string(),
    }
}

fn metadata(pairs: &[(&str, &str)]) -> WriterProperties {
    let pairs = pairs.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()));
    WriterProperties::builder().set_key_value_metadata(Some(pairs.collect())).build()
}

fn write_batch(path: &Path, batch: &RecordBatch, properties: WriterProperties) {
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn numbers() -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    RecordBatch::try_from_iter([("x", column)]).unwrap()
}

#[test]
fn damaged_files_are_named() {
    let folder = folder();
    let file = files(folder.path())[0].clone();
    let whole = fs::read(&file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();

    for damaged in [&[][..], b"PAR1", &whole[..whole.len() / 2], &whole[..whole.len() - 1]] {
        fs::write(&file, damaged).unwrap();
        let said = said(folder.path());
        assert!(said.contains(&name) && said.contains("not a whole Parquet file"), "{said}");
    }
}

/// Damage anywhere in a footer is an error or a file that is as it was, and takes nothing down.
#[test]
fn damaged_footers_are_refused() {
    let folder = folder();
    let file = files(folder.path())[0].clone();
    let whole = fs::read(&file).unwrap();
    let end = whole.len() - 8;
    let footer = u32::from_le_bytes(whole[end..end + 4].try_into().unwrap()) as usize;

    let mut refused = 0;
    for (turn, at) in (end - footer..whole.len()).step_by(11).enumerate() {
        let mut damaged = whole.clone();
        damaged[at] = [0, 0x7f, 0xff, whole[at] ^ 1][turn % 4];
        fs::write(&file, &damaged).unwrap();
        refused += u32::from(TableFiles::of_file(&file, Table::Inferences).is_err());
    }
    assert!(refused > 100, "{refused}");
}

/// A footer that is whole, before rows that are not: the query fails, and does not leave rows out.
#[test]
fn damaged_rows_are_an_error() {
    let folder = folder();
    let file = files(folder.path())[0].clone();
    let mut bytes = fs::read(&file).unwrap();
    let end = bytes.len() - 8;
    let footer = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    let start = end - footer;
    bytes[4..start].fill(0xA5);
    fs::write(&file, bytes).unwrap();

    let engine = engine(&[folder.path()]);
    let answer =
        infercost_fleet::reading::sql::answer(&engine, "SELECT SUM(cost), MAX(model) FROM inferences", 5);
    assert!(answer.is_err(), "{answer:?}");
}

#[test]
fn foreign_and_newer_files_are_refused() {
    let folder = folder();
    let place = files(folder.path())[0].with_file_name("x-0.parquet");
    let check = |pairs: &[(&str, &str)], wanted: &str| {
        write_batch(&place, &numbers(), metadata(pairs));
        let said = said(folder.path());
        assert!(said.contains("x-0.parquet") && said.contains(wanted), "{said}");
    };
    check(&[], "of another program");
    check(
        &[(SCHEMA_KEY, "infercost.tables/2"), (TABLE_KEY, "inferences"), (SOURCE_KEY, "x")],
        "use a newer infercost",
    );
    check(&[(SCHEMA_KEY, "other/1"), (TABLE_KEY, "inferences"), (SOURCE_KEY, "x")], "of another program");
    check(&[(SCHEMA_KEY, TABLES_SCHEMA), (TABLE_KEY, "windows"), (SOURCE_KEY, "x")], "of another program");
    check(&[(SCHEMA_KEY, TABLES_SCHEMA), (TABLE_KEY, "inferences")], "of another program");
    check(
        &[(SCHEMA_KEY, TABLES_SCHEMA), (TABLE_KEY, "inferences"), (SOURCE_KEY, "x")],
        "column `day` is not there",
    );
}

/// The same moments under the name of another zone, or under none.
#[test]
fn another_time_zone_is_refused() {
    let folder = folder();
    let place = files(folder.path())[0].with_file_name("x-0.parquet");
    for zone in [Some("Europe/Berlin"), Some("+01:00"), None] {
        let table = Table::Inferences.schema();
        let mut fields: Vec<Field> = table.fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for field in &mut fields {
            if field.name() == "issued_at" {
                let kind = DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
                *field = Field::new("issued_at", kind.clone(), true);
                let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]));
                columns.push(cast(&times, &kind).unwrap());
            } else {
                *field = field.clone().with_nullable(true);
                columns.push(datafusion::arrow::array::new_null_array(field.data_type(), 1));
            }
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let pairs = [(SCHEMA_KEY, TABLES_SCHEMA), (TABLE_KEY, "inferences"), (SOURCE_KEY, "x")];
        write_batch(&place, &batch, metadata(&pairs));

        let said = said(folder.path());
        assert!(said.contains("column `issued_at` is Timestamp"), "{zone:?}: {said}");
    }
}

#[test]
fn folders_without_tables_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert!(said(empty.path()).contains("no tables in"));
    let nowhere = said(&empty.path().join("nowhere"));
    assert!(nowhere.contains("nowhere: no such folder; `infercost export RUN --parquet "), "{nowhere}");
}

#[test]
fn two_writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = folder.path();
    thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for round in 0..3 {
                    // two write one source, two have their own
                    let source = format!("source {}", writer / 2 * writer);
                    let rows =
                        [call("m", "s", november(1 + round, 0), "1"), call("n", "s", november(1, 0), "1")];
                    write(path, &source, &rows);
                }
            });
        }
        scope.spawn(move || {
            for _ in 0..20 {
                match Engine::open(&[path.to_owned()], Days::default(), DEFAULT_MEMORY) {
                    Ok(_) => {}
                    Err(error) => assert!(error.to_string().contains("no tables in"), "{error}"),
                }
            }
        });
    });

    let found = one(&engine(&[path]), "SELECT COUNT(*), COUNT(DISTINCT source) FROM inferences");
    assert_eq!(found, ["6", "3"]);
}

#[test]
fn one_source_in_two_folders_counts_once() {
    let (one_folder, other) = (folder(), folder());
    let folders: Vec<&Path> = vec![one_folder.path(), other.path(), one_folder.path()];
    let engine = engine(&folders);
    assert_eq!(one(&engine, "SELECT SUM(cost) FROM inferences"), ["3.000000000000"]);
    assert_eq!(engine.repeated, ["traces", "traces"]);

    write(other.path(), "traces", &[call("m", "s", november(1, 0), "1")]);
    let folders: Vec<PathBuf> = vec![one_folder.path().to_owned(), other.path().to_owned()];
    let said = Engine::open(&folders, Days::default(), DEFAULT_MEMORY).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("`traces` lies in") && said.contains("they differ"), "{said}");
}

/// A writer that was killed between its first file and its last.
#[test]
fn a_writer_that_was_cut_off_is_named() {
    let folder = folder();
    fs::create_dir_all(folder.path().join(".unfinished")).unwrap();
    fs::write(folder.path().join(".unfinished/traces"), "").unwrap();
    let said = said(folder.path());
    assert!(said.contains("`traces` was cut off") && said.contains("write it again"), "{said}");

    write(folder.path(), "traces", &[call("m", "s", november(1, 0), "1")]);
    assert_eq!(one(&engine(&[folder.path()]), "SELECT SUM(cost) FROM inferences"), ["1.000000000000"]);
}
