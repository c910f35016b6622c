//! Which tokens end a text or a turn. Files name one or two of them; the rest are known by their text,
//! as in llama.cpp.

use std::collections::BTreeSet;

use super::vocabulary::{TokenKind, Vocabulary};

/// Texts that end a turn, the likelier one first.
const END_OF_TURN: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
];

/// Further texts after which nothing is to be generated.
const END_OF_GENERATION: &[&str] =
    &["<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>"];

/// Texts of the fill-in-the-middle tokens that end generation: padding, repository, file separator.
const FILL_IN_END: &[&[&str]] = &[
    &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
    &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
    &["<|file_sep|>"],
];

/// Texts of the fill-in-the-middle tokens around the text; control tokens whatever their type says.
const FILL_IN: &[&str] = &[
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
];

/// Texts that are shown although they look like control tokens.
const SHOWN: &[&str] = &["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

/// What the file names as end tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NamedEnds {
    pub(super) eos: Option<u32>,
    pub(super) eot: Option<u32>,
    pub(super) eom: Option<u32>,
    /// Fill-in-the-middle padding, repository name and file separator.
    pub(super) fill_in: [Option<u32>; 3],
}

/// The token that ends a turn, and every token that ends generation.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) eot: Option<u32>,
    pub(super) stop: BTreeSet<u32>,
}

/// Collects the end tokens and makes them control tokens, whatever type the file gives them.
pub(super) fn collect(vocabulary: &mut Vocabulary, named: NamedEnds) -> Ends {
    let mut stop = BTreeSet::new();
    for (texts, named) in FILL_IN_END.iter().zip(named.fill_in) {
        let found = texts.iter().find_map(|text| vocabulary.id(text));
        if let (None, Some(id)) = (named, found) {
            vocabulary.set_kind(id, TokenKind::Control);
        }
        stop.extend(named.or(found));
    }
    for text in FILL_IN {
        if let Some(id) = vocabulary.id(text) {
            vocabulary.set_kind(id, TokenKind::Control);
        }
    }
    for text in END_OF_TURN.iter().chain(END_OF_GENERATION) {
        if let Some(id) = vocabulary.id(text) {
            vocabulary.set_kind(id, TokenKind::Control);
            stop.insert(id);
        }
    }
    for text in SHOWN {
        if let Some(id) = vocabulary.id(text) {
            vocabulary.set_kind(id, TokenKind::UserDefined);
        }
    }
    let eot = named.eot.or_else(|| END_OF_TURN.iter().find_map(|text| vocabulary.id(text)));
    stop.extend(named.eos.into_iter().chain(eot).chain(named.eom));

    // In the formats that have these, `<|end|>` closes a message, not the turn.
    let has = |text: &str| vocabulary.id(text).is_some_and(|id| stop.contains(&id));
    let calls = has("<|call|>") || has("<|calls|>");
    if calls
        && (has("<|return|>") || has("<|flush|>"))
        && let Some(id) = vocabulary.id("<|end|>")
    {
        stop.remove(&id);
        vocabulary.set_kind(id, TokenKind::UserDefined);
    }
    Ends { eot, stop }
}
