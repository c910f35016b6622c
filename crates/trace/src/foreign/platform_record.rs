//! Calls as platforms export them: one object or one row a call, in the platform's own field names.
//!
//! Langfuse (its page's export, its blob storage, its interface), LangSmith (runs) and LiteLLM (what its callbacks log,
//! and the proxy's list of spending). A record becomes a span with the attributes that the platform's own
//! instrumentation would have written, and is read like one from there on.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::record_attributes::{LANGFUSE, LANGSMITH, LITELLM};
use crate::attributes::GEN_AI_OPERATION_NAME;
use crate::backend_attributes::METRIC_TIME_TO_FIRST_TOKEN;
use crate::otlp_json::{Attribute, Attributes, Id, Nanos, ReadSpan, ReadValue};

/// What stands between the parts of a path to a field.
const SEPARATOR: char = '.';
/// Beyond this a number of seconds since 1970 is one of milliseconds.
const LATEST_SECOND: f64 = 1e11;

/// Whose record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    Langfuse,
    Langsmith,
    Litellm,
}

/// How LiteLLM calls what others call chat; each has a twin for asynchronous programs, with an `a` before it.
const LITELLM_CALLS: [&str; 6] = [
    "completion",
    "text_completion",
    "responses",
    "anthropic_messages",
    "generate_content",
    "generate_content_stream",
];

/// An exported record: its fields, whatever the spelling of their names.
#[derive(Debug, Default)]
pub(super) struct Record {
    fields: Map<String, Value>,
    /// The first field of each name, by the name without what spellings differ in.
    spellings: HashMap<String, String>,
}

impl Record {
    /// The record of an object.
    pub(super) fn of(fields: Map<String, Value>) -> Self {
        let mut spellings = HashMap::with_capacity(fields.len());
        for name in fields.keys() {
            spellings.entry(plain_name(name)).or_insert_with(|| name.clone());
        }
        Self { fields, spellings }
    }

    /// The record of a row: cells that hold JSON are read.
    pub(super) fn of_row<'r>(cells: impl Iterator<Item = (&'r str, &'r str)>) -> Self {
        let mut fields = Map::new();
        for (name, cell) in cells {
            let inner = cell.starts_with('{').then(|| serde_json::from_str(cell).ok()).flatten();
            fields.insert(name.to_owned(), inner.unwrap_or_else(|| Value::String(cell.to_owned())));
        }
        Self::of(fields)
    }

    /// Takes a field from what the record stands in, where it has none itself.
    pub(super) fn inherit(&mut self, name: &str, from: Option<&Value>) {
        if let Some(value) = from.filter(|_| self.get(name).is_none()) {
            self.fields.insert(name.to_owned(), value.clone());
        }
    }

    /// Whose record it is; `None` where its fields are those of nobody who is known.
    pub(super) fn platform(&self) -> Option<Platform> {
        if self.get("run_type").is_some() {
            return Some(Platform::Langsmith);
        }
        if self.get("call_type").is_some() {
            return Some(Platform::Litellm);
        }
        let is_observation = self.get("id").is_some() && self.get("startTime").is_some();
        let is_told = self.get("type").or_else(|| self.get("traceId")).is_some();
        (is_observation && is_told).then_some(Platform::Langfuse)
    }

    /// The names of its fields, for people.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.fields.keys().take(8).map(String::as_str).collect();
        format!("an object with {}", names.join(", "))
    }

    /// A field that holds something, by its path.
    fn get(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split(SEPARATOR);
        let first = parts.next()?;
        let found =
            self.fields.get(first).or_else(|| self.fields.get(self.spellings.get(&plain_name(first))?));
        let mut found = found.filter(|value| !is_blank(value))?;
        for part in parts {
            found = field(found.as_object()?, part)?;
        }
        Some(found)
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    fn moment(&self, path: &str) -> Option<u64> {
        moment(self.get(path)?)
    }
}

/// The field of that name in either of the spellings `startTime` and `start_time`, or as a table has it; nothing where it
/// is null or blank.
fn field<'m>(fields: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    let wanted = plain_name(name);
    let found = fields
        .get(name)
        .or_else(|| fields.iter().find(|(known, _)| plain_name(known) == wanted).map(|(_, value)| value))?;
    Some(found).filter(|value| !is_blank(value))
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// A field's name without what spellings differ in.
pub(super) fn plain_name(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

impl Platform {
    /// The instrumentation that such a record is of.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::Langfuse => "langfuse",
            Self::Langsmith => "langsmith",
            Self::Litellm => "litellm",
        }
    }

    /// The record as a span.
    pub(super) fn span(self, record: &Record) -> ReadSpan<'static> {
        let [trace, span, parent] = match self {
            Self::Langfuse => ["traceId", "id", "parentObservationId"],
            Self::Langsmith => ["trace_id", "id", "parent_run_id"],
            Self::Litellm => ["trace_id", "litellm_call_id", ""],
        };
        let span_id = id(record, span).or_else(|| id(record, "request_id")).or_else(|| id(record, "id"));
        let (start, end) = (record.moment("startTime"), end_of(record));

        let mut attributes = self.attributes(record);
        if let Some(first) = self.first_token(record, start, end) {
            attributes.push(attribute(METRIC_TIME_TO_FIRST_TOKEN, ReadValue::Number(first)));
        }
        if is_failure(record) {
            attributes.push(attribute("error", ReadValue::Truth(true)));
        }

        ReadSpan {
            trace_id: id(record, trace).unwrap_or_default(),
            span_id: span_id.unwrap_or_default(),
            parent_span_id: id(record, parent).unwrap_or_default(),
            name: Cow::Owned(record.text("name").unwrap_or(self.scope()).to_owned()),
            start_time_unix_nano: Nanos(start.unwrap_or_default()),
            end_time_unix_nano: Nanos(end.unwrap_or_default()),
            attributes: Attributes(attributes),
            ..ReadSpan::default()
        }
    }

    /// What the platform's fields say, as attributes.
    fn attributes(self, record: &Record) -> Vec<Attribute<'static>> {
        let fields = match self {
            Self::Langfuse => LANGFUSE,
            Self::Langsmith => LANGSMITH,
            Self::Litellm => LITELLM,
        };

        let mut attributes = Vec::new();
        for (path, name) in fields {
            let Some(value) = record.get(path) else { continue };
            if is_other_unit(path, value) {
                continue;
            }
            if let Some(value) = value_of(name, value) {
                attributes.push(attribute(name, value));
            }
        }
        attributes
    }

    /// Seconds to the first token, by the moment at which it came. LiteLLM writes the end of the call where nothing was
    /// streamed.
    fn first_token(self, record: &Record, start: Option<u64>, end: Option<u64>) -> Option<f64> {
        let name = if self == Self::Langsmith { "first_token_time" } else { "completionStartTime" };
        let first = record.moment(name)?;
        let is_whole = self == Self::Litellm && end.is_none_or(|end| first >= end);

        let since = first.checked_sub(start?).filter(|_| !is_whole)?;
        #[expect(clippy::cast_precision_loss, reason = "a time to the first token is short")]
        let seconds = since as f64 / 1e9;
        Some(seconds)
    }
}

/// A field's value as the attribute's; objects are texts there.
fn value_of(name: &str, value: &Value) -> Option<ReadValue<'static>> {
    let text = match value {
        Value::Null => return None,
        Value::Bool(truth) => return Some(ReadValue::Truth(*truth)),
        Value::Number(number) => {
            return number.as_i64().map(ReadValue::Int).or_else(|| number.as_f64().map(ReadValue::Number));
        }
        Value::String(call) if name == GEN_AI_OPERATION_NAME => litellm_operation(call).to_owned(),
        Value::String(given) => given.clone(),
        Value::Object(_) | Value::Array(_) => value.to_string(),
    };
    Some(ReadValue::Text(Cow::Owned(text)))
}

/// When a call ended: stated, or so long after its beginning as it took.
fn end_of(record: &Record) -> Option<u64> {
    if let Some(end) = record.moment("endTime") {
        return Some(end);
    }
    let latency = nanos(number(record.get("latency")?)?)?;
    record.moment("startTime")?.checked_add(latency)
}

fn attribute(name: &'static str, value: ReadValue<'static>) -> Attribute<'static> {
    Attribute { key: Cow::Borrowed(name), value: Some(value) }
}

/// True for Langfuse's older usage in characters, seconds or requests.
fn is_other_unit(path: &str, usage: &Value) -> bool {
    let unit = usage.get("unit").and_then(Value::as_str);
    path == "usage" && unit.is_some_and(|unit| !unit.eq_ignore_ascii_case("tokens"))
}

/// True where a platform's own word says that a call failed: LangSmith's and LiteLLM's `status`.
fn is_failure(record: &Record) -> bool {
    let words = [record.text("status"), record.text("metadata.status")];
    words.into_iter().flatten().any(|word| matches!(word, "error" | "failure" | "failed"))
}

/// A kind of call as the conventions name it; a kind that is none of these stays what it is.
fn litellm_operation(call: &str) -> &str {
    let plain = call.to_ascii_lowercase();
    let is = |known: &str| plain == known || plain.strip_prefix('a') == Some(known);
    if LITELLM_CALLS.iter().any(|known| is(known)) {
        "chat"
    } else if is("embedding") {
        "embeddings"
    } else {
        call
    }
}

/// The id in a field: hexadecimal digits, also with the dashes of a UUID, as they are; any other text by its hash.
fn id(record: &Record, name: &str) -> Option<Id> {
    let text = record.text(name)?;
    let digits = text.replace('-', "");
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hexadecimal && matches!(digits.len(), 16 | 32) {
        return Id::of_digits(&digits);
    }
    let hash = Sha256::digest(text.as_bytes());
    Id::of_bytes(hash.get(..16)?)
}

/// Nanoseconds since 1970 of a time in ISO 8601, without an offset in UTC, or of a number of seconds or milliseconds.
fn moment(value: &Value) -> Option<u64> {
    if let Some(seconds) = number(value) {
        let seconds = if seconds > LATEST_SECOND { seconds / 1e3 } else { seconds };
        return nanos(seconds);
    }

    let text = value.as_str()?.trim();
    let exact: Option<jiff::Timestamp> = text.parse().ok();
    let time = exact.or_else(|| {
        let clock: jiff::civil::DateTime = text.parse().ok()?;
        clock.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    u64::try_from(time.as_nanosecond()).ok()
}

fn nanos(seconds: f64) -> Option<u64> {
    let time = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(time.as_nanos()).ok()
}

/// A number, also where a table has it as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use serde_json::json;

    use super::*;

    fn record(json: Value) -> Record {
        Record::of(json.as_object().unwrap().clone())
    }

    #[test]
    fn platforms_are_told_by_their_fields() {
        let check = |json: Value, wanted: Option<Platform>| {
            assert_eq!(record(json.clone()).platform(), wanted, "{json}");
        };
        let start = "2026-11-01T10:00:00Z";
        check(json!({"id": "a", "type": "GENERATION", "startTime": start}), Some(Platform::Langfuse));
        check(json!({"id": "a", "trace_id": "t", "start_time": start}), Some(Platform::Langfuse));
        check(
            json!({"id": "a", "trace_id": "t", "start_time": start, "run_type": "llm"}),
            Some(Platform::Langsmith),
        );
        check(json!({"request_id": "a", "call_type": "acompletion"}), Some(Platform::Litellm));
        // Zipkin, and a trace without its observations
        check(json!({"id": "a", "traceId": "t", "timestamp": 5}), None);
        check(json!({"id": "a", "timestamp": start, "totalCost": 0.5}), None);
    }

    #[test]
    fn moments_in_every_spelling() {
        for value in [
            json!("2026-11-01T10:00:00.5Z"),
            json!("2026-11-01T11:00:00.500+01:00"),
            json!("2026-11-01 10:00:00.500000"),
            json!("2026-11-01T10:00:00.500000"),
            json!(1_793_527_200.5),
            json!(1_793_527_200_500_u64),
            json!("1793527200.5"),
        ] {
            assert_eq!(moment(&value), Some(1_793_527_200_500_000_000), "{value}");
        }
        for value in [json!("yesterday"), json!(-5), json!(null), json!({}), json!("")] {
            assert_eq!(moment(&value), None, "{value}");
        }
    }

    #[test]
    fn ids_stay_what_they_are_where_they_can() {
        let of = |text: &str| id(&record(json!({"id": text})), "id").unwrap();
        assert_eq!(of("0000000000000007"), Id::of_digits("0000000000000007").unwrap());
        assert_eq!(
            of("12345678-1234-1234-1234-1234567890ab"),
            Id::of_digits("12345678123412341234123456 7890ab".replace(' ', "").as_str()).unwrap()
        );
        assert_ne!(of("chatcmpl-1"), of("chatcmpl-2"));
    }

    #[test]
    fn kinds_of_calls() {
        for (call, wanted) in [
            ("acompletion", "chat"),
            ("completion", "chat"),
            ("anthropic_messages", "chat"),
            ("aresponses", "chat"),
            ("aembedding", "embeddings"),
            ("aimage_generation", "aimage_generation"),
        ] {
            assert_eq!(litellm_operation(call), wanted);
        }
    }
}
