//! A served model as an engine.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use infercost_core::{
    Chunk, ConcurrentEngine, Engine, EngineError, Generation, GenerationRequest, PositionTop, ScoreRequest,
    TokenScores,
};
use infercost_core::{
    EngineIdentity, Message, ParameterChange, PromptBody, Role, ServedFacts, ServedHabits, ServedTrial,
    TokenCount,
};
use tokio::runtime::{Builder, Runtime};

use crate::ask::Asker;
use crate::client::{ServedClient, headers, new_http};
use crate::discovery::{ServerKind, discover, ollama};
use crate::failure::Failure;
use crate::refusal::Parameter;
use crate::request_body::BodyStyle;
use crate::scoring::Scorer;
use crate::{ApiKey, ServedAddress, ServedOptions};

/// Longest wait for the reply to a small question.
const SMALL_QUESTION: Duration = Duration::from_secs(30);
/// Turns of the runtime before a request.
const TURNS: u32 = 4;
/// Output limit of the trial answer, in tokens.
const TRIAL_TOKENS: u32 = 16;

/// The way to a served model.
#[derive(Debug)]
pub struct ServedModel;

impl ServedModel {
    /// Checks that the server is there and has the model, learns what it tells about itself, and has it answer one
    /// short question unless [`ServedOptions::no_trial`] is set.
    ///
    /// # Errors
    /// [`EngineError::Served`]: the server cannot be reached, is no such server, refuses the key, or does not have the
    /// model, whose names the message then lists.
    pub fn connect(address: &ServedAddress, options: &ServedOptions) -> Result<ServedEngine, EngineError> {
        let fails = |failure: Failure| failure.into_error(ServedFacts::default(), 0);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            EngineError::Compute(format!("cannot start the runtime for requests: {error}"))
        })?;
        let secret = options.key.as_ref().map(ApiKey::secret);

        // What the HTTP library starts belongs to this runtime.
        let _inside = runtime.enter();
        let patience = options.timeouts.first_byte.min(SMALL_QUESTION);
        let http = new_http(address, options).map_err(fails)?;
        let asker = Asker { http, headers: headers(options.key.as_ref()), patience };
        let found = runtime.block_on(discover(&asker, address, secret)).map_err(fails)?;

        let style = BodyStyle {
            api: options.api,
            kind: found.kind,
            model: found.model.clone(),
            cache_off: found.kind == ServerKind::LlamaCpp && !options.allow_prompt_cache,
        };
        let client = ServedClient::new(address, style, options).map_err(fails)?;
        drop(_inside);

        let scorer = Scorer {
            asker,
            address: address.clone(),
            kind: found.kind,
            api: options.api,
            model: found.model,
            secret: options.key.clone(),
        };
        let address = address.clone();
        let mut engine = ServedEngine {
            identity: found.identity,
            kind: found.kind,
            address,
            client,
            scorer,
            runtime,
            trial: None,
            replaced: Vec::new(),
            kept: None,
        };

        if !options.no_trial {
            engine.try_out()?;
        }
        engine.identity.habits = Some(ServedHabits {
            cache_off: engine.switches_cache_off(),
            trial: engine.trial.clone(),
            replaced: engine.replaced.clone(),
        });

        if engine.kind == ServerKind::Ollama {
            // loaded by the first request, with a context that only shows then
            let Scorer { asker, address, model, .. } = &engine.scorer;
            let loaded = engine.runtime.block_on(ollama::loaded_context(asker, address, model));
            engine.identity.context_length = loaded.or(engine.identity.context_length);
        }
        Ok(engine)
    }
}

/// A model behind a server.
///
/// Single requests run on a runtime of its own; [`Engine::concurrent`] gives a handle with connections of its own,
/// for the caller's runtime.
pub struct ServedEngine {
    identity: EngineIdentity,
    kind: ServerKind,
    address: ServedAddress,
    client: ServedClient,
    scorer: Scorer,
    runtime: Runtime,
    trial: Option<ServedTrial>,
    /// Parameters that it refused in the trial.
    replaced: Vec<ParameterChange>,
    /// What lives as long; dropped last.
    kept: Option<Box<dyn Any + Send>>,
}

impl ServedEngine {
    /// Which server it is.
    pub fn kind(&self) -> ServerKind {
        self.kind
    }

    /// The engine, and what must live as long as it does, such as the server that it asks: dropped after the connections.
    #[must_use]
    pub fn keeping(mut self, what: impl Any + Send) -> Self {
        self.kept = Some(Box::new(what));
        self
    }

    /// What the trial answer showed; `None` where none was asked for.
    pub fn trial(&self) -> Option<&ServedTrial> {
        self.trial.as_ref()
    }

    /// True where the server is asked not to use its prompt cache.
    pub fn switches_cache_off(&self) -> bool {
        self.client.style.cache_off
    }

    /// The token ids of a text, by the server's tokenizer; `None` where it has none to ask.
    ///
    /// # Errors
    /// [`EngineError::Served`] where the server fails.
    pub fn tokenize(&mut self, text: &str) -> Result<Option<Vec<u32>>, EngineError> {
        self.runtime
            .block_on(self.scorer.tokenize(text))
            .map_err(|failure| failure.into_error(ServedFacts::default(), 0))
    }

    /// One short answer: does the server stream, and how does it count?
    fn try_out(&mut self) -> Result<(), EngineError> {
        let prompt = PromptBody::Chat(
            vec![Message { role: Role::User, content: "Count from one to ten.".into() }].into(),
        );
        let sampling = self.client.options.sampling.clone();
        let request = GenerationRequest { prompt: &prompt, max_tokens: TRIAL_TOKENS, sampling: &sampling };

        let generation = match self.generate(&request, &mut |_| {}) {
            // Some servers refuse what they do not know without naming it.
            Err(EngineError::Served(error)) if matches!(error.facts.status, Some(400 | 422)) => {
                let mut facts = error.facts.clone();
                let sent = self.client.refused();
                if !self.client.adapts(Parameter::StreamOptions, &sent, &mut facts) {
                    return Err(EngineError::Served(error));
                }
                self.replaced = facts.replaced;
                self.generate(&request, &mut |_| {}).map_err(|_| EngineError::Served(error))?
            }
            other => other?,
        };

        let served = generation.served.clone().unwrap_or_default();
        self.replaced.extend(served.replaced);
        let tokenized =
            if served.reasoning_chunks > 0 { None } else { self.tokenize(&generation.text).ok().flatten() };
        self.trial = Some(ServedTrial {
            sends_usage: served.counted_by == TokenCount::Usage,
            count_mismatch: served.count_mismatch,
            counted_and_tokenized: tokenized
                .and_then(|ids| u32::try_from(ids.len()).ok())
                .map(|tokenized| (generation.output_tokens, tokenized)),
            tells_cached: generation.cached_input_tokens.is_some(),
        });
        Ok(())
    }
}

impl Engine for ServedEngine {
    fn identity(&self) -> &EngineIdentity {
        &self.identity
    }

    fn count_input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<u32>, EngineError> {
        // What cannot be counted beforehand shows when it is asked.
        let ids = self.runtime.block_on(self.scorer.prompt_ids(prompt));
        Ok(ids.ok().and_then(|ids| u32::try_from(ids.len()).ok()))
    }

    fn generate(
        &mut self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError> {
        self.runtime.block_on(async {
            // Between calls nothing runs here. The last answer's connection becomes free, and one that the server has
            // closed meanwhile is noticed, in a few turns of the runtime: microseconds.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            self.client.answer(request, &mut |chunk: Chunk<'_>| on_chunk(chunk)).await
        })
    }

    fn score(&mut self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError> {
        self.runtime.block_on(self.scorer.score(request))
    }

    fn top_scores(&mut self, request: &ScoreRequest<'_>, top: u32) -> Result<Vec<PositionTop>, EngineError> {
        self.runtime.block_on(self.scorer.top_scores(request, top))
    }

    fn top_answer(
        &mut self,
        request: &GenerationRequest<'_>,
        top: u32,
    ) -> Result<Vec<PositionTop>, EngineError> {
        self.runtime.block_on(self.scorer.top_answer(request, top))
    }

    fn concurrent(&self) -> Option<Arc<dyn ConcurrentEngine>> {
        // Connections live on the runtime that opened them, so the handle opens its own.
        Some(Arc::new(self.client.another(&self.address).ok()?))
    }
}

impl fmt::Debug for ServedEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedEngine").field("identity", &self.identity).field("kind", &self.kind).finish()
    }
}
