//! Calls as platforms export them: from their pages, their interfaces and their storage.

use std::time::Duration;

use infercost_core::IrregularityKind;
use serde_json::{Value, json};

use super::foreign::{count, read_text};

/// What Langfuse's page, its interface and its blob storage call the same; tokens, cost, user and time to first token.
#[test]
fn exports_of_a_platform_in_every_shape() {
    let of_page = json!({
        "id": "a1", "traceId": "t1", "type": "GENERATION", "startTime": "2026-11-01T10:00:00.000Z",
        "endTime": "2026-11-01T10:00:02.000Z", "completionStartTime": "2026-11-01T10:00:00.500Z", "model": "m",
        "usageDetails": {"input": 60, "input_cached_tokens": 40, "output": 20, "total": 120},
        "costDetails": {"total": 0.25}, "userId": "u", "sessionId": "s", "metadata": null, "input": "{\"a\":1}",
    });
    let of_storage = json!({
        "id": "a1", "trace_id": "t1", "type": "GENERATION", "start_time": "2026-11-01 10:00:00.000000",
        "end_time": "2026-11-01 10:00:02.000000", "time_to_first_token": 0.5, "provided_model_name": "m",
        "usage_details": {"input": 60, "input_cached_tokens": 40, "output": 20, "total": 120}, "total_cost": 0.25,
        "user_id": "u", "session_id": "s",
    });
    let mut bare = of_page.clone();
    (bare["userId"], bare["sessionId"]) = (json!(null), json!(null));
    let of_trace = json!({"id": "t1", "userId": "u", "sessionId": "s", "observations": [bare], "scores": []});
    let enclosed = json!({"trace": {"id": "t1", "userId": "u", "sessionId": "s"}, "observations": [bare]});
    let rows = "\
id,trace_id,type,start_time,end_time,completion_start_time,provided_model_name,usage_details,total_cost,user_id,session_id,input
a1,t1,GENERATION,2026-11-01 10:00:00.000000,2026-11-01 10:00:02.000000,2026-11-01 10:00:00.500000,m,\
\"{\"\"input\"\":60,\"\"input_cached_tokens\"\":40,\"\"output\"\":20,\"\"total\"\":120}\",0.25,u,s,\"{\"\"a\"\":1}\"
";

    let wanted = read_text(&json!([of_page]).to_string()).calls;
    let [call] = wanted.as_slice() else { panic!("{wanted:?}") };
    assert_eq!(
        (call.input_tokens, call.cached_input_tokens, call.output_tokens),
        (Some(100), Some(40), Some(20))
    );
    assert_eq!((call.latency, call.time_to_first_token), (some_seconds(2.0), some_seconds(0.5)));
    assert_eq!((call.cost.unwrap().amount, call.user.as_deref(), call.failed), (0.25, Some("u"), false));

    for (what, text) in [
        ("a line", format!("{of_page}\n")),
        ("blob storage", of_storage.to_string()),
        ("its interface", json!({"data": [of_page], "meta": {"page": 1}}).to_string()),
        ("a trace", serde_json::to_string_pretty(&of_trace).unwrap()),
        ("a page's download", enclosed.to_string()),
        ("a table", rows.to_owned()),
        ("a table of a spreadsheet", format!("\u{feff}{}", rows.replace('\n', "\r\n"))),
    ] {
        let found = read_text(&text);
        assert_eq!(found.calls, wanted, "{what}");
        assert!(found.irregularities.is_empty(), "{what}: {:?}", found.irregularities);
    }
}

fn some_seconds(seconds: f64) -> Option<Duration> {
    Some(Duration::from_secs_f64(seconds))
}

#[test]
fn exports_that_hold_no_call_are_named() {
    // a list of traces: totals without calls
    let traces = json!({"data": [{"id": "t", "timestamp": "2026-11-01T10:00:00Z", "totalCost": 1, "observations": ["a", "b"]}]});
    let found = read_text(&traces.to_string());
    assert_eq!((found.calls.len(), count(&found, IrregularityKind::UnknownShape)), (0, 2));

    // what is around calls, and usage that is no count of tokens
    let observation = |kind: &str, usage: Value| json!({"id": kind, "traceId": "t", "type": kind, "startTime": "2026-11-01T10:00:00Z", "model": "m", "usage": usage});
    let letters = json!({"input": 500, "output": 90, "unit": "CHARACTERS"});
    let found = read_text(
        &json!([
            observation("SPAN", json!(null)),
            observation("EVENT", json!({})),
            observation("GENERATION", letters)
        ])
        .to_string(),
    );
    assert_eq!((found.calls.len(), found.spans, found.calls[0].input_tokens), (1, 3, None));

    // the list of what LiteLLM's proxy has spent
    let row = |status: &str, spend: f64| {
        json!({"request_id": status, "call_type": "acompletion", "spend": spend, "startTime": "2026-11-01T10:00:00Z",
               "endTime": "2026-11-01T10:00:01Z", "completionStartTime": "2026-11-01T10:00:01Z", "model": "m",
               "prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "metadata": {"status": status}})
    };
    let found = read_text(&json!([row("success", 0.5), row("failure", 0.0)]).to_string());
    let seen: Vec<(Option<f64>, bool, bool)> = found
        .calls
        .iter()
        .map(|call| (call.cost.map(|cost| cost.amount), call.failed, call.time_to_first_token.is_some()))
        .collect();
    assert_eq!(seen, [(Some(0.5), false, false), (None, true, false)]);
}
