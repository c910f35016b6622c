//! A served model as an engine.

use std::sync::Arc;

use infercost_engine::{
    Chunk, ConcurrentEngine, Engine, EngineError, Generation, GenerationRequest, PendingGeneration,
    ScoreRequest, ServedError, ServedFault, TokenScores,
};
use infercost_schema::{EngineIdentity, PromptBody, ServedFacts};

use crate::{ServedAddress, ServedOptions};

/// The way to a served model.
#[derive(Debug)]
pub struct ServedModel;

impl ServedModel {
    /// Checks that the server is there and has the model, and learns what it tells about itself.
    ///
    /// # Errors
    /// [`EngineError::Served`], with the names of the models that the server has where the wanted one is not among
    /// them.
    pub fn connect(address: &ServedAddress, options: &ServedOptions) -> Result<ServedEngine, EngineError> {
        let _ = options;
        let identity =
            EngineIdentity { engine: "served".into(), device: address.base().into(), ..Default::default() };
        Ok(ServedEngine { identity, client: Arc::new(Client) })
    }
}

/// A model behind a server.
#[derive(Debug)]
pub struct ServedEngine {
    identity: EngineIdentity,
    client: Arc<Client>,
}

#[derive(Debug)]
struct Client;

fn unfinished() -> EngineError {
    EngineError::Served(Box::new(ServedError {
        fault: ServedFault::Protocol,
        message: "not yet".into(),
        facts: ServedFacts::default(),
    }))
}

impl ConcurrentEngine for Client {
    fn generate<'a>(
        &'a self,
        _request: GenerationRequest<'a>,
        _on_chunk: &'a mut (dyn FnMut(Chunk<'_>) + Send),
    ) -> PendingGeneration<'a> {
        Box::pin(async { Err(unfinished()) })
    }
}

impl Engine for ServedEngine {
    fn identity(&self) -> &EngineIdentity {
        &self.identity
    }

    fn count_input_tokens(&mut self, _prompt: &PromptBody) -> Result<Option<u32>, EngineError> {
        Ok(None)
    }

    fn generate(
        &mut self,
        _request: &GenerationRequest<'_>,
        _on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError> {
        Err(unfinished())
    }

    fn score(&mut self, _request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError> {
        Err(unfinished())
    }

    fn concurrent(&self) -> Option<Arc<dyn ConcurrentEngine>> {
        Some(self.client.clone())
    }
}
