//! Byte-pair tokenizers of the GPT-2 kind (`tokenizer.ggml.model = gpt2`).

use std::collections::HashMap;

use super::error::{TokenizerError, shown};
use super::merging::{Join, Merger};
use super::pre_tokenizer::PreTokenizer;
use super::splitting::split;
use super::vocabulary::{Vocabulary, character_of};

/// Merge rules over token ids, in the order in which they apply.
#[derive(Debug)]
pub(super) struct BytePair {
    pre: PreTokenizer,
    /// The token of each single byte. Some published vocabularies lack bytes that their training text
    /// did not contain; those bytes then have no token at all.
    bytes: Vec<Option<u32>>,
    merges: HashMap<(u32, u32), Join>,
}

impl BytePair {
    /// Reads merge rules of the form `left right`; every token in them must be in the vocabulary.
    pub(super) fn new<'r>(
        vocabulary: &Vocabulary,
        rules: impl Iterator<Item = &'r str>,
        pre: PreTokenizer,
    ) -> Result<Self, TokenizerError> {
        let mut merges = HashMap::new();
        for (index, rule) in rules.enumerate() {
            // The separator is the first space after the first byte: a token may begin with a space.
            let separator = rule.bytes().skip(1).position(|byte| byte == b' ').map(|at| at + 1);
            let parts = separator.and_then(|at| Some((rule.get(..at)?, rule.get(at + 1..)?)));
            let Some((left, right)) = parts.filter(|(_, right)| !right.is_empty()) else {
                return Err(TokenizerError::BadMerge { index, rule: shown(rule) });
            };

            let pair = (merged_token(vocabulary, index, left)?, merged_token(vocabulary, index, right)?);
            let token = merged_token(vocabulary, index, &[left, right].concat())?;
            let rank = u32::try_from(index).unwrap_or(u32::MAX);
            merges.entry(pair).or_insert(Join { rank, token });
        }

        let bytes =
            (0..=255).map(|byte| vocabulary.id(character_of(byte).encode_utf8(&mut [0; 4]))).collect();
        Ok(Self { pre, bytes, merges })
    }

    /// Bytes that no token can express; text loses them.
    pub(super) fn missing_bytes(&self) -> Vec<u8> {
        (0..=255).zip(&self.bytes).filter(|(_, id)| id.is_none()).map(|(byte, _)| byte).collect()
    }

    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<u32>) {
        let mut merger = Merger::default();
        for word in split(text, self.pre.passes) {
            if self.pre.whole_words {
                let spelled: String = word.bytes().map(character_of).collect();
                if let Some(id) = vocabulary.id(&spelled) {
                    ids.push(id);
                    continue;
                }
            }
            merger.clear();
            for (at, byte) in word.bytes().enumerate() {
                let token = self.bytes.get(usize::from(byte)).copied().flatten();
                merger.push(at, at + 1, token);
            }
            merger.run(|left, right| {
                let join = self.merges.get(&(left.token?, right.token?))?;
                Some(*join)
            });
            ids.extend(merger.symbols().filter_map(|symbol| symbol.token));
        }
    }
}

/// A token that merge rule `index` takes or makes.
fn merged_token(vocabulary: &Vocabulary, index: usize, text: &str) -> Result<u32, TokenizerError> {
    vocabulary.id(text).ok_or_else(|| TokenizerError::UnknownMergeToken { index, token: shown(text) })
}
