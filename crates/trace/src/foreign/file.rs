//! Files of other programs' traces: JSON of any shape, line by line or as a whole, tables, or OTLP in protobuf, with
//! lengths or without. They are told apart by their content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::thread;

use flate2::bufread::MultiGzDecoder;
use infercost_core::{ForeignTrace, IrregularityKind};
use infercost_text::json::{self, Document};
use infercost_text::{Decoder, TableReader, TextError};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::error::ForeignError;
use super::flow::{ProductionCall, Streamed, WINDOW};
use super::gather::ForeignReader;
use super::lines::{FoundLine, FoundLines, read_line};
use super::message::NoMessage;
use super::platform_record::{Record, plain_name};
use crate::batch_threads::{BatchThreads, ReadBatch};
use crate::escaped::plain;
use crate::line_batch::LineBatch;

/// Longest line, and largest message, in bytes.
const MAX_MESSAGE: usize = 64 << 20;
/// Largest file that is one message, in bytes. It is held in memory.
const MAX_WHOLE: u64 = 512 << 20;
/// Largest text that is cut into its documents to say where it is wrong, in bytes: the list of them may be longer than
/// itself.
const MAX_EXPLAINED: usize = 16 << 20;

/// Reads a file of another program's traces. What of it is not understood, a last line that was cut off and damaged
/// lines included, is counted in the result.
///
/// # Errors
/// [`ForeignError`] where it cannot be read, or nothing in it is a trace and something is damaged.
pub fn read_file(path: &Path) -> Result<ForeignTrace, ForeignError> {
    let failed = |source| ForeignError::Read { path: path.to_owned(), source };
    let file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    let mut traces = ForeignReader::default();

    match read_into(path, Box::new(file), &mut traces)? {
        Some((place, reason)) if traces.spans() == 0 => {
            Err(ForeignError::Broken { path: path.to_owned(), place, reason })
        }
        _ => Ok(traces.finish()),
    }
}

/// Reads what a file holds from a reader, and sends the calls there as soon as nothing more is to be expected of their
/// traces: memory does not grow with the file. `path` is named in messages.
///
/// # Errors
/// As [`read_file`]; [`ForeignError::Stopped`] where nobody takes the calls any more. Calls that were sent before stay sent.
pub fn stream_file(
    path: &Path,
    reader: Box<dyn BufRead>,
    sink: SyncSender<Vec<ProductionCall>>,
) -> Result<Streamed, ForeignError> {
    let mut traces = ForeignReader::flowing(sink, WINDOW);
    match read_into(path, reader, &mut traces)? {
        Some((place, reason)) if traces.spans() == 0 => {
            Err(ForeignError::Broken { path: path.to_owned(), place, reason })
        }
        _ => traces.ended(),
    }
}

/// Reads a file, whatever it is.
fn read_into(
    path: &Path,
    mut reader: Box<dyn BufRead>,
    traces: &mut ForeignReader,
) -> Result<Damage, ForeignError> {
    let failed = |source| ForeignError::Read { path: path.to_owned(), source };

    if reader.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]) {
        reader = Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader)));
    }
    if is_utf16(reader.fill_buf().map_err(failed)?) {
        // lines have a bound of their own, so that the whole needs none
        reader = Box::new(Decoder::new(reader, u64::MAX).map_err(failed)?);
    }

    match kind_of(reader.fill_buf().map_err(failed)?) {
        Kind::Refused(hint) => Err(ForeignError::Kind { path: path.to_owned(), hint }),
        Kind::Rows => rows(path, reader, traces),
        Kind::Json => TextFile { path, reader: &mut reader, broken: None }.read(traces),
        Kind::Protobuf => protobuf(path, &mut reader, traces),
    }
}

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Json,
    /// A table with a call a row.
    Rows,
    Protobuf,
    /// None of these; what to do.
    Refused(&'static str),
}

/// What a file that begins like this is.
fn kind_of(first: &[u8]) -> Kind {
    match first {
        [] => Kind::Refused("the file is empty"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Refused("the file is compressed; run unzstd first"),
        [b'P', b'A', b'R', b'1', ..] => Kind::Refused("the file is Parquet; export it as JSON or CSV"),
        _ if is_table(first) => Kind::Rows,
        _ if is_text(first) => Kind::Json,
        _ => Kind::Protobuf,
    }
}

/// UTF-16, by its mark or by the zeros beside what JSON and tables begin with. Protobuf begins otherwise.
fn is_utf16(first: &[u8]) -> bool {
    match first {
        [0xff, 0xfe, rest @ ..] => !rest.starts_with(&[0, 0]),
        [0xfe, 0xff, ..] => true,
        [a, 0, b, 0, c, 0, ..] | [0, a, 0, b, 0, c, ..] => [a, b, c].iter().all(|byte| is_printed(**byte)),
        _ => false,
    }
}

fn is_printed(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte) || byte.is_ascii_whitespace()
}

/// A table whose header names a call and its time.
fn is_table(first: &[u8]) -> bool {
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let header = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(header) = std::str::from_utf8(header) else { return false };
    if header.starts_with(['{', '[']) {
        return false;
    }

    let names = header.split([',', ';', '\t']).map(|name| plain_name(name.trim_matches(['"', '\r'])));
    let names: Vec<String> = names.collect();
    let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
    has(&["starttime"]) && has(&["traceid", "requestid", "runtype", "calltype"])
}

/// A table that a platform exports: a call a row, in columns that are named as its fields are. One row is held at a time.
fn rows(path: &Path, reader: Box<dyn BufRead>, traces: &mut ForeignReader) -> Result<Damage, ForeignError> {
    let failed = |source| ForeignError::Read { path: path.to_owned(), source };
    // rows have a bound of their own, so that the whole needs none
    let decoder = Decoder::new(reader, u64::MAX).map_err(failed)?;
    let mut table = TableReader::new(&path.display().to_string(), decoder)?;

    while let Some(row) = table.next_row()? {
        traces.reader.record(&Record::of_row(row.cells()));
        traces.take_read()?;
    }

    Ok(None)
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
        let mut first = Vec::new();
        let limit = MAX_MESSAGE as u64 + 1;
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut first);
        read.map_err(|source| ForeignError::Read { path: self.path.to_owned(), source })?;
        if first.len() > MAX_MESSAGE {
            return self.whole(first, traces);
        }

        match read_line(&first, &mut traces.reader) {
            // one value over many lines, as people indent it
            FoundLine::Json { fault: Some(_), .. } => return self.whole(first, traces),
            line => self.take(line, 1, traces)?,
        }
        drop(first);

        match self.further_lines(traces)? {
            Some(too_long) => self.whole(too_long, traces),
            None => Ok(self.broken),
        }
    }

    /// Reads the lines behind the first on all processors, and takes what they hold in their order. Gives the beginning of a
    /// line that is too long to be one, behind which nothing was read.
    fn further_lines(&mut self, traces: &mut ForeignReader) -> Result<Option<Vec<u8>>, ForeignError> {
        thread::scope(|scope| {
            let mut threads = BatchThreads::new(traces.reader.beside());
            let mut batch = LineBatch::default();
            let mut place = 1;
            let mut too_long = None;

            while too_long.is_none() {
                let filled = batch.fill(self.reader, MAX_MESSAGE);
                filled.map_err(|source| ForeignError::Read { path: self.path.to_owned(), source })?;
                if batch.is_empty() {
                    break;
                }
                too_long = batch.too_long.take();
                if !batch.is_last {
                    threads.begin(scope);
                }

                batch = match threads.hand_out(batch)? {
                    Some(read) => self.take_lines(read, &mut place, traces)?,
                    None => LineBatch::default(),
                };
                while threads.are_busy()
                    && let Some(read) = threads.take_back()?
                {
                    batch = self.take_lines(read, &mut place, traces)?;
                }
            }

            while let Some(read) = threads.take_back()? {
                self.take_lines(read, &mut place, traces)?;
            }
            Ok(too_long)
        })
    }

    /// Takes what a batch holds, and gives the batch to be filled again. `place` is the number of the line before it.
    fn take_lines(
        &mut self,
        read: ReadBatch<Vec<FoundLines>>,
        place: &mut u64,
        traces: &mut ForeignReader,
    ) -> Result<LineBatch, ForeignError> {
        for FoundLines { line, count } in read.lines {
            self.take(line, *place + 1, traces)?;
            *place += count;
        }
        Ok(read.batch)
    }

    fn take(&mut self, line: FoundLine, place: u64, traces: &mut ForeignReader) -> Result<(), ForeignError> {
        let (found, fault, is_ended) = match line {
            FoundLine::Blank => return Ok(()),
            // lines that programs print around their JSON are no damage, unless there is nothing else
            FoundLine::Other(text) => {
                traces.notes.add(IrregularityKind::UnknownShape, || format!("line {place}: {text}"));
                self.broken
                    .get_or_insert_with(|| (place, "this is neither JSON nor OTLP in protobuf".to_owned()));
                return Ok(());
            }
            FoundLine::Json { found, fault, is_ended } => (found, fault, is_ended),
        };

        traces.take(found)?;
        if let Some(reason) = fault {
            let what = if is_ended { IrregularityKind::Damaged } else { IrregularityKind::CutOff };
            traces.notes.add(what, || format!("line {place}: {reason}"));
            self.broken.get_or_insert((place, reason));
        }
        Ok(())
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
            let error = match value {
                Ok(value) => {
                    if let Err(reason) = traces.json(value.get().as_bytes())? {
                        traces.notes.add(IrregularityKind::Damaged, || reason.clone());
                        // the lines are counted once, for the first that is named
                        let end = values.byte_offset();
                        self.broken.get_or_insert_with(|| (line_at(text, end), reason));
                    }
                    continue;
                }
                Err(error) => error,
            };

            let what = if error.is_eof() { IrregularityKind::CutOff } else { IrregularityKind::Damaged };
            let (line, reason) = fault(self.path, text, &error);
            traces.notes.add(what, || format!("line {line}: {reason}"));
            self.broken.get_or_insert((line, reason));
        }

        Ok(self.broken)
    }
}

/// The line of a byte, from 1.
fn line_at(text: &[u8], byte: usize) -> u64 {
    let before = text.get(..byte).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Where a text of values is wrong and how, as it is said of every other text that is read here.
fn fault(path: &Path, text: &[u8], error: &serde_json::Error) -> (u64, String) {
    if text.len() > MAX_EXPLAINED {
        return (error.line() as u64, plain(error));
    }

    let text = String::from_utf8_lossy(text);
    let name = path.display().to_string();
    let is_whole = |document: &Document<'_>| document.parse::<IgnoredAny>(&name).map(drop);
    let found = json::documents(&name, &text).and_then(|all| all.iter().try_for_each(is_whole));
    match found {
        Err(TextError::Place { line, column, reason, .. }) => {
            (line as u64, format!("column {column}: {reason}"))
        }
        _ => (error.line() as u64, plain(error)),
    }
}

/// The Collector's file exporter writes the length of each message before it, in four bytes, the highest first; a file
/// without lengths is one message, which is a list of resources. Either is read part by part. A length that begins as a
/// message does would be longer than any.
fn protobuf(
    path: &Path,
    reader: &mut impl BufRead,
    traces: &mut ForeignReader,
) -> Result<Damage, ForeignError> {
    let failed = |source| ForeignError::Read { path: path.to_owned(), source };
    let is_message = reader.fill_buf().map_err(failed)?.first() == Some(&RESOURCE_SPANS);

    for place in 1.. {
        let reason = "this is neither OTLP JSON nor OTLP in protobuf".to_owned();
        let broken = || ForeignError::Broken { path: path.to_owned(), place, reason };
        let length = if is_message { resource_length(reader) } else { message_length(reader) };
        let length = match length.map_err(failed)? {
            Length::End => break,
            Length::Of(length) if length <= MAX_MESSAGE as u64 => length,
            _ => return Err(broken()),
        };

        let mut part = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut part).map_err(failed)?;
        let is_whole = part.len() as u64 == length;
        if !is_whole {
            return Err(broken());
        }
        let read = match is_message {
            true => traces.reader.message_resource(&part),
            false => traces.reader.message(&part),
        };
        if read == Err(NoMessage) {
            return Err(broken());
        }
        traces.take_read()?;
    }

    Ok(None)
}

/// What begins each resource of a message: field 1, with a length.
const RESOURCE_SPANS: u8 = 0x0a;

/// How long the next part of a file is.
enum Length {
    End,
    Of(u64),
    /// There is no length.
    Broken,
}

/// A length in four bytes.
fn message_length(reader: &mut impl Read) -> io::Result<Length> {
    let mut bytes = Vec::new();
    reader.take(4).read_to_end(&mut bytes)?;
    Ok(match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(length) => Length::Of(u32::from_be_bytes(length).into()),
        Err(_) if bytes.is_empty() => Length::End,
        Err(_) => Length::Broken,
    })
}

/// The length of a resource: seven bits a byte, the lowest first, behind the field's tag.
fn resource_length(reader: &mut impl BufRead) -> io::Result<Length> {
    let mut bytes = reader.bytes();
    match bytes.next().transpose()? {
        None => return Ok(Length::End),
        Some(RESOURCE_SPANS) => {}
        Some(_) => return Ok(Length::Broken),
    }

    let mut length = 0_u64;
    for shift in (0..35).step_by(7) {
        let Some(byte) = bytes.next().transpose()? else { break };
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(Length::Of(length));
        }
    }
    Ok(Length::Broken)
}
