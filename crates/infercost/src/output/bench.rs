//! The answer of `infercost bench`.

use infercost_core::VariantId;
use infercost_core::text::count;
use infercost_run::number;

use crate::commands::bench::{BenchCommand, ModelSpeeds, Speed};
use crate::output::answer::{Answer, Caution, Section, Tone};
use crate::output::cell::{Cell, Ends};
use crate::output::columns::Column;
use crate::output::terminal::plain;

/// One row a test, tokens/s with the 95 % interval of the mean; models are named where there are several.
pub(crate) fn answer(models: &[ModelSpeeds], arguments: &BenchCommand) -> Answer {
    let mut names = Vec::new();
    let mut tests = Vec::new();
    let mut tokens = Vec::new();
    let mut speeds = Vec::new();
    let mut alone: Vec<&str> = Vec::new();
    for test in models.iter().flat_map(|model| tests_of(model, arguments)) {
        names.push(Cell::words(plain(test.variant.as_str())));
        tests.push(Cell::words(test.name));
        tokens.push(Cell::number(f64::from(test.tokens), test.tokens.to_string()));
        speeds.push(cell(test.speed));
        if test.speed.lower.is_none() && !alone.contains(&test.name) {
            alone.push(test.name);
        }
    }

    let mut table = Vec::new();
    if models.len() > 1 {
        table.push(Column::left("model", 0, names));
    }
    table.push(Column::left("test", 0, tests));
    table.push(Column::right("tokens", 0, tokens));
    table.push(Column::right("tokens/s", 0, speeds));

    let repetitions = count(u64::from(arguments.repetitions), "repetition");
    let mut answer = Answer {
        tone: Tone::Good,
        headline: headline(models),
        subject: format!("{repetitions}; 95 % intervals of the mean"),
        table,
        ..Answer::default()
    };
    if !alone.is_empty() {
        let have = if alone.len() == 1 { "has" } else { "have" };
        answer.cautions.push(Caution {
            words: format!("{} {have} no interval: too few repetitions", alone.join(" and ")),
            fix: Some(format!("-r {}", arguments.repetitions.saturating_mul(2).max(5))),
        });
    }
    answer.explain(Section::lines("how it is measured", how(arguments)));
    answer
}

/// What the numbers are, as llama-bench has them.
fn how(arguments: &BenchCommand) -> Vec<String> {
    vec![
        "prefill: the tokens of a prompt in one piece, from an empty cache".to_owned(),
        format!(
            "decode: {} tokens one by one, with {} in the cache before the first",
            arguments.decode_tokens, arguments.depth
        ),
        "each test is run once before it is timed; tests take turns, and models run one after the other"
            .to_owned(),
    ]
}

/// One row of the table.
struct Test<'m> {
    variant: &'m VariantId,
    name: &'static str,
    tokens: u32,
    speed: Speed,
}

/// Prefill at each length, then decode.
fn tests_of<'m>(model: &'m ModelSpeeds, arguments: &BenchCommand) -> Vec<Test<'m>> {
    let variant = &model.variant;
    let mut tests = Vec::with_capacity(model.prefill.len() + 1);
    for prefill in &model.prefill {
        let speed = prefill.tokens_per_s;
        tests.push(Test { variant, name: "prefill", tokens: prefill.prompt_tokens, speed });
    }

    let speed = model.decode_tokens_per_s;
    tests.push(Test { variant, name: "decode", tokens: arguments.decode_tokens, speed });
    tests
}

/// What a model alone does; of several, which decodes fastest by its point.
fn headline(models: &[ModelSpeeds]) -> String {
    if let [only] = models {
        let prefill = only.prefill.first().map(|first| first.tokens_per_s);
        return format!(
            "{} decodes {} tokens/s and prefills {} tokens/s",
            only.variant,
            shown(Some(only.decode_tokens_per_s)),
            shown(prefill)
        );
    }

    let mut fastest: Option<&ModelSpeeds> = None;
    for model in models {
        let speed = model.decode_tokens_per_s.point;
        let best = fastest.and_then(|best| best.decode_tokens_per_s.point);
        if speed.is_some() && (best.is_none() || speed > best) {
            fastest = Some(model);
        }
    }
    match fastest {
        Some(model) => format!(
            "{} decodes fastest of {}: {} tokens/s",
            model.variant,
            count(models.len() as u64, "model"),
            shown(Some(model.decode_tokens_per_s))
        ),
        None => "nothing could be timed".to_owned(),
    }
}

fn shown(speed: Option<Speed>) -> String {
    speed.and_then(|speed| speed.point).map_or_else(|| number::UNKNOWN.to_owned(), number::significant)
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
