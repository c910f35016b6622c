//! The model's own answer with its likeliest tokens, as the chat API streams or sends them.

use infercost_engine::{EngineError, GenerationRequest, PositionTop};
use infercost_schema::{Message, PromptBody};
use serde::{Deserialize, Serialize};

use super::llama_cpp::Candidate;
use super::{Scorer, cannot, error, refused};

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
struct Told {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    logprobs: Option<LogProbabilities>,
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
    pub(super) async fn free(
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
        let url = self.address.below("chat/completions");
        let told: Told = match self.asker.post(url, &ask, self.secret()).await {
            Ok(told) => told,
            Err(failure) if matches!(failure.status, Some(400 | 404 | 422 | 501)) => {
                return Err(refused("it refuses `top_logprobs`", failure));
            }
            Err(failure) => return Err(error(failure)),
        };
        let told = told.choices.into_iter().next().and_then(|choice| choice.logprobs);
        let told = told.and_then(|told| told.content).filter(|content| !content.is_empty());
        let told = told.ok_or_else(|| cannot("it ignores `logprobs`"))?;
        Ok(told
            .into_iter()
            .map(|position| PositionTop {
                target_ln_p: Some(position.chosen.logprob),
                target: position.chosen.name(),
                top: position
                    .top_logprobs
                    .into_iter()
                    .map(|one| (one.logprob, one.name()))
                    .map(|(p, n)| (n, p))
                    .collect(),
            })
            .collect())
    }
}
