//! SentencePiece-type tokenizers (`tokenizer.ggml.model = llama`), as llama.cpp runs them: neighbors
//! whose text together is a token are joined, the highest score first.
//!
//! Text is not normalized: `tokenizer.ggml.remove_extra_whitespaces` has no effect on this kind in
//! llama.cpp either.

use super::error::TokenizerError;
use super::merging::{Join, Merger};
use super::vocabulary::{METASPACE, Vocabulary};

/// Scores by token, and the tokens that stand for single bytes.
#[derive(Debug)]
pub(super) struct SentencePiece {
    /// Ranks made of the scores: the highest score has the lowest rank.
    ranks: Vec<u32>,
    /// The token for each byte of text that has no token of its own.
    bytes: Vec<u32>,
    space_prefix: bool,
}

impl SentencePiece {
    /// `unknown`: stands in for bytes without a token.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        scores: &[f32],
        unknown: Option<u32>,
        space_prefix: bool,
    ) -> Result<Self, TokenizerError> {
        let mut ranks = Vec::with_capacity(scores.len());
        for (id, score) in (0..).zip(scores) {
            if score.is_nan() {
                return Err(TokenizerError::BadScore { id });
            }
            ranks.push(rank(*score));
        }
        let bytes = (0..=255)
            .map(|byte: u8| {
                vocabulary
                    .id(&format!("<0x{byte:02X}>"))
                    .or_else(|| {
                        vocabulary.id(char::from(byte).encode_utf8(&mut [0; 4])).filter(|_| byte.is_ascii())
                    })
                    .or(unknown)
                    .ok_or(TokenizerError::NoFallback { byte })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { ranks, bytes, space_prefix })
    }

    /// `after_special`: nothing or a special token precedes the text.
    pub(super) fn encode(
        &self,
        vocabulary: &Vocabulary,
        text: &str,
        after_special: bool,
        ids: &mut Vec<u32>,
    ) {
        let prefix = if self.space_prefix && after_special { " " } else { "" };
        let escaped = [prefix, text].concat().replace(' ', METASPACE.encode_utf8(&mut [0; 4]));

        let mut merger = Merger::default();
        for (start, character) in escaped.char_indices() {
            let end = start + character.len_utf8();
            merger.push(start, end, escaped.get(start..end).and_then(|text| vocabulary.id(text)));
        }

        merger.run(|left, right| {
            let token = vocabulary.id(escaped.get(left.start..right.end)?)?;
            let rank = self.ranks.get(token as usize).copied()?;
            Some(Join { rank, token })
        });

        for symbol in merger.symbols() {
            match symbol.token {
                Some(id) => ids.push(id),
                None => {
                    let bytes = escaped.as_bytes().get(symbol.start..symbol.end).unwrap_or_default();
                    ids.extend(bytes.iter().filter_map(|b| self.bytes.get(usize::from(*b))));
                }
            }
        }
    }
}

/// Turns a score into a rank so that higher scores come first and equal ones stay equal.
fn rank(score: f32) -> u32 {
    // Adding zero makes -0.0 and 0.0 the same. The bits of positive floats rise with their value,
    // those of negative ones fall, hence the flip.
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    !ascending
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn ranks_fall_as_scores_rise() {
        let scores = [f32::NEG_INFINITY, -1e9, -2.0, -1.5, -1e-40, 0.0, 1e-40, 0.5, 7.0, f32::INFINITY];
        assert!(scores.windows(2).all(|pair| rank(pair[0]) > rank(pair[1])));
        assert_eq!(rank(-0.0), rank(0.0));
    }
}
