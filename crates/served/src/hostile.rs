//! Ways in for tests that bring hostile bytes.

use std::ops::ControlFlow;

use crate::sse::{SseEvent, SseParser};
use crate::stream_chunk::StreamChunk;

/// Longest event that is taken here, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads a stream of events that arrives in pieces of `piece` bytes.
pub fn event_stream(stream: &[u8], piece: usize) {
    let mut parser = SseParser::new(LONGEST);
    for piece in stream.chunks(piece.max(1)) {
        let mut read = |event: SseEvent<'_>| {
            if let Ok(chunk) = serde_json::from_slice::<StreamChunk<'_>>(event.data) {
                let _ = chunk.usage();
            }
            ControlFlow::Continue(())
        };
        if parser.feed(piece, &mut read).is_err() {
            return;
        }
    }
}
