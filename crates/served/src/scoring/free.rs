//! The model's own answer with its likeliest tokens, as the chat API streams or sends them.

use infercost_core::{EngineError, GenerationRequest, Message, PositionTop, PromptBody, TokenName};
use serde::{Deserialize, Serialize};

use super::llama_cpp::Candidate;
use super::{Scorer, cannot};

#[derive(Serialize)]
struct Ask<'a> {
    model: &'a str,
    messages: &'a [Message],
    max_tokens: u32,
    temperature: f64,
    logprobs: bool,
    top_logprobs: u32,
    stream: bool,
}

#[derive(Deserialize)]
struct LogProbabilities {
    #[serde(default)]
    content: Option<Vec<Position>>,
}

#[derive(Deserialize)]
struct Position {
    #[serde(flatten)]
    chosen: Candidate,
    #[serde(default)]
    top_logprobs: Vec<Candidate>,
}

impl Scorer {
    /// The likeliest tokens at each position of the model's own greedy answer.
    pub(crate) async fn top_answer(
        &self,
        request: &GenerationRequest<'_>,
        top: u32,
    ) -> Result<Vec<PositionTop>, EngineError> {
        let PromptBody::Chat(messages) = request.prompt;

        let ask = Ask {
            model: &self.model,
            messages,
            max_tokens: request.max_tokens,
            temperature: 0.0,
            logprobs: true,
            top_logprobs: top,
            stream: false,
        };

        let refused = "it refuses `top_logprobs`";
        let told: Option<LogProbabilities> = self.first_choice("chat/completions", &ask, refused).await?;
        let told = told.and_then(|told| told.content).filter(|content| !content.is_empty());
        let told = told.ok_or_else(|| cannot("it ignores `logprobs`"))?;

        Ok(told
            .into_iter()
            .map(|position| PositionTop {
                target_ln_p: Some(position.chosen.logprob),
                target: position.chosen.name(),
                top: position.top_logprobs.into_iter().map(named).collect(),
            })
            .collect())
    }
}

fn named(candidate: Candidate) -> (TokenName, f64) {
    let ln_p = candidate.logprob;
    (candidate.name(), ln_p)
}
