//! What was seen, kept in a folder: a header, and OTLP metrics in JSON, a line a minute. Sums are cumulative, so that the
//! last line says all, and a monitor that was killed loses a minute at most.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use infercost_export::metrics::sdk::JsonLines;
use infercost_trace::backend_attributes::METRIC_HW_ENERGY;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::otlp::{SUM_NAMES, SUMS};
use crate::tally::Tally;

/// The name and version of a recording's header.
pub const RECORDING_SCHEMA: &str = "infercost.recording/1";
const HEADER: &str = "monitor.json";
const METRICS: &str = "metrics.jsonl";
/// What the source of a device's energy is called where it is an assumption.
const ESTIMATED: &str = "estimated";
/// Longest header and line that are read.
const MAX_HEADER: u64 = 1 << 20;
const MAX_LINE: u64 = 8 << 20;

/// What a recording says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingHeader {
    /// [`RECORDING_SCHEMA`].
    pub schema: String,
    /// The machine's name.
    pub machine: String,
    /// When the monitor began.
    pub started_at: Timestamp,
    /// Version of the program.
    pub version: String,
    /// The servers that were watched, without credentials.
    pub servers: Vec<String>,
}

/// A recording, read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What it says of itself.
    pub header: RecordingHeader,
    /// Sums over all of it.
    pub sums: Tally,
    /// True where energy rests on an assumption.
    pub estimated: bool,
    /// Lines that could not be read: the last one of a monitor that was killed, or damage.
    pub broken_lines: u64,
}

/// A recording that cannot be written or read.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The header is none.
    #[error("{}: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No line holds sums.
    #[error("{} holds no line that can be read; the monitor ended before its first minute", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Makes the folder of a recording, readable by its owner alone, and gives where its lines go. A folder that is there
/// is left alone.
///
/// # Errors
/// [`RecordingError::Io`] where it is there already, or cannot be made.
pub fn create(folder: &Path, header: &RecordingHeader) -> Result<JsonLines, RecordingError> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(|source| failed(above, source))?;
    }
    private_folder().create(folder).map_err(|source| failed(folder, source))?;

    let file = folder.join(HEADER);
    let text = serde_json::to_vec_pretty(header).map_err(io::Error::other);
    text.and_then(|text| fs::write(&file, text)).map_err(|source| failed(&file, source))?;

    let lines = folder.join(METRICS);
    let opened = OpenOptions::new().append(true).create_new(true).open(&lines);
    Ok(JsonLines::new(opened.map_err(|source| failed(&lines, source))?, lines))
}

fn failed(path: &Path, source: io::Error) -> RecordingError {
    RecordingError::Io { path: path.to_owned(), source }
}

#[cfg(unix)]
fn private_folder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;

    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// True where the folder holds a recording.
pub fn is_recording(folder: &Path) -> bool {
    folder.join(HEADER).is_file()
}

/// The newest recording below a folder, by its name, which is when it began; `None` where there is none.
///
/// # Errors
/// [`RecordingError::Io`] where the folder cannot be listed.
pub fn newest_below(folder: &Path) -> Result<Option<PathBuf>, RecordingError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(folder, error)),
    };

    let mut newest: Option<PathBuf> = None;
    for entry in entries {
        let found = entry.map_err(|source| failed(folder, source))?.path();
        if is_recording(&found) && newest.as_ref().is_none_or(|known| found.file_name() > known.file_name()) {
            newest = Some(found);
        }
    }
    Ok(newest)
}

/// Opens a file of a recording. A pipe in its place would be waited for without an end.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    File::open(path)
}

/// Reads a recording back.
///
/// # Errors
/// [`RecordingError`] where its files cannot be read, or hold nothing.
pub fn read(folder: &Path) -> Result<Recording, RecordingError> {
    let file = folder.join(HEADER);
    let mut text = String::new();
    let opened = open(&file).and_then(|file| file.take(MAX_HEADER).read_to_string(&mut text));
    opened.map_err(|source| failed(&file, source))?;
    let header: RecordingHeader = serde_json::from_str(&text)
        .map_err(|error| RecordingError::Header { path: file.clone(), reason: error.to_string() })?;
    if header.schema != RECORDING_SCHEMA {
        let reason = format!("it is of version {:.40}; this program reads {RECORDING_SCHEMA}", header.schema);
        return Err(RecordingError::Header { path: file, reason });
    }

    let path = folder.join(METRICS);
    let opened = open(&path).map_err(|source| failed(&path, source))?;
    let mut lines = BufReader::new(opened);
    let mut last = None;
    let mut broken_lines = 0;
    let mut estimated = false;
    loop {
        let mut line = Vec::new();
        let read = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(|source| failed(&path, source))? == 0 {
            break;
        }
        let line: Option<Value> = serde_json::from_slice(&line).ok();
        match line.as_ref().and_then(sums_of) {
            Some(sums) => last = Some(sums),
            None => broken_lines += 1,
        }
        estimated |= line.as_ref().is_some_and(is_estimated);
    }
    let sums = last.ok_or(RecordingError::Empty { path })?;
    Ok(Recording { header, sums, estimated, broken_lines })
}

/// Whether the energy of a device in a line of OTLP rests on an assumption.
fn is_estimated(line: &Value) -> bool {
    let scopes = line.pointer("/resourceMetrics/0/scopeMetrics").and_then(Value::as_array);
    let scopes = scopes.into_iter().flatten();
    for metric in scopes.filter_map(|scope| scope.get("metrics")?.as_array()).flatten() {
        if metric.get("name").and_then(Value::as_str) != Some(METRIC_HW_ENERGY) {
            continue;
        }
        let points = metric.pointer("/sum/dataPoints").and_then(Value::as_array);
        for point in points.into_iter().flatten() {
            let attributes = point.get("attributes").and_then(Value::as_array);
            for attribute in attributes.into_iter().flatten() {
                if attribute.pointer("/value/stringValue").and_then(Value::as_str) == Some(ESTIMATED) {
                    return true;
                }
            }
        }
    }
    false
}

/// The sums that a line of OTLP holds; `None` where it holds none.
fn sums_of(line: &Value) -> Option<Tally> {
    let mut sums = Tally::default();
    let mut any = false;
    let scopes = line.pointer("/resourceMetrics/0/scopeMetrics")?.as_array()?;
    for metric in scopes.iter().filter_map(|scope| scope.get("metrics")?.as_array()).flatten() {
        let name = metric.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some(name) = name.strip_prefix(SUMS) else { continue };
        let Some(sum) = SUM_NAMES.iter().find(|sum| sum.name == name) else { continue };
        let value = metric.pointer("/sum/dataPoints/0/asDouble").and_then(Value::as_f64)?;
        // no sum of seconds, joules or tokens is negative
        if !value.is_finite() || value < 0.0 {
            return None;
        }
        *(sum.of)(&mut sums) = value;
        any = true;
    }
    any.then_some(sums)
}

#[cfg(test)]
mod tests;
