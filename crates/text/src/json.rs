//! JSON Lines, arrays, and objects one after another, each document with its place.

use serde::de::DeserializeOwned;

use crate::error::TextError;
use crate::shown::shown;

/// One JSON document inside a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'t> {
    /// The line on which it starts, from 1.
    pub line: usize,
    /// The column at which it starts, from 1, in bytes.
    pub column: usize,
    /// Its text.
    pub text: &'t str,
}

impl Document<'_> {
    /// The document as data; `file` is named in errors.
    ///
    /// # Errors
    /// [`TextError::Place`] with the line and column of what is wrong.
    pub fn parse<T: DeserializeOwned>(&self, file: &str) -> Result<T, TextError> {
        serde_json::from_str(self.text).map_err(|error| self.locate(file, &error))
    }

    fn locate(&self, file: &str, error: &serde_json::Error) -> TextError {
        let line = self.line + error.line().saturating_sub(1);
        let within = error.column().max(1);
        let column = if error.line() <= 1 { self.column + within - 1 } else { within };

        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        let mut reason = shown(in_words(reason));
        if error.is_syntax() {
            reason.push_str(self.hint(error.line(), error.column()));
        }
        TextError::Place { file: file.to_owned(), line, column, reason }
    }

    /// Whether this is no JSON from its first letter on, and not merely malformed.
    pub fn is_other_text(&self) -> bool {
        !self.text.starts_with(['{', '[', '"'])
            && serde_json::from_str::<serde_json::Value>(self.text).is_err()
    }

    /// What is usually meant by text that is not JSON.
    fn hint(&self, line: usize, column: usize) -> &'static str {
        let line = self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let rest = line.get(column.saturating_sub(1)..).unwrap_or_default();
        match rest.chars().next() {
            Some('\'' | '‘' | '’' | '“' | '”') => "; JSON has its texts in straight double quotes",
            Some('/' | '#') => "; JSON has no comments",
            Some('T' | 'F' | 'N') => "; JSON writes true, false and null in small letters",
            _ => "",
        }
    }
}

/// What the parser says, without its own words.
fn in_words(reason: &str) -> &str {
    match reason {
        "expected ident" => "expected true, false or null",
        other => other,
    }
}

/// The JSON documents of a text: the elements of an array, or else one value after another, on lines of their own or
/// not. `file` is named in errors.
///
/// # Errors
/// [`TextError::Place`] for a comma too many or too few between documents. What is wrong inside one is found by
/// [`Document::parse`].
pub fn documents<'t>(file: &str, text: &'t str) -> Result<Vec<Document<'t>>, TextError> {
    let mut scanner = Scanner { file, text, at: 0, line: 1, line_start: 0 };
    scanner.skip_space();
    if scanner.next() == Some(b'[') {
        let array = Scanner { ..scanner };
        if let Some(elements) = array.elements()? {
            return Ok(elements);
        }
    }
    scanner.values()
}

/// Whether a text looks like JSON rather than prose or a table.
pub fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

struct Scanner<'f, 't> {
    file: &'f str,
    text: &'t str,
    at: usize,
    line: usize,
    line_start: usize,
}

impl<'t> Scanner<'_, 't> {
    /// The elements of the array that starts here; `None` where more follows behind it.
    fn elements(mut self) -> Result<Option<Vec<Document<'t>>>, TextError> {
        self.advance();
        self.skip_space();
        let mut all = Vec::new();

        if self.next() == Some(b']') {
            self.advance();
        } else {
            loop {
                match self.next() {
                    Some(b']' | b',') => return Err(self.wrong("a comma too many; remove it")),
                    None => return Err(self.wrong("the array is not closed: `]` is missing")),
                    Some(_) => all.push(self.value()),
                }
                self.skip_space();
                match self.next() {
                    Some(b',') => self.advance(),
                    Some(b']') => {
                        self.advance();
                        break;
                    }
                    None => return Err(self.wrong("the array is not closed: `]` is missing")),
                    // A value that ended too early is malformed: reading it says how.
                    Some(_) => return Err(self.wrong("a comma is missing between two elements")),
                }
                self.skip_space();
            }
        }

        self.skip_space();
        Ok(self.next().is_none().then_some(all))
    }

    fn values(mut self) -> Result<Vec<Document<'t>>, TextError> {
        let mut all = Vec::new();
        loop {
            self.skip_space();
            match self.next() {
                None => return Ok(all),
                // a table or prose: reading its first word says so
                Some(b',') if all.last().is_some_and(Document::is_other_text) => return Ok(all),
                Some(b',') => {
                    return Err(self.wrong(
                        "a comma between two lines; JSON Lines has none there: remove it, or put `[` and `]` around \
                         the whole",
                    ));
                }
                Some(_) => all.push(self.value()),
            }
        }
    }

    /// The value that starts here, to its closing bracket or quote; to the end of the text where that is missing.
    fn value(&mut self) -> Document<'t> {
        let (start, line, column) = (self.at, self.line, self.column());
        match self.next() {
            Some(b'{' | b'[') => self.skip_nested(),
            Some(b'"') => self.skip_string(),
            _ => self.skip_scalar(),
        }
        Document { line, column, text: self.text.get(start..self.at).unwrap_or_default() }
    }

    fn skip_nested(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.next() {
            match byte {
                b'"' => {
                    self.skip_string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.advance();
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        self.advance();
        while let Some(byte) = self.next() {
            self.advance();
            match byte {
                b'\\' => self.advance(),
                b'"' => return,
                _ => {}
            }
        }
    }

    fn skip_scalar(&mut self) {
        self.advance();
        while self.next().is_some_and(|byte| !ends_scalar(byte)) {
            self.advance();
        }
    }

    fn skip_space(&mut self) {
        while self.next().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.advance();
        }
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn advance(&mut self) {
        if self.next() == Some(b'\n') {
            self.line += 1;
            self.line_start = self.at + 1;
        }
        self.at += 1;
    }

    fn column(&self) -> usize {
        self.at.saturating_sub(self.line_start) + 1
    }

    fn wrong(&self, reason: &str) -> TextError {
        TextError::Place {
            file: self.file.to_owned(),
            line: self.line,
            column: self.column(),
            reason: reason.to_owned(),
        }
    }
}

/// Whether a number or a word ends before this byte.
fn ends_scalar(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b",]}".contains(&byte)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn read(text: &str) -> Result<Vec<(usize, Value)>, String> {
        let all = documents("f", text).map_err(|error| error.to_string())?;
        all.into_iter()
            .map(|one| Ok((one.line, one.parse("f").map_err(|error: TextError| error.to_string())?)))
            .collect()
    }

    #[test]
    fn lines_arrays_and_objects_are_the_same() {
        let wanted = |lines: [usize; 2]| {
            let values =
                ["{\"a\":\"}\\\"\"}", "[2]"].map(|text| serde_json::from_str::<Value>(text).unwrap());
            Ok(lines.into_iter().zip(values).collect::<Vec<_>>())
        };
        assert_eq!(read("{\"a\":\"}\\\"\"}\n[2]\n"), wanted([1, 2]));
        assert_eq!(read("\n{\n\"a\":\"}\\\"\"}\n\n[2]"), wanted([2, 5]));
        assert_eq!(read("[{\"a\":\"}\\\"\"},\n[2]\n]\n"), wanted([1, 2]));
        assert_eq!(read("[1]\n[2]").unwrap().len(), 2);
        assert_eq!(read("[]"), Ok(vec![]));
        assert_eq!(read(" \n "), Ok(vec![]));
        assert_eq!(read("[1, true,\"x\"]").unwrap().len(), 3);
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, wanted) in [
            ("{\"a\":1},\n{\"a\":2}", "f:1:8: a comma between two lines"),
            ("[{\"a\":1},\n {\"a\":2},\n]", "f:3:1: a comma too many"),
            ("[1,,2]", "f:1:4: a comma too many"),
            ("[{\"a\":1}\n{\"a\":2}]", "f:2:1: a comma is missing"),
            ("[1,\n2", "f:2:2: the array is not closed"),
            ("{\"a\":1}\n{\"a\":[1,2,],\n", "f:2:11: trailing comma"),
            ("{\"a\":1}\n{\"a\":1,}", "f:2:8: trailing comma"),
            ("{'a':1}", "f:1:2: key must be a string; JSON has its texts in straight double quotes"),
            ("{\"a\":True}", "f:1:6: expected value; JSON writes true, false and null in small letters"),
            ("{\"a\":1 // one\n}", "f:1:8: expected `,` or `}`; JSON has no comments"),
            ("{\"a\":\n\n  nope}", "f:3:4: expected true, false or null"),
            ("{\"a\":\"cut", "f:1:9: EOF while parsing a string"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(wanted), "{text}: {error}, wanted {wanted}");
        }
    }

    #[test]
    fn other_text_is_told_from_malformed_json() {
        for (text, wanted) in [
            ("rubbish", true),
            ("not,json", true),
            ("tru", true),
            ("{oops", false),
            ("7", false),
            ("null", false),
        ] {
            let first = documents("f", text).unwrap().into_iter().next().unwrap();
            assert_eq!(first.is_other_text(), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{},:\"\\\\ a1\n]{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn arrays_and_lines_hold_the_same(values in proptest::collection::vec("[a-z\"\\\\{}\\[\\],\n]{0,9}", 0..6)) {
            let values: Vec<Value> = values.into_iter().map(|text| serde_json::json!({ "v": text })).collect();
            let array = serde_json::to_string_pretty(&values).unwrap();
            let lines: Vec<String> = values.iter().map(Value::to_string).collect();
            for text in [array, lines.join("\n")] {
                let found: Vec<Value> = read(&text).unwrap().into_iter().map(|(_, value)| value).collect();
                prop_assert_eq!(&found, &values);
            }
        }
    }
}
