//! Short ways to ask.

use std::time::Duration;

use infercost_core::{
    Engine, EngineError, Generation, GenerationRequest, Message, PromptBody, Role, Sampling, ServedError,
};
use infercost_openai_mock::StandIn;
use infercost_served::{RetryPolicy, ServedEngine, ServedModel, ServedOptions, Timeouts};

/// Short time-outs and pauses, no trial answer.
pub(crate) fn hasty() -> ServedOptions {
    ServedOptions {
        timeouts: Timeouts {
            connect: Duration::from_millis(1000),
            first_byte: Duration::from_millis(400),
            stall: Duration::from_millis(300),
            whole: Duration::from_millis(3000),
        },
        retries: RetryPolicy {
            most: 2,
            pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(1500),
        },
        no_trial: true,
        ..ServedOptions::default()
    }
}

pub(crate) fn connect(server: &StandIn, options: &ServedOptions) -> ServedEngine {
    ServedModel::connect(&format!("{}#m", server.base()).parse().unwrap(), options).unwrap()
}

pub(crate) fn user(text: &str) -> PromptBody {
    PromptBody::Chat(vec![Message { role: Role::User, content: text.into() }].into())
}

/// One answer with its chunks as `text/tokens`.
pub(crate) fn ask(engine: &mut ServedEngine) -> (Vec<String>, Result<Generation, EngineError>) {
    let prompt = user("hello");
    let request = GenerationRequest { prompt: &prompt, max_tokens: 20, sampling: &Sampling::default() };
    let mut chunks = Vec::new();
    let result =
        engine.generate(&request, &mut |chunk| chunks.push(format!("{}/{}", chunk.text, chunk.tokens)));
    (chunks, result)
}

/// The failure of an answer that must fail.
pub(crate) fn failure(engine: &mut ServedEngine) -> ServedError {
    match ask(engine).1 {
        Err(EngineError::Served(error)) => *error,
        other => panic!("{other:?} is no failure of a server"),
    }
}

/// Runs a test in real time: three attempts, since a busy machine holds up client and server alike, one after the other
/// and none beside another's.
pub(crate) fn attempts(check: fn()) {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    for left in (0..3).rev() {
        let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match std::panic::catch_unwind(check) {
            Ok(()) => return,
            Err(failure) if left == 0 => std::panic::resume_unwind(failure),
            Err(_) => {}
        }
    }
}
