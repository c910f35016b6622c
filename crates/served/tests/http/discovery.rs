//! What is learnt when connecting.

use infercost_engine::Engine;
use infercost_served::{ServedModel, ServedOptions, ServerKind};
use infercost_served_stand_in::{Reply, StandIn, StreamScript};

use crate::asking::{ask, connect, hasty, user};

/// A server of these pages, `completions` being a well-behaved stream.
fn server(pages: &'static [(&'static str, &'static str)]) -> StandIn {
    let stream = StreamScript::default().reply();
    StandIn::start(move |asked| {
        if asked.path.ends_with("/completions") {
            // Unknown fields are told from known ones by who sends them.
            let switched = asked.body.contains(r#""cache_prompt":false"#);
            let is_llama = pages.iter().any(|(path, _)| *path == "/props");
            return if switched == is_llama { stream.clone() } else { Reply::error(400, &[], "{}") };
        }
        let page = pages.iter().find(|(path, _)| *path == asked.path);
        page.map_or_else(Reply::not_found, |(_, body)| Reply::json(body))
    })
    .unwrap()
}

const LLAMA: &[(&str, &str)] = &[
    (
        "/v1/models",
        r#"{"object":"list","data":[{"id":"m","owned_by":"llamacpp","meta":{"n_vocab":49152,"n_ctx_train":8192,"n_params":134515008,"size":96576768,"ftype":"Q4_1"}}]}"#,
    ),
    (
        "/props",
        r#"{"default_generation_settings":{"n_ctx":2048},"total_slots":4,"build_info":"b6000-abc","chat_template":"x"}"#,
    ),
    ("/apply-template", r#"{"prompt":"<u>hello<a>"}"#),
    ("/tokenize", r#"{"tokens":[1,2,3,4,5,6,7,8,9,10]}"#),
];

#[test]
fn llama_cpp() {
    let server = server(LLAMA);
    let options = ServedOptions { no_trial: false, ..hasty() };
    let mut engine = connect(&server, &options);
    let identity = engine.identity().clone();
    assert_eq!((identity.engine.as_str(), identity.version.as_str()), ("llama.cpp", "b6000-abc"));
    // The server's `size` is that of the tensors, and no file's.
    assert_eq!((identity.context_length, identity.file_size), (Some(2048), None));
    assert_eq!(identity.quantization.as_deref(), Some("Q4_1"));
    assert_eq!(identity.device, format!("server at {}", server.base()));
    assert!(engine.switches_cache_off());
    let trial = engine.trial().unwrap().clone();
    assert_eq!(trial.counted_and_tokenized, Some((11, 10)));
    assert_eq!(
        (trial.tokenizer_agrees(), trial.sends_usage, trial.count_mismatch),
        (Some(true), true, false)
    );
    let habits = identity.habits.unwrap();
    assert!(habits.cache_off);
    assert_eq!(habits.trial, Some(trial), "the run's header shows what the trial did");
    assert_eq!(engine.count_input_tokens(&user("hello")).unwrap(), Some(10));
    assert!(ask(&mut engine).1.is_ok());
}

#[track_caller]
fn check(pages: &'static [(&'static str, &'static str)], kind: ServerKind, version: &str) {
    let server = server(pages);
    let mut engine = connect(&server, &hasty());
    assert_eq!((engine.kind(), engine.identity().version.as_str()), (kind, version));
    assert_eq!(engine.identity().engine, kind.name());
    assert!(ask(&mut engine).1.is_ok());
}

#[test]
fn other_servers() {
    check(
        &[
            ("/v1/models", r#"{"data":[{"id":"m","owned_by":"vllm","max_model_len":4096}]}"#),
            ("/version", r#"{"version":"0.9"}"#),
        ],
        ServerKind::Vllm,
        "0.9",
    );
    check(
        &[
            ("/v1/models", r#"{"data":[{"id":"m:latest","owned_by":"library"}]}"#),
            ("/api/version", r#"{"version":"0.5"}"#),
        ],
        ServerKind::Ollama,
        "0.5",
    );
    check(
        &[
            ("/v1/models", r#"{"data":[{"id":"m","owned_by":"organization_owner"}]}"#),
            (
                "/api/v0/models/m",
                r#"{"id":"m","arch":"llama","quantization":"Q4_K_M","max_context_length":9}"#,
            ),
        ],
        ServerKind::LmStudio,
        "",
    );
    check(&[("/v1/models", r#"{"data":[{"id":"m"}]}"#)], ServerKind::Other, "");
}

#[test]
fn a_list_of_models_may_be_missing() {
    check(&[], ServerKind::Other, "");
}

#[test]
fn fields_that_a_server_refuses_are_left_out() {
    let stream = StreamScript::default().reply();
    let server = StandIn::start(move |asked| match asked.path {
        "/v1/models" => Reply::json(r#"{"data":[{"id":"m"}]}"#),
        path if path.ends_with("/completions") => {
            let strange = asked.body.contains("stream_options");
            if strange { Reply::error(400, &[], r#"{"error":"stream_options"}"#) } else { stream.clone() }
        }
        _ => Reply::not_found(),
    })
    .unwrap();
    let mut engine = connect(&server, &ServedOptions { no_trial: false, ..hasty() });
    assert!(ask(&mut engine).1.is_ok());
}

#[track_caller]
fn check_refused(models: Reply, address: &str, wanted: &str) {
    let server = StandIn::start(move |_| models.clone()).unwrap();
    let address = address.replace("BASE", &server.base());
    let error = ServedModel::connect(&address.parse().unwrap(), &hasty()).unwrap_err().to_string();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let list = || Reply::json(r#"{"data":[{"id":"a"},{"id":"b"}]}"#);
    check_refused(list(), "BASE#c", "no model `c`; it has a, b");
    check_refused(list(), "BASE", "append #name");
    check_refused(Reply::error(401, &[], "{}"), "BASE#a", "INFERCOST_API_KEY");
    check_refused(
        Reply::error(503, &[], r#"{"error":{"message":"Loading model"}}"#),
        "BASE#a",
        "Loading model",
    );
    check_refused(
        Reply::whole(200, "text/html", &[], "<html><title>Hi</title>"),
        "BASE#a",
        "page for people (Hi)",
    );
    check_refused(Reply::json("[1,2"), "BASE#a", "not what the API defines");
    check_refused(list(), "http://127.0.0.1:9/v1#a", "cannot connect to the server");
}
