//! Files of OTLP: JSON Lines, one JSON object, protobuf, or protobuf with lengths, told apart by their content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use thiserror::Error;

use super::{ForeignReader, ForeignTrace};
use crate::otlp_json::read_traces;

/// Longest line, and largest message, in bytes.
const MAX_MESSAGE: usize = 64 << 20;
/// Largest file that is one message, in bytes.
const MAX_WHOLE: u64 = 512 << 20;

/// A file that holds no traces, or more than can be held.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForeignError {
    /// The file could not be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A part of it is not OTLP.
    #[error("{}:{place}: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Line of JSON, or message of protobuf, from 1.
        place: u64,
        /// What is wrong; file content in it is escaped.
        reason: String,
    },
    /// It is of a kind that is not read.
    #[error("{}: {hint}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// More inferences than fit into memory.
    #[error("more than {limit} inferences; cut the traces into parts and report on them one by one")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// Reads a file of another program's traces.
///
/// # Errors
/// [`ForeignError`] where it cannot be read or is no OTLP. A last line that was cut off is left out.
pub fn read_file(path: &Path) -> Result<ForeignTrace, ForeignError> {
    let read = |source| ForeignError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path).map_err(read)?);
    let first = reader.fill_buf().map_err(read)?;
    let kind = |hint| ForeignError::Kind { path: path.to_owned(), hint };
    match first {
        [] => return Err(kind("the file is empty")),
        [0x1f, 0x8b, ..] => return Err(kind("the file is compressed; run gunzip first")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(kind("the file is compressed; run unzstd first")),
        _ => {}
    }
    let is_json = first.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let mut traces = ForeignReader::default();
    if is_json {
        json(path, &mut reader, &mut traces)?
    } else {
        protobuf(path, &mut reader, &mut traces)?
    }
    Ok(traces.finish())
}

fn json(path: &Path, reader: &mut impl BufRead, traces: &mut ForeignReader) -> Result<(), ForeignError> {
    let broken = |place, reason| ForeignError::Broken { path: path.to_owned(), place, reason };
    let read = |source| ForeignError::Read { path: path.to_owned(), source };
    let mut line = Vec::new();
    for place in 1.. {
        line.clear();
        reader.by_ref().take(MAX_MESSAGE as u64 + 1).read_until(b'\n', &mut line).map_err(read)?;
        if line.is_empty() {
            break;
        }
        if line.len() > MAX_MESSAGE {
            return Err(broken(place, format!("longer than {MAX_MESSAGE} bytes")));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match read_traces(&line) {
            Ok(read) => traces.traces(&read)?,
            // one object over many lines, as people indent it
            Err(reason) if place == 1 => {
                reader.take(MAX_WHOLE).read_to_end(&mut line).map_err(read)?;
                let whole = read_traces(&line).map_err(|_| broken(place, reason))?;
                return traces.traces(&whole);
            }
            Err(_) if line.last() != Some(&b'\n') => break, // cut off while it was written
            Err(reason) => return Err(broken(place, reason)),
        }
    }
    Ok(())
}

/// The Collector's file exporter writes the length of each message before it, in four bytes, the highest first;
/// a file without lengths is one message.
fn protobuf(path: &Path, reader: &mut impl Read, traces: &mut ForeignReader) -> Result<(), ForeignError> {
    let mut bytes = Vec::new();
    let read = |source| ForeignError::Read { path: path.to_owned(), source };
    reader.take(MAX_WHOLE + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > MAX_WHOLE {
        let hint = "larger than 512 MiB; cut it into parts";
        return Err(ForeignError::Kind { path: path.to_owned(), hint });
    }
    let messages = with_lengths(&bytes).unwrap_or_else(|| vec![&bytes]);
    for (place, message) in (1..).zip(messages) {
        let broken = |_| ForeignError::Broken {
            path: path.to_owned(),
            place,
            reason: "this is neither OTLP JSON nor OTLP in protobuf".to_owned(),
        };
        let message = TracesData::decode(message).map_err(broken)?;
        traces.traces(&message)?;
    }
    Ok(())
}

/// The messages of a file with lengths; `None` where the lengths do not add up to the file.
fn with_lengths(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length =
            usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= MAX_MESSAGE)?;
        let (message, after) = after.split_at_checked(length)?;
        messages.push(message);
        rest = after;
    }
    Some(messages)
}
