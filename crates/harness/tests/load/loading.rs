//! Short ways to put a scripted server under load.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::{
    Engine, InferenceRecord, Message, OperatingPoint, Outcome, Prompt, PromptBody, Role, Sampling,
};
use infercost_harness::load::{Arrivals, Load, LoadOutcome, put_under_load};
use infercost_openai_mock::{Reply, StandIn, StreamScript};
use infercost_served::{RetryPolicy, ServedModel, ServedOptions, Timeouts};

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn prompts(count: usize) -> Vec<Prompt> {
    let prompt = |number: usize| Prompt {
        id: format!("p{number}").as_str().into(),
        body: PromptBody::Chat(
            vec![Message { role: Role::User, content: format!("question {number}") }].into(),
        ),
        grader: None,
        max_tokens: 32,
        tags: Vec::new(),
    };
    (0..count).map(prompt).collect()
}

pub(crate) fn load(point: OperatingPoint, warm_up: Duration, duration: Duration) -> Load {
    Load {
        point,
        arrivals: Arrivals::Poisson,
        schedule: None,
        warm_up,
        duration,
        most_requests: u64::MAX,
        seed: 1,
        sampling: Sampling::default(),
    }
}

pub(crate) fn script(first: Duration, gap: Duration, tokens: usize) -> StreamScript {
    let tokens = (0..tokens).map(|number| format!(" {number}")).collect();
    StreamScript { first, gap, tokens, ..StreamScript::default() }
}

/// Puts the server under load; gives what was reached and every record, with the index of its prompt.
pub(crate) fn loaded(server: &StandIn, load: &Load, count: usize) -> (LoadOutcome, Vec<InferenceRecord>) {
    let options = ServedOptions {
        timeouts: Timeouts { connect: MS * 1000, first_byte: MS * 3500, stall: MS * 500, whole: MS * 4000 },
        retries: RetryPolicy { most: 1, pause: MS * 5, longest_pause: MS * 100 },
        no_trial: true,
        ..ServedOptions::default()
    };
    let engine = ServedModel::connect(&format!("{}#m", server.base()).parse().unwrap(), &options).unwrap();
    let mut records = Vec::new();
    let mut keep = |more| {
        records.extend::<Vec<_>>(more);
        Ok(())
    };
    let prompts = prompts(count);
    let handle = engine.concurrent().unwrap();
    let outcome = put_under_load(handle, &prompts, load, &mut keep, &AtomicBool::new(false)).unwrap();
    (outcome, records)
}

pub(crate) fn serving(reply: Reply) -> StandIn {
    StandIn::always(reply).unwrap()
}

pub(crate) fn completed(records: &[InferenceRecord]) -> u64 {
    records.iter().filter(|record| matches!(record.outcome, Outcome::Completed { .. })).count() as u64
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
