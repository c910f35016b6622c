//! Many files are written at once in the memory of one.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::{Duration, UNIX_EPOCH};

use infercost_fleet::TablesWriter;
use infercost_fleet::tables::rows::InferenceRow;

const MODELS: u64 = 48;
const ROWS: u64 = MODELS * 1500;
/// Rows between two looks at the memory.
const LOOK: u64 = 1000;
/// Most that the writer may take, in bytes. Rows that wait take 5 MB; an encoder for each file would add 40.
const MOST: u64 = 24 << 20;

/// Memory of this process that no file holds, in bytes (proc_pid_status(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn open_files_hold_rows_and_no_encoders() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TablesWriter::create(folder.path(), "many").unwrap();
    let before = resident();

    let mut most = 0;
    for number in 0..ROWS {
        let (model, span) = (format!("model {}", number % MODELS), format!("{number:016x}"));
        let row = InferenceRow {
            model: Some(&model),
            service: Some("shop"),
            span_id: Some(&span),
            issued_at: Some(UNIX_EPOCH + Duration::from_millis(number)),
            latency_us: Some(1_000_000),
            output_tokens: Some(10),
            ..InferenceRow::default()
        };
        writer.inference(&row).unwrap();
        if number % LOOK == 0 {
            most = most.max(resident());
        }
    }

    let taken = most.saturating_sub(before);
    assert!(taken < MOST, "{taken} bytes for {MODELS} files");
    let written = writer.finish().unwrap();
    assert_eq!((written.inferences, written.files), (ROWS, MODELS));
}
