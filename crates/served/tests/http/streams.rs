//! Streams of every shape give the same answer.

use infercost_core::{Engine, FinishReason, GenerationRequest, Sampling, TokenCount};
use infercost_openai_mock::{Reply, StandIn, StreamScript};
use infercost_served::{Api, ServedOptions};

use crate::asking::{ask, attempts, connect, hasty, user};

#[track_caller]
fn check(script: &StreamScript, options: &ServedOptions, chunks: usize, tokens: u32, mismatch: bool) {
    let server = StandIn::always(script.reply()).unwrap();
    let mut engine = connect(&server, options);
    for _ in 0..5 {
        let (got, generation) = ask(&mut engine);
        let generation = generation.unwrap();
        assert_eq!(generation.text, script.text());
        assert_eq!((got.len(), generation.output_tokens), (chunks, tokens), "{got:?}");
        let served = generation.served.unwrap();
        assert_eq!((served.count_mismatch, served.retries, served.status), (mismatch, 0, Some(200)));
    }
    // One for the list of models, one for the answers: connections serve again.
    assert!(server.connections() <= 2, "{} connections", server.connections());
}

#[test]
fn shapes_of_streams() {
    attempts(|| {
        let plain = StreamScript::default();
        let hasty = hasty();
        check(&plain, &hasty, 11, 11, false);
        check(&StreamScript { crlf_and_comments: true, ..plain.clone() }, &hasty, 11, 11, false);
        check(&StreamScript { done: false, ..plain.clone() }, &hasty, 11, 11, false);
        check(&StreamScript { cut_by_length: true, ..plain.clone() }, &hasty, 10, 10, false);
        check(&StreamScript { tokens_per_chunk: 4, ..plain.clone() }, &hasty, 4, 11, true);
        let umlauts = vec!["grüß".into(), " \u{1f642}".into(), "\u{4f60}\u{597d}\n".into()];
        let split =
            StreamScript { tokens: umlauts, byte_by_byte: true, crlf_and_comments: true, ..plain.clone() };
        check(&split, &hasty, 4, 4, false);
        let completions = ServedOptions { api: Api::Completions, ..hasty.clone() };
        check(&StreamScript { chat: false, ..plain }, &completions, 11, 11, false);
    });
}

#[test]
fn usage_finish_and_cached_tokens_are_recorded() {
    attempts(|| {
        let script = StreamScript { prompt_tokens: (30, 16), cut_by_length: true, ..StreamScript::default() };
        let server = StandIn::always(script.reply()).unwrap();
        let generation = ask(&mut connect(&server, &hasty())).1.unwrap();
        assert_eq!((generation.input_tokens, generation.cached_input_tokens), (Some(30), Some(16)));
        assert_eq!(generation.finish, FinishReason::Length);
        assert_eq!(generation.served.unwrap().counted_by, TokenCount::Usage);

        let script = StreamScript { usage: false, ..StreamScript::default() };
        let server = StandIn::always(script.reply()).unwrap();
        let generation = ask(&mut connect(&server, &hasty())).1.unwrap();
        assert_eq!((generation.output_tokens, generation.cached_input_tokens), (11, None));
        assert_eq!(generation.input_tokens, None, "what is not told is no measured 0");
        assert_eq!(generation.served.unwrap().counted_by, TokenCount::Chunks);
    });
}

#[test]
fn a_server_that_does_not_stream_still_answers() {
    attempts(|| {
        let body = r#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
        let server = StandIn::always(Reply::json(body)).unwrap();
        let (chunks, generation) = ask(&mut connect(&server, &hasty()));
        assert_eq!((chunks, generation.unwrap().text.as_str()), (vec!["hi/2".to_owned()], "hi"));
    });
}

#[test]
fn many_are_in_flight_at_once() {
    attempts(|| {
        let script = StreamScript { first: std::time::Duration::from_millis(100), ..StreamScript::default() };
        let server = StandIn::always(script.reply()).unwrap();
        let engine = connect(&server, &hasty());
        let concurrent = engine.concurrent().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let began = std::time::Instant::now();
        let answered = runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..20 {
                let engine = concurrent.clone();
                tasks.spawn(async move {
                    let prompt = user("hello");
                    let request =
                        GenerationRequest { prompt: &prompt, max_tokens: 20, sampling: &Sampling::default() };
                    engine.generate(request, &mut |_| {}).await.unwrap().output_tokens
                });
            }
            tasks.join_all().await
        });
        assert_eq!(answered, [11; 20]);
        assert!(began.elapsed() < std::time::Duration::from_millis(1500), "{:?}", began.elapsed());
    });
}
