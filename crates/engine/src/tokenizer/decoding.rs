//! From tokens back to text, piece by piece.

use super::TextTokenizer;

/// Turns tokens into text as they arrive and never gives out half a character.
///
/// Bytes that do not yet make a whole character wait for the next token. Bytes that can no longer
/// become one are replaced by U+FFFD, as `String::from_utf8_lossy` does. Control tokens give nothing, but for those that
/// mark thinking, which is cut off an answer by them.
#[derive(Debug)]
pub struct DecodeStream<'t> {
    tokenizer: &'t TextTokenizer,
    waiting: Vec<u8>,
}

impl<'t> DecodeStream<'t> {
    pub(super) fn new(tokenizer: &'t TextTokenizer) -> Self {
        Self { tokenizer, waiting: Vec::new() }
    }

    /// Takes the next token and returns the text that has become certain, possibly none.
    ///
    /// An id outside the vocabulary, which weights with padded rows can produce, gives no text.
    pub fn push(&mut self, token: u32) -> String {
        let bytes = self.tokenizer.token_bytes(token).unwrap_or_default();
        if !self.tokenizer.is_control(token) || marks_thinking(&bytes) {
            self.waiting.extend(bytes);
        }
        let mut text = String::new();
        let mut whole = 0;
        for chunk in self.waiting.utf8_chunks() {
            text.push_str(chunk.valid());
            whole += chunk.valid().len();
            let broken = chunk.invalid();
            if whole + broken.len() == self.waiting.len() && may_continue(broken) {
                break;
            }
            if !broken.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                whole += broken.len();
            }
        }
        self.waiting.drain(..whole);
        text
    }

    /// Ends the stream and returns what was still waiting, as U+FFFD.
    #[must_use]
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.waiting).into_owned()
    }
}

/// Whether a token begins or ends thinking.
fn marks_thinking(token: &[u8]) -> bool {
    std::str::from_utf8(token).is_ok_and(infercost_core::thinking::is_mark)
}

/// Whether bytes that are no character yet could begin one. Rust reports a truncated character as one
/// invalid chunk, so only the length that its first byte announces is left to look at.
fn may_continue(bytes: &[u8]) -> bool {
    let announced = match bytes.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => return false,
    };
    // A wrong second byte, such as the 0x80 in E0 80, ends the chunk after the first byte, and then
    // more bytes follow, so this one is not the last.
    bytes.len() < announced
}
