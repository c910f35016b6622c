//! One inference as another program saw it.

use std::time::{Duration, SystemTime};

use infercost_core::Currency;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::key;
use crate::attributes::*;
use crate::backend_attributes::*;
use crate::span_ids::from_unix_nanos;

/// Longest text that is kept of an attribute, in characters: names and ids are short.
const LONGEST_TEXT: usize = 256;
/// Operations of GenAI's that are a model's answer; agents and tools are around it.
const OPERATIONS: [&str; 4] = ["chat", "text_completion", "generate_content", "embeddings"];

/// A cost that the span itself states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatedCost {
    /// How much.
    pub amount: f64,
    /// Of what; `None` where a currency is named that is none.
    pub currency: Option<Currency>,
}

/// An inference that another program recorded. `None` is what its span does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignInference {
    /// Trace id as a number; 0 where there is none.
    pub trace: u128,
    /// Span id as a number; 0 where there is none.
    pub span: u64,
    /// The model that answered, or else the one that was asked for.
    pub model: Option<String>,
    /// Who served it.
    pub provider: Option<String>,
    /// The service that asked.
    pub service: Option<String>,
    /// When it began.
    pub started_at: Option<SystemTime>,
    /// How long it took; `None` where the span has no end, or ends before it begins.
    pub latency: Option<Duration>,
    /// Time to the first token or chunk.
    pub time_to_first_token: Option<Duration>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Of those, tokens that a cache served.
    pub cached_input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// A cost that the span states.
    pub cost: Option<StatedCost>,
    /// The user it was for.
    pub user: Option<String>,
    /// The conversation or session it belongs to.
    pub session: Option<String>,
    /// True where the span is marked as failed.
    pub failed: bool,
}

/// What a span may leave unsaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unknown {
    /// No model is named.
    Model,
    /// The prompt's tokens are not counted.
    InputTokens,
    /// The answer's tokens are not counted.
    OutputTokens,
    /// Start or end is missing.
    Latency,
    /// When the first token came.
    TimeToFirstToken,
    /// No cost is stated.
    Cost,
}

impl Unknown {
    /// In words, as the end of "n inferences do not say …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Model => "which model answered",
            Self::InputTokens => "how many tokens the prompt had",
            Self::OutputTokens => "how many tokens the answer had",
            Self::Latency => "how long they took",
            Self::TimeToFirstToken => "when the first token came",
            Self::Cost => "what they cost",
        }
    }
}

impl ForeignInference {
    /// What the span leaves unsaid. A failure owes no tokens of an answer.
    pub fn unknown(&self) -> impl Iterator<Item = Unknown> {
        [
            (self.model.is_none(), Unknown::Model),
            (self.input_tokens.is_none(), Unknown::InputTokens),
            (self.output_tokens.is_none() && !self.failed, Unknown::OutputTokens),
            (self.latency.is_none(), Unknown::Latency),
            (self.time_to_first_token.is_none() && !self.failed, Unknown::TimeToFirstToken),
            (self.cost.is_none(), Unknown::Cost),
        ]
        .into_iter()
        .filter_map(|(unsaid, what)| unsaid.then_some(what))
    }
}

/// Reads a span; `None` where it is no inference.
pub(super) fn read(span: &Span, of_resource: &[KeyValue]) -> Option<ForeignInference> {
    let attributes = Attributes(&span.attributes);
    let of_resource = Attributes(of_resource);
    let kind = attributes.text(&[OPENINFERENCE_SPAN_KIND]);
    let operation = attributes.text(&[GEN_AI_OPERATION_NAME]);
    let tokens = [GEN_AI_USAGE_INPUT_TOKENS, GEN_AI_USAGE_PROMPT_TOKENS];
    let is_inference = match (kind.as_deref(), operation.as_deref()) {
        (Some("LLM" | "EMBEDDING"), _) => true,
        (Some(_), _) => false,
        (None, Some(operation)) => OPERATIONS.contains(&operation),
        (None, None) => attributes.count(&tokens).is_some(),
    };
    if !is_inference {
        return None;
    }
    let (trace, id) = key(&span.trace_id, &span.span_id);
    let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
    let seconds = attributes.number(&[GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, METRIC_TIME_TO_FIRST_TOKEN]);
    let stated = attributes.number(&[GEN_AI_USAGE_COST_AMOUNT]);
    let in_dollars = attributes.number(&[LLM_COST_TOTAL]).or_else(|| {
        Some(attributes.number(&[LLM_COST_PROMPT])? + attributes.number(&[LLM_COST_COMPLETION])?)
    });
    let sound = |amount: &f64| amount.is_finite() && *amount >= 0.0;
    let cost = match (stated.filter(sound), in_dollars.filter(sound)) {
        (Some(amount), _) => {
            let currency = attributes.text(&[GEN_AI_USAGE_COST_CURRENCY]);
            let currency = currency.map_or(Some(Currency::USD), |code| code.parse().ok());
            Some(StatedCost { amount, currency })
        }
        (None, Some(amount)) => Some(StatedCost { amount, currency: Some(Currency::USD) }),
        (None, None) => None,
    };
    Some(ForeignInference {
        trace,
        span: id,
        model: attributes.text(&[LLM_MODEL_NAME, GEN_AI_RESPONSE_MODEL, GEN_AI_REQUEST_MODEL]),
        provider: attributes.text(&[GEN_AI_PROVIDER_NAME, LLM_PROVIDER, GEN_AI_SYSTEM, LLM_SYSTEM]),
        service: of_resource.text(&[SERVICE_NAME]),
        started_at: (start > 0).then(|| from_unix_nanos(start)),
        latency: end.checked_sub(start).filter(|_| start > 0).map(Duration::from_nanos),
        time_to_first_token: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        input_tokens: attributes.count(&[LLM_TOKEN_COUNT_PROMPT]).or_else(|| attributes.count(&tokens)),
        cached_input_tokens: attributes
            .count(&[GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, LLM_TOKEN_COUNT_PROMPT_CACHE_READ]),
        output_tokens: attributes.count(&[
            LLM_TOKEN_COUNT_COMPLETION,
            GEN_AI_USAGE_OUTPUT_TOKENS,
            GEN_AI_USAGE_COMPLETION_TOKENS,
        ]),
        cost,
        user: attributes.text(&[USER_ID, ENDUSER_ID]).or_else(|| of_resource.text(&[USER_ID])),
        session: attributes.text(&[SESSION_ID, GEN_AI_CONVERSATION_ID]),
        failed: span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
            || attributes.text(&[ERROR_TYPE]).is_some(),
    })
}

/// Attributes by name; of several names the first that holds something counts.
struct Attributes<'a>(&'a [KeyValue]);

impl<'a> Attributes<'a> {
    fn find(&self, key: &str) -> Option<&'a Value> {
        self.0.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
    }

    fn text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| match self.find(key)? {
            Value::StringValue(text) if !text.trim().is_empty() => {
                Some(text.trim().chars().take(LONGEST_TEXT).collect())
            }
            _ => None,
        })
    }

    fn number(&self, keys: &[&str]) -> Option<f64> {
        keys.iter().find_map(|key| match self.find(key)? {
            Value::DoubleValue(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "a whole number where a double is meant")]
            Value::IntValue(number) => Some(*number as f64),
            _ => None,
        })
    }

    /// A count; some programs write it as a double.
    fn count(&self, keys: &[&str]) -> Option<u64> {
        keys.iter().find_map(|key| match self.find(key)? {
            Value::IntValue(number) => u64::try_from(*number).ok(),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked by the guard"
            )]
            Value::DoubleValue(number) if (0.0..=9e15).contains(number) && number.fract().abs() <= 0.0 => {
                Some(*number as u64)
            }
            _ => None,
        })
    }
}
