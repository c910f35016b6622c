//! Server-sent events, as the HTML standard defines the stream: any of CRLF, LF and CR ends a line, a colon begins a
//! comment, several `data` lines are one event, and an event without a blank line behind it never was.

use std::ops::ControlFlow;

/// Finds events in a stream that arrives in pieces of any size.
///
/// An event that lies whole in one piece is not copied.
#[derive(Debug)]
pub(crate) struct SseParser {
    /// Beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Data of the event so far, without the newline behind its last line.
    data: Vec<u8>,
    has_data: bool,
    kind: EventKind,
    /// The last piece ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// True before the first byte, where a byte order mark may stand.
    at_start: bool,
    longest: usize,
}

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SseEvent<'a> {
    /// Its data, lines joined by newlines. Any bytes.
    pub(crate) data: &'a [u8],
    /// What its type says.
    pub(crate) kind: EventKind,
}

/// What an event's type says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// It has none, or `message`, which is the same.
    #[default]
    Message,
    /// `error`.
    Error,
    /// Another one.
    Other,
}

impl EventKind {
    fn of(name: &[u8]) -> Self {
        match name {
            b"" | b"message" => Self::Message,
            b"error" => Self::Error,
            _ => Self::Other,
        }
    }
}

/// A line or an event is longer than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl SseParser {
    /// A parser that holds at most about twice `longest` bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            kind: EventKind::Message,
            after_cr: false,
            at_start: true,
            longest,
        }
    }

    /// Takes the next piece and hands over the events that it completes, until told to break.
    ///
    /// After a break the rest of the piece is lost.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        on_event: &mut impl FnMut(SseEvent<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TooLong> {
        let mut rest = piece;
        // The only data line of the event so far, while it lies in this piece.
        let mut whole: Option<&[u8]> = None;

        while !rest.is_empty() {
            if self.after_cr {
                self.after_cr = false;
                if let Some(behind) = rest.strip_prefix(b"\n") {
                    rest = behind;
                    continue;
                }
            }

            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.keep(rest)?;
                break;
            };
            let (found, behind) = rest.split_at(end);
            self.after_cr = behind.first() == Some(&b'\r');
            rest = behind.get(1..).unwrap_or_default();

            if self.line.is_empty() {
                let line = self.without_mark(found);
                if line.is_empty() {
                    if self.dispatch(whole.take(), on_event).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                } else {
                    self.field(line, &mut whole)?;
                }
            } else {
                self.keep(found)?;
                let line = std::mem::take(&mut self.line);

                // An owned line joins the event's data by copy.
                self.settle(&mut whole)?;

                let mut owned = None;
                let bare = self.without_mark(&line);
                if bare.is_empty() {
                    if self.dispatch(None, on_event).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                } else {
                    self.field(bare, &mut owned)?;
                    self.settle(&mut owned)?;
                }

                self.line = line;
                self.line.clear();
            }
        }
        self.settle(&mut whole)?;
        Ok(ControlFlow::Continue(()))
    }

    /// The first line without the mark that may stand before it.
    fn without_mark<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        if std::mem::take(&mut self.at_start) {
            line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
        } else {
            line
        }
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), TooLong> {
        if self.line.len().saturating_add(part.len()) > self.longest {
            return Err(TooLong);
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn field<'a>(&mut self, line: &'a [u8], whole: &mut Option<&'a [u8]>) -> Result<(), TooLong> {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default();
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };

        match name {
            b"data" if self.has_data || whole.is_some() => {
                self.settle(whole)?;
                if self.data.len().saturating_add(value.len()) >= self.longest {
                    return Err(TooLong);
                }
                self.data.push(b'\n');
                self.data.extend_from_slice(value);
            }
            b"data" => *whole = Some(value),
            b"event" => self.kind = EventKind::of(value),
            _ => {} // a comment (empty name), `id`, `retry`, or what the standard says to ignore
        }
        Ok(())
    }

    /// Copies the event's data out of a piece that is about to go.
    fn settle(&mut self, whole: &mut Option<&[u8]>) -> Result<(), TooLong> {
        if let Some(data) = whole.take() {
            if data.len() > self.longest {
                return Err(TooLong);
            }
            self.data.extend_from_slice(data);
            self.has_data = true;
        }
        Ok(())
    }

    fn dispatch(
        &mut self,
        whole: Option<&[u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let kind = std::mem::take(&mut self.kind);
        let flow = match whole {
            Some(data) => on_event(SseEvent { data, kind }),
            None if self.has_data => on_event(SseEvent { data: &self.data, kind }),
            None => ControlFlow::Continue(()),
        };
        self.data.clear();
        self.has_data = false;
        flow
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use proptest::prelude::*;

    use super::*;

    type Events = Vec<(Vec<u8>, EventKind)>;

    fn parse(pieces: &[&[u8]], longest: usize) -> Result<Events, TooLong> {
        let mut parser = SseParser::new(longest);
        let mut events = Events::new();
        for piece in pieces {
            let _ = parser.feed(piece, &mut |event| {
                events.push((event.data.to_vec(), event.kind));
                ControlFlow::Continue(())
            })?;
        }
        Ok(events)
    }

    #[track_caller]
    fn check(stream: &str, expected: &[&str]) {
        let expected: Events =
            expected.iter().map(|data| (data.as_bytes().to_vec(), EventKind::Message)).collect();
        assert_eq!(parse(&[stream.as_bytes()], 1000).unwrap(), expected, "whole");
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(parse(&bytes, 1000).unwrap(), expected, "byte by byte");
    }

    #[test]
    fn streams_are_read_to_the_letter() {
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("retry: 3000\n\n: ping\n\ndata: \n\ndata:\n\ndata: a\n\n", &["", "", "a"]);
        check("data: a\r\n\r\ndata: b\r\r", &["a", "b"]);
        check("data:a\r\rdata:b\n\r\n", &["a", "b"]);
        check(": ping\n\ndata: a\n:x\n\n", &["a"]);
        check("data: one\ndata: two\n\n", &["one\ntwo"]);
        check("data:  two spaces \n\n", &[" two spaces "]);
        check("data\n\ndata:\ndata:\n\n", &["", "\n"]);
        check("id: 1\nretry: 9\nother: x\ndatax: y\ndata: a\n\n", &["a"]);
        check("\u{feff}data: a\n\n", &["a"]);
        check("data: unfinished", &[]);
        check("data: unfinished\n", &[]);
        check("data: grüß\u{1f642}\n\n", &["grüß\u{1f642}"]);
        check("\n\n\n", &[]);
        check("", &[]);
    }

    #[test]
    fn error_events_are_told_apart() {
        let events = parse(&[b"event: error\ndata: x\n\nevent: message\ndata: y\n\n"], 100).unwrap();
        assert_eq!(events, [(b"x".to_vec(), EventKind::Error), (b"y".to_vec(), EventKind::Message)]);
    }

    #[test]
    fn a_break_ends_it() {
        let mut seen = 0;
        let flow = SseParser::new(100).feed(b"data: 1\n\ndata: 2\n\n", &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert_eq!((flow, seen), (Ok(ControlFlow::Break(())), 1));
    }

    #[test]
    fn memory_is_bounded() {
        let line = [b'x'; 60];
        assert_eq!(parse(&[&line, &line], 100), Err(TooLong));
        let data = b"data: 0123456789012345678901234567890123456789\n";
        assert_eq!(parse(&[data, data, data], 100), Err(TooLong));
        assert!(parse(&[data, data], 100).is_ok());
    }

    /// Bytes that make structure likely.
    fn stream_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"data: ".to_vec()),
            Just(b"data".to_vec()),
            Just(b"event: error".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b":".to_vec()),
            Just(BYTE_ORDER_MARK.to_vec()),
            Just("ä\u{1f642}".as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    /// The standard's algorithm on the whole stream, as simply as it can be written.
    fn reference(stream: &[u8]) -> Events {
        let stream = stream.strip_prefix(BYTE_ORDER_MARK).unwrap_or(stream);
        let mut lines = vec![Vec::new()];
        let mut bytes = stream.iter().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\r' => {
                    bytes.next_if(|next| **next == b'\n');
                    lines.push(Vec::new());
                }
                b'\n' => lines.push(Vec::new()),
                other => lines.last_mut().unwrap().push(*other),
            }
        }

        lines.pop(); // what has no end is no line
        let (mut events, mut data, mut kind) = (Events::new(), None::<Vec<u8>>, EventKind::Message);

        for line in lines {
            if line.is_empty() {
                if let Some(data) = data.take() {
                    events.push((data, kind));
                }
                kind = EventKind::Message;
                continue;
            }
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let (name, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match (name, &mut data) {
                (b"data", Some(data)) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                (b"data", none) => *none = Some(value.to_vec()),
                (b"event", _) => kind = EventKind::of(value),
                _ => {}
            }
        }

        events
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
        #[test]
        fn pieces_do_not_matter(
            stream in stream_bytes(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([stream.len()]) {
                pieces.push(&stream[from..cut]);
                from = cut;
            }
            prop_assert_eq!(parse(&pieces, 10_000).unwrap(), reference(&stream));
            prop_assert_eq!(parse(&[&stream], 10_000).unwrap(), reference(&stream));
        }

        #[test]
        fn any_bytes_and_any_bound_never_panic(
            pieces in proptest::collection::vec(stream_bytes(), 0..6),
            longest in 0_usize..50,
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let _ = parse(&pieces, longest);
        }
    }
}
