//! The answer of `infercost replace`: keep the hardware or replace it.

use infercost_core::Estimate;
use infercost_core::number::plain as short;
use infercost_economics::replacement::{Decision, Replacement};
use infercost_run::number::{UNKNOWN, significant};

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::layout::estimate;

/// The answer.
pub(crate) fn answer(answer: &Replacement) -> Answer {
    let mut shown = Answer {
        tone: if answer.decision == Decision::Open { Tone::Doubt } else { Tone::Good },
        headline: answer.why.to_string(),
        subject: format!("keep or replace, at {} requests an hour", short(answer.requests_per_hour)),
        table: machines(answer),
        ..Answer::default()
    };

    let mut left_out = Vec::new();
    for (part, why) in answer.left_out.iter() {
        left_out.push(format!("{part}: {why}"));
    }
    shown.explain(Section::table("payback", payback(answer)));
    shown.explain(Section::lines("left out", left_out));
    shown.assume(&answer.assumptions);
    shown.with_findings(&answer.findings)
}

fn machines(answer: &Replacement) -> Vec<Column> {
    let currency = answer.currency;
    let both = [("old", &answer.old), ("new", &answer.new)];
    let mut names = Vec::new();
    let mut energy = Vec::new();
    let mut capital = Vec::new();
    let mut speeds = Vec::new();
    let mut joules = Vec::new();
    let mut counts = Vec::new();
    let mut variants = Vec::new();
    for (name, one) in both {
        names.push(Cell::words(format!("{name}: {}", one.machine)));
        energy.push(Cell::estimate(one.energy.as_ref(), estimate));
        capital.push(Cell::number(one.capital, significant(one.capital)));
        speeds.push(Cell::estimate(one.tokens_per_s.as_ref(), estimate));
        joules.push(Cell::estimate(one.joules_per_token.as_ref(), estimate));
        counts.push(Cell::number(f64::from(one.machines), one.machines.to_string()));
        variants.push(Cell::words(one.variant.clone()));
    }

    vec![
        Column::left("machine", 0, names),
        Column::right(format!("energy, {currency}/year"), 0, energy),
        Column::right(format!("capital, {currency}/year"), 0, capital),
        Column::right("machines", 1, counts),
        Column::right("tokens/s", 2, speeds),
        Column::right("J/token", 3, joules),
        Column::left("variant", 4, variants),
    ]
}

fn money(cost: &Option<Estimate>) -> Cell {
    Cell::estimate(cost.as_ref(), estimate)
}

fn payback(answer: &Replacement) -> Vec<Column> {
    let currency = answer.currency;
    let rows = [
        ("outlay", currency.to_string(), money(&answer.outlay)),
        ("running costs saved a year", currency.to_string(), money(&answer.yearly_saving)),
        ("payback", "months".to_owned(), money(&answer.payback_months)),
        (
            "advantage of the new a year, capital included",
            currency.to_string(),
            money(&answer.yearly_advantage),
        ),
        (
            "replacing is cheaper from an electricity price of",
            format!("{currency}/kWh"),
            money(&answer.break_even_tariff),
        ),
    ];

    let mut what = Vec::new();
    let mut values = Vec::new();
    let mut units = Vec::new();
    for (name, unit, value) in rows {
        let unit = match (&value, name) {
            (Cell::Unknown, "payback") => "it does not pay back".to_owned(),
            (Cell::Unknown, _) => UNKNOWN.to_owned(),
            _ => unit,
        };
        what.push(Cell::words(name));
        values.push(value);
        units.push(Cell::words(unit));
    }
    vec![Column::left("", 0, what), Column::right("", 0, values), Column::left("", 0, units)]
}
