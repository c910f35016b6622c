//! A text line by line, without holding all of it.

use std::io::{BufRead, Read as _};

use crate::decoder::Decoder;
use crate::error::TextError;

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1, blank lines counted.
    pub number: usize,
    /// Its text, without the end of the line.
    pub text: String,
}

/// The lines of a text that are not blank.
#[derive(Debug)]
pub struct Lines {
    text: Decoder,
    file: String,
    longest: u64,
    number: usize,
}

impl Lines {
    /// The lines of `text`; `file` is named in errors, and a line of more than `longest` bytes is one.
    pub fn new(text: Decoder, file: &str, longest: u64) -> Self {
        Self { text, file: file.to_owned(), longest, number: 0 }
    }

    fn next_line(&mut self) -> Result<Option<Line>, TextError> {
        let longest = self.longest;
        loop {
            let mut line = Vec::new();
            let mut bounded = self.text.by_ref().take(longest.saturating_add(1));
            let read = bounded.read_until(b'\n', &mut line);
            if read.map_err(|cause| self.not_text(cause.to_string()))? == 0 {
                return Ok(None);
            }

            self.number += 1;
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            if line.len() as u64 > longest {
                let number = self.number;
                return Err(self.not_text(format!("line {number} has more than {longest} bytes; split it")));
            }

            // The decoder gives whole characters, and a line end is one.
            let text = String::from_utf8(line).map_err(|_| self.not_text("it is no UTF-8".to_owned()))?;
            if !text.trim().is_empty() {
                return Ok(Some(Line { number: self.number, text }));
            }
        }
    }
}

impl Lines {
    fn not_text(&self, reason: String) -> TextError {
        TextError::NotText { file: self.file.clone(), reason }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn lines(text: &'static str, longest: u64) -> Result<Vec<(usize, String)>, String> {
        let decoder = Decoder::new(text.as_bytes(), 1000).unwrap();
        let all: Result<Vec<Line>, TextError> = Lines::new(decoder, "f", longest).collect();
        all.map(|lines| lines.into_iter().map(|line| (line.number, line.text)).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn blank_lines_count_and_are_left_out() {
        let wanted = vec![(1, "one".to_owned()), (4, "four ".to_owned()), (5, "five".to_owned())];
        assert_eq!(lines("\u{feff}one\r\n\r\n  \nfour \nfive", 5), Ok(wanted));
    }

    #[test]
    fn a_long_line_is_named() {
        assert_eq!(lines("a\nfour\nfi", 4).unwrap().len(), 3);
        assert!(lines("a\nfive5\n", 4).unwrap_err().contains("f: line 2 has more than 4 bytes"));
    }
}
