#![expect(clippy::unwrap_used, reason = "a test may panic")]
use proptest::prelude::*;

use super::*;

/// What most of these answers are held against.
fn asked() -> Asked<'static> {
    Asked { limit: 100, prompt_bytes: 5, secret: Some("sk-1") }
}

fn message(data: &str) -> SseEvent<'_> {
    SseEvent { data: data.as_bytes(), kind: EventKind::Message }
}

/// What a stream of these events comes to: chunks as `text/tokens`, thinking in parentheses, and the generation or the
/// failure.
fn run(events: &[&str]) -> (Vec<String>, Result<Generation, Failure>) {
    let mut chunks = Vec::new();
    let mut answer = Answer::default();
    for event in events {
        let mut keep = |chunk: Chunk<'_>| {
            let text = if chunk.thinking { format!("({})", chunk.text) } else { chunk.text.to_owned() };
            chunks.push(format!("{text}/{}", chunk.tokens));
        };
        match answer.event(message(event), &asked(), &mut keep) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break,
            Err(failure) => return (chunks, Err(failure)),
        }
    }
    (chunks, Ok(answer.into_generation(ServedFacts::default(), &asked())))
}

/// chunks, text, output tokens, counted by, mismatch
#[track_caller]
fn check(events: &[&str], chunks: &str, text: &str, tokens: u32, by: TokenCount, mismatch: bool) {
    let (got, generation) = run(events);
    let generation = generation.unwrap();
    let served = generation.served.unwrap();
    assert_eq!(
        (got.join(" ").as_str(), generation.text.as_str(), generation.output_tokens),
        (chunks, text, tokens)
    );
    assert_eq!((served.counted_by, served.count_mismatch), (by, mismatch));
}

const ROLE: &str =
    r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}]}"#;
const A: &str = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
const B: &str = r#"{"choices":[{"index":0,"delta":{"content":"b"}}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const LENGTH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;

fn usage(output: u32) -> String {
    format!(r#"{{"choices":[],"usage":{{"prompt_tokens":5,"completion_tokens":{output}}}}}"#)
}

#[test]
fn tokens_come_from_usage_and_are_checked_against_the_stream() {
    let by = TokenCount::Usage;
    // The end of turn counted by the server, and not counted.
    check(&[ROLE, A, B, STOP, &usage(3), "[DONE]"], "a/1 b/1 /1", "ab", 3, by, false);
    check(&[ROLE, A, B, STOP, &usage(2), "[DONE]"], "a/1 b/1 /1", "ab", 2, by, false);
    check(&[ROLE, A, B, LENGTH, &usage(2), "[DONE]"], "a/1 b/1", "ab", 2, by, false);
    // Several tokens a chunk.
    check(&[ROLE, A, B, STOP, &usage(7), "[DONE]"], "a/1 b/1 /1", "ab", 7, by, true);
    check(&[ROLE, A, B, LENGTH, &usage(3), "[DONE]"], "a/1 b/1", "ab", 3, by, true);
    // Fewer tokens than chunks.
    check(&[ROLE, A, B, STOP, &usage(1), "[DONE]"], "a/1 b/1 /1", "ab", 1, by, true);
}

#[test]
fn chunks_are_counted_where_the_server_does_not_count() {
    let by = TokenCount::Chunks;
    check(&[ROLE, A, B, LENGTH, "[DONE]"], "a/1 b/1", "ab", 2, by, false);
    check(&[ROLE, A, B, STOP], "a/1 b/1 /1", "ab", 3, by, false);
    check(&[A, LENGTH, &usage(0)], "a/1", "a", 1, by, false);
    check(&[A, r#"{"choices":[],"usage":null}"#, "[DONE]"], "a/1", "a", 1, by, false);
}

#[test]
fn running_sums_tell_the_tokens_of_each_chunk() {
    let chunk = |text: &str, sum: u32| {
        format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}],"usage":{{"completion_tokens":{sum}}}}}"#)
    };
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"completion_tokens":6}}"#;
    let events = [&chunk("abc", 3), &chunk("de", 5), stop, &usage(6), "[DONE]"];
    check(&events, "abc/3 de/2 /1", "abcde", 6, TokenCount::Usage, false);
}

#[test]
fn reasoning_counts_as_output_and_stays_out_of_the_answer() {
    let events = [
        ROLE,
        r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"delta":{"reasoning":"so","content":""}}]}"#,
        A,
        LENGTH,
        &usage(3),
        "[DONE]",
    ];
    check(&events, "(hm)/1 (so)/1 a/1", "a", 3, TokenCount::Usage, false);
    let generation = run(&events).1.unwrap();
    assert_eq!(generation.thinking.as_deref(), Some("hmso"));
    assert_eq!(generation.served.unwrap().reasoning_chunks, 2);
}

#[test]
fn an_end_by_a_tool_or_a_filter_is_told() {
    let end = |reason: &str| {
        let last = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
        run(&[ROLE, A, &last, &usage(2), "[DONE]"]).1.unwrap().served.unwrap().other_end
    };
    assert_eq!(end("tool_calls"), Some(OtherEnd::ToolCall));
    assert_eq!(end("content_filter"), Some(OtherEnd::ContentFilter));
    assert_eq!((end("stop"), end("eos_token"), end("length")), (None, None, None));
}

#[test]
fn content_may_be_a_list_of_parts() {
    let thought = r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}"#;
    let said = r#"{"choices":[{"delta":{"content":[{"type":"text","text":"a"}]}}]}"#;
    let events = [ROLE, thought, said, LENGTH, &usage(2)];
    check(&events, "(hm)/1 a/1", "a", 2, TokenCount::Usage, false);
    assert_eq!(run(&events).1.unwrap().thinking.as_deref(), Some("hm"));
}

#[test]
fn keep_alives_are_no_chunks() {
    let events = ["", " ", "null", "ping", "[PING]", ": waiting", A, "", LENGTH, &usage(1), "[DONE]"];
    check(&events, "a/1", "a", 1, TokenCount::Usage, false);
    let mut answer = Answer::default();
    let typed = SseEvent { data: b"alive", kind: EventKind::Other };
    assert_eq!(answer.event(typed, &asked(), &mut |_| {}), Ok(ControlFlow::Continue(())));
}

#[test]
fn usage_may_stand_before_in_and_behind_the_last_chunk() {
    let by = TokenCount::Usage;
    let in_last = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":3}}"#;
    check(&[ROLE, A, B, in_last, "[DONE]"], "a/1 b/1 /1", "ab", 3, by, false);
    check(&[ROLE, A, B, &usage(3), STOP, "[DONE]"], "a/1 b/1 /1", "ab", 3, by, false);
    // A last chunk with zeros does not take back what was counted.
    check(&[ROLE, A, B, STOP, &usage(3), &usage(0), "[DONE]"], "a/1 b/1 /1", "ab", 3, by, false);
}

/// What usage a server sends, and what tokens are believed.
#[track_caller]
fn check_claim(usage: &str, output: u32, input: Option<u32>, by: TokenCount, disbelieved: bool) {
    let end = format!(r#"{{"choices":[],"usage":{usage}}}"#);
    let generation = run(&[ROLE, A, B, STOP, &end, "[DONE]"]).1.unwrap();
    assert_eq!((generation.output_tokens, generation.input_tokens), (output, input), "{usage}");
    let served = generation.served.unwrap();
    assert_eq!(served.counted_by, by, "{usage}");
    assert_eq!(served.usage_faults.iter().any(|fault| fault.is_disbelieved()), disbelieved, "{usage}");
}

#[test]
fn impossible_usage_is_counted_anew() {
    let (usage, chunks) = (TokenCount::Usage, TokenCount::Chunks);
    check_claim(r#"{"prompt_tokens":5,"completion_tokens":3}"#, 3, Some(5), usage, false);
    check_claim(r#"{"prompt_tokens":5,"completion_tokens":4294967295}"#, 3, Some(5), chunks, true);
    check_claim(r#"{"prompt_tokens":5,"completion_tokens":60}"#, 3, Some(5), chunks, true);
    check_claim(r#"{"prompt_tokens":5,"completion_tokens":-3}"#, 3, Some(5), chunks, true);
    check_claim(r#"{"prompt_tokens":5,"completion_tokens":2.5}"#, 3, Some(5), chunks, true);
    check_claim(r#"{"prompt_tokens":-5,"completion_tokens":3}"#, 3, None, usage, true);
    check_claim(r#"{"prompt_tokens":4294967295,"completion_tokens":3}"#, 3, None, usage, true);
    check_claim(r#""many""#, 3, None, chunks, false);
    check_claim(r#"{"prompt_tokens":5,"completion_tokens":3,"total_tokens":900}"#, 3, Some(5), usage, false);
}

/// A sum that cannot be, in every chunk, makes no chunk hold billions of tokens.
#[test]
fn impossible_running_sums_are_not_believed() {
    let chunk = r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"completion_tokens":4294967295}}"#;
    check(&[chunk, chunk, LENGTH], "a/1 a/1", "aa", 2, TokenCount::Chunks, false);
}

/// A gateway that gives no reason for the end: counts by themselves, behind the text, are the end.
#[test]
fn counts_behind_the_text_end_an_answer() {
    let is_done = |events: &[&str]| {
        let mut answer = Answer::default();
        for event in events {
            let _ = answer.event(message(event), &asked(), &mut |_| {}).unwrap();
        }
        answer.done
    };
    assert!(is_done(&[A, B, &usage(2), r#"{"choices":[],"cost":"0"}"#]));
    assert!(is_done(&[A, r#"{"usage":{"completion_tokens":2}}"#]));
    // before the text, in a chunk of it, or of nothing: the stream was cut off
    assert!(!is_done(&[&usage(2), A]));
    assert!(!is_done(&[A, r#"{"choices":[{"delta":{"content":"b"}}],"usage":{"completion_tokens":2}}"#]));
    assert!(!is_done(&[A, &usage(0)]));
}

#[test]
fn an_error_that_is_none_ends_nothing() {
    for nothing in ["null", "\"\"", "{}", "[]", "{ }", "false"] {
        let chunk = format!(r#"{{"choices":[{{"delta":{{"content":"a"}}}}],"error":{nothing}}}"#);
        check(&[&chunk, LENGTH], "a/1", "a", 1, TokenCount::Chunks, false);
    }
}

#[test]
fn an_end_that_is_none_is_a_failure() {
    check_failure(
        r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#,
        ServedFault::Status,
        "with an error",
    );
}

#[test]
fn plain_completions_and_whole_answers_are_read() {
    let plain = r#"{"choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":null}]}"#;
    let end = r#"{"choices":[{"text":"","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    check(&[plain, end, "[DONE]"], "a/1 /1", "a", 2, TokenCount::Usage, false);
    let whole = r#"{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"abc"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":4}}"#;
    check(&[whole], "abc/4", "abc", 4, TokenCount::Usage, false);
}

#[test]
fn other_choices_are_left_alone() {
    let other = r#"{"choices":[{"index":1,"delta":{"content":"z"}}]}"#;
    check(&[A, other, LENGTH, "[DONE]"], "a/1", "a", 1, TokenCount::Chunks, false);
}

#[test]
fn cached_tokens_and_timings_are_kept() {
    let end = r#"{"choices":[],"usage":{"completion_tokens":1,"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4}},"timings":{"cache_n":4,"prompt_n":5,"prompt_ms":12.5,"predicted_n":1,"predicted_ms":2.0}}"#;
    let generation = run(&[A, LENGTH, end]).1.unwrap();
    assert_eq!((generation.input_tokens, generation.cached_input_tokens), (Some(9), Some(4)));
    let timings = generation.served.unwrap().timings.unwrap();
    assert_eq!(timings.prompt, Some(std::time::Duration::from_micros(12_500)));
    let end = r#"{"choices":[],"timings":{"cache_n":0,"prompt_n":5,"predicted_n":1}}"#;
    let generation = run(&[A, LENGTH, end]).1.unwrap();
    assert_eq!((generation.input_tokens, generation.cached_input_tokens), (Some(5), Some(0)));
}

#[track_caller]
fn check_failure(event: &str, fault: ServedFault, wanted: &str) {
    let failure = run(&[A, event]).1.unwrap_err();
    assert_eq!(failure.fault, fault);
    assert!(failure.message.contains(wanted) && !failure.message.contains("sk-1"), "{}", failure.message);
    assert!(!failure.message.chars().any(char::is_control), "{:?}", failure.message);
}

#[test]
fn errors_inside_the_stream_are_failures() {
    check_failure(
        r#"{"error":{"message":"out of memory","code":500}}"#,
        ServedFault::Status,
        "out of memory",
    );
    check_failure(r#"{"error":"key sk-1 ran out"}"#, ServedFault::Status, "key … ran out");
    check_failure(r#"{"object":"error","message":"bad\u001b[31m"}"#, ServedFault::Status, "bad");
    check_failure(r#"{"choices":[{"delta":{"con"#, ServedFault::Protocol, "not what the API defines");
    check_failure("\u{1b}[2Jhello", ServedFault::Protocol, "hello");
    check_failure("[]", ServedFault::Protocol, "not what the API defines");
}

#[test]
fn a_server_that_never_ends_is_stopped() {
    let mut answer = Answer::default();
    let asked = Asked { limit: 10, ..Asked::default() };
    let end = (0..2000).find_map(|_| answer.event(message(A), &asked, &mut |_| {}).err()).unwrap();
    assert_eq!(end.fault, ServedFault::Protocol);
}

/// JSON of any shape under the names that chunks have.
fn chunk_like() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-1".to_owned()),
        Just("1e308".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("\"\"".to_owned()),
        Just("\"stop\"".to_owned()),
        Just("\"\\ud83d\"".to_owned()),
        Just("\"a\\u0000\\u001b[2J\"".to_owned()),
    ];

    let key = prop::sample::select(vec![
        "choices",
        "index",
        "delta",
        "message",
        "text",
        "content",
        "reasoning",
        "reasoning_details",
        "thinking",
        "type",
        "finish_reason",
        "usage",
        "completion_tokens",
        "prompt_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "reasoning_tokens",
        "total_tokens",
        "cached_tokens",
        "timings",
        "predicted_n",
        "predicted_ms",
        "error",
        "object",
    ]);

    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..4).prop_map(|fields| {
                let fields: Vec<String> =
                    fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_server_sends_is_an_answer_or_a_plain_failure(
        events in prop::collection::vec(prop_oneof![
            chunk_like(),
            Just(A.to_owned()),
            Just(STOP.to_owned()),
            any::<String>(),
        ], 0..6),
    ) {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let (chunks, result) = run(&events);
        match result {
            Ok(generation) => {
                let served = generation.served.unwrap();
                let tokens = chunks.iter().map(|chunk| chunk.rsplit('/').next().unwrap().parse::<u32>().unwrap());
                let sum = tokens.fold(0_u32, u32::saturating_add);
                prop_assert_eq!(served.streamed_tokens, sum);
            }
            Err(failure) => prop_assert!(!failure.message.chars().any(char::is_control), "{:?}", failure.message),
        }
    }
}
