//! Each way in which people trace calls, as its library writes it: the files in `tests/flavors` are made by
//! `benches/traces/flavors/regenerate.sh` from the libraries themselves, which ask a scripted server four times: a plain
//! call, a stream, a stream without usage, and a call that is refused.

use std::fmt::Write as _;
use std::path::Path;

use infercost_core::{ForeignCall, ForeignTrace};
use infercost_trace::foreign::read_file;

fn read(name: &str) -> ForeignTrace {
    read_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flavors").join(name)).unwrap()
}

/// A call in words: tokens of prompt (cached, written to a cache) and answer, and what else is known.
fn words(call: &ForeignCall) -> String {
    let count = |count: Option<u32>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let mut words = call.model.as_deref().unwrap_or("?").to_owned();
    let _ = write!(words, " {}", count(call.input_tokens));
    if call.cached_input_tokens.or(call.cache_write_tokens).is_some_and(|cached| cached > 0) {
        let _ = write!(words, "({},{})", count(call.cached_input_tokens), count(call.cache_write_tokens));
    }
    let _ = write!(words, "+{}", count(call.output_tokens));
    if call.time_to_first_token.is_some() {
        words += " ttft";
    }
    if let Some(cost) = call.cost {
        let _ = write!(
            words,
            " {} {}",
            cost.amount,
            cost.currency.map_or_else(|| "?".to_owned(), |code| code.to_string())
        );
    }
    if call.failed {
        words += " failed";
    }
    assert!(call.latency.is_some() && call.started_at.is_some());
    words
}

#[track_caller]
fn check(name: &str, calls: &[&str], irregularities: &[(&str, u64)]) {
    let found = read(name);
    let found_calls: Vec<String> = found.calls.iter().map(words).collect();
    assert_eq!(found_calls, calls, "{name}");

    let found_left: Vec<(String, u64)> =
        found.irregularities.iter().map(|(reason, left)| (format!("{reason:?}"), left.count)).collect();
    let wanted: Vec<(String, u64)> =
        irregularities.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    assert_eq!(found_left, wanted, "{name}: {:?}", found.irregularities);
}

#[test]
fn openllmetry() {
    check(
        "openllmetry.jsonl",
        &[
            "example-plain 100(40,?)+20",
            "example-plain 100(40,?)+20 ttft",
            "example-without-usage ?+? ttft",
            "example-busy ?+? failed",
        ],
        &[],
    );
}

#[test]
fn openllmetry_beside_an_sdk_that_traces_itself() {
    check("openllmetry_anthropic.jsonl", &["example-plain 505(400,100)+20"], &[("SeenTwice", 1)]);
}

#[test]
fn openinference() {
    check(
        "openinference.jsonl",
        &[
            "example-plain 100(40,?)+20",
            "example-plain 100(40,?)+20 ttft",
            "example-without-usage ?+? ttft",
            "example-busy ?+? failed",
            "example-plain 505(400,100)+20",
        ],
        &[("Wrapper", 1)],
    );
}

#[test]
fn elastic() {
    check(
        "elastic.jsonl",
        &[
            "example-plain 100+20",
            "example-plain 100+20",
            "example-without-usage ?+?",
            "example-busy ?+? failed",
        ],
        &[],
    );
}

#[test]
fn openlit() {
    check(
        "openlit.jsonl",
        &[
            "example-plain 100(40,0)+20",
            "example-plain 100(40,0)+20 ttft",
            "example-without-usage 11+6 ttft",
            "example-busy ?+? failed",
            "example-plain 505(400,100)+20",
        ],
        &[("ZeroCost", 4)],
    );
}

#[test]
fn langfuse() {
    check(
        "langfuse.jsonl",
        &[
            "example-plain 100(40,?)+20",
            "example-plain 100(40,?)+20 ttft",
            "example-without-usage ?+? ttft",
            "example-busy ?+? 0 USD failed",
            "example-plain 100(40,?)+20 0.003 USD",
        ],
        &[],
    );
}

#[test]
fn litellm() {
    check(
        "litellm.jsonl",
        &[
            "example-plain 100(40,?)+20 0.0012400000000000002 USD",
            "example-plain 100(40,?)+20 0.0012400000000000002 USD",
            "example-without-usage 12+4",
            "example-busy ?+? 0 USD failed",
            "example-plain 505(400,100)+20",
        ],
        &[],
    );
}

#[test]
fn langsmith() {
    check(
        "langsmith.jsonl",
        &[
            "example-plain 100(40,?)+20",
            "example-without-usage ?+?",
            "example-busy ?+? failed",
            "example-plain 100(40,?)+20",
        ],
        &[],
    );
}

#[test]
fn pydantic_ai() {
    check(
        "pydantic.jsonl",
        &[
            "example-plain 100(40,?)+20",
            "example-plain 100(40,?)+20 ttft",
            "example-busy ?+? failed",
            "example-plain 505(400,100)+20",
        ],
        &[("CacheConvention", 1), ("Wrapper", 1)],
    );
}

#[test]
fn datadog() {
    check(
        "datadog.jsonl",
        &[
            "example-plain 100(40,?)+20",
            "example-plain 100(40,?)+20",
            "example-without-usage 4+3",
            "example-busy ?+? failed",
        ],
        &[],
    );
}

#[test]
fn vercels_ai_sdk() {
    check(
        "vercel.jsonl",
        &[
            "example-plain 100+20",
            "example-plain 100(40,?)+20 ttft",
            "example-without-usage ?+? ttft",
            "example-busy ?+? failed",
        ],
        &[],
    );
}

#[test]
fn langfuses_export() {
    let wanted = [
        "example-plain 100(40,?)+20 ttft 0.003 USD",
        "example-plain 100+20",
        "example-plain ?+? failed",
        "example-plain 8+?",
    ];
    check("langfuse_export.json", &wanted, &[("ZeroCost", 1)]);
    let call = &read("langfuse_export.json").calls[0];
    assert_eq!((call.user.as_deref(), call.session.as_deref()), (Some("u"), Some("s")));
}

#[test]
fn langsmiths_runs() {
    let wanted =
        ["example-plain 100(40,?)+20 ttft 0.003 USD", "example-plain 100+20", "example-plain 0+0 failed"];
    check("langsmith_runs.jsonl", &wanted, &[]);
}

#[test]
fn litellms_log() {
    let wanted = [
        "example-plain 100(40,?)+20 0.0012400000000000002 USD",
        "example-plain 100(40,?)+20 ttft 0.0012400000000000002 USD",
        "example-busy 0+0 0 USD failed",
        "example-plain 505(400,100)+20",
    ];
    check("litellm_log.jsonl", &wanted, &[("ZeroCost", 1)]);
}

#[test]
fn the_sdks_own_print_and_zipkins_exporter() {
    check("formats.jsonl", &["example-plain 100+20 ttft", "? ?+? failed"], &[]);
    check("formats.sdk.json", &["example-plain 100+20 ttft", "? ?+? failed"], &[]);
    check("formats.zipkin.jsonl", &["example-plain 100+20 ttft", "? ?+? failed"], &[]);
}
