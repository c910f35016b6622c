//! Parsers that take bytes or text from memory.

use std::path::Path;

use infercost_core::manifest::ModelManifest;
use infercost_engine::chat_template::{ChatMessage, ChatTemplate};
use infercost_kernels::{Isa, PackedMatrix, WeightType, decode_row};
use infercost_prices::{Query, SOURCES};
use jiff::Timestamp;

/// Longest text that parsers of settings and of answers are given: nobody writes longer ones.
const LONGEST: usize = 64 << 10;

pub(crate) fn text(data: &[u8]) -> Option<&str> {
    data.get(..LONGEST.min(data.len())).and_then(|data| std::str::from_utf8(data).ok())
}

/// A model's chat template, rendered for a short conversation.
pub fn fuzz_chat_template(data: &[u8]) {
    let Some(source) = text(data) else { return };
    let Ok(template) = ChatTemplate::from_source(source) else { return };
    let messages = [ChatMessage::new("system", "Be brief."), ChatMessage::new("user", "What is a pear?")];
    let _ = template.render(&messages, true, "<s>", "</s>");
}

/// Rows of packed weights: the first byte says of which type, the rest is the matrix.
pub fn fuzz_kernels_packing(data: &[u8]) {
    const MOST_ROWS: usize = 9;

    let Some((&choice, bytes)) = data.split_first() else { return };
    let all = WeightType::ALL;
    let Some(&weight_type) = all.get(usize::from(choice) % all.len()) else { return };
    let columns = weight_type.block_elements();
    let rows = (bytes.len() / weight_type.block_bytes()).min(MOST_ROWS);
    let used = bytes.get(..rows * weight_type.block_bytes()).unwrap_or_default();

    let mut row = vec![0.0; columns];
    for block in used.chunks_exact(weight_type.block_bytes()) {
        decode_row(weight_type, block, &mut row);
    }
    if let Ok(matrix) = PackedMatrix::pack(Isa::Portable, weight_type, rows, columns, used) {
        for index in 0..matrix.rows() {
            matrix.row_as_f32(index, &mut row);
        }
    }

    // a matrix of another size than its bytes is refused
    let _ = PackedMatrix::pack(Isa::Portable, weight_type, rows + 1, columns, bytes);
}

/// A model's manifest.
pub fn fuzz_manifest(data: &[u8]) {
    if let Some(text) = text(data) {
        let _ = ModelManifest::parse("fuzz.toml", text);
    }
}

/// A line of OTLP JSON.
pub fn fuzz_otlp_json(data: &[u8]) {
    let _ = infercost_trace::otlp_json::read_traces(data);
}

/// What a wall plug answers, read in every way in which plugs do.
pub fn fuzz_plug_answer(data: &[u8]) {
    if let Some(text) = text(data) {
        infercost_energy::hostile::plug_answer(text);
    }
}

/// What a source of prices, curves or spot histories answers: the first byte says which.
pub fn fuzz_price_source(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let Some(text) = text(rest) else { return };
    let Some(source) = SOURCES.get(usize::from(choice) % SOURCES.len().max(1)) else { return };
    let _ = source.parse(text, &Query::default(), Timestamp::UNIX_EPOCH);
}

/// A page of Prometheus's text format.
pub fn fuzz_prometheus(data: &[u8]) {
    if let Some(text) = text(data) {
        infercost_energy::hostile::exposition(text);
    }
}

/// A prompt set, in any of the formats that are read.
pub fn fuzz_prompt_set(data: &[u8]) {
    if let Some(text) = text(data) {
        let _ = infercost_prompts::parse("fuzz", "fuzz.jsonl", text);
    }
}

/// An `infercost.toml`.
pub fn fuzz_settings(data: &[u8]) {
    if let Some(text) = text(data) {
        let _ = infercost_run::config::parse_text(Path::new("infercost.toml"), text);
    }
}

/// A stream of server-sent events: the first byte says in what pieces it arrives.
pub fn fuzz_sse(data: &[u8]) {
    let Some((&piece, stream)) = data.split_first() else { return };
    infercost_served::hostile::event_stream(stream, usize::from(piece) + 1);
}
