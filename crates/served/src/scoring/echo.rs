//! A whole text at once, through completions that echo their prompt with its log-probabilities.

use std::collections::BTreeMap;

use infercost_core::{EngineError, PositionTop, TokenName};
use serde::{Deserialize, Serialize};

use super::{Forced, Scorer, cannot};
use crate::discovery::ServerKind;

#[derive(Serialize)]
struct Ask<'a> {
    model: &'a str,
    prompt: Prompt<'a>,
    /// The least that every server takes; what is generated is cut off.
    max_tokens: u32,
    temperature: f64,
    echo: bool,
    logprobs: u32,
    /// vLLM's: tokens come as `token_id:7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    return_tokens_as_token_ids: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Prompt<'a> {
    Ids(&'a [u32]),
    Text(&'a str),
}

/// One entry a token; the first token of a text has no probability.
#[derive(Deserialize)]
struct LogProbabilities {
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    token_logprobs: Vec<Option<f64>>,
    #[serde(default)]
    top_logprobs: Option<Vec<Option<BTreeMap<String, f64>>>>,
    /// In characters from the text's beginning.
    #[serde(default)]
    text_offset: Vec<usize>,
}

fn name(token: &str) -> TokenName {
    match token.strip_prefix("token_id:").and_then(|id| id.parse().ok()) {
        Some(id) => TokenName { id: Some(id), bytes: Vec::new() },
        None => TokenName { id: None, bytes: token.as_bytes().to_vec() },
    }
}

impl Scorer {
    pub(super) async fn echoed(&self, forced: &Forced, top: u32) -> Result<Vec<PositionTop>, EngineError> {
        let both;
        let joined;
        let prompt = match forced {
            Forced::Ids { prompt, continuation } => {
                both = [prompt.as_slice(), continuation.as_slice()].concat();
                Prompt::Ids(&both)
            }
            Forced::Text { prompt, continuation } => {
                joined = format!("{prompt}{continuation}");
                Prompt::Text(&joined)
            }
        };

        let ask = Ask {
            model: &self.model,
            prompt,
            max_tokens: 1,
            temperature: 0.0,
            echo: true,
            logprobs: top,
            return_tokens_as_token_ids: (self.kind == ServerKind::Vllm).then_some(true),
        };

        let refused = "its completions do not echo log-probabilities";
        let told: Option<LogProbabilities> = self.first_choice("completions", &ask, refused).await?;
        let told = told.ok_or_else(|| cannot("its completions give no log-probabilities"))?;

        let range = match forced {
            Forced::Ids { prompt, continuation } => {
                prompt.len()..prompt.len().saturating_add(continuation.len())
            }
            Forced::Text { prompt, continuation } => places(&told, prompt, continuation)?,
        };
        positions(&told, range)
    }
}

/// Which tokens are the continuation's, by where they begin.
fn places(
    told: &LogProbabilities,
    prompt: &str,
    continuation: &str,
) -> Result<std::ops::Range<usize>, EngineError> {
    let from = prompt.chars().count();
    let to = from.saturating_add(continuation.chars().count());

    let first = told.text_offset.iter().position(|found| *found == from).ok_or_else(|| {
        cannot("it does not echo, or a token of its reaches from the prompt into the text to be scored")
    })?;

    // Without a token behind it the text reaches to the end.
    let last = told.text_offset.iter().position(|found| *found >= to).unwrap_or(told.text_offset.len());
    Ok(first..last.max(first))
}

fn positions(
    told: &LogProbabilities,
    range: std::ops::Range<usize>,
) -> Result<Vec<PositionTop>, EngineError> {
    let missing = || cannot("its completions do not echo their prompt");
    let tokens = told.tokens.get(range.clone()).ok_or_else(missing)?;
    let ln_p = told.token_logprobs.get(range.clone()).ok_or_else(missing)?;
    let tops = told.top_logprobs.as_ref().and_then(|tops| tops.get(range));

    let mut positions = Vec::with_capacity(tokens.len());
    for (index, (token, ln_p)) in tokens.iter().zip(ln_p).enumerate() {
        let top = tops.and_then(|tops| tops.get(index)).and_then(Option::as_ref);
        let mut top: Vec<(TokenName, f64)> =
            top.into_iter().flatten().map(|(token, ln_p)| (name(token), *ln_p)).collect();
        top.sort_by(|left, right| right.1.total_cmp(&left.1));
        positions.push(PositionTop { target: name(token), target_ln_p: *ln_p, top });
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn told() -> LogProbabilities {
        serde_json::from_str(
            r#"{"tokens":["Say"," hi","!"," x"],"token_logprobs":[null,-0.5,-1.5,-9.0],
                "top_logprobs":[null,{" hi":-0.5," ho":-0.25},{"!":-1.5},null],"text_offset":[0,3,6,7]}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_continuation_is_cut_out() {
        let range = places(&told(), "Say", " hi!").unwrap();
        assert_eq!(range, 1..3);
        let found = positions(&told(), range).unwrap();
        assert_eq!(found.iter().map(|one| one.target_ln_p).collect::<Vec<_>>(), [Some(-0.5), Some(-1.5)]);
        assert_eq!(found[0].top[0].0.bytes, b" ho");
        assert_eq!(places(&told(), "Say hi", "!").unwrap(), 2..3);
    }

    #[test]
    fn merged_or_missing_tokens_are_said() {
        assert!(places(&told(), "Sa", "y hi").is_err());
        assert!(positions(&told(), 2..9).is_err());
    }

    #[test]
    fn token_ids_are_read() {
        assert_eq!(name("token_id:7"), TokenName { id: Some(7), bytes: vec![] });
        assert_eq!(name("token_id:x").id, None);
    }
}
