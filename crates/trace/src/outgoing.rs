//! Spans on their way to a back-end: what it wants beside what is on disk.
//!
//! The files stay as they are; every addition here is computed elsewhere and only named here.

use infercost_core::report::CostComponents;
use infercost_core::{Currency, FailureKind};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use serde_json::{Map, json};

use crate::attributes::*;
use crate::backend_attributes::*;
use crate::span_draft::key_value;
use crate::span_names::record;

/// Joules of one inference: its share of a window's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyShare {
    /// Gross, in joules.
    pub gross_j: f64,
    /// Less idle power × time; `None` where the idle power is unknown.
    pub net_j: Option<f64>,
    /// `counter`, `integrated` or `estimated`.
    pub source: &'static str,
}

/// Money for one inference: its share of the variant's.
#[derive(Debug, Clone, PartialEq)]
pub struct CostShare {
    /// Of every amount.
    pub currency: Currency,
    /// The parts; `None` is left out, not free.
    pub parts: CostComponents,
    /// Their sum.
    pub total: f64,
    /// What of the sum fell before the first token.
    pub prompt: f64,
}

/// What is known of one inference beside its span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpanEnrichment {
    /// The name that takes the model's place in `llm.model_name`: a back-end that computes with prices of its own finds
    /// them by it. `None` leaves the model's.
    pub priced_as: Option<String>,
    /// Its joules.
    pub energy: Option<EnergyShare>,
    /// Its cost.
    pub cost: Option<CostShare>,
    /// Task score, 0 to 1.
    pub task_score: Option<f64>,
    /// Mean KL divergence from the baseline, in nats per token.
    pub kld_mean: Option<f64>,
}

/// The kind of back-end that spans go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Whoever reads GenAI or OpenInference attributes: Phoenix, Jaeger, any collector.
    Any,
    /// LangSmith: no cost attribute of its own, so that cost goes to metadata.
    LangSmith,
    /// Langfuse: a cost that is sent wins over the one it infers.
    Langfuse,
}

/// Adds to a span what its back-end wants. Numbers that are not finite are left out: some readers stop at them.
pub fn enrich(span: &mut Span, facts: Option<&SpanEnrichment>, backend: Backend) {
    let record = text(span, RECORD).unwrap_or_default().to_owned();
    let mut extra = Extra::default();

    if record == "inference" {
        messages(span, &mut extra);
        if let Some(facts) = facts {
            numbers(facts, &mut extra);
        }
        if let Some(name) = facts.and_then(|facts| facts.priced_as.as_deref()) {
            span.attributes.retain(|attribute| attribute.key != LLM_MODEL_NAME);
            extra.text(LLM_MODEL_NAME, name);
        }
    }

    let metadata = metadata(span, &extra);
    match backend {
        Backend::Any => {
            if !metadata.is_empty() {
                extra.text(METADATA, serde_json::Value::Object(metadata).to_string());
            }
        }
        Backend::LangSmith => langsmith(span, &record, metadata, &mut extra),
        Backend::Langfuse => langfuse(span, &record, facts, metadata, &mut extra),
    }

    span.attributes.extend(extra.0);
}

/// What a run comes to, for the place where one looks first: its root span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Takes the place of the root's name.
    pub name: String,
    /// Becomes the root's output.
    pub text: String,
}

/// Puts the summary on the root span of a run; other spans stay as they are.
pub fn summarize_run(span: &mut Span, summary: &RunSummary) {
    if !span.parent_span_id.is_empty() || text(span, RECORD) != Some(record::RUN) {
        return;
    }

    span.name.clone_from(&summary.name);
    span.attributes.retain(|attribute| attribute.key != OUTPUT_VALUE);
    span.attributes.push(key_value(OUTPUT_VALUE, Value::StringValue(summary.text.clone())));
}

/// Stands where a reason stood that may have quoted content.
pub const REASON_LEFT_OUT: &str = "the reason is left out, since it may quote a server";

/// True for an attribute that holds a prompt or an answer.
fn holds_content(key: &str) -> bool {
    const CONTENT: [&str; 6] = [
        INPUT_VALUE,
        OUTPUT_VALUE,
        THINKING_TEXT,
        GEN_AI_INPUT_MESSAGES,
        GEN_AI_OUTPUT_MESSAGES,
        GEN_AI_SYSTEM_INSTRUCTIONS,
    ];

    CONTENT.contains(&key)
        || key.starts_with("llm.input_messages.")
        || key.starts_with("llm.output_messages.")
}

/// Takes prompts and answers out of a span, and messages that may quote them: servers repeat prompts in their errors.
pub fn strip_content(span: &mut Span) {
    if let Some(status) = &mut span.status {
        status.message = stripped_message(&span.attributes, &status.message);
    }

    for attribute in &mut span.attributes {
        if attribute.key == GEN_AI_EVALUATION_EXPLANATION {
            attribute.value = key_value("", Value::StringValue(REASON_LEFT_OUT.to_owned())).value;
        }
    }

    span.attributes.retain(|attribute| !holds_content(&attribute.key));
    for event in &mut span.events {
        event.attributes.retain(|attribute| !holds_content(&attribute.key));
    }
}

/// What may be said of a failure; nothing where its kind is unknown.
fn stripped_message(attributes: &[KeyValue], message: &str) -> String {
    let name = attributes.iter().find(|attribute| attribute.key == ERROR_TYPE);
    let name = match name.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name.as_str(),
        _ => return String::new(),
    };
    let kind = FailureKind::ALL.into_iter().find(|kind| kind.name() == name);
    kind.map_or_else(String::new, |kind| kind.own_words(message).to_owned())
}

/// Describes a resource as the environment does: its attributes take the place of recorded ones of the same name, but for
/// infercost's own.
pub fn describe_resource(resource: &mut Resource, attributes: &[(String, String)]) {
    for (key, value) in attributes.iter().filter(|(key, _)| !key.starts_with("infercost.")) {
        resource.attributes.retain(|attribute| attribute.key != *key);
        resource.attributes.push(key_value(key, Value::StringValue(value.clone())));
    }
}

/// Files the spans of a resource under that project, where the back-end has projects.
pub fn set_project(resource: &mut Resource, project: &str) {
    resource.attributes.retain(|attribute| attribute.key != OPENINFERENCE_PROJECT_NAME);
    resource.attributes.push(key_value(OPENINFERENCE_PROJECT_NAME, Value::StringValue(project.to_owned())));
}

/// Calls `change` with every text that stands in the spans and their resource; names of attributes are left out.
pub fn each_text(spans: &mut ResourceSpans, change: &mut dyn FnMut(&mut String)) {
    if let Some(resource) = &mut spans.resource {
        texts(&mut resource.attributes, change);
    }

    for scope in &mut spans.scope_spans {
        if let Some(scope) = &mut scope.scope {
            change(&mut scope.name);
            texts(&mut scope.attributes, change);
        }
        for span in &mut scope.spans {
            change(&mut span.name);
            change(&mut span.trace_state);
            texts(&mut span.attributes, change);
            for event in &mut span.events {
                change(&mut event.name);
                texts(&mut event.attributes, change);
            }
            for link in &mut span.links {
                texts(&mut link.attributes, change);
            }
            if let Some(status) = &mut span.status {
                change(&mut status.message);
            }
        }
    }
}

fn texts(attributes: &mut [KeyValue], change: &mut dyn FnMut(&mut String)) {
    for value in attributes.iter_mut().filter_map(|attribute| attribute.value.as_mut()?.value.as_mut()) {
        texts_of(value, change);
    }
}

fn texts_of(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::StringValue(text) => change(text),
        Value::ArrayValue(array) => {
            for value in array.values.iter_mut().filter_map(|value| value.value.as_mut()) {
                texts_of(value, change);
            }
        }
        Value::KvlistValue(list) => texts(&mut list.values, change),
        _ => {}
    }
}

/// The text of a span's attribute.
pub(crate) fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    match find(span, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn find<'s>(span: &'s Span, key: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

fn int(span: &Span, key: &str) -> Option<i64> {
    match find(span, key)? {
        Value::IntValue(value) => Some(*value),
        _ => None,
    }
}

fn double(span: &Span, key: &str) -> Option<f64> {
    match find(span, key)? {
        Value::DoubleValue(value) => Some(*value),
        _ => None,
    }
}

/// Attributes to be added.
#[derive(Default)]
struct Extra(Vec<KeyValue>);

impl Extra {
    fn text(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(key_value(key, Value::StringValue(value.into())));
    }

    fn number(&mut self, key: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.0.push(key_value(key, Value::DoubleValue(value)));
        }
    }
}

/// Prompt and answer as GenAI's messages. The prompt is the whole conversation as one text, as it is on disk.
fn messages(span: &Span, extra: &mut Extra) {
    if let Some(prompt) = text(span, INPUT_VALUE) {
        let messages = json!([{"role": "user", "parts": [{"type": "text", "content": prompt}]}]);
        extra.text(GEN_AI_INPUT_MESSAGES, messages.to_string());
    }

    if let Some(answer) = text(span, OUTPUT_VALUE) {
        let finish = match find(span, GEN_AI_RESPONSE_FINISH_REASONS) {
            Some(Value::ArrayValue(list)) => match list.values.first().and_then(|first| first.value.as_ref())
            {
                Some(Value::StringValue(reason)) => reason.as_str(),
                _ => "stop",
            },
            _ => "stop",
        };
        let parts = json!([{"type": "text", "content": answer}]);
        let messages = json!([{"role": "assistant", "parts": parts, "finish_reason": finish}]);
        extra.text(GEN_AI_OUTPUT_MESSAGES, messages.to_string());
    }
}

fn numbers(facts: &SpanEnrichment, extra: &mut Extra) {
    if let Some(energy) = &facts.energy {
        extra.0.push(key_value(ENERGY_SHARE, Value::BoolValue(true)));
        extra.text(ENERGY_SOURCE, energy.source);
        extra.number(ENERGY_GROSS, Some(energy.gross_j));
        extra.number(ENERGY_NET, energy.net_j);
        extra.number(ENERGY_IDLE, energy.net_j.map(|net| energy.gross_j - net));
    }

    if let Some(cost) = &facts.cost {
        extra.number(COST_ENERGY, cost.parts.energy);
        extra.number(COST_HARDWARE, cost.parts.hardware);
        extra.number(COST_IDLE, cost.parts.idle);
        extra.number(COST_OPERATION, cost.parts.operation);
        extra.number(COST_TOTAL, Some(cost.total));
        extra.text(COST_CURRENCY, cost.currency.code());
        extra.number(GEN_AI_USAGE_COST_AMOUNT, Some(cost.total));
        extra.text(GEN_AI_USAGE_COST_CURRENCY, cost.currency.code());
        extra.text(GEN_AI_USAGE_COST_SOURCE, "infercost");
        if cost.currency == Currency::USD {
            extra.number(LLM_COST_PROMPT, Some(cost.prompt));
            extra.number(LLM_COST_COMPLETION, Some(cost.total - cost.prompt));
            extra.number(LLM_COST_TOTAL, Some(cost.total));
        }
    }

    extra.number(QUALITY_TASK_SCORE, facts.task_score);
    extra.number(QUALITY_KLD_MEAN, facts.kld_mean);
}

/// What is infercost's own, by its name without `infercost.`, for viewers that show metadata and not attributes.
/// Lists of many numbers stay out.
fn metadata(span: &Span, extra: &Extra) -> Map<String, serde_json::Value> {
    let mut map = Map::new();
    for attribute in span.attributes.iter().chain(&extra.0) {
        let Some(name) = attribute.key.strip_prefix("infercost.") else { continue };
        let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => json!(text),
            Some(Value::BoolValue(truth)) => json!(truth),
            Some(Value::IntValue(number)) => json!(number),
            Some(Value::DoubleValue(number)) if number.is_finite() => json!(number),
            _ => continue,
        };
        map.insert(name.to_owned(), value);
    }
    map
}

fn langsmith(span: &Span, record: &str, metadata: Map<String, serde_json::Value>, extra: &mut Extra) {
    let kind = if record == "inference" { "llm" } else { "chain" };
    extra.text(LANGSMITH_SPAN_KIND, kind);
    if span.parent_span_id.is_empty() {
        extra.text(LANGSMITH_TRACE_NAME, span.name.clone());
    }
    for (name, value) in metadata {
        let key = format!("{LANGSMITH_METADATA}{}", name.replace('.', "_"));
        extra.text(&key, plain_json(&value));
    }
}

fn langfuse(
    span: &Span,
    record: &str,
    facts: Option<&SpanEnrichment>,
    metadata: Map<String, serde_json::Value>,
    extra: &mut Extra,
) {
    let kind = match record {
        "inference" => "generation",
        "evaluation" => "evaluator",
        _ => "span",
    };

    extra.text(LANGFUSE_TYPE, kind);
    if span.parent_span_id.is_empty() {
        extra.text(LANGFUSE_TRACE_NAME, span.name.clone());
    }

    if record == "inference" {
        if let Some(model) = text(span, GEN_AI_REQUEST_MODEL) {
            extra.text(LANGFUSE_MODEL, model);
        }
        let tokens = [("input", GEN_AI_USAGE_INPUT_TOKENS), ("output", GEN_AI_USAGE_OUTPUT_TOKENS)];
        let usage: Map<String, serde_json::Value> = tokens
            .iter()
            .filter_map(|(name, key)| Some(((*name).to_owned(), json!(int(span, key)?))))
            .collect();
        extra.text(LANGFUSE_USAGE_DETAILS, serde_json::Value::Object(usage).to_string());
        if let Some(seconds) = double(span, GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK) {
            let first = first_token(span.start_time_unix_nano, seconds);
            extra.0.extend(first.map(|time| key_value(LANGFUSE_COMPLETION_START, Value::StringValue(time))));
        }
        // Langfuse computes in US dollars
        let cost = facts.and_then(|facts| facts.cost.as_ref()).filter(|cost| cost.currency == Currency::USD);
        if let Some(cost) = cost {
            let details =
                json!({"input": cost.prompt, "output": cost.total - cost.prompt, "total": cost.total});
            extra.text(LANGFUSE_COST_DETAILS, details.to_string());
        }
    }

    for (name, value) in metadata {
        let key = format!("{LANGFUSE_METADATA}{}", name.replace('.', "_"));
        extra.text(&key, plain_json(&value));
    }
}

/// The moment of the first token as a JSON string of ISO 8601, which is what Langfuse parses.
fn first_token(start: u64, seconds: f64) -> Option<String> {
    let nanos = std::time::Duration::try_from_secs_f64(seconds).ok()?.as_nanos();
    let at = i128::from(start).checked_add(i128::try_from(nanos).ok()?)?;
    Some(format!("\"{}\"", jiff::Timestamp::from_nanosecond(at).ok()?))
}

fn plain_json(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
