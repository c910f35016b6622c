//! Finds special tokens written out in a text, before anything else is tokenized.
//!
//! llama.cpp replaces the longest special token everywhere first, then the next shorter one in what is
//! left, and so on. `partition` gives the same result in one go over the text.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::{TokenKind, Vocabulary};

/// A part of a text: a special token, or text to be tokenized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fragment<'t> {
    Token(u32),
    Text(&'t str),
}

/// The special tokens of a vocabulary, sorted by their bytes, so that those that share a beginning
/// stand together.
#[derive(Debug)]
pub(super) struct SpecialTokens {
    sorted: Vec<SpecialToken>,
    /// Tokens after which white space is dropped, sorted.
    strip_after: Vec<u32>,
}

#[derive(Debug)]
struct SpecialToken {
    text: Box<[u8]>,
    id: u32,
    kind: TokenKind,
}

/// A special token that may stand at `start`. The greatest goes first: the longest; of equally long
/// ones the lower id, then the one further left.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    length: usize,
    token: Reverse<u32>,
    start: Reverse<usize>,
}

impl SpecialTokens {
    /// `strip_after`: tokens after which white space is dropped, as in Phi-3.
    pub(super) fn new(vocabulary: &Vocabulary, mut strip_after: Vec<u32>) -> Self {
        let mut sorted: Vec<SpecialToken> = vocabulary
            .tokens()
            .filter(|(_, _, kind)| {
                matches!(kind, TokenKind::Control | TokenKind::UserDefined | TokenKind::Unknown)
            })
            .map(|(id, text, kind)| SpecialToken { text: text.as_bytes().into(), id, kind })
            .collect();
        sorted.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        strip_after.sort_unstable();
        Self { sorted, strip_after }
    }

    /// Cuts a text at its special tokens. User-defined tokens are always found, control and unknown
    /// tokens only where `parse` is set.
    pub(super) fn partition<'t>(&self, text: &'t str, parse: bool) -> Vec<Fragment<'t>> {
        let bytes = text.as_bytes();
        let mut queue: BinaryHeap<Candidate> =
            (0..bytes.len()).filter_map(|start| self.longest(bytes, start, usize::MAX, parse)).collect();

        let mut taken = vec![false; if queue.is_empty() { 0 } else { bytes.len() }];
        let mut found = Vec::new();
        while let Some(Candidate { length, token: Reverse(token), start: Reverse(start) }) = queue.pop() {
            let end = start + length;
            // What is taken already is at least as long as this candidate, so it cannot lie within.
            if is_held(&taken, start) {
                continue;
            }
            if is_held(&taken, end - 1) {
                queue.extend(self.longest(bytes, start, length, parse));
                continue;
            }

            let resume = if self.strip_after.binary_search(&token).is_ok() {
                let blanks = bytes.get(end..).unwrap_or_default().iter().zip(end..);
                end + blanks.take_while(|(byte, at)| is_space(**byte) && !is_held(&taken, *at)).count()
            } else {
                end
            };
            if let Some(range) = taken.get_mut(start..resume) {
                range.fill(true);
            }
            found.push((start, token, resume));
        }

        found.sort_unstable();
        let mut fragments = Vec::with_capacity(found.len() * 2 + 1);
        let mut at = 0;
        for (start, token, resume) in found {
            fragments.extend(text.get(at..start).filter(|t| !t.is_empty()).map(Fragment::Text));
            fragments.push(Fragment::Token(token));
            at = resume;
        }
        fragments.extend(text.get(at..).filter(|t| !t.is_empty()).map(Fragment::Text));
        fragments
    }

    /// The longest special token at `start` that is shorter than `below` bytes.
    fn longest(&self, bytes: &[u8], start: usize, below: usize, parse: bool) -> Option<Candidate> {
        let mut longest = None;
        let mut range = self.sorted.as_slice();
        for (depth, byte) in bytes.get(start..)?.iter().enumerate().take(below.saturating_sub(1)) {
            // All texts in the range agree up to `depth`; one that ends there sorts before the rest.
            let before = range.partition_point(|token| token.text.get(depth) < Some(byte));
            let (_, rest) = range.split_at(before);
            let (alike, _) = rest.split_at(rest.partition_point(|t| t.text.get(depth) == Some(byte)));
            range = alike;
            let Some(first) = range.first() else { break };
            let length = depth + 1;
            if first.text.len() == length && (parse || first.kind == TokenKind::UserDefined) {
                longest = Some(Candidate { length, token: Reverse(first.id), start: Reverse(start) });
            }
        }
        longest
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0D)
}

/// Whether a byte belongs to a token that was found; bytes beyond the text count as held.
fn is_held(taken: &[bool], at: usize) -> bool {
    taken.get(at).copied().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

    use super::super::vocabulary::Spelling;
    use super::*;

    fn special(texts: &[(&str, TokenKind)], strip_after: &[u32]) -> SpecialTokens {
        let (texts, kinds) = texts.iter().map(|(text, kind)| ((*text).to_owned(), *kind)).unzip();
        let vocabulary = Vocabulary::new(texts, kinds, Spelling::Metaspace).unwrap();
        SpecialTokens::new(&vocabulary, strip_after.to_vec())
    }

    #[test]
    fn longer_tokens_go_first_and_shorter_ones_take_what_is_left() {
        let special = special(
            &[
                ("<a>", TokenKind::Control),
                ("  ", TokenKind::UserDefined),
                ("   ", TokenKind::UserDefined),
                ("a", TokenKind::Normal),
                ("<a><b", TokenKind::Control),
                ("x<a", TokenKind::UserDefined),
                ("abcd", TokenKind::UserDefined),
                ("bcdef", TokenKind::UserDefined),
                ("ab", TokenKind::UserDefined),
            ],
            &[],
        );

        use Fragment::{Text, Token};
        let check = |text: &str, parse: bool, expected: &[Fragment<'_>]| {
            assert_eq!(special.partition(text, parse), expected, "{text:?}");
        };
        check("", true, &[]);
        check("a", true, &[Text("a")]);
        check("p<a>q", true, &[Text("p"), Token(0), Text("q")]);
        check("p<a>q", false, &[Text("p<a>q")]);
        check("     é  ", true, &[Token(2), Token(1), Text("é"), Token(1)]);
        check("<a><b<a>", true, &[Token(4), Token(0)]);
        check("x<a>", true, &[Text("x"), Token(0)]);
        check("abcdef", true, &[Text("a"), Token(7)]);
        check("abcdabcdef", true, &[Token(6), Text("a"), Token(7)]);
        check("abbcdef", true, &[Token(8), Token(7)]);
    }

    #[test]
    fn blanks_after_a_stripping_token_go_with_it() {
        let special = special(&[("<s>", TokenKind::Control), (" x", TokenKind::UserDefined)], &[0]);
        use Fragment::{Text, Token};
        assert_eq!(special.partition("<s> \n a <s> ", true), [Token(0), Text("a "), Token(0)]);
        assert_eq!(special.partition("<s>  x", true), [Token(0), Text("x")]);
    }
}
