//! One JSON value of a file: which program's shape it has, told by its keys.

use std::borrow::Cow;

use infercost_core::IrregularityKind;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::platform_record::Record;
use super::span_reader::SpanReader;
use super::{jaeger, sdk_span, zipkin};
use crate::escaped::plain;
use crate::otlp_json::{ReadSpan, check_length, each_part, each_part_of_resource, each_part_of_resources};
use crate::raw_list::each_element;

/// Lists within lists, and traces within answers, nest at most so deep.
const DEEPEST: usize = 5;
/// Longest value that observations take from their trace, in bytes: each of them takes a copy.
const MAX_INHERITED: usize = 4 << 10;
/// What begins most lines of most files.
const USUAL: &[u8] = b"{\"resourceSpans\":";

/// The keys by which shapes are told apart; values are looked at only where they are needed.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Outline<'j> {
    #[serde(borrow, alias = "resource_spans", alias = "batches")]
    resource_spans: Option<&'j RawValue>,
    #[serde(borrow, alias = "instrumentationLibrarySpans", alias = "scope_spans")]
    scope_spans: Option<&'j RawValue>,
    #[serde(borrow, alias = "traces", alias = "result", alias = "results", alias = "runs")]
    data: Option<&'j RawValue>,
    #[serde(borrow)]
    observations: Option<&'j RawValue>,
    #[serde(borrow)]
    trace: Option<&'j RawValue>,
    #[serde(borrow)]
    spans: Option<&'j RawValue>,
    #[serde(borrow)]
    context: Option<&'j RawValue>,
    #[serde(borrow, rename = "traceID")]
    jaeger_trace_id: Option<&'j RawValue>,
    #[serde(borrow)]
    trace_id: Option<&'j RawValue>,
    #[serde(borrow)]
    span_id: Option<&'j RawValue>,
    #[serde(borrow)]
    id: Option<&'j RawValue>,
    #[serde(borrow, alias = "start_time")]
    start_time: Option<&'j RawValue>,
    #[serde(borrow, rename = "run_type")]
    run_type: Option<&'j RawValue>,
    #[serde(borrow, rename = "call_type")]
    call_type: Option<&'j RawValue>,
    #[serde(borrow, alias = "resourceLogs", alias = "resourceProfiles")]
    resource_metrics: Option<&'j RawValue>,
}

impl SpanReader {
    /// Reads a JSON value, whichever program wrote it; what is not understood is counted and named.
    ///
    /// # Errors
    /// What is wrong with it as text.
    pub(super) fn json(&mut self, json: &[u8]) -> Result<(), String> {
        if json.starts_with(USUAL) {
            let read = each_part(json, &mut |part| self.part(part));
            self.end_parts();
            return read;
        }

        let value: &RawValue = serde_json::from_slice(json).map_err(|error| plain(&error))?;
        self.value(value.get(), 0)
    }

    fn value(&mut self, json: &str, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        match json.as_bytes().first() {
            Some(b'[') => self.list(json, depth),
            Some(b'{') => self.object(json, depth),
            _ => {
                self.found.notes.add(IrregularityKind::UnknownShape, || json.to_owned());
                Ok(())
            }
        }
    }

    /// Each element by itself: one that is damaged takes no other with it.
    fn list(&mut self, json: &str, depth: usize) -> Result<(), String> {
        each_element(json, |element: &RawValue| {
            if let Err(reason) = self.value(element.get(), depth + 1) {
                self.found.notes.add(IrregularityKind::Damaged, || reason);
            }
            Ok(())
        })
    }

    fn object(&mut self, json: &str, depth: usize) -> Result<(), String> {
        let outline: Outline<'_> = serde_json::from_str(json).map_err(|error| plain(&error))?;

        if let Some(resources) = outline.resource_spans {
            let read = each_part_of_resources(resources.get(), &mut |part| self.part(part));
            self.end_parts();
            return read;
        }

        // a resource by itself: the SDK for Java
        if outline.scope_spans.is_some() {
            let read = each_part_of_resource(json, &mut |part| self.part(part));
            self.end_parts();
            return read;
        }

        if outline.spans.is_some() {
            return jaeger::read(json, self);
        }

        if let Some(observations) = outline.observations.filter(|list| list.get().starts_with('[')) {
            return self.observations(json, observations.get());
        }

        if let Some(inner) = outline.trace.or(outline.data) {
            return self.value(inner.get(), depth + 1);
        }

        self.single_span(json, &outline)
    }

    fn single_span(&mut self, json: &str, outline: &Outline<'_>) -> Result<(), String> {
        check_length(json)?;
        if outline.context.is_some() {
            let read: Value = serde_json::from_str(json).map_err(|error| plain(&error))?;
            let span = sdk_span::read(&read).ok_or("its context is no span's")?;
            self.span(&span, "");
            return Ok(());
        }

        let is_observation =
            outline.id.is_some() && outline.start_time.is_some() && outline.span_id.is_none();
        if outline.run_type.or(outline.call_type).is_some() || is_observation {
            let fields = serde_json::from_str(json).map_err(|error| plain(&error))?;
            self.record(&Record::of(fields));
            return Ok(());
        }

        let is_traced = outline.trace_id.is_some() || outline.jaeger_trace_id.is_some();
        if is_traced && outline.span_id.is_some() {
            let span: ReadSpan<'_> = serde_json::from_str(json).map_err(|error| plain(&error))?;
            self.span(&span, "");
            return Ok(());
        }

        if is_traced && outline.id.is_some() {
            let span: zipkin::Span<'_> = serde_json::from_str(json).map_err(|error| plain(&error))?;
            let scope = span.scope().to_owned();
            self.span(&ReadSpan::from(span), &scope);
            return Ok(());
        }

        let kind = match outline.resource_metrics {
            Some(_) => IrregularityKind::OtherSignal,
            None => IrregularityKind::UnknownShape,
        };
        self.found.notes.add(kind, || keys(json));
        Ok(())
    }

    /// The observations of a trace of Langfuse's; what they do not say themselves stands in the trace.
    fn observations(&mut self, json: &str, list: &str) -> Result<(), String> {
        let around: Around<'_> = serde_json::from_str(json).map_err(|error| plain(&error))?;
        let trace = match around.trace {
            Some(trace) if trace.get().starts_with('{') => {
                serde_json::from_str(trace.get()).map_err(|error| plain(&error))?
            }
            Some(_) => Around::default(),
            None => around,
        };
        let whose = [("userId", inherited(trace.user_id)), ("sessionId", inherited(trace.session_id))];

        each_element(list, |element: &RawValue| {
            if let Err(reason) = self.observation(element.get(), &whose) {
                self.found.notes.add(IrregularityKind::Damaged, || reason);
            }
            Ok(())
        })
    }

    fn observation(&mut self, json: &str, whose: &[(&str, Option<Value>)]) -> Result<(), String> {
        if !json.starts_with('{') {
            // a list of traces names observations by their ids alone
            let notes = &mut self.found.notes;
            notes.add(IrregularityKind::UnknownShape, || "an observation by its id".to_owned());
            return Ok(());
        }
        check_length(json)?;

        let fields = serde_json::from_str(json).map_err(|error| plain(&error))?;
        let mut record = Record::of(fields);
        for (name, value) in whose {
            record.inherit(name, value.as_ref());
        }
        self.record(&record);
        Ok(())
    }

    /// Reads a call as a platform exports it; a record of nobody who is known is counted, and named by its fields.
    pub(super) fn record(&mut self, record: &Record) {
        match record.platform() {
            Some(platform) => self.span(&platform.span(record), platform.scope()),
            None => self.found.notes.add(IrregularityKind::UnknownShape, || record.names()),
        }
    }
}

/// What stands around observations: a trace, or what holds one.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Around<'j> {
    #[serde(borrow)]
    trace: Option<&'j RawValue>,
    #[serde(borrow)]
    user_id: Option<&'j RawValue>,
    #[serde(borrow)]
    session_id: Option<&'j RawValue>,
}

/// A trace's value for its observations; `None` of one that is too long to be a name.
fn inherited(json: Option<&RawValue>) -> Option<Value> {
    let json = json.filter(|json| json.get().len() <= MAX_INHERITED)?;
    serde_json::from_str(json.get()).ok()
}

/// The names of an object's fields, for people.
fn keys(json: &str) -> String {
    let fields: std::collections::BTreeMap<Cow<'_, str>, serde::de::IgnoredAny> =
        serde_json::from_str(json).unwrap_or_default();
    let names: Vec<&str> = fields.keys().map(|key| &**key).take(8).collect();
    format!("an object with {}", names.join(", "))
}
