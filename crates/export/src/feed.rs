//! A run's spans in batches, from any byte of the file on: the file may still be growing.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use infercost_trace::run_reader::{MAX_LINE, SPANS_FILE};
use infercost_trace::{TracesReader, open_regular};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

use crate::error::ExportError;
use crate::span_transform::SpanTransform;

/// Most spans in a batch.
const MOST_SPANS: usize = 512;
/// Bytes of the file after which a batch is full; what gRPC servers take by default is 4 MiB, and protobuf is
/// smaller than JSON.
const FULL: u64 = 3 << 20;

/// Spans to be sent together.
#[derive(Debug)]
pub struct Batch {
    /// The request.
    pub request: ExportTraceServiceRequest,
    /// Spans in it.
    pub spans: u64,
    /// Where its first line begins, in bytes.
    pub begin: u64,
    /// Where its last line ends.
    pub end: u64,
}

/// Reads `spans.jsonl` batch by batch. One batch is in memory at a time.
#[derive(Debug)]
pub struct Feed {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    offset: u64,
    line: Vec<u8>,
    traces: TracesReader,
}

impl Feed {
    /// The spans of the run in `folder` from byte `offset` on, which must be the beginning of a line.
    pub fn new(folder: &Path, offset: u64) -> Self {
        Self {
            path: folder.join(SPANS_FILE),
            reader: None,
            offset,
            line: Vec::new(),
            traces: TracesReader::default(),
        }
    }

    /// Where the next batch begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that have not been read.
    pub fn left(&self) -> u64 {
        let length = std::fs::metadata(&self.path).map_or(0, |data| data.len());
        length.saturating_sub(self.offset)
    }

    /// The next batch; `None` where no whole line is left now. With `last`, a line without its end counts where
    /// it is whole otherwise, as it does for a report.
    ///
    /// # Errors
    /// [`ExportError`] where the file cannot be read or a whole line is not OTLP JSON.
    pub fn next(&mut self, transform: &SpanTransform, last: bool) -> Result<Option<Batch>, ExportError> {
        let begin = self.offset;
        let mut resource_spans: Vec<ResourceSpans> = Vec::new();
        let mut spans = 0;

        while spans < MOST_SPANS && self.offset - begin < FULL {
            let (whole, at) = (self.read_line()?, self.offset);
            if self.line.is_empty() || (!whole && !last) {
                // the rest of the line comes later; it is read again from its beginning
                self.reader = if self.line.is_empty() { self.reader.take() } else { None };
                break;
            }
            if !self.line.trim_ascii().is_empty() {
                match self.traces.read(&self.line, &mut resource_spans) {
                    Ok(count) => spans += count,
                    Err(_) if !whole => break, // cut off while it was written
                    Err(reason) => {
                        return Err(ExportError::Line { path: self.path.clone(), offset: at, reason });
                    }
                }
            }
            self.offset += self.line.len() as u64;
        }

        if self.offset == begin {
            return Ok(None);
        }

        for resource in &mut resource_spans {
            transform.apply(resource);
        }
        let request = ExportTraceServiceRequest { resource_spans };

        Ok(Some(Batch { request, spans: spans as u64, begin, end: self.offset }))
    }

    /// Reads a line, its end included; false where the end is not there yet.
    fn read_line(&mut self) -> Result<bool, ExportError> {
        self.line.clear();
        let wrong = |source| ExportError::File { path: self.path.clone(), source };
        let reader = match &mut self.reader {
            Some(reader) => reader,
            empty => {
                let mut file = match open_regular(&self.path) {
                    Ok(file) => file,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                    Err(error) => return Err(wrong(error)),
                };
                file.seek(SeekFrom::Start(self.offset)).map_err(wrong)?;
                empty.insert(BufReader::with_capacity(1 << 18, file))
            }
        };

        reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.line).map_err(wrong)?;
        if self.line.len() > MAX_LINE {
            let reason = format!("longer than {MAX_LINE} bytes; this is no line of infercost's");
            return Err(ExportError::Line { path: self.path.clone(), offset: self.offset, reason });
        }

        Ok(self.line.last() == Some(&b'\n'))
    }
}
