//! A load of many requests, in the memory of a few.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::{
    Chunk, ConcurrentEngine, FinishReason, Generation, GenerationRequest, Message, OperatingPoint,
    PendingGeneration, Prompt, PromptBody, Role, Sampling,
};
use infercost_harness::load::{Arrivals, Load, put_under_load};

/// Most that memory may grow by between the first quarter of the requests and the last, in bytes.
const MOST_GROWN: u64 = 1 << 20;
/// Requests of an open loop that are due at once when it begins: later ones that pile up, since the machine holds this process
/// up, find their memory there.
const BURST: u32 = 500;
/// Time between two later ones.
const GAP: Duration = Duration::from_micros(200);

/// Answers at once.
struct Instant;

impl ConcurrentEngine for Instant {
    fn generate<'a>(
        &'a self,
        _request: GenerationRequest<'a>,
        on_chunk: &'a mut (dyn FnMut(Chunk<'_>) + Send),
    ) -> PendingGeneration<'a> {
        Box::pin(async move {
            for text in ["one", " two", " three"] {
                on_chunk(Chunk { text, tokens: 1, thinking: false });
            }
            Ok(Generation {
                text: "one two three".to_owned(),
                thinking: None,
                thinking_tokens: None,
                opens_thinking: false,
                token_ids: Vec::new(),
                output_tokens: 3,
                input_tokens: Some(2),
                cached_input_tokens: None,
                finish: FinishReason::Stop,
                served: None,
            })
        })
    }
}

/// Memory of this process that no file holds, in bytes (proc_pid_status(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Memory after a quarter of the requests, when buffers have the size that they keep, is that after all of them.
fn check(point: OperatingPoint, schedule: Option<Arc<[Duration]>>, requests: u64) {
    let prompt = Prompt {
        id: "p".into(),
        body: PromptBody::Chat(vec![Message { role: Role::User, content: "count".to_owned() }].into()),
        grader: None,
        max_tokens: 8,
        tags: Vec::new(),
    };
    let load = Load {
        point,
        arrivals: Arrivals::Poisson,
        schedule,
        warm_up: Duration::ZERO,
        duration: Duration::from_secs(3600),
        most_requests: requests,
        seed: 1,
        sampling: Sampling::default(),
    };

    let (mut seen, mut settled) = (0, None);
    let mut take = |records: Vec<_>| {
        seen += records.len() as u64;
        if seen >= requests / 4 {
            settled.get_or_insert_with(resident);
        }
        Ok(())
    };
    let outcome = put_under_load(Arc::new(Instant), &[prompt], &load, &mut take, &AtomicBool::new(false));
    assert_eq!((outcome.unwrap().completed, seen), (requests, requests), "{point:?}");

    let grown = resident().saturating_sub(settled.unwrap());
    assert!(grown < MOST_GROWN, "{point:?}: {grown} bytes more than after a quarter of {requests} requests");
}

#[test]
fn nothing_is_kept_of_a_request_that_has_ended() {
    check(OperatingPoint::Closed { concurrency: 16 }, None, 100_000);

    let due = (0..20_000_u32).map(|number| GAP * number.saturating_sub(BURST)).collect();
    check(OperatingPoint::Open { rate: 5000.0 }, Some(due), 20_000);
}
