//! Log-probabilities of a given text, as far as a server gives them.
//!
//! Three ways, of which a server has one or none. llama.cpp is asked position by position, by token ids, with as many
//! candidates as it takes to see the target. vLLM echoes the whole text with its log-probabilities in one request.
//! Any server's plain completions may do the same for plain text. In each case the text is forced: the server
//! generates nothing that counts.

mod echo;
mod first_choice;
mod free;
mod llama_cpp;

use infercost_core::{
    Continuation, EngineError, PositionTop, PromptBody, ScoreRequest, ServedFacts, TokenScores,
};
use serde::{Deserialize, Serialize};

use crate::ask::Asker;
use crate::discovery::ServerKind;
use crate::failure::Failure;
use crate::request_body::plain_text;
use crate::{Api, ApiKey, ServedAddress};

/// Asks one server for log-probabilities.
#[derive(Debug)]
pub(crate) struct Scorer {
    pub(crate) asker: Asker,
    pub(crate) address: ServedAddress,
    pub(crate) kind: ServerKind,
    pub(crate) api: Api,
    pub(crate) model: String,
    pub(crate) secret: Option<ApiKey>,
}

/// A text to score, as the server will be given it.
#[derive(Debug)]
enum Forced {
    /// Token ids of prompt and continuation.
    Ids { prompt: Vec<u32>, continuation: Vec<u32> },
    /// Plain text of both.
    Text { prompt: String, continuation: String },
}

#[derive(Serialize)]
struct Conversation<'a> {
    model: &'a str,
    messages: &'a [infercost_core::Message],
    add_generation_prompt: bool,
}

#[derive(Deserialize)]
struct Rendered {
    prompt: String,
}

#[derive(Serialize)]
struct Tokenize<'a> {
    content: &'a str,
    add_special: bool,
    parse_special: bool,
}

#[derive(Serialize)]
struct VllmTokenize<'a> {
    model: &'a str,
    prompt: &'a str,
    add_special_tokens: bool,
}

#[derive(Deserialize)]
struct TokenIds {
    tokens: Vec<u32>,
}

fn error(failure: Failure) -> EngineError {
    failure.into_error(ServedFacts::default(), 0)
}

fn cannot(reason: impl Into<String>) -> EngineError {
    EngineError::CannotScore(reason.into())
}

impl Scorer {
    fn secret(&self) -> Option<&str> {
        self.secret.as_ref().map(ApiKey::secret)
    }

    /// The tokens of a text; `None` where the server has no tokenizer to ask.
    pub(crate) async fn tokenize(&self, text: &str) -> Result<Option<Vec<u32>>, Failure> {
        let url = self.address.beside("tokenize");
        let secret = self.secret();
        let ids: TokenIds = match self.kind {
            ServerKind::LlamaCpp => {
                let body = Tokenize { content: text, add_special: false, parse_special: false };
                self.asker.post(url, &body, secret).await?
            }
            ServerKind::Vllm => {
                let body = VllmTokenize { model: &self.model, prompt: text, add_special_tokens: false };
                self.asker.post(url, &body, secret).await?
            }
            _ => return Ok(None),
        };
        Ok(Some(ids.tokens))
    }

    /// The tokens of a rendered prompt.
    pub(crate) async fn prompt_ids(&self, prompt: &PromptBody) -> Result<Vec<u32>, EngineError> {
        let PromptBody::Chat(messages) = prompt;
        let conversation = Conversation { model: &self.model, messages, add_generation_prompt: true };
        let url = self.address.beside("tokenize");

        let ids: TokenIds = match (self.kind, self.api) {
            (ServerKind::LlamaCpp, api) => {
                let content = match api {
                    Api::Chat => {
                        let url = self.address.beside("apply-template");
                        let rendered: Rendered =
                            self.asker.post(url, &conversation, self.secret()).await.map_err(error)?;
                        rendered.prompt
                    }
                    Api::Completions => plain_text(prompt)?.to_owned(),
                };

                // As the server itself does with a prompt: special tokens are added and recognized.
                let body = Tokenize { content: &content, add_special: true, parse_special: true };
                self.asker.post(url, &body, self.secret()).await.map_err(error)?
            }
            (ServerKind::Vllm, Api::Chat) => {
                self.asker.post(url, &conversation, self.secret()).await.map_err(error)?
            }
            (ServerKind::Vllm, Api::Completions) => {
                let body = VllmTokenize {
                    model: &self.model,
                    prompt: plain_text(prompt)?,
                    add_special_tokens: true,
                };
                self.asker.post(url, &body, self.secret()).await.map_err(error)?
            }
            _ => return Err(cannot("the server does not tell the tokens of a prompt")),
        };

        Ok(ids.tokens)
    }

    async fn forced(&self, request: &ScoreRequest<'_>) -> Result<Forced, EngineError> {
        if matches!(self.kind, ServerKind::LlamaCpp | ServerKind::Vllm) {
            let prompt = self.prompt_ids(request.prompt).await?;
            let continuation = match request.continuation {
                Continuation::Tokens(ids) => ids.to_vec(),
                Continuation::Text(text) => {
                    self.tokenize(text).await.map_err(error)?.ok_or_else(|| cannot("it has no tokenizer"))?
                }
            };
            return Ok(Forced::Ids { prompt, continuation });
        }

        let Continuation::Text(continuation) = request.continuation else {
            return Err(cannot("the server takes no token ids"));
        };
        if self.api == Api::Chat {
            return Err(cannot(
                "the chat API scores no given text, and the server does not show how it renders a conversation",
            ));
        }
        let prompt = plain_text(request.prompt)?.to_owned();
        Ok(Forced::Text { prompt, continuation: continuation.to_owned() })
    }

    /// Exact log-probabilities of the continuation.
    pub(crate) async fn score(&self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError> {
        let forced = self.forced(request).await?;

        let positions = match (&forced, self.kind) {
            (Forced::Ids { prompt, continuation }, ServerKind::LlamaCpp) => {
                self.by_position(prompt, continuation, 0).await?
            }
            _ => self.echoed(&forced, 1).await?,
        };
        let targets = match forced {
            Forced::Ids { continuation, .. } => continuation,
            // Ids are unknown; their places are still counted.
            Forced::Text { .. } => positions.iter().map(|one| one.target.id.unwrap_or(u32::MAX)).collect(),
        };

        let log_probabilities: Option<Vec<f64>> =
            positions.iter().map(|position| position.target_ln_p).collect();
        let log_probabilities = log_probabilities.ok_or_else(|| {
            cannot("it names the likeliest tokens only, and the given one is not among them")
        })?;

        Ok(TokenScores { targets, log_probabilities, distribution: None })
    }

    /// The likeliest tokens at each position of the continuation.
    pub(crate) async fn top_scores(
        &self,
        request: &ScoreRequest<'_>,
        top: u32,
    ) -> Result<Vec<PositionTop>, EngineError> {
        let forced = self.forced(request).await?;
        match (&forced, self.kind) {
            (Forced::Ids { prompt, continuation }, ServerKind::LlamaCpp) => {
                self.by_position(prompt, continuation, top.max(1)).await
            }
            _ => self.echoed(&forced, top).await,
        }
    }
}
