//! The lines of a file of any size, some of them in memory at a time.

use std::io::{self, BufRead, Read as _};

/// Longest line of a run that is read or written, in bytes.
pub const MAX_LINE: usize = 16 << 20;
/// Bytes of lines that are read, and turned into records, at once.
const BATCH: usize = 1 << 20;

/// Whole lines, and what ends the file.
#[derive(Debug, Default)]
pub(crate) struct LineBatch {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
    /// The beginning of the line behind the last one, where that is longer than a line may be.
    pub(crate) too_long: Option<Vec<u8>>,
    /// True where the file ends behind the last line.
    pub(crate) is_last: bool,
}

impl LineBatch {
    /// Its lines, each with its line end where it has one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// Bytes of its lines.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// True where there are no more lines.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.too_long.is_none()
    }

    /// Takes the next lines in place of its own; none at the end. Of a line of more than `longest` bytes, one byte more than
    /// that is read.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn fill(&mut self, reader: &mut impl BufRead, longest: usize) -> io::Result<()> {
        self.bytes.clear();
        // what a very long line took is not kept
        self.bytes.shrink_to(2 * BATCH);
        self.ends.clear();
        self.too_long = None;
        self.is_last = false;

        while self.bytes.len() < BATCH {
            let start = self.bytes.len();
            let read = reader.by_ref().take(longest as u64 + 1).read_until(b'\n', &mut self.bytes)?;

            if read == 0 {
                self.is_last = true;
                return Ok(());
            }
            if read > longest {
                self.too_long = Some(self.bytes.split_off(start));
                return Ok(());
            }
            self.ends.push(self.bytes.len());
        }

        Ok(())
    }
}
