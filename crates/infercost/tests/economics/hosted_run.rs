//! A recorded run of a model that is paid by its tokens, beside one that was not asked.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::made_up::MadeUp;

/// Writes the run below `traces`.
pub(crate) fn write(folder: &Path, id: &'static str) {
    MadeUp { id, seconds: 1.0, watts: None, idle: None, threads: 2 }.write(folder);

    let path = folder.join("traces").join(id).join("run.json");
    let mut header: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let price = |model: &str, input: &str, output: &str| {
        json!({
            "model": model, "input_per_million": input, "output_per_million": output,
            "cached_input_per_million": null, "cache_write_per_million": null, "currency": "USD",
            "source": "a list", "date": "2026-10-20",
        })
    };
    header["variants"][0]["token_price"] = price("api", "2", "10");
    header["hosted"] = json!([price("small-api", "0.5", "2")]);
    fs::write(&path, header.to_string()).unwrap();
}
