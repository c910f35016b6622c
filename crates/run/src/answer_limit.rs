//! An engine whose answers end earlier than prompts allow, so that what a limit saves and costs is measured like any other
//! setting.

use std::sync::Arc;

use infercost_core::{
    Chunk, ConcurrentEngine, Engine, EngineError, EngineIdentity, Generation, GenerationRequest,
    PendingGeneration, PositionTop, PromptBody, ScoreRequest, TokenScores,
};

/// The engine with answers of at most so many tokens; as it is where there is no limit.
pub(crate) fn limited(engine: Box<dyn Engine>, most: Option<u32>) -> Box<dyn Engine> {
    match most {
        Some(most) => Box::new(Limited { engine, most }),
        None => engine,
    }
}

struct Limited {
    engine: Box<dyn Engine>,
    most: u32,
}

fn shortened<'a>(request: &GenerationRequest<'a>, most: u32) -> GenerationRequest<'a> {
    GenerationRequest { max_tokens: request.max_tokens.min(most), ..*request }
}

impl Engine for Limited {
    fn identity(&self) -> &EngineIdentity {
        self.engine.identity()
    }

    fn count_input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<u32>, EngineError> {
        self.engine.count_input_tokens(prompt)
    }

    fn input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<Vec<u32>>, EngineError> {
        self.engine.input_tokens(prompt)
    }

    fn vocabulary_sha256(&self) -> Option<&str> {
        self.engine.vocabulary_sha256()
    }

    fn generate(
        &mut self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError> {
        self.engine.generate(&shortened(request, self.most), on_chunk)
    }

    fn score(&mut self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError> {
        self.engine.score(request)
    }

    fn top_scores(&mut self, request: &ScoreRequest<'_>, top: u32) -> Result<Vec<PositionTop>, EngineError> {
        self.engine.top_scores(request, top)
    }

    fn top_answer(
        &mut self,
        request: &GenerationRequest<'_>,
        top: u32,
    ) -> Result<Vec<PositionTop>, EngineError> {
        self.engine.top_answer(&shortened(request, self.most), top)
    }

    fn token_of_bytes(&self, bytes: &[u8]) -> Option<u32> {
        self.engine.token_of_bytes(bytes)
    }

    fn concurrent(&self) -> Option<Arc<dyn ConcurrentEngine>> {
        let engine = self.engine.concurrent()?;
        Some(Arc::new(LimitedAtOnce { engine, most: self.most }))
    }
}

/// The same for requests that are in flight together.
struct LimitedAtOnce {
    engine: Arc<dyn ConcurrentEngine>,
    most: u32,
}

impl ConcurrentEngine for LimitedAtOnce {
    fn generate<'a>(
        &'a self,
        request: GenerationRequest<'a>,
        on_chunk: &'a mut (dyn FnMut(Chunk<'_>) + Send),
    ) -> PendingGeneration<'a> {
        self.engine.generate(shortened(&request, self.most), on_chunk)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use std::collections::HashMap;

    use infercost_core::testing::{Script, ScriptedEngine};
    use infercost_core::{Conversation, Message, Role, Sampling};

    use super::*;

    #[test]
    fn answers_end_at_the_smaller_limit() {
        let body = PromptBody::Chat(Conversation::from(vec![Message {
            role: Role::User,
            content: "count".to_owned(),
        }]));
        let sampling = Sampling::default();
        let script = Script {
            answers: HashMap::from([("count".to_owned(), "one two three".to_owned())]),
            ..Script::default()
        };
        let answer = |most: Option<u32>, max_tokens: u32| {
            let mut engine = limited(Box::new(ScriptedEngine::new(script.clone())), most);
            let request = GenerationRequest { prompt: &body, max_tokens, sampling: &sampling };
            engine.generate(&request, &mut |_| {}).unwrap().text
        };
        assert_eq!(answer(Some(7), 100), "one two");
        assert_eq!(answer(Some(100), 3), "one");
        assert_eq!(answer(None, 100), "one two three");
    }
}
