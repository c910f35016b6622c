//! The tokenizer inside a GGUF file.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;

use super::byte_pair::BytePair;
use super::end_tokens::{self, NamedEnds};
use super::error::{TokenizerError, shown};
use super::fingerprint::Fingerprint;
use super::metadata::Metadata;
use super::pre_tokenizer;
use super::sentence_piece::SentencePiece;
use super::special::{Fragment, SpecialTokens};
use super::vocabulary::{Spelling, TokenKind, Vocabulary};
use super::{Boundaries, Roles, Special};

const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const TYPES: &str = "tokenizer.ggml.token_type";
const BOS: &str = "tokenizer.ggml.bos_token_id";
const EOS: &str = "tokenizer.ggml.eos_token_id";
const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";

/// A tokenizer built from GGUF metadata.
#[derive(Debug)]
pub(super) struct GgufTokenizer {
    pub(super) vocabulary: Vocabulary,
    pub(super) roles: Roles,
    special: SpecialTokens,
    model: Model,
    add_bos: bool,
    add_eos: bool,
}

#[derive(Debug)]
enum Model {
    BytePair(BytePair),
    SentencePiece(SentencePiece),
}

impl GgufTokenizer {
    /// Builds the tokenizer and its fingerprint.
    pub(super) fn new(metadata: &HashMap<String, Value>) -> Result<(Self, String), TokenizerError> {
        let metadata = Metadata(metadata);
        let key = "tokenizer.ggml.model";
        match metadata.text(key)?.ok_or(TokenizerError::MissingKey { key })? {
            "gpt2" => Self::byte_pair(metadata),
            "llama" => Self::sentence_piece(metadata),
            other => {
                Err(TokenizerError::UnknownModel { model: shown(other), known: "gpt2, llama".to_owned() })
            }
        }
    }

    fn byte_pair(metadata: Metadata<'_>) -> Result<(Self, String), TokenizerError> {
        let name = metadata.text("tokenizer.ggml.pre")?.filter(|name| !name.is_empty());
        let pre = pre_tokenizer::by_name(name.ok_or(TokenizerError::MissingPreTokenizer)?)?;
        let vocabulary = vocabulary(metadata, Spelling::ByteCharacters)?;
        let key = "tokenizer.ggml.merges";
        let rules = metadata.texts(key)?.ok_or(TokenizerError::MissingKey { key })?;

        let mut fingerprint = Fingerprint::of(&vocabulary, pre.rule);
        rules.iter().for_each(|rule| fingerprint.text(rule));
        let model = BytePair::new(&vocabulary, rules.into_iter(), pre)?;

        let size = vocabulary.len();
        let roles = Roles {
            bos: metadata.token(BOS, size)?,
            eos: metadata.token(EOS, size)?,
            unknown: metadata.token("tokenizer.ggml.unknown_token_id", size)?,
            ..Roles::default()
        };
        let model = Model::BytePair(model);
        Self::finish(metadata, vocabulary, roles, model, pre.bos_by_default, fingerprint)
    }

    fn sentence_piece(metadata: Metadata<'_>) -> Result<(Self, String), TokenizerError> {
        let vocabulary = vocabulary(metadata, Spelling::Metaspace)?;
        let size = vocabulary.len();
        let scores = metadata.floats(SCORES)?.ok_or(TokenizerError::MissingKey { key: SCORES })?;
        same_length(SCORES, scores.len(), size)?;
        // SentencePiece numbers these 0, 1 and 2 unless told otherwise, and files may leave them out.
        let usual = [0, 1, 2].map(|usual: u32| Some(usual).filter(|id| (*id as usize) < size));
        let [usual_unknown, usual_bos, usual_eos] = usual;
        let roles = Roles {
            unknown: metadata.token("tokenizer.ggml.unknown_token_id", size)?.or(usual_unknown),
            bos: metadata.token(BOS, size)?.or(usual_bos),
            eos: metadata.token(EOS, size)?.or(usual_eos),
            ..Roles::default()
        };

        let prefix = metadata.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        let mut fingerprint = Fingerprint::of(&vocabulary, "llama");
        scores.iter().for_each(|score| fingerprint.number(score.to_bits()));
        fingerprint.number(u32::from(prefix));
        let model = SentencePiece::new(&vocabulary, &scores, roles.unknown, prefix)?;
        Self::finish(metadata, vocabulary, roles, Model::SentencePiece(model), true, fingerprint)
    }

    fn finish(
        metadata: Metadata<'_>,
        mut vocabulary: Vocabulary,
        mut roles: Roles,
        model: Model,
        bos_by_default: bool,
        mut fingerprint: Fingerprint,
    ) -> Result<(Self, String), TokenizerError> {
        let size = vocabulary.len();
        let named = NamedEnds {
            eos: roles.eos,
            eot: metadata.token("tokenizer.ggml.eot_token_id", size)?,
            eom: metadata.token("tokenizer.ggml.eom_token_id", size)?,
            fill_in: [
                metadata.token("tokenizer.ggml.fim_pad_token_id", size)?,
                metadata.token("tokenizer.ggml.fim_rep_token_id", size)?,
                metadata.token("tokenizer.ggml.fim_sep_token_id", size)?,
            ],
        };

        let ends = end_tokens::collect(&mut vocabulary, named);
        roles.eot = ends.eot;
        roles.stop = ends.stop;

        let add_bos = metadata.flag(ADD_BOS)?.unwrap_or(bos_by_default);
        let add_eos = metadata.flag(ADD_EOS)?.unwrap_or(false);
        for (wanted, id, flag, key) in
            [(add_bos, roles.bos, ADD_BOS, BOS), (add_eos, roles.eos, ADD_EOS, EOS)]
        {
            if wanted && id.is_none() {
                return Err(TokenizerError::MissingBoundaryToken { flag, key });
            }
            fingerprint.number(id.filter(|_| wanted).unwrap_or(u32::MAX));
        }
        let strip_after = strip_after(metadata, &vocabulary)?;
        strip_after.iter().for_each(|id| fingerprint.number(*id));
        let special = SpecialTokens::new(&vocabulary, strip_after);
        let tokenizer = Self { vocabulary, roles, special, model, add_bos, add_eos };
        Ok((tokenizer, fingerprint.finish()))
    }

    pub(super) fn encode(&self, text: &str, special: Special, boundaries: Boundaries) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        let wanted = boundaries == Boundaries::AsConfigured;
        ids.extend(self.roles.bos.filter(|_| wanted && self.add_bos));
        let mut after_special = true;
        for fragment in self.special.partition(text, special == Special::Parse) {
            match (fragment, &self.model) {
                (Fragment::Token(id), _) => ids.push(id),
                (Fragment::Text(text), Model::BytePair(model)) => {
                    model.encode(&self.vocabulary, text, &mut ids);
                }
                (Fragment::Text(text), Model::SentencePiece(model)) => {
                    model.encode(&self.vocabulary, text, after_special, &mut ids);
                }
            }
            after_special = matches!(fragment, Fragment::Token(_));
        }
        ids.extend(self.roles.eos.filter(|_| wanted && self.add_eos));
        ids
    }

    pub(super) fn missing_bytes(&self) -> Vec<u8> {
        match &self.model {
            Model::BytePair(model) => model.missing_bytes(),
            Model::SentencePiece(_) => Vec::new(),
        }
    }
}

fn vocabulary(metadata: Metadata<'_>, spelling: Spelling) -> Result<Vocabulary, TokenizerError> {
    let texts = metadata.texts(TOKENS)?.ok_or(TokenizerError::MissingKey { key: TOKENS })?;
    let kinds = match metadata.integers(TYPES)? {
        None => vec![TokenKind::Normal; texts.len()],
        Some(numbers) => {
            same_length(TYPES, numbers.len(), texts.len())?;
            (0..)
                .zip(numbers)
                .map(|(id, kind)| {
                    TokenKind::from_number(kind).ok_or(TokenizerError::BadTokenType { id, kind })
                })
                .collect::<Result<_, _>>()?
        }
    };
    Vocabulary::new(texts.into_iter().map(str::to_owned).collect(), kinds, spelling)
}

fn same_length(key: &'static str, found: usize, expected: usize) -> Result<(), TokenizerError> {
    if found == expected { Ok(()) } else { Err(TokenizerError::LengthMismatch { key, found, expected }) }
}

/// Special tokens after which white space is dropped. No key says so; llama.cpp goes by the model's
/// name, and so must whoever wants its tokens.
fn strip_after(metadata: Metadata<'_>, vocabulary: &Vocabulary) -> Result<Vec<u32>, TokenizerError> {
    let name = metadata.text("general.name")?.unwrap_or_default().to_ascii_lowercase();
    if !name.contains("phi-3") && !name.contains("phi3") {
        return Ok(Vec::new());
    }
    Ok(vocabulary
        .tokens()
        .filter(|(_, _, kind)| {
            matches!(kind, TokenKind::Control | TokenKind::UserDefined | TokenKind::Unknown)
        })
        .filter(|(_, text, _)| !matches!(*text, "<unk>" | "<s>" | "<|endoftext|>"))
        .map(|(id, _, _)| id)
        .collect())
}
