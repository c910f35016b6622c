//! One model alone: what it does and costs, and how to compare it.

use std::path::Path;

use infercost_core::report::{CandidateReport, Report};
use infercost_core::{EnergySource, Estimate};
use infercost_run::{number, shell};

use crate::output::answer::Cell;
use crate::output::columns::Column;
use crate::output::layout::short_name;

/// What of the model is known, in one sentence: speed, latency, cost.
pub(crate) fn headline(report: &Report, only: &CandidateReport) -> String {
    infercost_run::summary::headline(&short_name(report, only), report, only)
}

/// A row a quantity, with its interval and its unit.
pub(crate) fn table(report: &Report, only: &CandidateReport) -> Vec<Column> {
    let currency = report.price_book.currency.to_string();
    let cost = &only.cost;
    let thousand = cost.per_inference.map(|cost| cost.map(|amount| amount * 1e3));
    let energy = match only.energy.per_inference_j {
        Some(_) => estimate(only.energy.per_inference_j),
        None => Cell::words("not measured"),
    };
    let joules = match (only.energy.per_inference_j, only.energy.source) {
        (None, _) => "",
        (Some(_), EnergySource::Estimated) => "J, estimated",
        (Some(_), _) => "J",
    };
    let rows = [
        ("decode", estimate(only.decode_tokens_per_s), "tokens/s"),
        ("prefill", estimate(only.prefill_tokens_per_s), "tokens/s"),
        ("TTFT, median", seconds(only.ttft_s.map(|ttft| ttft.p50)), ""),
        ("TPOT, median", seconds(only.tpot_s.map(|tpot| tpot.p50)), ""),
        ("cost of 1M output tokens", estimate(cost.per_million_output_tokens), currency.as_str()),
        ("reading 1M input tokens", estimate(cost.per_million_input_tokens), currency.as_str()),
        ("cost of 1,000 inferences", estimate(thousand), currency.as_str()),
        ("energy of an inference", energy, joules),
        ("task score", share(only.quality.task_score), ""),
        ("failed", share(only.failure_rate), ""),
    ];

    let mut names = Vec::new();
    let mut values = Vec::new();
    let mut units = Vec::new();
    for (name, value, unit) in rows {
        if value.is_unknown() {
            continue;
        }
        names.push(Cell::words(name));
        values.push(value);
        units.push(Cell::words(unit));
    }
    vec![Column::left("", 0, names), Column::right("measured", 0, values), Column::left("", 0, units)]
}

fn estimate(value: Option<Estimate>) -> Cell {
    Cell::estimate(value.as_ref(), number::estimate)
}

fn share(value: Option<Estimate>) -> Cell {
    Cell::estimate(value.as_ref(), number::percent_estimate)
}

fn seconds(value: Option<f64>) -> Cell {
    Cell::maybe(value, number::seconds)
}

/// Commands that compare the model with its quantized variants over the same prompts. `typed` is the model as it was
/// named, `stored` how its weights are stored, `prompts` the file of the prompt set, where it has one.
pub(crate) fn comparison(typed: &str, stored: Option<&str>, prompts: Option<&Path>) -> Vec<String> {
    let typed = &shell::near_here(typed);
    let is_full = stored.is_none_or(|kind| ["F32", "F16", "BF16"].contains(&kind));
    let word = shell::word(typed);
    let prompts = shell::prompts_argument(prompts);
    if typed.contains("://") {
        return vec![format!("infercost compare {word} OTHER_SERVER --baseline {word}{prompts}")];
    }

    // A file, a folder, or a repository: what is quantized already cannot be quantized again.
    let path = Path::new(typed);
    let is_file = path.extension().is_some_and(|ending| ending == "gguf") || path.exists();
    if is_file || typed.starts_with("hf:") {
        if !is_full {
            return vec![format!(
                "infercost compare {word} FULL_PRECISION.gguf --baseline FULL_PRECISION.gguf{prompts}"
            )];
        }
        let stem =
            path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let quantized = format!("{stem}-q8_0.gguf");
        let compare = format!("infercost compare {word} {}{prompts}", shell::word(&quantized));
        if Path::new(&quantized).exists() {
            return vec![compare];
        }
        return vec![format!("infercost quantize {word} Q8_0 --output {}", shell::word(&quantized)), compare];
    }

    let model = typed.split('/').next().unwrap_or(typed);
    vec![format!("infercost compare {}{prompts}", shell::word(model))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quantized_already_is_not_quantized_again() {
        assert_eq!(
            comparison("./a model.gguf", Some("F32"), Some(Path::new("mine.txt"))),
            [
                "infercost quantize './a model.gguf' Q8_0 --output 'a model-q8_0.gguf'",
                "infercost compare './a model.gguf' 'a model-q8_0.gguf' --prompts mine.txt",
            ]
        );
        assert_eq!(
            comparison("smollm2-135m-instruct/q8_0", Some("Q8_0"), None),
            ["infercost compare smollm2-135m-instruct"]
        );

        assert_eq!(
            comparison("m.gguf", Some("Q4_0"), None),
            ["infercost compare m.gguf FULL_PRECISION.gguf --baseline FULL_PRECISION.gguf"]
        );
    }
}
