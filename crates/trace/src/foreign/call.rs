//! One span as a call of a model, whichever program recorded it.

use std::time::Duration;

use infercost_core::{ForeignCall, IrregularityKind};

use super::call_attributes::{FIRST_TOKEN_EVENTS, Fact, Facts, number, text};
use super::irregularities::Notes;
use super::names::Names;
use super::stated_cost;
use super::tokens::StatedTokens;
use super::words::text_after;
use crate::otlp_json::{ReadList, ReadSpan, ReadValue, StatusKind};
use crate::span_ids::from_unix_nanos;

/// What a span is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    /// A model's answer.
    Call,
    /// Something else that is known: an agent, a tool, a request over HTTP.
    Other,
    /// Generative AI of a kind that is not known.
    Unknown(String),
}

/// What programs name a model's answer, in any of the attributes that name a kind; compared without case.
const CALLS: [&str; 17] = [
    "chat",
    "chat_model",
    "completion",
    "text_completion",
    "text_generation",
    "generate_content",
    "generate",
    "generation",
    "message",
    "messages",
    "response",
    "responses",
    "llm",
    "embedding",
    "embeddings",
    "dogenerate",
    "dostream",
];
/// Further names of embeddings in the AI SDK, whose outer spans have names that begin alike.
const VERCEL_CALLS: [&str; 4] = [".doGenerate", ".doStream", ".doEmbed", ".doStreamObject"];
/// What programs name everything around it.
const OTHERS: [&str; 33] = [
    "agent",
    "chain",
    "create_agent",
    "create_memory",
    "create_memory_store",
    "delete_memory",
    "document",
    "evaluator",
    "event",
    "execute_tool",
    "experiment",
    "function",
    "guardrail",
    "http",
    "invoke_agent",
    "invoke_workflow",
    "memory",
    "parser",
    "plan",
    "prompt",
    "rerank",
    "reranker",
    "retrieval",
    "retriever",
    "search_memory",
    "span",
    "step",
    "task",
    "tool",
    "unknown",
    "update_memory",
    "vectordb",
    "workflow",
];

/// A call with what is needed to tell whether it is seen twice.
#[derive(Debug)]
pub(super) struct ReadCall<'s> {
    pub(super) call: ForeignCall,
    /// The answer's id.
    pub(super) response_id: Option<&'s str>,
    /// True where only a convention says whether cached tokens are a part of the prompt's, and there are two.
    pub(super) by_convention: bool,
}

/// Reads a span; `None` where it is no call of a model.
pub(super) fn read<'s>(
    facts: &Facts<'s>,
    span: &ReadSpan<'s>,
    names: &mut Names,
    notes: &mut Notes,
) -> Option<ReadCall<'s>> {
    match role(facts) {
        Role::Call => {}
        Role::Other => return None,
        Role::Unknown(name) => {
            notes.add(IrregularityKind::UnknownOperation, || name);
            return None;
        }
    }

    let stated = StatedTokens::read(facts, &mut |name| {
        notes.add(IrregularityKind::ImpossibleNumber, || name.to_owned());
    });
    let tokens = stated.settled();

    if tokens.mismatch {
        notes.add(IrregularityKind::TotalMismatch, || format!("{} beside {stated:?}", span.name));
    }

    let used_tokens = tokens.input.or(tokens.output).is_some_and(|count| count > 0);
    let (start, end) = (span.start_time_unix_nano.0, span.end_time_unix_nano.0);
    let latency = end.checked_sub(start).filter(|_| start > 0).map(Duration::from_nanos);
    let call = ForeignCall {
        model: model(facts).map(|name| names.shared(name)),
        user: facts.text(Fact::User).map(|name| names.shared(name)),
        session: facts.text(Fact::Session).map(|name| names.shared(name)),
        started_at: (start > 0).then(|| from_unix_nanos(start)),
        latency,
        time_to_first_token: first_token(facts, span, latency),
        input_tokens: tokens.input.and_then(small),
        cached_input_tokens: tokens.cache_read.and_then(small),
        cache_write_tokens: tokens.cache_write.and_then(small),
        output_tokens: tokens.output.and_then(small),
        cost: stated_cost::read(facts, used_tokens, notes),
        failed: failed(facts, span),
    };

    // Anthropic's own interface counts cached tokens beside the prompt's, and programs pass that on or do not
    let provider = facts.text(Fact::Provider).unwrap_or_default();
    let by_convention = tokens.by_convention && provider.to_ascii_lowercase().contains("anthropic");

    Some(ReadCall { call, response_id: facts.text(Fact::ResponseId), by_convention })
}

/// The first attribute that names a kind decides: a framework's own word comes before the conventions'.
fn role(facts: &Facts<'_>) -> Role {
    if let Some(name) = facts.text(Fact::VercelOperation) {
        let is_call = VERCEL_CALLS.iter().any(|ending| name.ends_with(ending));
        return if is_call { Role::Call } else { Role::Other };
    }

    let kinds = [
        Fact::OpenInferenceKind,
        Fact::LangfuseKind,
        Fact::LangsmithKind,
        Fact::DatadogKind,
        Fact::MlflowKind,
        Fact::LaminarKind,
        Fact::Operation,
        Fact::RequestType,
        Fact::TraceloopKind,
    ];

    let counts = [Fact::InputTokens, Fact::OutputTokens, Fact::UsageText];
    let has_tokens = counts.iter().any(|fact| facts.all(*fact).next().is_some());
    let has_model = facts.all(Fact::Model).next().is_some();

    if let Some(name) = kinds.iter().find_map(|kind| facts.text(*kind)) {
        let name = name.to_ascii_lowercase();
        return match name.as_str() {
            name if CALLS.contains(&name) => Role::Call,
            name if OTHERS.contains(&name) => Role::Other,
            // an operation of a name that is not known, which used up tokens of a model, was a call
            _ if has_tokens && has_model => Role::Call,
            _ => Role::Unknown(name),
        };
    }

    // no word for what it is: a model and its provider, or tokens, speak for themselves
    let has_provider = facts.all(Fact::Provider).next().is_some();

    if has_tokens || has_model && has_provider { Role::Call } else { Role::Other }
}

fn model<'s>(facts: &Facts<'s>) -> Option<&'s str> {
    facts.text(Fact::Model).or_else(|| text_after(facts.text(Fact::Parameters)?, "model"))
}

/// When the first token came. Of an answer that was not streamed nobody knows; a time beyond the whole call's is none.
fn first_token(facts: &Facts<'_>, span: &ReadSpan<'_>, latency: Option<Duration>) -> Option<Duration> {
    if facts.truth(Fact::Streamed) == Some(false) {
        return None;
    }

    let seconds = facts.number(Fact::FirstTokenSeconds);
    let seconds = seconds.or_else(|| facts.number(Fact::FirstTokenMilliseconds).map(|millis| millis / 1e3));
    let seconds = seconds.filter(|seconds| *seconds > 0.0);
    let stated = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());

    // Next best is a moment, and last an event with its own.
    let first =
        stated.or_else(|| since_start(span, moment(facts.text(Fact::FirstTokenAt)?)?)).or_else(|| {
            let event = span.events.iter().find(|event| FIRST_TOKEN_EVENTS.contains(&&*event.name))?;
            since_start(span, event.time_unix_nano.0)
        });
    first.filter(|first| latency.is_none_or(|latency| *first <= latency))
}

/// The time from a span's start to a moment; `None` where the start is unknown, or comes later.
fn since_start(span: &ReadSpan<'_>, moment: u64) -> Option<Duration> {
    let start = Some(span.start_time_unix_nano.0).filter(|start| *start > 0)?;
    moment.checked_sub(start).map(Duration::from_nanos)
}

/// Nanoseconds since 1970 of a time in ISO 8601, in quotes or not.
fn moment(text: &str) -> Option<u64> {
    let time: jiff::Timestamp = text.trim_matches('"').parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok()
}

/// True where anything says that the call failed.
fn failed(facts: &Facts<'_>, span: &ReadSpan<'_>) -> bool {
    let by_status = span.status.as_ref().is_some_and(|status| status.code == StatusKind::ERROR);
    let by_level = facts.text(Fact::Level).is_some_and(|level| level.eq_ignore_ascii_case("error"));
    let by_http = facts.number(Fact::HttpStatus).is_some_and(|status| (400.0..600.0).contains(&status));
    let by_mark = facts.all(Fact::ErrorMark).any(|(_, value)| match value {
        ReadValue::Truth(truth) => *truth,
        // Zipkin writes what went wrong there, which may be anything
        ReadValue::Text(text) => {
            let text = text.trim();
            !["", "false", "OK", "UNSET", "0"].iter().any(|fine| text.eq_ignore_ascii_case(fine))
        }
        value => number(value).is_some_and(|number| number != 0.0),
    });

    let by_finish = facts.all(Fact::FinishReasons).any(|(_, value)| match value {
        ReadValue::List(ReadList::Values(reasons)) => {
            reasons.iter().any(|reason| text(reason) == Some("error"))
        }
        value => text(value) == Some("error"),
    });

    by_status || by_level || by_http || by_mark || by_finish || facts.text(Fact::ErrorType).is_some()
}

fn small(count: u64) -> Option<u32> {
    u32::try_from(count).ok()
}
