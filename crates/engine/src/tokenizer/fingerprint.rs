//! A hash by which two tokenizers can be known to be the same.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::vocabulary::Vocabulary;

/// Collects what makes a tokenizer what it is. Each text goes in with its length, so that two lists
/// cannot run together into the same bytes.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Starts with the vocabulary and the name of the rules.
    pub(super) fn of(vocabulary: &Vocabulary, rules: &str) -> Self {
        let mut fingerprint = Self(Sha256::new());
        fingerprint.text(rules);
        for (_, text, kind) in vocabulary.tokens() {
            fingerprint.text(text);
            fingerprint.number(kind as u32);
        }
        fingerprint
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    pub(super) fn number(&mut self, number: u32) {
        self.0.update(number.to_le_bytes());
    }

    /// 64 hexadecimal digits.
    pub(super) fn finish(self) -> String {
        hexadecimal(&self.0.finalize())
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
