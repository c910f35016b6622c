//! Rows of any Parquet file: the columns that are wanted, row group by row group, cell by cell.
//!
//! The file may be of anybody. Nothing but its footer and what it holds is believed, and a fault in its bytes, found by an
//! error or by a panic of the reader, is an error that names the place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use infercost_core::text::printable_up_to;
use infercost_core::{TraceCell, TraceField};
use thiserror::Error;

use super::file_check;
use super::guarded::guarded;

/// Most rows that are decoded at once.
const BATCH_ROWS: usize = 1024;
/// Bytes that are decoded at once, about: of rows with long texts or lists fewer are.
const BATCH_BYTES: i64 = 64 << 20;
/// Most rows of a file: far more than any public trace has.
const MOST_ROWS: i64 = 100_000_000;
/// Most columns of a file.
const MOST_COLUMNS: usize = 10_000;
/// Characters of what the reader says that are shown.
const LONGEST: usize = 160;
/// Digits of the largest whole number that is no decimal in a file.
const DIGITS: u8 = 20;

/// Why rows cannot be read.
#[derive(Debug, Error)]
pub enum RowsError {
    /// The system refuses the file.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The footer is not one of Parquet.
    #[error("{}: not a whole Parquet file ({why}); copy or download it again", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What the reader says.
        why: String,
    },
    /// Rows are not what the footer says, or packed in a way that is not known.
    #[error("{}, rows {first} to {last}: cannot be read ({why}); copy or download the file again", path.display())]
    Rows {
        /// Which file.
        path: PathBuf,
        /// The first row of the row group, from 1.
        first: i64,
        /// Its last row.
        last: i64,
        /// What the reader says.
        why: String,
    },
    /// The file is larger than what is read.
    #[error("{}: {found} {what} are more than the {most} that are read; cut it", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Of what: `rows`, `columns`.
        what: &'static str,
        /// How many there are.
        found: i64,
        /// How many may be.
        most: i64,
    },
}

/// Takes the row of that number, counted from 1, with a cell for each column that is wanted; false ends the reading.
pub type TakeRow<'a> = dyn FnMut(u64, &[TraceCell]) -> bool + Send + 'a;

/// A Parquet file that was opened: its footer is read, and nothing else.
#[derive(Debug)]
pub struct ParquetRows {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    columns: Vec<String>,
}

impl ParquetRows {
    /// Opens a file.
    ///
    /// # Errors
    /// [`RowsError`] where it cannot be opened, is no whole Parquet file, or is too large.
    pub fn open(path: &Path) -> Result<Self, RowsError> {
        let file = File::open(path).map_err(cannot_read(path))?;
        let loaded = guarded(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()));
        let metadata = match loaded {
            Some(Ok(metadata)) => metadata,
            Some(Err(error)) => return Err(damaged(path, &error.to_string())),
            None => return Err(damaged(path, "its footer contradicts itself")),
        };

        let fields = metadata.parquet_schema().root_schema().get_fields();
        let columns: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        let rows = metadata.metadata().file_metadata().num_rows();
        check_size(path, "rows", rows, MOST_ROWS)?;
        check_size(path, "columns", i64::try_from(columns.len()).unwrap_or(i64::MAX), MOST_COLUMNS as i64)?;
        Ok(Self { path: path.to_owned(), file, metadata, columns })
    }

    /// The names of its columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The table of infercost that it is a part of, as its metadata say; `None` for any other file.
    pub fn table(&self) -> Option<&str> {
        file_check::table_named(self.metadata.metadata().file_metadata().key_value_metadata())
    }

    /// Reads the columns at these places row by row, in the order of the file.
    ///
    /// # Errors
    /// [`RowsError::Rows`] where they cannot be decoded.
    pub fn each(&self, wanted: &[usize], take: &mut TakeRow<'_>) -> Result<(), RowsError> {
        let mut first = 0_i64;
        for group in 0..self.metadata.metadata().num_row_groups() {
            let rows = self.metadata.metadata().row_group(group).num_rows();
            let last = first.saturating_add(rows);
            let why = match guarded(|| self.group(group, first, wanted, take)) {
                Some(Ok(true)) => {
                    first = last;
                    continue;
                }
                Some(Ok(false)) => return Ok(()),
                Some(Err(error)) => error.to_string(),
                None => "its bytes are not what the footer says".to_owned(),
            };
            let why = printable_up_to(&why, LONGEST).into_owned();
            return Err(RowsError::Rows { path: self.path.clone(), first: first + 1, last, why });
        }
        Ok(())
    }

    /// True where all rows of the group were taken.
    fn group(
        &self,
        group: usize,
        before: i64,
        wanted: &[usize],
        take: &mut TakeRow<'_>,
    ) -> Result<bool, ArrowError> {
        let file = self.file.try_clone()?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let known = wanted.iter().copied().filter(|place| *place < self.columns.len());
        let mask = ProjectionMask::roots(builder.parquet_schema(), known);
        let reader = builder
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(self.batch_rows(group, wanted))
            .build()
            .map_err(|error| ArrowError::ParquetError(error.to_string()))?;

        let mut row = u64::try_from(before).unwrap_or_default();
        for batch in reader {
            let batch = batch?;
            let columns = self.wanted_cells(&batch, wanted)?;
            let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
            for _ in 0..batch.num_rows() {
                row += 1;
                let mut cells = Vec::with_capacity(columns.len());
                for column in &mut columns {
                    cells.push(column.next().unwrap_or(TraceCell::Missing));
                }
                if !take(row, &cells) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Rows to decode at once, by what the footer says of the columns' sizes.
    fn batch_rows(&self, group: usize, wanted: &[usize]) -> usize {
        let group = self.metadata.metadata().row_group(group);
        let schema = self.metadata.parquet_schema();
        let mut bytes = 0_i64;
        for (leaf, column) in group.columns().iter().enumerate() {
            if wanted.contains(&schema.get_column_root_idx(leaf)) {
                let cells = column.num_values().saturating_mul(size_of::<TraceCell>() as i64);
                bytes = bytes.saturating_add(column.uncompressed_size().max(0)).saturating_add(cells.max(0));
            }
        }

        let of_a_row = (bytes / group.num_rows().max(1)).max(1);
        usize::try_from(BATCH_BYTES / of_a_row).unwrap_or(BATCH_ROWS).clamp(1, BATCH_ROWS)
    }

    fn wanted_cells(&self, batch: &RecordBatch, wanted: &[usize]) -> Result<Vec<Vec<TraceCell>>, ArrowError> {
        let mut columns = Vec::with_capacity(wanted.len());
        for place in wanted {
            let name = self.columns.get(*place);
            let array = name.and_then(|name| batch.column_by_name(name));
            columns.push(match array {
                Some(array) => cells(array)?,
                None => vec![TraceCell::Missing; batch.num_rows()],
            });
        }
        Ok(columns)
    }
}

fn cannot_read(path: &Path) -> impl FnOnce(io::Error) -> RowsError {
    let path = path.to_owned();
    move |source| RowsError::File { path, source }
}

fn damaged(path: &Path, why: &str) -> RowsError {
    RowsError::Damaged { path: path.to_owned(), why: printable_up_to(why, LONGEST).into_owned() }
}

fn check_size(path: &Path, what: &'static str, found: i64, most: i64) -> Result<(), RowsError> {
    if (0..=most).contains(&found) {
        return Ok(());
    }
    Err(RowsError::TooLarge { path: path.to_owned(), what, found, most })
}

/// The cells of a column.
fn cells(array: &ArrayRef) -> Result<Vec<TraceCell>, ArrowError> {
    let rows = 0..array.len();
    Ok(match array.data_type() {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => {
            let whole = cast(array, &DataType::Int64)?;
            let whole = whole.as_primitive::<Int64Type>();
            filled(array, rows, |row| Ok(TraceCell::Whole(whole.value(row).into())))?
        }
        DataType::UInt64 | DataType::Decimal128(_, 0) => {
            let whole = cast(array, &decimal(array.data_type()))?;
            let whole = whole.as_primitive::<Decimal128Type>();
            filled(array, rows, |row| Ok(TraceCell::Whole(whole.value(row))))?
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let number = cast(array, &DataType::Float64)?;
            let number = number.as_primitive::<Float64Type>();
            filled(array, rows, |row| Ok(TraceCell::Number(number.value(row))))?
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let text = cast(array, &DataType::LargeUtf8)?;
            let text = text.as_string::<i64>();
            filled(array, rows, |row| Ok(TraceCell::Text(text.value(row).to_owned())))?
        }
        DataType::Timestamp(unit, _) => moments(array, per_second(*unit))?,
        DataType::Date64 => moments(array, 1e3)?,
        DataType::List(_) | DataType::LargeList(_) => lists(array)?,
        DataType::Struct(_) => structures(array)?,
        DataType::Dictionary(_, value) => cells(&cast(array, value)?)?,
        other => {
            let name = printable_up_to(&other.to_string(), LONGEST).into_owned();
            filled(array, rows, |_| Ok(TraceCell::Other(name.clone())))?
        }
    })
}

/// A cell for each row, which is missing where the column has none.
fn filled(
    array: &ArrayRef,
    rows: std::ops::Range<usize>,
    cell: impl Fn(usize) -> Result<TraceCell, ArrowError>,
) -> Result<Vec<TraceCell>, ArrowError> {
    let mut cells = Vec::with_capacity(rows.len());
    for row in rows {
        cells.push(if array.is_null(row) { TraceCell::Missing } else { cell(row)? });
    }
    Ok(cells)
}

fn decimal(found: &DataType) -> DataType {
    match found {
        DataType::Decimal128(digits, _) => DataType::Decimal128(*digits, 0),
        _ => DataType::Decimal128(DIGITS, 0),
    }
}

fn per_second(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Second => 1.0,
        TimeUnit::Millisecond => 1e3,
        TimeUnit::Microsecond => 1e6,
        TimeUnit::Nanosecond => 1e9,
    }
}

/// Moments are counted in UTC, whatever zone a column is shown in.
fn moments(array: &ArrayRef, per_second: f64) -> Result<Vec<TraceCell>, ArrowError> {
    let count = cast(array, &DataType::Int64)?;
    let count = count.as_primitive::<Int64Type>();
    filled(array, 0..array.len(), |row| Ok(TraceCell::Moment(count.value(row) as f64 / per_second)))
}

fn lists(array: &ArrayRef) -> Result<Vec<TraceCell>, ArrowError> {
    let rows = 0..array.len();
    if let Some(list) = array.as_list_opt::<i32>() {
        return filled(array, rows, |row| Ok(TraceCell::List(cells(&list.value(row))?)));
    }
    let list = array.as_list::<i64>();
    filled(array, rows, |row| Ok(TraceCell::List(cells(&list.value(row))?)))
}

fn structures(array: &ArrayRef) -> Result<Vec<TraceCell>, ArrowError> {
    let structure = array.as_struct();
    let mut columns = Vec::with_capacity(structure.num_columns());
    for (field, column) in structure.fields().iter().zip(structure.columns()) {
        columns.push((field.name(), cells(column)?.into_iter()));
    }

    let mut rows = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        let mut fields = Vec::with_capacity(columns.len());
        for (name, column) in &mut columns {
            let value = column.next().unwrap_or(TraceCell::Missing);
            fields.push(TraceField { name: (*name).clone(), value });
        }
        rows.push(if array.is_null(row) { TraceCell::Missing } else { TraceCell::Fields(fields) });
    }
    Ok(rows)
}
