//! Lines of a file.

use super::span_reader::{Found, SpanReader};
use crate::batch_threads::BatchReader;
use crate::line_batch::LineBatch;

/// Longest beginning of a line that is no JSON, in characters; messages show less of it.
const LONGEST_SHOWN: usize = 256;

/// A line, and those behind it that tell of no span and no fault: a batch may be made of such.
#[derive(Debug)]
pub(super) struct FoundLines {
    /// The first.
    pub(super) line: FoundLine,
    /// How many they are.
    pub(super) count: u64,
}

impl FoundLines {
    /// Takes the next line in where it tells of nothing but what is to be counted; else gives it back.
    fn join(&mut self, next: FoundLine) -> Option<FoundLine> {
        match (&mut self.line, next) {
            (_, FoundLine::Blank) => {}
            (
                FoundLine::Json { found, fault: None, .. },
                FoundLine::Json { found: more, fault: None, .. },
            ) if more.spans.is_empty() => found.count(more),
            (_, next) => return Some(next),
        }
        self.count += 1;
        None
    }
}

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
    type Lines = Vec<FoundLines>;

    fn beside(&self) -> Self {
        SpanReader::beside(self)
    }

    fn read(&mut self, batch: &LineBatch) -> Vec<FoundLines> {
        let mut all: Vec<FoundLines> = Vec::new();
        for line in batch.lines() {
            let line = read_line(line, self);
            let apart = match all.last_mut() {
                Some(last) => last.join(line),
                None => Some(line),
            };
            all.extend(apart.map(|line| FoundLines { line, count: 1 }));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<FoundLines> {
        let mut batch = LineBatch::default();
        assert!(batch.fill(&mut text.as_bytes(), 1 << 20).is_ok());
        SpanReader::default().read(&batch)
    }

    #[test]
    fn lines_that_only_count_join_the_one_before() {
        let span = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"01"}]}]}]}"#;
        let nameless = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#;
        let text = format!("{{}}\n\n{nameless}\n{span}\n{{}}\n{{\n\n{{}}\nwords\n\n");
        let found = read(&text);

        let counts: Vec<u64> = found.iter().map(|lines| lines.count).collect();
        assert_eq!(counts, [3, 2, 2, 1, 2]);
        let lines = found.iter().map(|lines| match &lines.line {
            FoundLine::Json { found, fault, .. } => (found.spans.len(), found.unnamed, fault.is_some()),
            FoundLine::Blank | FoundLine::Other(_) => (0, 0, true),
        });
        let told = [(0, 1, false), (1, 0, false), (0, 0, true), (0, 0, false), (0, 0, true)];
        assert_eq!(lines.collect::<Vec<_>>(), told);
    }
}
