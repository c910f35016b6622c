//! The run and its variants: spans written last, since they end last; and the resource of every line.
//!
//! What they say is in the run's header too, which is where it is read from.

use std::time::SystemTime;

use infercost_core::RunHeader;
use infercost_core::manifest::Provenance;
use infercost_core::run::VariantHeader;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{CHAIN, RunSpans, record};
use crate::attributes::*;
use crate::error::MappingError;
use crate::span_draft::{Span, SpanDraft, SpanPlace, key_value};
use crate::span_ids::unix_nanos;

/// `service.name`, and the project in Phoenix.
pub(crate) const SERVICE: &str = "infercost";

impl RunSpans {
    /// The root span. An end before the start (a clock set back) becomes the start.
    pub(crate) fn root(&self, ended_at: SystemTime) -> Result<Span, MappingError> {
        let start = unix_nanos(self.header.started_at.into(), "the run's start")?;
        let end = unix_nanos(ended_at, "the run's end")?.max(start);
        let place = SpanPlace { id: self.ids.root(), parent: None, start, end };
        let mut draft = SpanDraft::new(&self.ids, place, format!("{SERVICE} record"), record::RUN, CHAIN);
        draft.text(RUN_ID, self.header.id.as_str());
        draft.finish()
    }

    /// A variant's span, around its children.
    pub(crate) fn variant_span(
        &self,
        variant: &VariantHeader,
        start: u64,
        end: u64,
    ) -> Result<Span, MappingError> {
        let id = self.ids.variant(&variant.id);
        let place = SpanPlace { id, parent: Some(self.ids.root()), start, end };
        let mut draft = SpanDraft::new(&self.ids, place, variant.id.as_str(), record::VARIANT, CHAIN);
        let engine = &variant.engine;
        draft.text(VARIANT, variant.id.as_str());
        draft.text(GEN_AI_PROVIDER_NAME, engine.engine.as_str());
        draft.text(ENGINE_VERSION, engine.version.as_str());
        draft.text(ENGINE_BUILD_FLAGS, engine.build_flags.as_str());
        draft.text(ENGINE_DEVICE, engine.device.as_str());
        draft.int_if(ENGINE_THREADS, engine.threads);
        draft.text_if(ENGINE_FAMILY, engine.family.as_deref());
        draft.text_if(ENGINE_QUANTIZATION, engine.quantization.as_deref());
        draft.text_if(ENGINE_COMPUTE_DTYPE, engine.compute_dtype.as_deref());
        draft.text_if(ENGINE_WEIGHTS_SHA256, engine.weights_sha256.as_deref());
        draft.text_if(ENGINE_TOKENIZER_SHA256, engine.tokenizer_sha256.as_deref());

        if let Some(size) = engine.file_size {
            draft.unsigned(ENGINE_FILE_SIZE, size.0);
        }
        draft.int_if(ENGINE_CONTEXT_LENGTH, engine.context_length);
        draft.text(PROVENANCE, provenance_words(&variant.provenance));

        // a provenance holds strings only, and those always have a JSON form
        draft.text(PROVENANCE_RECORD, serde_json::to_string(&variant.provenance).unwrap_or_default());
        draft.text_if(LICENSE, variant.license.as_deref());
        draft.truth(NOISE_FLOOR, variant.noise_floor);

        draft.finish()
    }
}

/// The resource of every line: program, run and machine.
pub(crate) fn resource(header: &RunHeader) -> Resource {
    let text = |key, value: &str| key_value(key, Value::StringValue(value.to_owned()));
    let machine = &header.machine;
    let mut attributes = vec![
        text(SERVICE_NAME, SERVICE),
        text(SERVICE_VERSION, &header.infercost_version),
        text(OPENINFERENCE_PROJECT_NAME, SERVICE),
        text(RUN_ID, header.id.as_str()),
    ];
    attributes.extend(machine.id.as_deref().map(|id| text(HOST_ID, id)));

    // the conventions let a name that its user gave stand for the host's
    let name = machine.label.as_deref().or(machine.host.as_deref());
    attributes.extend(name.map(|name| text(HOST_NAME, name)));
    attributes.extend(machine.cpu.as_deref().map(|cpu| text(HOST_CPU_MODEL_NAME, cpu)));
    attributes.extend(machine.os.as_deref().map(|os| text(OS_DESCRIPTION, os)));
    attributes.extend(machine.virtualization.as_deref().map(|kind| text(HOST_VIRTUALIZATION, kind)));
    attributes.extend(machine.cores.map(|cores| key_value(HOST_CORES, Value::IntValue(cores.into()))));
    attributes
        .extend(machine.memory.map(|memory| key_value(HOST_MEMORY, Value::IntValue(memory.0.cast_signed()))));

    if !machine.gpus.is_empty() {
        let names = machine.gpus.iter().map(|name| Value::StringValue(name.clone()));
        let values = names.map(|name| AnyValue { value: Some(name) }).collect();
        attributes.push(key_value(HOST_GPUS, Value::ArrayValue(ArrayValue { values })));
    }

    Resource { attributes, ..Resource::default() }
}

/// A provenance in a few words, for every span.
pub(crate) fn provenance_words(provenance: &Provenance) -> String {
    match provenance {
        Provenance::Published { .. } => "published".to_owned(),
        Provenance::Expanded { from, .. } => format!("expanded from {from}"),
        Provenance::Quantized { recipe, from, .. } => {
            format!("quantized to {recipe}, from: {}", provenance_words(from))
        }
        Provenance::Local { .. } => "local file".to_owned(),
        Provenance::Served { .. } => "served".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use infercost_core::MachineFacts;
    use infercost_core::testing::made_up_run;

    use super::*;

    fn named(machine: MachineFacts) -> Vec<(String, String)> {
        let book = serde_json::json!({
            "name": "none", "assumed": false, "currency": "EUR", "electricity": null, "hardware": null,
            "operation": null, "utilization": 1.0, "pue": 1.0
        });
        let prices = serde_json::from_value(book).unwrap_or_else(|error| panic!("{error}"));
        let header = RunHeader { machine, ..made_up_run::header(prices) };

        let mut found = Vec::new();
        for attribute in resource(&header).attributes {
            if let Some(Value::StringValue(value)) = attribute.value.and_then(|value| value.value)
                && attribute.key.starts_with("host.")
            {
                found.push((attribute.key, value));
            }
        }
        found
    }

    /// As the conventions for hosts have it; a label stands in for the host's own name.
    #[test]
    fn spans_name_their_machine() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let id = Some("0123456789abcdef".to_owned());
        let host = Some("gpu-box".to_owned());
        let label = Some("4090".to_owned());

        let by_host = MachineFacts { id: id.clone(), host, ..MachineFacts::default() };
        assert_eq!(named(by_host), [pair("host.id", "0123456789abcdef"), pair("host.name", "gpu-box")]);
        let by_label = MachineFacts { id, label, ..MachineFacts::default() };
        assert_eq!(named(by_label), [pair("host.id", "0123456789abcdef"), pair("host.name", "4090")]);
        assert!(named(MachineFacts::default()).is_empty());
    }
}
