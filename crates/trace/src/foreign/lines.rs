//! Lines of a file.

use super::span_reader::{Found, SpanReader};
use crate::batch_threads::BatchReader;
use crate::line_batch::LineBatch;

/// Longest beginning of a line that is no JSON, in characters; messages show less of it.
const LONGEST_SHOWN: usize = 256;

/// What a line holds.
#[derive(Debug)]
pub(super) enum FoundLine {
    /// Nothing.
    Blank,
    /// No JSON; how it begins.
    Other(String),
    /// JSON.
    Json {
        /// What was found in it.
        found: Found,
        /// What is wrong with it as text.
        fault: Option<String>,
        /// True where it has a line end.
        is_ended: bool,
    },
}

/// Reads a line.
pub(super) fn read_line(line: &[u8], reader: &mut SpanReader) -> FoundLine {
    let Some(json) = json_of_line(line) else {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        return match text.is_empty() {
            true => FoundLine::Blank,
            false => FoundLine::Other(text.chars().take(LONGEST_SHOWN).collect()),
        };
    };

    let fault = reader.json(json).err();
    FoundLine::Json { found: std::mem::take(&mut reader.found), fault, is_ended: line.last() == Some(&b'\n') }
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

impl BatchReader for SpanReader {
    type Lines = Vec<FoundLine>;

    fn beside(&self) -> Self {
        SpanReader::beside(self)
    }

    fn read(&mut self, batch: &LineBatch) -> Vec<FoundLine> {
        batch.lines().map(|line| read_line(line, self)).collect()
    }
}
