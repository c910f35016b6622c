//! Files of other programs' traces: JSON of any shape, line by line or as a whole, or OTLP in protobuf, with lengths
//! or without. They are told apart by their content.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use infercost_core::{ForeignTrace, IrregularityKind};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use serde_json::value::RawValue;

use super::error::ForeignError;
use super::gather::ForeignReader;
use crate::escaped::plain;

/// Longest line, and largest message, in bytes.
const MAX_MESSAGE: usize = 64 << 20;
/// Largest file that is one message, in bytes. It is held in memory.
const MAX_WHOLE: u64 = 512 << 20;

/// Reads a file of another program's traces. What of it is not understood, a last line that was cut off and damaged
/// lines included, is counted in the result.
///
/// # Errors
/// [`ForeignError`] where it cannot be read, or nothing in it is a trace and something is damaged.
pub fn read_file(path: &Path) -> Result<ForeignTrace, ForeignError> {
    let failed = |source| ForeignError::Read { path: path.to_owned(), source };
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    if file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]) {
        return read(path, &mut BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file)));
    }
    read(path, &mut file)
}

/// The same of a file that is not compressed, or not any more.
fn read(path: &Path, reader: &mut impl BufRead) -> Result<ForeignTrace, ForeignError> {
    let first = reader.fill_buf();
    let first = first.map_err(|source| ForeignError::Read { path: path.to_owned(), source })?;
    let refused = match first {
        [] => Some("the file is empty"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("the file is compressed; run unzstd first"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the file is in UTF-16; save it as UTF-8"),
        _ => None,
    };

    if let Some(hint) = refused {
        return Err(ForeignError::Kind { path: path.to_owned(), hint });
    }

    let mut traces = ForeignReader::default();
    let damage = if is_text(first) {
        TextFile { path, reader, broken: None }.read(&mut traces)?
    } else {
        protobuf(path, reader, &mut traces)?
    };

    match damage {
        Some((place, reason)) if traces.spans() == 0 => {
            Err(ForeignError::Broken { path: path.to_owned(), place, reason })
        }
        _ => Ok(traces.finish()),
    }
}

/// What is wrong with the first damaged part, and where it is.
type Damage = Option<(u64, String)>;

/// JSON, a byte order mark before it or not, or the log of a program that prints JSON among other lines.
fn is_text(first: &[u8]) -> bool {
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let start = first.get(..first.len().min(4096)).unwrap_or_default();
    let begins_json = matches!(start.trim_ascii_start().first(), Some(b'{' | b'['));
    let has_json_line = start.windows(2).any(|pair| pair == b"{\"");
    let is_printable = start.iter().all(|byte| *byte >= b' ' || byte.is_ascii_whitespace());
    begins_json || has_json_line && is_printable
}

struct TextFile<'f, R> {
    path: &'f Path,
    reader: &'f mut R,
    broken: Damage,
}

impl<R: BufRead> TextFile<'_, R> {
    /// Line by line; where the first line is no whole value, the file as one text of values.
    fn read(mut self, traces: &mut ForeignReader) -> Result<Damage, ForeignError> {
        let mut line = Vec::new();
        for place in 1.. {
            line.clear();
            self.append_line(&mut line)?;
            if line.is_empty() {
                break;
            }
            if line.len() > MAX_MESSAGE {
                return self.whole(line, traces);
            }

            let is_ended = line.last() == Some(&b'\n');
            let Some(json) = json_of_line(&line) else {
                self.no_json(&line, place, traces);
                continue;
            };
            match traces.json(json)? {
                Ok(()) => {}
                // one value over many lines, as people indent it
                Err(_) if place == 1 => return self.whole(line, traces),
                Err(reason) if !is_ended => {
                    traces.notes.add(IrregularityKind::CutOff, || format!("line {place}: {reason}"));
                    self.broken.get_or_insert((place, reason));
                }
                Err(reason) => {
                    traces.notes.add(IrregularityKind::Damaged, || format!("line {place}: {reason}"));
                    self.broken.get_or_insert((place, reason));
                }
            }
        }

        Ok(self.broken)
    }

    fn append_line(&mut self, line: &mut Vec<u8>) -> Result<(), ForeignError> {
        let limit = MAX_MESSAGE as u64 + 1;
        let read = self.reader.by_ref().take(limit).read_until(b'\n', line);
        read.map(drop).map_err(|source| ForeignError::Read { path: self.path.to_owned(), source })
    }

    /// Lines that programs print around their JSON are no damage, unless there is nothing else.
    fn no_json(&mut self, line: &[u8], place: u64, traces: &mut ForeignReader) {
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return;
        }
        traces.notes.add(IrregularityKind::UnknownShape, || format!("line {place}: {}", text.trim()));
        self.broken.get_or_insert_with(|| (place, "this is neither JSON nor OTLP in protobuf".to_owned()));
    }

    /// The rest of the file behind `text`, as values one after another.
    fn whole(mut self, mut text: Vec<u8>, traces: &mut ForeignReader) -> Result<Damage, ForeignError> {
        let read = self.reader.by_ref().take(MAX_WHOLE + 1).read_to_end(&mut text);
        read.map_err(|source| ForeignError::Read { path: self.path.to_owned(), source })?;

        if text.len() as u64 > MAX_WHOLE {
            let hint = "larger than 512 MiB and no lines of JSON; cut it into parts";
            return Err(ForeignError::Kind { path: self.path.to_owned(), hint });
        }

        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();

        while let Some(value) = values.next() {
            let (reason, what) = match value {
                Ok(value) => match traces.json(value.get().as_bytes())? {
                    Ok(()) => continue,
                    Err(reason) => (reason, IrregularityKind::Damaged),
                },
                Err(error) if error.is_eof() => (plain(&error), IrregularityKind::CutOff),
                Err(error) => (plain(&error), IrregularityKind::Damaged),
            };
            let end = values.byte_offset();
            let lines = text.get(..end).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            traces.notes.add(what, || reason.clone());
            self.broken.get_or_insert((lines as u64 + 1, reason));
        }

        Ok(self.broken)
    }
}

/// The JSON of a line: all of it, or what stands behind a log's own words (`INFO: {…}`).
fn json_of_line(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    if matches!(line.first(), Some(b'{' | b'[')) {
        return Some(line);
    }
    let start = line.windows(2).position(|pair| pair == b"{\"")?;
    line.get(start..).filter(|json| json.last() == Some(&b'}'))
}

/// The Collector's file exporter writes the length of each message before it, in four bytes, the highest first;
/// a file without lengths is one message.
fn protobuf(path: &Path, reader: &mut impl Read, traces: &mut ForeignReader) -> Result<Damage, ForeignError> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_WHOLE + 1).read_to_end(&mut bytes);
    read.map_err(|source| ForeignError::Read { path: path.to_owned(), source })?;

    if bytes.len() as u64 > MAX_WHOLE {
        let hint = "larger than 512 MiB; cut it into parts";
        return Err(ForeignError::Kind { path: path.to_owned(), hint });
    }

    let messages = with_lengths(&bytes).unwrap_or_else(|| vec![&bytes]);
    for (place, message) in (1..).zip(messages) {
        let Ok(message) = TracesData::decode(message) else {
            let reason = "this is neither OTLP JSON nor OTLP in protobuf".to_owned();
            return Err(ForeignError::Broken { path: path.to_owned(), place, reason });
        };
        traces.message(&message)?;
    }

    Ok(None)
}

/// The messages of a file with lengths; `None` where the lengths do not add up to the file.
fn with_lengths(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok();
        let (message, after) = after.split_at_checked(length.filter(|length| *length <= MAX_MESSAGE)?)?;
        messages.push(message);
        rest = after;
    }
    Some(messages)
}
