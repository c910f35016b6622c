//! One Parquet file that is being written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;

use super::error::TablesError;
use super::rows::Cells;
use super::schema::{SCHEMA_KEY, SOURCE_KEY, TABLE_KEY, TABLES_SCHEMA, Table};
use super::value::{ColumnBuilder, Value};

/// Rows that are gathered before they are encoded.
const BATCH_ROWS: usize = 1024;
/// What a gathered row takes, some fifty cells and a few short texts, in bytes.
const ROW_BYTES: usize = 1024;
/// Columns of which hardly two cells are the same: a dictionary of them saves nothing, and is held in memory to the end of
/// its row group.
const UNIQUE_COLUMNS: [&str; 3] = ["trace_id", "span_id", "issued_at"];
/// Rows of a row group: what a reader skips or reads as a whole.
const GROUP_ROWS: usize = 131_072;

pub(crate) struct FileWriter {
    path: PathBuf,
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    gathered: usize,
    writer: ArrowWriter<File>,
    pub(crate) rows: u64,
}

impl FileWriter {
    pub(crate) fn create(table: Table, source: &str, path: &Path) -> Result<Self, TablesError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(TablesError::file("write", folder))?;
        }
        let file = File::create_new(path).map_err(TablesError::file("write", path))?;

        let schema = table.schema();
        let mut columns = Vec::with_capacity(table.columns().len());
        for column in table.columns() {
            columns.push(ColumnBuilder::new(column.kind)?);
        }
        let properties = properties(table, source).map_err(cannot_write(path))?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));

        Ok(Self {
            path: path.to_owned(),
            schema,
            columns,
            gathered: 0,
            writer: writer.map_err(cannot_write(path))?,
            rows: 0,
        })
    }

    pub(crate) fn append(&mut self, cells: &Cells<'_>) -> Result<(), TablesError> {
        let partition = &cells.partition;
        let first = [
            partition.day.map_or(Value::Null, Value::Day),
            partition.model.as_deref().map_or(Value::Null, Value::Text),
        ];
        let values = first.iter().chain(&cells.values);
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.append(*value);
        }

        self.rows += 1;
        self.gathered += 1;
        if self.gathered >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Bytes that are held in memory for a row group that is not yet whole, gathered rows included.
    pub(crate) fn memory(&self) -> usize {
        self.writer.memory_size().saturating_add(self.gathered.saturating_mul(ROW_BYTES))
    }

    /// Ends the row group, so that nothing of it is held in memory.
    pub(crate) fn end_group(&mut self) -> Result<(), TablesError> {
        self.flush()?;
        self.writer.flush().map_err(cannot_write(&self.path))
    }

    fn flush(&mut self) -> Result<(), TablesError> {
        if self.gathered == 0 {
            return Ok(());
        }
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        self.gathered = 0;
        self.writer.write(&batch).map_err(cannot_write(&self.path))
    }

    /// Writes what is left, and makes sure that it is on the disk.
    pub(crate) fn finish(mut self) -> Result<(), TablesError> {
        self.flush()?;
        let file = self.writer.into_inner().map_err(cannot_write(&self.path))?;
        file.sync_all().map_err(TablesError::file("write", &self.path))
    }
}

fn properties(table: Table, source: &str) -> Result<WriterProperties, ParquetError> {
    let metadata = [(SCHEMA_KEY, TABLES_SCHEMA), (TABLE_KEY, table.name()), (SOURCE_KEY, source)];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let mut properties = WriterProperties::builder();
    for column in UNIQUE_COLUMNS {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }

    Ok(properties
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(format!("infercost {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata.to_vec()))
        .build())
}

fn cannot_write(path: &Path) -> impl FnOnce(ParquetError) -> TablesError {
    let path = path.to_owned();
    move |source| TablesError::Write { path, source }
}
