//! What one engine is asked for one prompt so that it can be compared with the baseline.

use infercost_core::{
    Continuation, Engine, EngineError, GenerationRequest, Grader, Likeliest, Prompt, Sampling, ScoreRequest,
    TokenName, TokenScores, Unscored, VariantId,
};

/// What an engine makes of a prompt's text.
pub(crate) struct Tokens {
    pub(crate) tokenizer: Option<String>,
    vocabulary: Option<String>,
    input: Option<Vec<u32>>,
}

impl Tokens {
    pub(crate) fn of(engine: &mut dyn Engine, prompt: &Prompt) -> Self {
        Self {
            tokenizer: engine.identity().tokenizer_sha256.clone(),
            vocabulary: engine.vocabulary_sha256().map(str::to_owned),
            // a prompt that cannot be rendered fails when it is scored, with its reason
            input: engine.input_tokens(&prompt.body).ok().flatten(),
        }
    }

    /// Why distributions over these tokens cannot be compared with the baseline's; `None` where they can. A GGUF file
    /// and a `tokenizer.json` state their rules differently even where they agree, so equal tokens of the prompt over an
    /// equal vocabulary are enough.
    pub(crate) fn refusal(&self, baseline: &Self) -> Option<&'static str> {
        if self.tokenizer == baseline.tokenizer {
            None
        } else if self.vocabulary.is_none() || self.vocabulary != baseline.vocabulary {
            Some("its vocabulary differs from the baseline's")
        } else if self.input.is_none() || self.input != baseline.input {
            Some("its tokenizer or chat template cuts the prompt into other tokens than the baseline's")
        } else {
            None
        }
    }
}

/// Log-probabilities of a continuation; with `distribution`, of every token at each position.
pub(crate) fn score(
    engine: &mut dyn Engine,
    prompt: &Prompt,
    continuation: Continuation<'_>,
    distribution: bool,
) -> Result<TokenScores, Unscored> {
    let request = ScoreRequest { prompt: &prompt.body, continuation, distribution };
    engine.score(&request).map_err(Unscored::from)
}

/// Likeliest tokens asked for at each position: the most that common servers list.
const LIKELIEST: u32 = 20;

/// The answer goes over as text, so that the engine's own tokens show whether they are the baseline's. An engine that
/// scores no text is asked for its own answer.
pub(crate) fn likeliest(
    engine: &mut dyn Engine,
    prompt: &Prompt,
    text: &str,
    sampling: &Sampling,
) -> Result<Likeliest, Unscored> {
    let continuation = Continuation::Text(text);
    let request = ScoreRequest { prompt: &prompt.body, continuation, distribution: false };
    let reason = match engine.top_scores(&request, LIKELIEST) {
        Ok(positions) => return Ok(Likeliest::OfGiven(positions)),
        Err(error @ (EngineError::CannotScore(_) | EngineError::ScoringRefused { .. })) => {
            Unscored::from(error)
        }
        Err(error) => return Err(error.into()),
    };
    let request = GenerationRequest { prompt: &prompt.body, max_tokens: prompt.max_tokens, sampling };
    match engine.top_answer(&request, LIKELIEST) {
        Ok(positions) => Ok(Likeliest::OfOwn(positions)),
        Err(error) => Err(reason.and(error.into())),
    }
}

/// Tokens of an engine's own answer under the numbers that the baseline gives to their bytes.
pub(crate) fn numbered(found: Likeliest, baseline: Option<&(VariantId, Box<dyn Engine>)>) -> Likeliest {
    let Likeliest::OfOwn(positions) = found else { return found };
    let number = |name: &TokenName| baseline?.1.token_of_bytes(&name.bytes);
    let known = positions.into_iter().map_while(|mut position| {
        position.target.id = Some(number(&position.target)?);
        let likeliest = position.top.first().map(|(name, _)| name.clone());
        position.top.retain_mut(|(name, _)| {
            name.id = number(name);
            name.id.is_some()
        });
        // others join the rest of the distribution; without the likeliest nothing could be said of it
        let is_whole =
            position.top.first().map(|(name, _)| &name.bytes) == likeliest.as_ref().map(|name| &name.bytes);
        is_whole.then_some(position)
    });
    Likeliest::OfOwn(known.collect())
}

/// The likelihoods of each choice of a prompt; `None` where it has none.
pub(crate) fn choices(
    engine: &mut dyn Engine,
    prompt: &Prompt,
) -> Option<Result<Vec<TokenScores>, Unscored>> {
    let choices = prompt.grader.as_deref().map_or(&[][..], Grader::choices);
    if choices.is_empty() {
        return None;
    }
    Some(choices.iter().map(|choice| score(engine, prompt, Continuation::Text(choice), false)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_decide_what_can_be_compared() {
        let tokens = |tokenizer: &str, vocabulary: Option<&str>, input: Option<Vec<u32>>| Tokens {
            tokenizer: Some(tokenizer.to_owned()),
            vocabulary: vocabulary.map(str::to_owned),
            input,
        };
        let baseline = tokens("tokenizer.json", Some("v"), Some(vec![1, 2]));
        for (candidate, comparable) in [
            (tokens("gguf", Some("v"), Some(vec![1, 2])), true),
            (tokens("tokenizer.json", None, None), true),
            (tokens("gguf", Some("w"), Some(vec![1, 2])), false),
            (tokens("gguf", None, Some(vec![1, 2])), false),
            (tokens("gguf", Some("v"), Some(vec![1, 2, 2])), false),
            (tokens("gguf", Some("v"), None), false),
        ] {
            let reason = candidate.refusal(&baseline);
            assert_eq!(reason.is_none(), comparable, "{:?}: {reason:?}", candidate.tokenizer);
        }
    }
}
