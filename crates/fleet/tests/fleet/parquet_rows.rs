//! Public traces as Parquet files of several writers' types, and files that are none: the values, or an error with its
//! place.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;
use infercost_core::TraceCell;
use infercost_fleet::reading::files::TableFiles;
use infercost_fleet::reading::parquet_rows::ParquetRows;
use infercost_fleet::tables::schema::{SCHEMA_KEY, SOURCE_KEY, TABLE_KEY, Table};
use infercost_sprint::workload::{TraceInput, TraceRows, TraceWorkload};

use crate::made_up::{call, files, november, write};

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.parquet");
    (folder, path)
}

fn write_file(path: &Path, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    let batch = batch.unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn usual() -> WriterProperties {
    WriterProperties::builder().build()
}

/// The workload of a file, as the program reads it.
fn workload(path: &Path) -> Result<TraceWorkload, String> {
    let file = ParquetRows::open(path).map_err(|error| error.to_string())?;
    let rows = TraceRows::of("trace.parquet", file.columns(), 1000);
    let mut rows = rows.map_err(|fault| fault.to_string())?;
    let wanted = rows.wanted().to_vec();

    let mut fault = None;
    let mut take = |row: u64, cells: &[TraceCell]| {
        fault = rows.append(row, cells).err();
        fault.is_none()
    };
    file.each(&wanted, &mut take).map_err(|error| error.to_string())?;
    match fault {
        Some(fault) => Err(fault.to_string()),
        None => rows.finish().map_err(|fault| fault.to_string()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Replayed {
    at_s: f64,
    input: u32,
    output: u32,
}

fn replayed(workload: &TraceWorkload) -> Vec<Replayed> {
    let mut all = Vec::new();
    for request in &workload.requests {
        let TraceInput::Tokens { count, .. } = request.input else { panic!("{request:?}") };
        all.push(Replayed { at_s: request.at_s, input: count, output: request.output_tokens });
    }
    all
}

fn whole(numbers: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(numbers.to_vec()))
}

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

const BURST: [Replayed; 3] = [
    Replayed { at_s: 0.0, input: 472, output: 18 },
    Replayed { at_s: 0.5, input: 12, output: 3 },
    Replayed { at_s: 40.0, input: 1087, output: 230 },
];

/// Columns of BurstGPT, the third row failed.
fn burst(time: ArrayRef, lengths: &DataType) -> Vec<(&'static str, ArrayRef)> {
    let lengths = |numbers: &[i64]| cast(&whole(numbers), lengths).unwrap();
    vec![
        ("Timestamp", time),
        ("Model", texts(&["GPT-4", "GPT-4", "GPT-4", "ChatGPT"])),
        ("Request tokens", lengths(&[472, 1087, 5, 12])),
        ("Response tokens", lengths(&[18, 230, 0, 3])),
    ]
}

#[test]
fn burst_gpt_in_the_types_of_several_writers() {
    let (_folder, path) = place();
    let seconds: ArrayRef = Arc::new(Float64Array::from(vec![5.0, 45.0, 46.0, 5.5]));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let types = [
        DataType::Int64,
        DataType::Int16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(12, 0),
        DataType::Utf8,
        DataType::LargeUtf8,
        dictionary,
    ];
    for lengths in types {
        write_file(&path, burst(Arc::clone(&seconds), &lengths), usual());
        let read = workload(&path).unwrap();
        assert_eq!(replayed(&read), BURST, "{lengths}");
        assert_eq!((read.format.as_str(), read.held, read.left_out), ("BurstGPT", 3, 1));
        assert!(read.has_arrivals);
        let faster = read.cut(3, 10.0);
        assert!((faster.requests[2].at_s - 4.0).abs() < 1e-9);
    }

    let packed = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for packing in packed {
        let properties = WriterProperties::builder().set_compression(packing).build();
        write_file(&path, burst(Arc::clone(&seconds), &DataType::Int64), properties);
        assert_eq!(replayed(&workload(&path).unwrap()), BURST, "{packing}");
    }
}

/// The file that the program is tried on; `UPDATE_SAMPLES=1` writes it again.
#[test]
fn the_sample_of_burst_gpt_is_a_whole_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/burst.parquet");
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        let seconds: ArrayRef = Arc::new(Float64Array::from(vec![5.0, 45.0, 46.0, 5.5]));
        write_file(&path, burst(seconds, &DataType::Int64), usual());
    }
    assert_eq!(replayed(&workload(&path).unwrap()), BURST);
}

#[test]
fn moments_are_the_same_in_every_unit_and_zone() {
    let (_folder, path) = place();
    let moments = TimestampMicrosecondArray::from(vec![1_700_158_623_500_000, 1_700_158_624_750_000]);
    let moments: ArrayRef = Arc::new(moments);
    for unit in [TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        for zone in [None, Some("UTC"), Some("+05:30"), Some("-08:00")] {
            let kind = DataType::Timestamp(unit, zone.map(Into::into));
            let times = cast(&cast(&moments, &DataType::Timestamp(unit, None)).unwrap(), &kind).unwrap();
            let columns = vec![
                ("TIMESTAMP", times),
                ("ContextTokens", whole(&[4808, 3180])),
                ("GeneratedTokens", whole(&[10, 8])),
            ];
            write_file(&path, columns, usual());
            let read = workload(&path).unwrap();
            assert_eq!(read.format, "Azure LLM inference");
            let [first, second] = replayed(&read)[..] else { panic!("{read:?}") };
            assert_eq!((first.at_s, first.input, second.input, second.output), (0.0, 4808, 3180, 8));
            assert!((second.at_s - 1.25).abs() < 1e-6, "{kind}: {second:?}");
        }
    }
}

#[test]
fn lists_and_structures_are_read() {
    let (_folder, path) = place();
    let item = |kind: DataType| Arc::new(Field::new("item", kind, true));
    let ids = ListArray::new(
        item(DataType::Int64),
        OffsetBuffer::from_lengths([3, 0, 2]),
        whole(&[46, 47, 48, 46, 99]),
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let columns = vec![
        ("timestamp", whole(&[0, 1500, 250])),
        ("input_length", whole(&[1100, 20, 1024])),
        ("output_length", whole(&[52, 5, 7])),
        ("hash_ids", Arc::new(ids) as ArrayRef),
    ];
    write_file(&path, columns, usual());
    let read = workload(&path).unwrap();
    let mut blocks = Vec::new();
    for request in &read.requests {
        let TraceInput::Tokens { blocks: ids, .. } = &request.input else { panic!("{request:?}") };
        blocks.push(ids.clone());
    }
    assert_eq!(blocks, [vec![46, 47, 48], vec![46, 99], vec![]]);
    let times: Vec<f64> = read.requests.iter().map(|request| request.at_s).collect();
    assert_eq!(times, [0.0, 0.25, 1.5]);

    let fields = [
        (Arc::new(Field::new("from", DataType::Utf8, true)), texts(&["human", "gpt", "gpt", "human", "gpt"])),
        (
            Arc::new(Field::new("value", DataType::Utf8, true)),
            texts(&["What is a roofline?", "A bound on speed.", "x", "And é?", "y"]),
        ),
    ];
    let turns = StructArray::from(fields.to_vec());
    let kind = datafusion::arrow::array::Array::data_type(&turns).clone();
    let lists = ListArray::new(item(kind), OffsetBuffer::from_lengths([2, 1, 2]), Arc::new(turns), None);
    let columns = vec![("id", texts(&["a", "b", "c"])), ("conversations", Arc::new(lists) as ArrayRef)];
    write_file(&path, columns, usual());
    let read = workload(&path).unwrap();
    assert_eq!((read.held, read.left_out, read.has_arrivals), (2, 1, false));
    let [first, second] = &read.requests[..] else { panic!("{read:?}") };
    assert_eq!((&first.input, first.output_tokens), (&TraceInput::Text("What is a roofline?".into()), 5));
    assert_eq!((&second.input, second.output_tokens), (&TraceInput::Text("And é?".into()), 1));
}

#[test]
fn row_groups_follow_one_another_and_a_bad_cell_has_its_row() {
    let (_folder, path) = place();
    let count = 5000_i64;
    let times: Vec<i64> = (0..count).map(|row| 2 * row).collect();
    let ones = vec![1; times.len()];
    let small = || WriterProperties::builder().set_max_row_group_row_count(Some(700)).build();
    let columns = |lengths: ArrayRef| {
        vec![("Timestamp", whole(&times)), ("Request tokens", lengths), ("Response tokens", whole(&ones))]
    };
    write_file(&path, columns(whole(&times.iter().map(|time| time + 1).collect::<Vec<_>>())), small());
    let read = workload(&path).unwrap();
    assert_eq!((read.held, read.requests.len()), (5000, 1000));
    let last = replayed(&read)[999];
    assert_eq!(last, Replayed { at_s: 1998.0, input: 1999, output: 1 });

    let mut lengths: Vec<Option<i64>> = ones.iter().copied().map(Some).collect();
    lengths[4321] = None;
    write_file(&path, columns(Arc::new(Int64Array::from(lengths.clone()))), small());
    assert_eq!(workload(&path).unwrap_err(), "trace.parquet, row 4322: `request tokens` is empty");
    lengths[17] = Some(-4);
    write_file(&path, columns(Arc::new(Int64Array::from(lengths))), small());
    let error = workload(&path).unwrap_err();
    assert_eq!(error, "trace.parquet, row 18: `request tokens` is not a number of tokens");
}

/// Lists so long that no batch of the usual size would fit.
#[test]
fn long_lists_are_read_a_few_rows_at_a_time() {
    let (_folder, path) = place();
    let (rows, each) = (40, 50_000);
    let ids: Vec<i64> = (0..rows * each).map(|place| place / each).collect();
    let item = Arc::new(Field::new("item", DataType::Int64, true));
    let lengths = OffsetBuffer::from_lengths(vec![each as usize; rows as usize]);
    let columns = vec![
        ("timestamp", whole(&(0..rows).collect::<Vec<_>>())),
        ("input_length", whole(&vec![600; rows as usize])),
        ("output_length", whole(&vec![1; rows as usize])),
        ("hash_ids", Arc::new(ListArray::new(item, lengths, whole(&ids), None)) as ArrayRef),
    ];
    write_file(&path, columns, usual());
    let read = workload(&path).unwrap();
    assert_eq!(read.held, 40);
    let TraceInput::Tokens { blocks, .. } = &read.requests[39].input else { panic!("{read:?}") };
    assert_eq!(blocks, &[39, 39]);
}

#[test]
fn columns_of_wrong_types_are_named() {
    let (_folder, path) = place();
    let check = |column: &'static str, array: ArrayRef, wanted: &str| {
        let mut columns = burst(whole(&[5, 45, 46, 47]), &DataType::Int64);
        columns.retain(|(name, _)| *name != column);
        columns.push((column, array));
        write_file(&path, columns, usual());
        let error = workload(&path).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    };
    let dates = cast(&(Arc::new(Int32Array::from(vec![1; 4])) as ArrayRef), &DataType::Date32).unwrap();
    check("Timestamp", dates, "row 1: `timestamp` is Date32, and not a time");
    check("Timestamp", texts(&["noon"; 4]), "row 1: `timestamp` is not a time");
    let truths = cast(&whole(&[1, 0, 1, 0]), &DataType::Boolean).unwrap();
    check("Request tokens", truths, "row 1: `request tokens` is Boolean, and not a number of tokens");
    let fractions = Arc::new(Float64Array::from(vec![1.0, 2.5, f64::NAN, 1.0]));
    check("Response tokens", fractions, "row 2: `response tokens` is not a number of tokens");
    check("timestamp", whole(&[1; 4]), "two columns are called `timestamp`");

    write_file(&path, vec![("id", texts(&["a"])), ("prompt", texts(&["b"]))], usual());
    let error = workload(&path).unwrap_err();
    assert!(error.contains("its columns are `id`, `prompt`; wanted are `Timestamp`"), "{error}");
}

#[test]
fn files_that_are_damaged_are_named_with_what_to_do() {
    let (_folder, path) = place();
    write_file(&path, burst(whole(&[5, 45, 46, 47]), &DataType::Int64), usual());
    let good = fs::read(&path).unwrap();
    let whole_file = good.as_slice();
    for damaged in [&[][..], b"PAR1", b"Timestamp,Request tokens", &whole_file[..whole_file.len() / 2]] {
        fs::write(&path, damaged).unwrap();
        let error = workload(&path).unwrap_err();
        assert!(error.contains("trace.parquet: not a whole Parquet file"), "{error}");
        assert!(error.contains("copy or download it again"), "{error}");
    }

    // a footer that is whole, after rows that are not
    let mut bytes = good.clone();
    let end = bytes.len() - 8;
    let footer = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    bytes[4..end - footer].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let error = workload(&path).unwrap_err();
    assert!(error.contains("trace.parquet, rows 1 to 4: cannot be read"), "{error}");

    // any byte: an answer or an error, never a panic
    for place in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[place] ^= 0x55;
        fs::write(&path, bytes).unwrap();
        let _either = workload(&path);
    }
    let error = ParquetRows::open(&path.with_file_name("none.parquet")).unwrap_err();
    assert!(error.to_string().contains("cannot read"), "{error}");
}

#[test]
fn tables_of_infercost_are_told_from_other_files() {
    let (_folder, path) = place();
    write_file(&path, burst(whole(&[5, 45, 46, 47]), &DataType::Int64), usual());
    assert_eq!(ParquetRows::open(&path).unwrap().table(), None);

    let tables = tempfile::tempdir().unwrap();
    write(tables.path(), "traces", &[call("m", "s", november(1, 0), "1")]);
    let file = ParquetRows::open(&files(tables.path())[0]).unwrap();
    assert_eq!(file.table(), Some("inferences"));
    assert!(file.columns().iter().any(|name| name == "issued_at"));

    let pairs = [(SCHEMA_KEY, "infercost.tables/2"), (TABLE_KEY, "inferences"), (SOURCE_KEY, "x")];
    let pairs = pairs.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let newer = WriterProperties::builder().set_key_value_metadata(Some(pairs.to_vec())).build();
    write_file(&path, burst(whole(&[5, 45, 46, 47]), &DataType::Int64), newer);
    assert_eq!(ParquetRows::open(&path).unwrap().table(), Some("inferences"));
    let error = TableFiles::of_file(&path, Table::Inferences).unwrap_err().to_string();
    assert!(error.contains("`infercost.tables/2`") && error.contains("use a newer infercost"), "{error}");
}
