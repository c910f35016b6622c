//! Inferences: the spans that back-ends show.

use std::time::Duration;

use infercost_core::{
    ChunkArrival, ChunkArrivals, FailureKind, FinishReason, InferenceRecord, Outcome, Sampling, WindowId,
};
use serde::Serialize;

use super::{LLM, RunSpans, record, served, stretch, thinking, window};
use crate::attributes::*;
use crate::error::MappingError;
use crate::names::Names;
use crate::read_span::{ReadSpan, invalid};
use crate::span_draft::{Span, SpanDraft, SpanPlace};
use crate::texts::Texts;

/// The operation in GenAI's words: prompts are conversations, rendered with the model's chat template.
const OPERATION: &str = "chat";

const FINISH_REASONS: [(&str, FinishReason); 2] =
    [("stop", FinishReason::Stop), ("length", FinishReason::Length)];

/// OpenInference's `llm.invocation_parameters`.
#[derive(Serialize)]
struct InvocationParameters {
    max_tokens: u32,
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    seed: u64,
}

impl RunSpans {
    /// The span of an inference, below its window. Texts are left out where the run keeps content out, and so are
    /// messages that may quote them.
    pub(crate) fn inference(
        &self,
        window: &WindowId,
        inference: &InferenceRecord,
    ) -> Result<Span, MappingError> {
        let (start, end) = stretch(inference.issued_at, inference.outcome.latency())?;
        let model = window.variant.as_str();
        let id = self.ids.inference(&window.variant, &inference.prompt, inference.repetition);
        let place = SpanPlace { id, parent: Some(self.ids.window(window)), start, end };
        let name = format!("{OPERATION} {model}");
        let mut draft = SpanDraft::new(&self.ids, place, name, record::INFERENCE, LLM);

        draft.text(VARIANT, model);
        draft.int(WINDOW, window.index);
        draft.text(PROMPT, inference.prompt.as_str());
        draft.int(REPETITION, inference.repetition);
        self.write_engine(&mut draft, window);
        write_request(&mut draft, model, inference);
        draft.text_if(INPUT_VALUE, inference.input_text.as_deref().filter(|_| self.header.content));
        draft.int_if(GEN_AI_USAGE_INPUT_TOKENS, inference.input_tokens);
        draft.int_if(GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, inference.cached_input_tokens);
        served::write(&mut draft, inference.served.as_deref())?;
        self.write_outcome(&mut draft, model, inference)?;

        draft.finish()
    }

    fn write_engine(&self, draft: &mut SpanDraft, window: &WindowId) {
        let Some((variant, provenance)) = self.variant(&window.variant) else { return };
        let engine = &variant.engine;
        draft.text(GEN_AI_PROVIDER_NAME, engine.engine.as_str());
        draft.text(GEN_AI_SYSTEM, engine.engine.as_str());
        draft.text(LLM_PROVIDER, engine.engine.as_str());
        draft.text(ENGINE_VERSION, engine.version.as_str());
        draft.text(ENGINE_BUILD_FLAGS, engine.build_flags.as_str());
        draft.text(ENGINE_DEVICE, engine.device.as_str());
        draft.int_if(ENGINE_THREADS, engine.threads);
        draft.text(PROVENANCE, provenance);
        if let Some(url) = variant.served_at() {
            draft.client();
            served::write_place(draft, url);
        }
    }

    fn write_outcome(
        &self,
        draft: &mut SpanDraft,
        model: &str,
        inference: &InferenceRecord,
    ) -> Result<(), MappingError> {
        match &inference.outcome {
            Outcome::Completed { text, finish, output_tokens, thinking, arrivals, latency: _ } => {
                draft.text(GEN_AI_RESPONSE_MODEL, model);
                draft.texts(GEN_AI_RESPONSE_FINISH_REASONS, [finish_name(*finish).to_owned()].into_iter());
                draft.int(GEN_AI_USAGE_OUTPUT_TOKENS, *output_tokens);
                draft.int_if(LLM_TOKEN_COUNT_PROMPT, inference.input_tokens);
                draft.int(LLM_TOKEN_COUNT_COMPLETION, *output_tokens);
                let total = inference.input_tokens.map(|input| i64::from(input) + i64::from(*output_tokens));
                draft.int_if(LLM_TOKEN_COUNT_TOTAL, total);
                draft.text_if(OUTPUT_VALUE, text.as_deref().filter(|_| self.header.content));
                thinking::write(draft, thinking.as_deref(), self.header.content)?;
                write_arrivals(draft, arrivals)
            }
            Outcome::Failed { kind, message, latency: _ } => {
                draft.text(ERROR_TYPE, kind.name());
                draft.failed(if self.header.content { message } else { kind.own_words(message) });
                Ok(())
            }
        }
    }
}

/// Reads an inference and its window's id back.
pub(crate) fn read(
    span: &ReadSpan<'_>,
    texts: Texts,
    names: &mut Names,
) -> Result<(WindowId, InferenceRecord), MappingError> {
    let latency = span.duration()?;
    let outcome = match span.text_if(ERROR_TYPE)? {
        Some(name) => Outcome::Failed {
            kind: FailureKind::ALL
                .into_iter()
                .find(|kind| kind.name() == name)
                .ok_or_else(|| invalid(ERROR_TYPE, &format!("names no kind of failure: {name:?}")))?,
            message: span.status_message().to_owned(),
            latency,
        },
        None => Outcome::Completed {
            text: texts.kept(span.text_if(OUTPUT_VALUE)?),
            finish: read_finish(span)?,
            output_tokens: span.int(GEN_AI_USAGE_OUTPUT_TOKENS)?,
            thinking: thinking::read(span, texts)?,
            arrivals: read_arrivals(span)?,
            latency,
        },
    };

    let inference = InferenceRecord {
        prompt: names.of(span.text(PROMPT)?),
        repetition: span.int(REPETITION)?,
        issued_at: span.started_at(),
        input_text: texts.kept(span.text_if(INPUT_VALUE)?),
        // earlier versions wrote 0 for what nobody had counted
        input_tokens: span.int_if(GEN_AI_USAGE_INPUT_TOKENS)?.filter(|tokens| *tokens > 0),
        cached_input_tokens: span.int_if(GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS)?,
        max_tokens: span.int(GEN_AI_REQUEST_MAX_TOKENS)?,
        sampling: names.sampling(read_sampling(span)?),
        served: served::read(span)?.map(Box::new),
        outcome,
    };

    Ok((window::read_id(span, names)?, inference))
}

fn write_request(draft: &mut SpanDraft, model: &str, inference: &InferenceRecord) {
    let sampling = &*inference.sampling;
    draft.text(GEN_AI_OPERATION_NAME, OPERATION);
    draft.text(GEN_AI_REQUEST_MODEL, model);
    draft.text(LLM_MODEL_NAME, model);
    draft.int(GEN_AI_REQUEST_MAX_TOKENS, inference.max_tokens);
    draft.number(GEN_AI_REQUEST_TEMPERATURE, sampling.temperature);
    draft.number_if(GEN_AI_REQUEST_TOP_P, sampling.top_p);

    // the convention has it as a double
    draft.number_if(GEN_AI_REQUEST_TOP_K, sampling.top_k.map(f64::from));
    draft.unsigned(GEN_AI_REQUEST_SEED, sampling.seed);
    draft.truth(GEN_AI_REQUEST_STREAM, true);
    let parameters = InvocationParameters {
        max_tokens: inference.max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        seed: sampling.seed,
    };

    // five numbers always have a JSON form
    draft.text(LLM_INVOCATION_PARAMETERS, serde_json::to_string(&parameters).unwrap_or_default());
}

fn read_sampling(span: &ReadSpan<'_>) -> Result<Sampling, MappingError> {
    let top_k = span.number_if(GEN_AI_REQUEST_TOP_K)?.map(whole_u32).transpose()?;
    Ok(Sampling {
        temperature: span.number(GEN_AI_REQUEST_TEMPERATURE)?,
        top_p: span.number_if(GEN_AI_REQUEST_TOP_P)?,
        top_k,
        seed: span.int::<i64>(GEN_AI_REQUEST_SEED)?.cast_unsigned(),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked on the line before")]
fn whole_u32(value: f64) -> Result<u32, MappingError> {
    if value.fract().abs() > 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&value) {
        return Err(invalid(GEN_AI_REQUEST_TOP_K, "is not a count"));
    }
    Ok(value as u32)
}

fn write_arrivals(draft: &mut SpanDraft, arrivals: &ChunkArrivals) -> Result<(), MappingError> {
    const LATE: MappingError = MappingError::Time { what: "a chunk's arrival" };
    if let Some(first) = arrivals.first() {
        draft.number(GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, first.at.as_secs_f64());
    }

    let mut offsets = Vec::with_capacity(arrivals.len());
    for chunk in arrivals {
        offsets.push(i64::try_from(chunk.at.as_nanos()).map_err(|_| LATE)?);
    }
    draft.ints(CHUNK_OFFSETS, offsets.into_iter());

    if arrivals.iter().any(|chunk| chunk.tokens != 1) {
        draft.ints(CHUNK_TOKENS, arrivals.iter().map(|chunk| i64::from(chunk.tokens)));
    }
    Ok(())
}

fn read_arrivals(span: &ReadSpan<'_>) -> Result<ChunkArrivals, MappingError> {
    let offsets: Vec<u64> =
        span.ints(CHUNK_OFFSETS)?.ok_or(MappingError::Missing { attribute: CHUNK_OFFSETS })?;
    let Some(tokens) = span.ints::<u32>(CHUNK_TOKENS)? else {
        return Ok(ChunkArrivals::of_single_tokens(&offsets));
    };
    if tokens.len() != offsets.len() {
        return Err(invalid(CHUNK_TOKENS, "is not as long as the list of offsets"));
    }

    let arrivals = offsets.into_iter().zip(tokens);
    Ok(arrivals.map(|(at, tokens)| ChunkArrival { at: Duration::from_nanos(at), tokens }).collect())
}

fn finish_name(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
    }
}

fn read_finish(span: &ReadSpan<'_>) -> Result<FinishReason, MappingError> {
    let attribute = GEN_AI_RESPONSE_FINISH_REASONS;
    let names = span.texts(attribute)?.ok_or(MappingError::Missing { attribute })?;
    let [name] = names.as_slice() else { return Err(invalid(attribute, "does not hold one reason")) };
    FINISH_REASONS
        .into_iter()
        .find(|(known, _)| known == name)
        .map(|(_, finish)| finish)
        .ok_or_else(|| invalid(attribute, &format!("names no reason: {name:?}")))
}
