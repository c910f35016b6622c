//! The lines of a file of any size, some of them in memory at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// Longest line read or written, in bytes.
pub const MAX_LINE: usize = 16 << 20;
/// Bytes of lines that are read, and turned into records, at once.
const BATCH: usize = 1 << 20;

/// Whole lines, and what ends the file.
#[derive(Debug, Default)]
pub(crate) struct LineBatch {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
    /// True where the line behind the last one is longer than [`MAX_LINE`]; nothing more is read.
    pub(crate) is_too_long: bool,
}

impl LineBatch {
    /// Its lines, each with its line end where it has one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// True where there are no more lines.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty() && !self.is_too_long
    }
}

/// Reads a file batch by batch.
#[derive(Debug)]
pub(crate) struct LineReader(BufReader<File>);

impl LineReader {
    pub(crate) fn new(file: File) -> Self {
        Self(BufReader::with_capacity(1 << 18, file))
    }

    /// Fills a batch with the next lines; with none at the end.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn fill(&mut self, batch: &mut LineBatch) -> io::Result<()> {
        batch.bytes.clear();
        batch.ends.clear();

        while batch.bytes.len() < BATCH {
            let start = batch.bytes.len();
            let read = self.0.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut batch.bytes)?;

            if read == 0 {
                return Ok(());
            }
            if read > MAX_LINE {
                batch.bytes.truncate(start);
                batch.is_too_long = true;
                return Ok(());
            }
            batch.ends.push(batch.bytes.len());
        }

        Ok(())
    }
}
