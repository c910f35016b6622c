//! Each fault is a counted outcome with its kind, retries are bounded and counted, and nothing hangs.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use infercost_core::{Engine as _, EngineError, FailureKind, ServedFault};
use infercost_openai_mock::{Fault, Reply, StandIn, Step, StreamScript};
use infercost_served::{ApiKey, RetryPolicy, ServedModel, ServedOptions, Timeouts};

use crate::asking::{ask, attempts, connect, failure, hasty};

const MODELS: &str = r#"{"data":[{"id":"m"}]}"#;

/// A server whose completions get these replies, the last of which is repeated.
fn serving(replies: Vec<Reply>) -> StandIn {
    let next = AtomicU32::new(0);
    StandIn::start(move |asked| {
        if !asked.path.ends_with("/completions") {
            return if asked.path == "/v1/models" { Reply::json(MODELS) } else { Reply::not_found() };
        }
        let number = next.fetch_add(1, Ordering::Relaxed) as usize;
        replies[number.min(replies.len() - 1)].clone()
    })
    .unwrap()
}

fn broken(after: usize, fault: Fault) -> Reply {
    StreamScript { fault: Some((after, fault)), gap: Duration::from_millis(5), ..StreamScript::default() }
        .reply()
}

/// The reply fails with this kind, words and number of retries, within the time.
#[track_caller]
fn check(reply: Reply, kind: FailureKind, words: &str, retries: u32, within_ms: u64) {
    let server = serving(vec![reply]);
    let mut engine = connect(&server, &hasty());
    let began = Instant::now();
    let error = failure(&mut engine);
    let took = began.elapsed();
    assert!(error.message.contains(words), "{}", error.message);
    assert_eq!((error.facts.retries, kind), (retries, EngineError::Served(Box::new(error)).kind()));
    assert!(took < Duration::from_millis(within_ms), "took {took:?}");
}

#[test]
fn broken_streams() {
    attempts(|| {
        check(broken(3, Fault::Reset), FailureKind::Connection, "in the middle of its answer", 0, 1000);
        check(broken(3, Fault::Close), FailureKind::Connection, "in the middle of its answer", 0, 1000);
        check(
            broken(3, Fault::EndsEarly),
            FailureKind::Connection,
            "ended the stream in the middle",
            0,
            1000,
        );
        check(broken(3, Fault::HalfJson), FailureKind::Protocol, "not what the API defines", 0, 1000);
        check(broken(3, Fault::ErrorObject), FailureKind::Status, "out of memory", 0, 1000);
        check(broken(3, Fault::Die), FailureKind::Connection, "in the middle of its answer", 0, 1000);
        check(broken(3, Fault::Stall), FailureKind::Timeout, "stalled for 300ms", 0, 1500);
    });
}

#[test]
fn nothing_before_the_first_token() {
    attempts(|| {
        check(broken(0, Fault::Stall), FailureKind::Timeout, "no token came within 400ms", 0, 1500);
        check(Reply::of(vec![Step::Hang]), FailureKind::Timeout, "no token came within 400ms", 0, 1500);
        // What may be asked again is asked again, twice.
        check(broken(0, Fault::Close), FailureKind::Connection, "before its first token", 2, 1500);
        check(Reply::of(vec![Step::Close]), FailureKind::Connection, "hung up before it answered", 2, 1500);
        check(Reply::of(vec![Step::Reset]), FailureKind::Connection, "hung up before it answered", 2, 1500);
        // Comments keep a stream open, and no token comes.
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_vec();
        let mut steps = vec![Step::Send(head)];
        for _ in 0..100 {
            steps.extend([Step::Wait(Duration::from_millis(50)), Step::Send(b": ping\n\n".to_vec())]);
        }
        check(Reply::of(steps), FailureKind::Timeout, "no token came within 400ms", 0, 1500);
    });
}

#[test]
fn a_drip_ends_with_the_whole_time() {
    attempts(|| {
        let drip = StreamScript {
            gap: Duration::from_millis(200),
            tokens: vec!["a".into(); 100],
            ..StreamScript::default()
        };
        check(drip.reply(), FailureKind::Timeout, "not finished within 3s", 0, 4500);
    });
}

#[test]
fn error_statuses() {
    attempts(|| {
        let status = FailureKind::Status;
        let body = r#"{"error":{"message":"slow down"}}"#;
        check(Reply::error(429, &[], body), status, "answered 429 Too Many Requests: slow down", 2, 1500);
        check(Reply::error(503, &["Retry-After: 0"], "{}"), status, "503", 2, 1500);
        // A server that asks for more than the longest pause is not asked again.
        check(Reply::error(503, &["Retry-After: 60"], "{}"), status, "left alone for 60s", 0, 1000);
        check(
            Reply::error(400, &[], r#"{"error":"bad \u001b[31mrequest"}"#),
            status,
            "bad \\u{1b}[31mrequest",
            0,
            1000,
        );
        check(Reply::error(401, &[], "{}"), status, "INFERCOST_API_KEY", 0, 1000);
        let page = "<!DOCTYPE html><html><title>Bad Gateway</title><body>nginx</body></html>";
        check(Reply::whole(502, "text/html", &[], page), status, "Bad Gateway: Bad Gateway", 0, 1000);
        check(Reply::error(500, &[], &"x".repeat(200_000)), status, "xxx", 0, 1000);
        check(
            Reply::whole(302, "text/plain", &["Location: http://127.0.0.1:1/"], ""),
            status,
            "redirects",
            0,
            1000,
        );
    });
}

#[test]
fn pages_and_nonsense() {
    attempts(|| {
        let page = "<!DOCTYPE html><html><title>Open WebUI</title></html>";
        let protocol = FailureKind::Protocol;
        check(Reply::whole(200, "text/html", &[], page), protocol, "a web page (Open WebUI)", 0, 1000);
        check(Reply::json(r#"{"choices":[{"message""#), protocol, "not what the API defines", 0, 1000);
        check(Reply::whole(200, "text/event-stream", &[], "data: hello\n\n"), protocol, "hello", 0, 1000);
        // Half an event, then a clean end: the answer never came.
        check(
            Reply::whole(200, "text/event-stream", &[], "data: {\"choices\":["),
            FailureKind::Connection,
            "before its first token",
            2,
            1500,
        );
    });
}

#[test]
fn a_retry_that_succeeds_is_counted_and_honors_retry_after() {
    attempts(|| {
        let busy = Reply::error(429, &["Retry-After: 1"], r#"{"error":{"message":"busy"}}"#);
        let server = serving(vec![busy, StreamScript::default().reply()]);
        let mut engine = connect(&server, &hasty());
        let began = Instant::now();
        let (chunks, generation) = ask(&mut engine);
        let served = generation.unwrap().served.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert_eq!((served.retries, chunks.len()), (1, 11));
        assert!(served.retried_for >= Duration::from_secs(1) && served.retried_for < Duration::from_secs(2));
    });
}

#[test]
fn a_date_in_retry_after_is_read() {
    attempts(|| {
        let past = Reply::error(503, &["Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"], "{}");
        let server = serving(vec![past, StreamScript::default().reply()]);
        assert_eq!(ask(&mut connect(&server, &hasty())).1.unwrap().served.unwrap().retries, 1);
        let future = Reply::error(503, &["Retry-After: Fri, 01 Jan 2100 00:00:00 GMT"], "{}");
        let server = serving(vec![future, StreamScript::default().reply()]);
        assert_eq!(failure(&mut connect(&server, &hasty())).facts.retries, 0);
    });
}

#[test]
fn a_server_that_dies_refuses_from_then_on() {
    attempts(|| {
        let server = serving(vec![StreamScript::default().reply(), broken(2, Fault::Die)]);
        let mut engine = connect(&server, &hasty());
        assert!(ask(&mut engine).1.is_ok());
        assert_eq!(failure(&mut engine).fault, ServedFault::Connection);
        let began = Instant::now();
        let refused = failure(&mut engine);
        assert!(
            refused.message.contains("cannot connect to the server: Connection refused"),
            "{}",
            refused.message
        );
        assert_eq!(
            (refused.fault, refused.facts.retries, refused.facts.status),
            (ServedFault::Connection, 2, None)
        );
        assert!(began.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn a_connection_that_never_stands_times_out() {
    attempts(|| {
        // A listener with a full queue takes no further connection on Linux.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        for _ in 0..5000 {
            match std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
                Ok(stream) => waiting.push(stream),
                Err(_) => break,
            }
        }
        let options = ServedOptions {
            timeouts: Timeouts { connect: Duration::from_millis(200), ..hasty().timeouts },
            retries: RetryPolicy { most: 0, ..hasty().retries },
            ..hasty()
        };
        let began = Instant::now();
        let error =
            ServedModel::connect(&format!("http://{address}/v1#m").parse().unwrap(), &options).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(matches!(error.kind(), FailureKind::Connection | FailureKind::Timeout), "{error}");
    });
}

#[test]
fn the_key_is_sent_and_never_shown() {
    let server = StandIn::start(|asked| match asked.path {
        "/v1/models" => Reply::json(MODELS),
        path if path.ends_with("/completions") => {
            let sent = asked.head.to_ascii_lowercase().contains("authorization: bearer sk-verysecret");
            Reply::error(
                401,
                &[],
                &format!(r#"{{"error":{{"message":"sent {sent}: wrong key sk-verysecret"}}}}"#),
            )
        }
        _ => Reply::not_found(),
    })
    .unwrap();
    let options = ServedOptions { key: ApiKey::new("sk-verysecret"), ..hasty() };
    let mut engine = connect(&server, &options);
    let error = failure(&mut engine);
    assert!(error.message.contains("sent true: wrong key …"), "{}", error.message);
    assert!(!format!("{options:?} {engine:?} {error:?}").contains("verysecret"));
}

/// A server that repeats the key, and long texts, wherever it is quoted.
#[test]
fn what_is_quoted_is_short_and_holds_no_key() {
    let options = || ServedOptions { key: ApiKey::new("sk-verysecret"), ..hasty() };
    let padding = "sk-verysecret and so on ".repeat(10_000);
    let check = |message: &str| {
        assert!(!message.contains("verysecret") && message.chars().count() < 1000, "{message:.2000}");
    };
    // where a list of choices is expected; the key stands across the place where the quote is cut, too
    for before in [0, 10, 55, 60, 65] {
        let event = format!(r#"data: {{"choices":"{}{padding}"}}"#, "x".repeat(before));
        let reply = Reply::whole(200, "text/event-stream", &[], &format!("{event}\n\n"));
        let error = ask(&mut connect(&serving(vec![reply]), &options())).1.unwrap_err();
        assert!(error.to_string().contains("not what the API defines"), "{error:.2000}");
        check(&error.to_string());
    }
    // while the server is asked what it is
    let models = format!(r#"{{"data":[{{"id":"{padding}"}}]}}"#);
    let server = StandIn::start(move |_| Reply::json(&models)).unwrap();
    let address = format!("{}#m", server.base()).parse().unwrap();
    check(&ServedModel::connect(&address, &options()).unwrap_err().to_string());
    let info = r#"{"version":"v sk-verysecret","model_dtype":"sk-verysecret"}"#;
    let server = StandIn::start(move |asked| match asked.path {
        "/v1/models" => Reply::whole(200, "application/json", &["Server: sk-verysecret"], MODELS),
        "/info" => Reply::json(info),
        _ => Reply::not_found(),
    })
    .unwrap();
    check(&format!("{:?}", connect(&server, &options()).identity()));
}

/// What is kept of an answer fits into a line of a run's file, whatever its characters.
#[test]
fn endless_answers_are_a_counted_outcome() {
    attempts(|| {
        let piece = "\\u0001".repeat(20_000);
        let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{piece}\"}}}}]}}\n\n");
        let reply = Reply::whole(200, "text/event-stream", &[], &event.repeat(60));
        let (_, result) = ask(&mut connect(&serving(vec![reply]), &hasty()));
        let error = result.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Protocol);
        assert!(error.to_string().contains("longer than 1 MiB"), "{error}");
    });
}

#[test]
fn a_prompt_that_is_too_long_is_told_with_its_numbers() {
    let body = r#"{"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":900,"n_ctx":512}}"#;
    let server = serving(vec![Reply::error(400, &[], body)]);
    let error = ask(&mut connect(&server, &hasty())).1.unwrap_err();
    assert!(
        matches!(error, EngineError::ContextExceeded { input: 900, output: 20, context: 512 }),
        "{error}"
    );
}
