//! Which attribute of which program says what: one table for all of them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::attributes::*;
use crate::backend_attributes::*;
use crate::otlp_json::{Attributes, ReadValue};

/// What an attribute can say of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    OpenInferenceKind,
    LangfuseKind,
    LangsmithKind,
    VercelOperation,
    DatadogKind,
    MlflowKind,
    LaminarKind,
    Operation,
    RequestType,
    TraceloopKind,

    Model,
    /// Request settings as JSON, which name the model where nothing else does.
    Parameters,
    Provider,
    User,
    Session,
    ResponseId,

    InputTokens,
    OutputTokens,
    TotalTokens,
    CacheRead,
    CacheWrite,
    Reasoning,
    /// Counts as JSON, or as Python prints a dictionary.
    UsageText,

    /// A total in US dollars, unless a currency stands beside it.
    Cost,
    CostOfInput,
    CostOfOutput,
    /// Amounts by kind of token as JSON.
    CostText,
    CostCurrency,

    FirstTokenSeconds,
    FirstTokenMilliseconds,
    /// A moment in ISO 8601.
    FirstTokenAt,
    Streamed,

    ErrorType,
    Level,
    HttpStatus,
    /// `error=true` and `otel.status_code=ERROR`, where a format has no status of its own.
    ErrorMark,
    FinishReasons,
}

use Fact::*;

/// Of several attributes that say the same, the first that holds something counts. Names are also known with `_` for
/// each `.`, as back-ends that know no dots store them.
const TABLE: &[(&str, Fact)] = &[
    (OPENINFERENCE_SPAN_KIND, OpenInferenceKind),
    (LANGFUSE_TYPE, LangfuseKind),
    (LANGSMITH_SPAN_KIND, LangsmithKind),
    ("ai.operationId", VercelOperation),
    ("_dd.llmobs.span_kind", DatadogKind),
    ("mlflow.spanType", MlflowKind),
    ("lmnr.span.type", LaminarKind),
    (GEN_AI_OPERATION_NAME, Operation),
    ("llm.request.type", RequestType),
    ("traceloop.span.kind", TraceloopKind),
    // what answered comes before what was asked for
    (LLM_MODEL_NAME, Model),
    ("llm.response.model_name", Model),
    (GEN_AI_RESPONSE_MODEL, Model),
    (LANGFUSE_MODEL, Model),
    ("ai.response.model", Model),
    ("openai.response.model", Model),
    ("llm.response.model", Model),
    (GEN_AI_REQUEST_MODEL, Model),
    ("llm.request.model_name", Model),
    ("llm.request.model", Model),
    ("ai.model.id", Model),
    ("_dd.llmobs.model_name", Model),
    ("openai.request.model", Model),
    ("langsmith.metadata.ls_model_name", Model),
    (LLM_INVOCATION_PARAMETERS, Parameters),
    (GEN_AI_PROVIDER_NAME, Provider),
    (LLM_PROVIDER, Provider),
    (GEN_AI_SYSTEM, Provider),
    (LLM_SYSTEM, Provider),
    ("ai.model.provider", Provider),
    ("llm.vendor", Provider),
    (USER_ID, User),
    (ENDUSER_ID, User),
    ("langfuse.user.id", User),
    ("traceloop.association.properties.user_id", User),
    ("ai.telemetry.metadata.userId", User),
    (SESSION_ID, Session),
    (GEN_AI_CONVERSATION_ID, Session),
    ("langfuse.session.id", Session),
    ("traceloop.association.properties.session_id", Session),
    ("ai.telemetry.metadata.sessionId", Session),
    ("langsmith.trace.session_id", Session),
    ("gen_ai.response.id", ResponseId),
    ("ai.response.id", ResponseId),
    (LLM_TOKEN_COUNT_PROMPT, InputTokens),
    (GEN_AI_USAGE_INPUT_TOKENS, InputTokens),
    (GEN_AI_USAGE_PROMPT_TOKENS, InputTokens),
    ("ai.usage.inputTokens", InputTokens),
    ("ai.usage.promptTokens", InputTokens),
    ("_dd.llmobs.input_tokens", InputTokens),
    ("llm.usage.prompt_tokens", InputTokens),
    ("openai.response.usage.prompt_tokens", InputTokens),
    (LLM_TOKEN_COUNT_COMPLETION, OutputTokens),
    (GEN_AI_USAGE_OUTPUT_TOKENS, OutputTokens),
    (GEN_AI_USAGE_COMPLETION_TOKENS, OutputTokens),
    ("ai.usage.outputTokens", OutputTokens),
    ("ai.usage.completionTokens", OutputTokens),
    ("_dd.llmobs.output_tokens", OutputTokens),
    ("llm.usage.completion_tokens", OutputTokens),
    ("openai.response.usage.completion_tokens", OutputTokens),
    (LLM_TOKEN_COUNT_TOTAL, TotalTokens),
    ("gen_ai.usage.total_tokens", TotalTokens),
    ("ai.usage.totalTokens", TotalTokens),
    ("_dd.llmobs.total_tokens", TotalTokens),
    ("llm.usage.total_tokens", TotalTokens),
    (LLM_TOKEN_COUNT_PROMPT_CACHE_READ, CacheRead),
    (GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, CacheRead),
    ("gen_ai.usage.cache_read_input_tokens", CacheRead),
    ("gen_ai.usage.cache_read_tokens", CacheRead),
    ("gen_ai.usage.details.cache_read_tokens", CacheRead),
    ("gen_ai.usage.details.cache_read_input_tokens", CacheRead),
    ("gen_ai.usage.details.cached_tokens", CacheRead),
    ("gen_ai.usage.input_tokens.cached", CacheRead),
    ("gen_ai.usage.cached_tokens", CacheRead),
    ("ai.usage.cachedInputTokens", CacheRead),
    ("ai.usage.inputTokenDetails.cacheReadTokens", CacheRead),
    ("_dd.llmobs.cache_read_input_tokens", CacheRead),
    ("llm.usage.cache_read_input_tokens", CacheRead),
    ("llm.token_count.prompt_details.cache_write", CacheWrite),
    ("gen_ai.usage.cache_creation.input_tokens", CacheWrite),
    ("gen_ai.usage.cache_write.input_tokens", CacheWrite),
    ("gen_ai.usage.cache_creation_input_tokens", CacheWrite),
    ("gen_ai.usage.cache_write_input_tokens", CacheWrite),
    ("gen_ai.usage.cache_write_tokens", CacheWrite),
    ("gen_ai.usage.details.cache_write_tokens", CacheWrite),
    ("gen_ai.usage.details.cache_creation_input_tokens", CacheWrite),
    ("ai.usage.inputTokenDetails.cacheWriteTokens", CacheWrite),
    ("_dd.llmobs.cache_write_input_tokens", CacheWrite),
    ("llm.usage.cache_creation_input_tokens", CacheWrite),
    ("llm.token_count.completion_details.reasoning", Reasoning),
    ("gen_ai.usage.reasoning.output_tokens", Reasoning),
    ("gen_ai.usage.reasoning_tokens", Reasoning),
    ("gen_ai.usage.reasoning_output_tokens", Reasoning),
    ("gen_ai.usage.details.reasoning_tokens", Reasoning),
    ("gen_ai.usage.details.thoughts_tokens", Reasoning),
    ("gen_ai.usage.output_tokens.reasoning", Reasoning),
    ("ai.usage.reasoningTokens", Reasoning),
    ("ai.usage.outputTokenDetails.reasoningTokens", Reasoning),
    ("_dd.llmobs.reasoning_output_tokens", Reasoning),
    (LANGFUSE_USAGE_DETAILS, UsageText),
    ("gen_ai.usage.input_token_details", UsageText),
    ("gen_ai.usage.output_token_details", UsageText),
    ("langsmith.metadata.usage_metadata", UsageText),
    ("mlflow.chat.tokenUsage", UsageText),
    ("metadata.usage_object", UsageText),
    ("ai.response.providerMetadata", UsageText),
    (GEN_AI_USAGE_COST_AMOUNT, Cost),
    ("gen_ai.usage.cost", Cost),
    ("gen_ai.usage.total_cost", Cost),
    ("gen_ai.usage.total_cost_usd", Cost),
    ("gen_ai.usage.cost_usd", Cost),
    ("gen_ai.cost.total_cost", Cost),
    ("gen_ai.cost", Cost),
    ("gen_ai.response.cost", Cost),
    (LLM_COST_TOTAL, Cost),
    ("llm.usage.total_cost", Cost),
    ("llm.usage.cost", Cost),
    ("litellm.response-cost", Cost),
    ("operation.cost", Cost),
    ("ai.usage.cost", Cost),
    (LLM_COST_PROMPT, CostOfInput),
    ("gen_ai.usage.input_cost", CostOfInput),
    ("gen_ai.cost.input_cost", CostOfInput),
    (LLM_COST_COMPLETION, CostOfOutput),
    ("gen_ai.usage.output_cost", CostOfOutput),
    ("gen_ai.cost.output_cost", CostOfOutput),
    (LANGFUSE_COST_DETAILS, CostText),
    ("mlflow.llm.cost", CostText),
    ("hidden_params", CostText),
    (GEN_AI_USAGE_COST_CURRENCY, CostCurrency),
    ("gen_ai.usage.cost_currency", CostCurrency),
    ("gen_ai.cost.currency", CostCurrency),
    ("llm.cost.currency", CostCurrency),
    ("operation.cost_units", CostCurrency),
    (GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, FirstTokenSeconds),
    ("gen_ai.client.operation.time_to_first_chunk", FirstTokenSeconds),
    (METRIC_TIME_TO_FIRST_TOKEN, FirstTokenSeconds),
    ("gen_ai.response.time_to_first_token", FirstTokenSeconds),
    ("ai.response.msToFirstChunk", FirstTokenMilliseconds),
    ("ai.stream.msToFirstChunk", FirstTokenMilliseconds),
    (LANGFUSE_COMPLETION_START, FirstTokenAt),
    (GEN_AI_REQUEST_STREAM, Streamed),
    ("gen_ai.is_streaming", Streamed),
    ("llm.is_streaming", Streamed),
    ("langsmith.request.streaming", Streamed),
    (ERROR_TYPE, ErrorType),
    ("langfuse.observation.level", Level),
    (HTTP_RESPONSE_STATUS_CODE, HttpStatus),
    ("http.status_code", HttpStatus),
    ("error.code", HttpStatus),
    ("error", ErrorMark),
    ("otel.status_code", ErrorMark),
    (GEN_AI_RESPONSE_FINISH_REASONS, FinishReasons),
    ("llm.finish_reason", FinishReasons),
    ("ai.response.finishReason", FinishReasons),
];

/// Events that mark the first token: OpenInference, OpenLLMetry, the AI SDK, LangSmith.
pub(super) const FIRST_TOKEN_EVENTS: [&str; 5] = [
    "First Token Stream Event",
    "gen_ai.content.completion.chunk",
    "llm.content.completion.chunk",
    "ai.stream.firstChunk",
    "new_token",
];

/// What back-ends put before the names of attributes: Elastic, and exports of several others.
const PREFIXES: [&str; 6] =
    ["labels.", "numeric_labels.", "attributes.", "span.attributes.", "tags.", "tag."];

static BY_NAME: LazyLock<HashMap<String, (usize, Fact)>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for (rank, (name, fact)) in TABLE.iter().enumerate() {
        for spelling in [(*name).to_owned(), name.replace('.', "_")] {
            names.entry(spelling).or_insert((rank, *fact));
        }
    }
    names
});

/// What the attributes of a span say, the most telling first.
pub(super) struct Facts<'s>(Vec<(usize, Fact, &'s ReadValue<'s>)>);

impl<'s> Facts<'s> {
    /// Looks all attributes up.
    pub(super) fn of(attributes: &'s Attributes<'s>) -> Self {
        let mut found: Vec<(usize, Fact, &ReadValue<'_>)> = Vec::new();
        for attribute in &attributes.0 {
            let Some(value) = &attribute.value else { continue };
            if let Some((rank, fact)) = look_up(&attribute.key) {
                found.push((rank, fact, value));
            }
        }
        found.sort_by_key(|(rank, ..)| *rank);
        Self(found)
    }

    /// All values for a fact, the most telling first, with the name of the attribute.
    pub(super) fn all(&self, wanted: Fact) -> impl Iterator<Item = (&'static str, &'s ReadValue<'s>)> {
        let of_fact = self.0.iter().filter(move |(_, fact, _)| *fact == wanted);
        of_fact.filter_map(|(rank, _, value)| Some((TABLE.get(*rank)?.0, *value)))
    }

    /// The first text for a fact that is not blank.
    pub(super) fn text(&self, wanted: Fact) -> Option<&'s str> {
        self.all(wanted).find_map(|(_, value)| text(value))
    }

    /// The first number for a fact.
    pub(super) fn number(&self, wanted: Fact) -> Option<f64> {
        self.all(wanted).find_map(|(_, value)| number(value))
    }

    /// The first truth value for a fact; Python and JavaScript print them as words.
    pub(super) fn truth(&self, wanted: Fact) -> Option<bool> {
        self.all(wanted).find_map(|(_, value)| match value {
            ReadValue::Truth(truth) => Some(*truth),
            ReadValue::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            ReadValue::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        })
    }
}

fn look_up(key: &str) -> Option<(usize, Fact)> {
    let known = BY_NAME.get(key).or_else(|| {
        let bare = PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix))?;
        BY_NAME.get(bare)
    });
    known.copied()
}

/// A text that is not blank.
pub(super) fn text<'s>(value: &'s ReadValue<'_>) -> Option<&'s str> {
    match value {
        ReadValue::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// A finite number, also where it is written as text.
pub(super) fn number(value: &ReadValue<'_>) -> Option<f64> {
    let number = match value {
        ReadValue::Number(number) => *number,
        #[expect(clippy::cast_precision_loss, reason = "a whole number where a double is meant")]
        ReadValue::Int(number) => *number as f64,
        ReadValue::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_in_every_spelling() {
        for (rank, (name, fact)) in TABLE.iter().enumerate() {
            for spelling in [(*name).to_owned(), format!("labels.{name}")] {
                assert_eq!(look_up(&spelling), Some((rank, *fact)), "{spelling}");
            }
            // two names may be one without their dots, and say the same
            let without_dots = look_up(&name.replace('.', "_"));
            assert_eq!(without_dots.map(|(_, fact)| fact), Some(*fact), "{name}");
        }
        assert_eq!(look_up("gen_ai.usage"), None);
        assert_eq!(look_up("labels."), None);
    }
}
