//! What the body of an answer is, by its own first bytes, and its events one by one.
//!
//! A `Content-Type` is not asked: gateways label event streams as JSON or text, and whole answers as event streams.

use std::ops::ControlFlow;

use infercost_core::Chunk;

use crate::answer::{Answer, Asked};
use crate::failure::{Failure, error_text, is_page, quote};
use crate::sse::{EventKind, SseEvent, SseParser};

/// Longest line or event of a stream, and longest whole answer, in bytes.
const LONGEST_EVENT: usize = 16 << 20;
/// Bytes that tell what a body is, white space before them left out.
const TELLING: usize = 16;
/// White space read before a body, in bytes.
const LONGEST_BLANK: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a body that arrives in pieces.
#[derive(Debug)]
pub(crate) struct BodyReader {
    kind: Kind,
    parser: SseParser,
    /// Bytes that are not read yet: the beginning while its kind is unknown, a whole answer, or half a line.
    held: Vec<u8>,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its first bytes have not come.
    Unknown,
    /// Server-sent events.
    Events,
    /// One JSON value: the server does not stream.
    Whole,
    /// JSON values, one a line.
    Lines,
    /// One JSON value over several lines, as its first line has shown.
    Indented,
}

impl BodyReader {
    /// A reader of a body that has not begun.
    pub(crate) fn new() -> Self {
        Self { kind: Kind::Unknown, parser: SseParser::new(LONGEST_EVENT), held: Vec::new() }
    }

    /// Takes the next piece and hands its events to `answer`, until the stream says that it is over.
    pub(crate) fn piece(
        &mut self,
        piece: &[u8],
        answer: &mut Answer,
        asked: &Asked<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<ControlFlow<()>, Failure> {
        match self.kind {
            Kind::Events => self.events(piece, answer, asked, on_chunk),
            Kind::Whole | Kind::Lines => {
                self.hold(piece)?;
                // what was held before had no whole line in it
                if memchr::memchr(b'\n', piece).is_none() {
                    return Ok(ControlFlow::Continue(()));
                }
                self.lines(answer, asked, on_chunk)
            }
            Kind::Indented => {
                self.hold(piece)?;
                Ok(ControlFlow::Continue(()))
            }
            Kind::Unknown => {
                self.hold(piece)?;
                self.kind = kind_of(&self.held, false);
                self.begin(answer, asked, on_chunk)
            }
        }
    }

    /// The body has ended.
    pub(crate) fn end(
        &mut self,
        answer: &mut Answer,
        asked: &Asked<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<(), Failure> {
        if self.kind == Kind::Unknown {
            self.kind = kind_of(&self.held, true);
            if self.begin(answer, asked, on_chunk)?.is_break() {
                return Ok(());
            }
        }
        let rest = std::mem::take(&mut self.held);
        let rest = without_end(without_mark(&rest));
        if matches!(self.kind, Kind::Whole | Kind::Lines | Kind::Indented) && !rest.trim_ascii().is_empty() {
            let event = SseEvent { data: rest, kind: EventKind::Message };
            let _ = answer.event(event, asked, on_chunk)?;
        }
        Ok(())
    }

    /// Goes on with what was held, once it is known what it is.
    fn begin(
        &mut self,
        answer: &mut Answer,
        asked: &Asked<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<ControlFlow<()>, Failure> {
        if is_page(without_mark(&self.held)) && self.held.len() >= TELLING {
            let said = quote(&error_text(&self.held).message, asked.secret);
            return Err(Failure::protocol(format!(
                "the server answered with a web page ({said}), not with a stream; the base address usually \
                 ends in /v1"
            )));
        }
        match self.kind {
            Kind::Unknown | Kind::Indented => Ok(ControlFlow::Continue(())),
            Kind::Events => {
                let held = std::mem::take(&mut self.held);
                self.events(&held, answer, asked, on_chunk)
            }
            Kind::Whole | Kind::Lines => self.lines(answer, asked, on_chunk),
        }
    }

    fn events(
        &mut self,
        piece: &[u8],
        answer: &mut Answer,
        asked: &Asked<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<ControlFlow<()>, Failure> {
        let mut failure = None;
        let flow = self.parser.feed(piece, &mut |event| {
            answer.event(event, asked, on_chunk).unwrap_or_else(|found| {
                failure = Some(found);
                ControlFlow::Break(())
            })
        });
        match (failure, flow) {
            (Some(failure), _) => Err(failure),
            (None, Ok(flow)) => Ok(flow),
            (None, Err(_)) => Err(Failure::protocol("an event of the stream is longer than 16 MiB")),
        }
    }

    /// Takes whole lines out of what is held, where a first line that is a JSON value has shown that lines it is.
    fn lines(
        &mut self,
        answer: &mut Answer,
        asked: &Asked<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<ControlFlow<()>, Failure> {
        let Some(end) = memchr::memrchr(b'\n', &self.held) else { return Ok(ControlFlow::Continue(())) };
        if self.kind == Kind::Whole {
            let first = self.held.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let is_value = serde_json::from_slice::<serde::de::IgnoredAny>(without_mark(first)).is_ok();
            if !is_value {
                // a first line is read once, however slowly the rest comes
                self.kind = Kind::Indented;
                return Ok(ControlFlow::Continue(()));
            }
            self.kind = Kind::Lines;
        }

        let rest = self.held.split_off(end + 1);
        let lines = std::mem::replace(&mut self.held, rest);
        for line in without_mark(&lines).split(|byte| *byte == b'\n') {
            // some gateways put the end of an event stream behind a whole answer
            let data = line.strip_prefix(b"data:").unwrap_or(line);
            let event = SseEvent { data, kind: EventKind::Message };
            if answer.event(event, asked, on_chunk)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn hold(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let longest = if self.kind == Kind::Unknown { LONGEST_EVENT + LONGEST_BLANK } else { LONGEST_EVENT };
        if self.held.len().saturating_add(piece.len()) > longest {
            return Err(Failure::protocol("the answer is longer than 16 MiB"));
        }
        self.held.extend_from_slice(piece);
        Ok(())
    }
}

/// What a body that begins like this is. `is_all`: nothing follows.
fn kind_of(held: &[u8], is_all: bool) -> Kind {
    let start = without_mark(held).trim_ascii_start();
    let is_short = start.len() < TELLING && !is_all;
    match start.first() {
        Some(b'{' | b'[') => Kind::Whole,
        // the beginning of a byte order mark, or of a page
        Some(b'\xEF' | b'<') if is_short => Kind::Unknown,
        Some(_) => Kind::Events,
        None if held.len() > LONGEST_BLANK => Kind::Events,
        None => Kind::Unknown,
    }
}

/// A whole answer without the end of an event stream that some gateways put behind it.
fn without_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.trim_ascii_end();
    bytes.strip_suffix(b"data: [DONE]").unwrap_or(bytes)
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    const CHUNK: &str = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    const END: &str = r#"{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}"#;

    fn read(body: &[u8], size: usize) -> Result<String, Failure> {
        let mut reader = BodyReader::new();
        let mut answer = Answer::default();
        let asked = Asked { limit: 100, ..Asked::default() };
        for piece in body.chunks(size) {
            if reader.piece(piece, &mut answer, &asked, &mut |_| {})?.is_break() {
                return Ok(answer.into_generation(Default::default(), &asked).text);
            }
        }
        reader.end(&mut answer, &asked, &mut |_| {})?;
        Ok(answer.into_generation(Default::default(), &asked).text)
    }

    #[track_caller]
    fn check(body: &str, expected: &str) {
        for size in [1, 3, 7, 100_000] {
            assert_eq!(read(body.as_bytes(), size).unwrap(), expected, "{body:?} in pieces of {size}");
        }
    }

    #[test]
    fn bodies_are_told_by_their_first_bytes() {
        check(&format!("data: {CHUNK}\n\ndata: {END}\n\n"), "ab");
        check(&format!("\u{feff}data: {CHUNK}\n\ndata: {END}\n\n"), "ab");
        check(&format!("\n\n: hello\n\nretry: 9\n\ndata: \n\ndata: {CHUNK}\n\ndata:[DONE]\n\n"), "a");
        check(&format!("event: ping\ndata: x\n\nevent: chunk\ndata: {CHUNK}\n\n"), "a");
        check(&format!("data: {CHUNK}\r\rdata: {END}\r\n\r\n"), "ab");
        check(END, "b");
        check(&format!("\u{feff} {END}\n"), "b");
        check("{\n \"choices\": [\n  {\"message\": {\"content\": \"b\"}}\n ]\n}\n", "b");
        check(&format!("{CHUNK}\n{END}\n"), "ab");
        check(&format!("{END}\n\ndata: [DONE]\n\n"), "b");
        check(&format!("{END}data: [DONE]\n\n"), "b");
        check(&format!("{END}data: [DONE]"), "b");
        check(&format!("{CHUNK}\r\n{END}"), "ab");
        check("", "");
        check(" \n", "");
    }

    /// A first line that is no value by itself is read once, however slowly the rest comes.
    #[test]
    fn a_long_answer_may_trickle() {
        let body = format!("[{}\n{}", "1,".repeat(1 << 19), "1,\n".repeat(20_000));
        let began = std::time::Instant::now();
        let _ = read(body.as_bytes(), 3);
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    #[test]
    fn pages_and_strangers_are_failures() {
        for body in ["<!DOCTYPE html><html><title>Hi</title>", "<html><head><title>Hi</title></head></html>"]
        {
            for size in [1, 5, 1000] {
                let failure = read(body.as_bytes(), size).unwrap_err();
                assert!(failure.message.contains("web page"), "{}", failure.message);
            }
        }
        assert!(read(b"[1,2]", 10).is_err());
        assert!(read(b"{\"choices\":", 3).is_err());
    }
}
