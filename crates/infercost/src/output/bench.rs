//! The answer of `infercost bench`.

use infercost_core::VariantId;
use infercost_run::number;

use crate::commands::bench::{BenchCommand, Speed};
use crate::output::answer::{Answer, Caution, Tone};
use crate::output::cell::{Cell, Ends};
use crate::output::columns::Column;

/// One row a test, tokens/s with the 95 % interval of the mean.
pub(crate) fn answer(variant: &VariantId, arguments: &BenchCommand, prefill: Speed, decode: Speed) -> Answer {
    let headline = format!(
        "{variant} decodes {} tokens/s and reads {} tokens/s of a prompt",
        shown(decode),
        shown(prefill)
    );
    let tests = [("prefill", arguments.prompt_tokens, prefill), ("decode", arguments.decode_tokens, decode)];
    let mut names = Vec::new();
    let mut tokens = Vec::new();
    let mut speeds = Vec::new();
    for (name, count, speed) in tests {
        names.push(Cell::words(name));
        tokens.push(Cell::number(f64::from(count), count.to_string()));
        speeds.push(cell(speed));
    }

    let mut answer = Answer {
        tone: Tone::Good,
        headline,
        subject: format!("{}; 95 % intervals of the mean", repetitions(arguments.repetitions)),
        table: vec![
            Column::left("test", 0, names),
            Column::right("tokens", 0, tokens),
            Column::right("tokens/s", 0, speeds),
        ],
        ..Answer::default()
    };
    if [prefill, decode].iter().any(|speed| speed.lower.is_none()) {
        answer.cautions.push(Caution {
            words: "too few repetitions for an interval".to_owned(),
            fix: Some(format!("-r {}", (2 * arguments.repetitions).max(5))),
        });
    }
    answer
}

fn shown(speed: Speed) -> String {
    speed.point.map_or_else(|| number::UNKNOWN.to_owned(), number::significant)
}

fn repetitions(count: u32) -> String {
    infercost_core::text::count(u64::from(count), "repetition")
}

fn cell(speed: Speed) -> Cell {
    let Some(point) = speed.point else { return Cell::Unknown };
    let ends = speed.lower.zip(speed.upper).map(|(lower, upper)| Ends { lower, upper });
    let shown = match ends {
        Some(Ends { lower, upper }) => format!(
            "{} [{}, {}]",
            number::significant(point),
            number::significant(lower),
            number::significant(upper)
        ),
        None => number::significant(point),
    };
    Cell::Number { shown, value: point, ends }
}
