//! Text of about a number of tokens: a trace that states lengths keeps its texts to itself.

use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

/// Tokens of a block of a trace that tells equal beginnings; Mooncake's.
pub const TOKENS_OF_A_BLOCK: u32 = 512;

/// Words that are one token each, with the blank before them, in the vocabularies that people use.
const WORDS: [&str; 48] = [
    "the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not",
    "he", "his", "but", "at", "are", "this", "have", "from", "or", "had", "an", "they", "which", "one",
    "you", "were", "all", "her", "she", "there", "would", "their", "we", "him", "been", "has", "when", "who",
    "will", "no", "more", "if",
];

/// Text of about `count` tokens, a word each. A block with the same number is the same text, wherever it stands; without
/// numbers, the text is that of `own`.
pub fn text_of_length(count: u32, blocks: &[u64], own: u64) -> String {
    let mut text = String::new();
    let mut left = count;
    let mut index = 0_usize;
    while left > 0 {
        let number =
            blocks.get(index).copied().unwrap_or(own.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index as u64);
        let words = left.min(TOKENS_OF_A_BLOCK);
        append(&mut text, words, number);
        left -= words;
        index += 1;
    }
    text
}

fn append(text: &mut String, words: u32, number: u64) {
    let mut chance = ChaCha8Rng::seed_from_u64(number);
    for _ in 0..words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(WORDS.choose(&mut chance).copied().unwrap_or("the"));
    }
}
