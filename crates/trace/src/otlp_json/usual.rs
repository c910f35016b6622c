//! Spans exactly as infercost writes them, read by someone who knows the order of their fields, which takes less time than a
//! parser that is ready for any. What is written otherwise, in any byte that matters, is `None` here and read by that one.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde::Deserialize;

use super::ReadSpan;
use super::scalar::{Count, Id, Int, Kind, Nanos, Number, Scalar};
use super::value::{Attribute, Attributes, ReadList, ReadValue, USUAL};

/// What stands in a span that came off well, behind its attributes.
const NOTHING_HAPPENED: &str = r#","droppedAttributesCount":0,"events":[],"droppedEventsCount":0,"links":[],"droppedLinksCount":0,"status":null}"#;

/// A list of spans; `None` where any of them is written otherwise than infercost writes it.
pub(super) fn spans(json: &str) -> Option<Vec<ReadSpan<'_>>> {
    let mut text = Text(json);
    let mut all = Vec::new();

    text.pass("[")?;
    loop {
        all.push(text.span()?);
        if !text.passes(",") {
            break;
        }
    }
    text.pass("]")?;

    text.0.is_empty().then_some(all)
}

/// What is left of the text.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// A span without events, links and a status.
    fn span(&mut self) -> Option<ReadSpan<'a>> {
        let trace_id = self.scalar::<Id>(r#"{"traceId":""#, "\"")?;
        let span_id = self.scalar::<Id>(r#","spanId":""#, "\"")?;
        let parent_span_id = self.scalar::<Id>(r#","traceState":"","parentSpanId":""#, "\"")?;

        self.pass(r#","flags":0,"name":"#)?;
        let name = self.string()?;
        self.pass(r#","kind":"#)?;
        let kind = self.value::<Kind>(b',')?;

        let start_time_unix_nano = self.scalar::<Nanos>(r#","startTimeUnixNano":""#, "\"")?;
        let end_time_unix_nano = self.scalar::<Nanos>(r#","endTimeUnixNano":""#, "\"")?;
        self.pass(r#","attributes":"#)?;
        let attributes = self.attributes()?;
        self.pass(NOTHING_HAPPENED)?;

        Some(ReadSpan {
            trace_id,
            span_id,
            trace_state: Cow::Borrowed(""),
            parent_span_id,
            flags: Count(0),
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano,
            attributes,
            ..ReadSpan::default()
        })
    }

    fn attributes(&mut self) -> Option<Attributes<'a>> {
        self.pass("[")?;
        if self.passes("]") {
            return Some(Attributes::default());
        }

        let mut all = Vec::with_capacity(USUAL);
        loop {
            self.pass(r#"{"key":"#)?;
            let key = self.string()?;
            self.pass(r#","value":{""#)?;
            let value = Some(self.typed()?);
            self.pass("}}")?;
            all.push(Attribute { key, value });
            if !self.passes(",") {
                break;
            }
        }
        self.pass("]")?;

        Some(Attributes(all))
    }

    /// A value behind the name of its type, of which the quote was passed.
    fn typed(&mut self) -> Option<ReadValue<'a>> {
        if !self.passes("arrayValue\":") {
            return self.single();
        }

        self.pass("{\"values\":[")?;
        let list = self.list()?;
        self.pass("]}")?;
        Some(ReadValue::List(list))
    }

    /// The same, where it is no list: lists hold no lists, so that nothing here nests.
    fn single(&mut self) -> Option<ReadValue<'a>> {
        if self.passes("stringValue\":") {
            return Some(ReadValue::Text(self.string()?));
        }
        if self.passes("intValue\":") {
            return Some(ReadValue::Int(self.scalar::<Int>("\"", "\"")?.0));
        }
        if self.passes("doubleValue\":") {
            return Some(ReadValue::Number(self.value::<Number>(b'}')?.0));
        }

        self.pass("boolValue\":")?;
        let is_true = self.passes("true");
        (is_true || self.passes("false")).then_some(ReadValue::Truth(is_true))
    }

    /// The values of a list, between its brackets.
    fn list(&mut self) -> Option<ReadList<'a>> {
        let mut list = ReadList::default();
        if self.0.starts_with(']') {
            return Some(list);
        }

        loop {
            self.pass("{\"")?;
            match &mut list {
                ReadList::Ints(ints) if self.passes("intValue\":") => {
                    ints.push(self.scalar::<Int>("\"", "\"")?.0);
                }
                ReadList::Numbers(numbers) if self.passes("doubleValue\":") => {
                    numbers.push(self.value::<Number>(b'}')?.0);
                }
                list => list.push(self.single()?),
            }
            self.pass("}")?;
            if !self.passes(",") {
                break;
            }
        }

        Some(list)
    }

    /// What a string between two literals stands for. One with an escape stands for nothing.
    fn scalar<T: Scalar>(&mut self, before: &str, after: &str) -> Option<T> {
        self.pass(before)?;
        let length = memchr2(b'"', b'\\', self.0.as_bytes())?;
        let value = T::from_text(self.take(length)?)?;
        self.pass(after)?;
        Some(value)
    }

    /// A value that is no string, up to what ends it.
    fn value<T: Deserialize<'a>>(&mut self, end: u8) -> Option<T> {
        let length = memchr(end, self.0.as_bytes())?;
        serde_json::from_str(self.take(length)?).ok()
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let whole = self.0;
        self.pass("\"")?;
        let length = memchr2(b'"', b'\\', self.0.as_bytes())?;
        let plain = self.take(length)?;
        if self.passes("\"") {
            // control characters are no part of a string in JSON
            let is_plain = !plain.bytes().any(|byte| byte < b' ');
            return is_plain.then_some(Cow::Borrowed(plain));
        }

        // from its first escape to its end
        loop {
            let length = memchr2(b'"', b'\\', self.0.as_bytes())?;
            self.take(length)?;
            if self.passes("\"") {
                break;
            }
            // the escape's backslash, and what it escapes
            self.pass("\\")?;
            let escaped = self.0.chars().next()?;
            self.take(escaped.len_utf8())?;
        }
        let quoted = whole.get(..whole.len().checked_sub(self.0.len())?)?;
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn pass(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    fn passes(&mut self, literal: &str) -> bool {
        self.pass(literal).is_some()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;
    use crate::span_draft::{SpanDraft, SpanPlace};
    use crate::span_ids::SpanIds;

    /// Two spans, as they are written to disk.
    fn written() -> String {
        let ids = SpanIds::of("r".to_owned());
        let mut all = Vec::new();

        for parent in [None, Some([7; 8])] {
            let place = SpanPlace { id: [0xab; 8], parent, start: 1, end: u64::MAX };
            let mut draft = SpanDraft::new(&ids, place, "a\"\\\u{1b}\u{7f}é\u{2028}\n", "run", "CHAIN");
            draft.text("text", "\u{0}\t</script>");
            draft.text("plain", "ü");
            draft.int("int", i64::MIN);
            draft.truth("true", true);
            draft.truth("false", false);
            draft.numbers("numbers", &[0.1, -0.0, 1e300, 5e-324, 2.0]);
            draft.numbers("empty", &[]);
            draft.ints("ints", [1, -2].into_iter());
            draft.texts("texts", ["a".to_owned(), "\"".to_owned()].into_iter());
            draft.number("number", 0.1);
            all.push(String::from_utf8(draft.finish().unwrap().json).unwrap());
        }

        format!("[{}]", all.join(","))
    }

    /// As the parser reads it that is ready for any order.
    fn read_in_general(json: &str) -> Option<String> {
        serde_json::from_str::<Vec<ReadSpan<'_>>>(json).ok().map(|spans| format!("{spans:?}"))
    }

    fn read_here(json: &str) -> Option<String> {
        spans(json).map(|spans| format!("{spans:?}"))
    }

    #[test]
    fn what_is_written_is_read_here_and_alike() {
        let json = written();
        assert!(read_here(&json).is_some());
        assert_eq!(read_here(&json), read_in_general(&json));
    }

    /// No change of a byte makes anything of a text that the other parser does not make of it.
    #[test]
    fn what_is_damaged_is_read_alike_or_not_here() {
        let json = written();
        let mut read = 0;

        for (at, _) in json.char_indices() {
            let (before, rest) = json.split_at(at);
            let behind = rest.chars().as_str().get(1..).unwrap_or_default();
            let others =
                ["", "\"", "\\", "\\u00e9", "\n", "é", "]", "}", "{", ",", ":", " ", "0", "-", ".", "e", "+"];
            for other in others {
                let damaged = format!("{before}{other}{behind}");
                if let Some(found) = read_here(&damaged) {
                    assert_eq!(Some(found), read_in_general(&damaged), "{damaged}");
                    read += 1;
                }
            }
            assert_eq!(read_here(before), None);
        }

        assert!(read > 1_000, "{read}");
    }

    #[test]
    fn lists_of_several_kinds_are_read_alike_and_lists_in_lists_not_here() {
        let json = written();
        let of_ints = r#"[{"intValue":"1"},{"intValue":"-2"}]"#;
        assert_eq!(json.matches(of_ints).count(), 2);

        for several in [
            r#"[{"intValue":"1"},{"doubleValue":2.0}]"#,
            r#"[{"doubleValue":1.5},{"stringValue":"a"},{"intValue":"1"}]"#,
            r#"[{"boolValue":true},{"intValue":"1"}]"#,
        ] {
            let changed = json.replace(of_ints, several);
            assert!(read_here(&changed).is_some(), "{several}");
            assert_eq!(read_here(&changed), read_in_general(&changed), "{several}");
        }

        let nested = json.replace(of_ints, r#"[{"arrayValue":{"values":[]}}]"#);
        assert_eq!(read_here(&nested), None);
        assert!(read_in_general(&nested).is_some());
    }
}
