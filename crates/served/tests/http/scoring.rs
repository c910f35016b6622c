//! Log-probabilities of given texts, in the ways of the servers that have any.

use infercost_core::{Continuation, Engine, EngineError, GenerationRequest, Sampling, ScoreRequest};
use infercost_openai_mock::{Asked, Reply, StandIn};
use infercost_served::{Api, ServedOptions};
use serde_json::{Value, json};

use crate::asking::{connect, hasty, user};

/// llama.cpp with a vocabulary of 100 tokens whose probabilities fall by half, best first; the best one after n
/// tokens is token n.
fn llama(asked: &Asked<'_>) -> Reply {
    let body: Value = serde_json::from_str(asked.body).unwrap_or_default();
    match asked.path {
        "/v1/models" => Reply::json(r#"{"data":[{"id":"m","owned_by":"llamacpp"}]}"#),
        "/props" => Reply::json(r#"{"build_info":"b1","total_slots":1}"#),
        "/apply-template" => Reply::json(r#"{"prompt":"hello"}"#),
        "/tokenize" if body["add_special"] == true => Reply::json(r#"{"tokens":[7,8,9]}"#),
        "/tokenize" => Reply::json(r#"{"tokens":[3,40]}"#),
        "/completion" => {
            let best = body["prompt"].as_array().unwrap().len();
            let wanted = body["n_probs"].as_u64().unwrap().min(100) as usize;
            let top: Vec<Value> = (0..wanted)
                .map(|rank| {
                    let ln_p = -((rank + 1) as f64) * std::f64::consts::LN_2;
                    json!({"id": (best + rank) % 100, "token": "x", "bytes": [120], "logprob": ln_p})
                })
                .collect();
            Reply::json(&json!({"content":"x","completion_probabilities":[{"id":best,"logprob":-0.7,"top_logprobs":top}]}).to_string())
        }
        _ => Reply::not_found(),
    }
}

fn near(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
}

#[test]
fn llama_cpp_is_asked_position_by_position() {
    let server = StandIn::start(llama).unwrap();
    let mut engine = connect(&server, &hasty());
    let prompt = user("hello");
    let request = |continuation| ScoreRequest { prompt: &prompt, continuation, distribution: true };
    let scores = engine.score(&request(Continuation::Text(" hi there"))).unwrap();
    assert_eq!((scores.targets, scores.distribution), (vec![3, 40], None));
    // After 3 tokens token 3 is best; after 4 token 40 is the 37th, behind the first 16 candidates.
    near(scores.log_probabilities[0], -std::f64::consts::LN_2);
    near(scores.log_probabilities[1], -37.0 * std::f64::consts::LN_2);
    let tops = engine.top_scores(&request(Continuation::Tokens(&[3, 40])), 5).unwrap();
    assert_eq!(tops.iter().map(|top| top.top.len()).collect::<Vec<_>>(), [5, 5]);
    assert_eq!(
        (tops[0].target.id, tops[0].target_ln_p.is_some(), tops[1].target_ln_p),
        (Some(3), true, None)
    );
    assert_eq!(tops[1].top[0].0.id, Some(4));
}

#[test]
fn completions_that_echo_are_used() {
    let server = StandIn::start(|asked| match asked.path {
        "/v1/models" => Reply::json(r#"{"data":[{"id":"m"}]}"#),
        "/v1/completions" => Reply::json(
            r#"{"choices":[{"text":"hello hi","logprobs":{"tokens":["hello"," hi","!"],"token_logprobs":[null,-0.5,-3.0],"top_logprobs":[null,{" hi":-0.5},{"!":-3.0}],"text_offset":[0,5,8]}}]}"#,
        ),
        _ => Reply::not_found(),
    })
    .unwrap();
    let mut engine = connect(&server, &ServedOptions { api: Api::Completions, ..hasty() });
    let prompt = user("hello");
    let request =
        ScoreRequest { prompt: &prompt, continuation: Continuation::Text(" hi"), distribution: false };
    let scores = engine.score(&request).unwrap();
    assert_eq!(scores.log_probabilities, [-0.5]);
    let ids = ScoreRequest { continuation: Continuation::Tokens(&[1]), ..request };
    assert!(
        matches!(engine.score(&ids), Err(EngineError::CannotScore(reason)) if reason.contains("token ids"))
    );
}

#[test]
fn who_cannot_score_says_why() {
    let server = StandIn::always(Reply::error(400, &[], r#"{"error":"echo is not supported"}"#)).unwrap();
    let prompt = user("hello");
    let request =
        ScoreRequest { prompt: &prompt, continuation: Continuation::Text(" hi"), distribution: false };
    let error = connect(&server, &hasty()).score(&request).unwrap_err();
    assert!(matches!(&error, EngineError::CannotScore(reason) if reason.contains("chat API")), "{error}");
    let mut engine = connect(&server, &ServedOptions { api: Api::Completions, ..hasty() });
    let error = engine.score(&request).unwrap_err();
    assert!(matches!(&error, EngineError::ScoringRefused { .. }), "{error}");
    assert!(error.to_string().contains("echo is not supported"), "{error}");
    let own = error.own_words();
    assert!(own.contains("do not echo") && !own.contains("not supported"), "{own}");
}

#[test]
fn the_likeliest_tokens_of_an_answer_are_read() {
    let body = r#"{"choices":[{"message":{"content":"a"},"logprobs":{"content":[{"token":"a","bytes":[97],"logprob":-0.25,"top_logprobs":[{"token":"a","bytes":[97],"logprob":-0.25},{"token":"b","bytes":null,"logprob":-2.0}]}]},"finish_reason":"stop"}]}"#;
    let server = StandIn::always(Reply::json(body)).unwrap();
    let prompt = user("hello");
    let request = GenerationRequest { prompt: &prompt, max_tokens: 5, sampling: &Sampling::default() };
    let tops = connect(&server, &hasty()).top_answer(&request, 2).unwrap();
    assert_eq!((tops.len(), tops[0].target_ln_p), (1, Some(-0.25)));
    assert_eq!(tops[0].top[1].0.bytes, b"b");
    let server = StandIn::always(Reply::json(r#"{"choices":[{"message":{"content":"a"}}]}"#)).unwrap();
    let error = connect(&server, &hasty()).top_answer(&request, 2).unwrap_err();
    assert!(matches!(error, EngineError::CannotScore(_)));
}
