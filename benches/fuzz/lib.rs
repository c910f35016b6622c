//! Every parser of bytes from outside, each as a function that takes any bytes.
//!
//! The targets of `fuzz/` call these, guided by coverage; `tests/replay.rs` calls them with the seeds of `fuzz/seeds`, and
//! with some thousand changed ones, wherever the other tests run. A function here returns: what it is given may be refused,
//! but must not panic, hang or take memory out of proportion. [`ENTRIES`] lists them all.

mod files;
mod many_machines;
mod texts;

pub use files::{
    fuzz_foreign_trace, fuzz_gguf, fuzz_run, fuzz_safetensors, fuzz_tokenizer, fuzz_tokenizer_config,
};
pub use many_machines::{fuzz_dated_prices, fuzz_revenue, fuzz_store_manifest, fuzz_tables_log};
pub use texts::{
    fuzz_chat_template, fuzz_kernels_packing, fuzz_manifest, fuzz_otlp_json, fuzz_plug_answer,
    fuzz_price_source, fuzz_prometheus, fuzz_prompt_set, fuzz_settings, fuzz_sse,
};

/// A parser, by the name of its target and of its folder of seeds.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What is called with the bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const ENTRIES: &[Entry] = &[
    Entry { name: "chat_template", run: fuzz_chat_template },
    Entry { name: "dated_prices", run: fuzz_dated_prices },
    Entry { name: "foreign_trace", run: fuzz_foreign_trace },
    Entry { name: "gguf", run: fuzz_gguf },
    Entry { name: "kernels_packing", run: fuzz_kernels_packing },
    Entry { name: "manifest", run: fuzz_manifest },
    Entry { name: "otlp_json", run: fuzz_otlp_json },
    Entry { name: "plug_answer", run: fuzz_plug_answer },
    Entry { name: "price_source", run: fuzz_price_source },
    Entry { name: "prometheus", run: fuzz_prometheus },
    Entry { name: "prompt_set", run: fuzz_prompt_set },
    Entry { name: "revenue", run: fuzz_revenue },
    Entry { name: "run", run: fuzz_run },
    Entry { name: "safetensors", run: fuzz_safetensors },
    Entry { name: "settings", run: fuzz_settings },
    Entry { name: "sse", run: fuzz_sse },
    Entry { name: "store_manifest", run: fuzz_store_manifest },
    Entry { name: "tables_log", run: fuzz_tables_log },
    Entry { name: "tokenizer", run: fuzz_tokenizer },
    Entry { name: "tokenizer_config", run: fuzz_tokenizer_config },
];
