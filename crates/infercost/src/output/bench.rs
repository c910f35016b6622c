//! The table of `infercost bench`.

use infercost_core::{Estimate, VariantId};
use infercost_run::number;

use crate::commands::bench::BenchCommand;

/// One line a test, tokens/s with the 95 % interval of the mean.
pub(crate) fn render(
    variant: &VariantId,
    arguments: &BenchCommand,
    prefill: Option<Estimate>,
    decode: Option<Estimate>,
) -> String {
    let shown = |estimate: Option<Estimate>| match estimate {
        Some(estimate) if estimate.upper.is_finite() => number::estimate(&estimate),
        Some(estimate) => number::significant(estimate.point),
        None => number::UNKNOWN.to_owned(),
    };
    format!(
        "{variant}, {} repetitions, tokens/s with 95 % interval\n  prefill {:>5}  {}\n  decode  {:>5}  {}\n",
        arguments.repetitions,
        arguments.prompt_tokens,
        shown(prefill),
        arguments.decode_tokens,
        shown(decode),
    )
}
