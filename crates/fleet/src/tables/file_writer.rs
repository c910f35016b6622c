//! One Parquet file that is being written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;

use super::error::TablesError;
use super::packed_rows::{PackedRows, PieceReader};
use super::partition::Partition;
use super::schema::{SCHEMA_KEY, SOURCE_KEY, TABLE_KEY, TABLES_SCHEMA, Table};
use super::value::{ColumnBuilder, Value};

/// Rows that are encoded at once.
const BATCH_ROWS: usize = 1024;
/// Columns of which hardly two cells are the same: a dictionary of them saves nothing, and is held in memory to the end of
/// its row group.
const UNIQUE_COLUMNS: [&str; 3] = ["trace_id", "span_id", "issued_at"];
/// Rows of a row group: what a reader skips or reads as a whole.
const GROUP_ROWS: usize = 131_072;

/// A file, and the rows that wait for its next row group: only while one is written there are encoders.
pub(crate) struct FileWriter {
    path: PathBuf,
    table: Table,
    schema: SchemaRef,
    partition: Partition,
    waiting: PackedRows,
    writer: ArrowWriter<File>,
}

impl FileWriter {
    pub(crate) fn create(
        table: Table,
        partition: Partition,
        source: &str,
        path: &Path,
    ) -> Result<Self, TablesError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(TablesError::file("write", folder))?;
        }
        let file = File::create_new(path).map_err(TablesError::file("write", path))?;

        let schema = table.schema();
        let properties = properties(table, source).map_err(cannot_write(path))?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));

        Ok(Self {
            path: path.to_owned(),
            table,
            schema,
            partition,
            waiting: PackedRows::default(),
            writer: writer.map_err(cannot_write(path))?,
        })
    }

    /// Appends a row, without the two columns of the partition.
    pub(crate) fn append(&mut self, values: &[Value<'_>]) -> Result<(), TablesError> {
        self.waiting.push(values);
        if self.waiting.rows() >= GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    /// Bytes that are held in memory for a row group that is not yet written.
    pub(crate) fn memory(&self) -> usize {
        self.waiting.memory()
    }

    /// Writes the rows that wait as a row group, so that nothing of it is held in memory.
    pub(crate) fn end_group(&mut self) -> Result<(), TablesError> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.rows() == 0 {
            return Ok(());
        }

        let mut columns = Vec::with_capacity(self.table.columns().len());
        for column in self.table.columns() {
            columns.push(ColumnBuilder::new(column.kind)?);
        }

        let mut gathered = 0;
        for piece in waiting.into_pieces() {
            // the two columns of the partition do not wait
            let mut reader = PieceReader::new(&piece, columns.len().saturating_sub(2));
            while !reader.is_at_end() {
                unpack(&self.partition, &mut reader, &mut columns)?;
                gathered += 1;
                if gathered == BATCH_ROWS {
                    self.encode(&mut columns)?;
                    gathered = 0;
                }
            }
        }

        if gathered > 0 {
            self.encode(&mut columns)?;
        }
        self.writer.flush().map_err(cannot_write(&self.path))
    }

    fn encode(&mut self, columns: &mut [ColumnBuilder]) -> Result<(), TablesError> {
        let arrays: Vec<ArrayRef> = columns.iter_mut().map(ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        self.writer.write(&batch).map_err(cannot_write(&self.path))
    }

    /// Writes what is left, and makes sure that it is on the disk.
    pub(crate) fn finish(mut self) -> Result<(), TablesError> {
        self.end_group()?;
        let file = self.writer.into_inner().map_err(cannot_write(&self.path))?;
        file.sync_all().map_err(TablesError::file("write", &self.path))
    }
}

/// Takes a row out of the packed ones, the two columns of its partition before it.
fn unpack(
    partition: &Partition,
    reader: &mut PieceReader<'_>,
    columns: &mut [ColumnBuilder],
) -> Result<(), TablesError> {
    let day = partition.day.map_or(Value::Null, Value::Day);
    let model = partition.model.as_deref().map_or(Value::Null, Value::Text);
    let mut first = [day, model].into_iter();
    for column in columns {
        let cell = first.next().or_else(|| reader.next_cell());
        let missing = || ArrowError::InvalidArgumentError("a row that waited lacks a cell".to_owned());
        column.append(cell.ok_or_else(missing)?);
    }
    Ok(())
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
