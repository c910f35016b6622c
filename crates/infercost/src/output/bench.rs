//! The table of `infercost bench`.

use infercost_core::VariantId;
use infercost_run::number;

use crate::commands::bench::{BenchCommand, Speed};

/// One line a test, tokens/s with the 95 % interval of the mean.
pub(crate) fn render(variant: &VariantId, arguments: &BenchCommand, prefill: Speed, decode: Speed) -> String {
    format!(
        "{variant}, {} repetitions, tokens/s with 95 % interval\n  prefill {:>5}  {}\n  decode  {:>5}  {}\n",
        arguments.repetitions,
        arguments.prompt_tokens,
        shown(prefill),
        arguments.decode_tokens,
        shown(decode),
    )
}

fn shown(speed: Speed) -> String {
    let Some(point) = speed.point.map(number::significant) else { return number::UNKNOWN.to_owned() };
    match (speed.lower, speed.upper) {
        (Some(lower), Some(upper)) => {
            format!("{point} [{}, {}]", number::significant(lower), number::significant(upper))
        }
        _ => format!("{point} (interval not known: n too small; more repetitions, -r, show it)"),
    }
}
