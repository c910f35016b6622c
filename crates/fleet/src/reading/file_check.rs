//! One file, looked at before it is read: its footer alone.

use std::fs::File;
use std::path::Path;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use infercost_core::text::printable_up_to;

use super::guarded::guarded;
use crate::tables::error::TablesError;
use crate::tables::schema::{NEWEST, SCHEMA_FAMILY, SCHEMA_KEY, SOURCE_KEY, TABLE_KEY, TABLES_SCHEMA, Table};

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedFile {
    /// The run, or the name under which traces were read.
    pub(crate) source: String,
    /// Rows in it.
    pub(crate) rows: u64,
}

/// What a file that is a part of this table says of itself.
///
/// # Errors
/// Where it is damaged, another program's, of a newer version or of another table, or a column is not as it should be.
pub(crate) fn check(path: &Path, table: Table) -> Result<CheckedFile, TablesError> {
    let contradicts = || Err(TablesError::damaged(path, "its footer contradicts itself"));
    guarded(|| check_footer(path, table)).unwrap_or_else(contradicts)
}

fn check_footer(path: &Path, table: Table) -> Result<CheckedFile, TablesError> {
    let file = File::open(path).map_err(TablesError::file("read", path))?;
    let damaged = |error: &dyn std::fmt::Display| TablesError::damaged(path, &error.to_string());
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|error| damaged(&error))?;
    let metadata = metadata.file_metadata();

    let pairs = metadata.key_value_metadata();
    let foreign = || TablesError::Foreign { path: path.to_owned() };
    let version = value(pairs, SCHEMA_KEY).ok_or_else(foreign)?;
    check_version(path, version)?;
    if value(pairs, TABLE_KEY) != Some(table.name()) {
        return Err(foreign());
    }
    let source = value(pairs, SOURCE_KEY).ok_or_else(foreign)?;

    let schema = parquet_to_arrow_schema(metadata.schema_descr(), pairs).map_err(|error| damaged(&error))?;
    check_columns(path, table, &schema)?;
    let rows = u64::try_from(metadata.num_rows()).map_err(|error| damaged(&error))?;
    Ok(CheckedFile { source: source.to_owned(), rows })
}

/// The table that a file's metadata name; `None` where infercost wrote none of them.
pub(crate) fn table_named(pairs: Option<&Vec<KeyValue>>) -> Option<&str> {
    value(pairs, SCHEMA_KEY).filter(|version| version.starts_with(SCHEMA_FAMILY))?;
    value(pairs, TABLE_KEY)
}

fn value<'m>(pairs: Option<&'m Vec<KeyValue>>, key: &str) -> Option<&'m str> {
    pairs?.iter().find(|pair| pair.key == key)?.value.as_deref()
}

fn check_version(path: &Path, version: &str) -> Result<(), TablesError> {
    let number = version.strip_prefix(SCHEMA_FAMILY).and_then(|number| number.parse::<u32>().ok());
    match number {
        None | Some(0) => Err(TablesError::Foreign { path: path.to_owned() }),
        Some(number) if number > NEWEST => Err(TablesError::Newer {
            path: path.to_owned(),
            version: printable_up_to(version, 40).into_owned(),
            known: TABLES_SCHEMA,
        }),
        Some(_) => Ok(()),
    }
}

/// Times in another zone, or without one, are as wrong as a text in place of a number.
fn check_columns(path: &Path, table: Table, schema: &Schema) -> Result<(), TablesError> {
    for column in table.columns() {
        let wanted = column.kind.data_type();
        let found = schema.field_with_name(column.name).ok().map(|field| field.data_type());
        if found == Some(&wanted) {
            continue;
        }
        let shown = found.map_or_else(|| "not there".to_owned(), DataType::to_string);
        return Err(TablesError::Column {
            path: path.to_owned(),
            column: column.name.to_owned(),
            found: printable_up_to(&shown, 60).into_owned(),
            wanted: wanted.to_string(),
        });
    }
    Ok(())
}
