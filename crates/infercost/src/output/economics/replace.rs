//! The answer of `infercost replace`.

use std::fmt::Write as _;

use infercost_core::Estimate;
use infercost_economics::replacement::{Decision, MachineYear, Replacement};
use infercost_economics::wording::plain as short;
use infercost_run::number::UNKNOWN;

use crate::output::layout::{assumptions, estimate, head, money, money_estimate, styled, table};
use crate::output::terminal::{DOUBT, STRONG, SUCCESS, plain};

/// The whole answer as text.
pub(crate) fn render(answer: &Replacement) -> String {
    let title = format!("Keep or replace, at {} requests an hour", short(answer.requests_per_hour));
    let mut text = head(&title, &answer.notes);
    text.push_str(&machines(answer));
    for (part, why) in answer.left_out.iter() {
        let _ = writeln!(text, " left out: {part} {}", plain(&why.to_string()));
    }
    let cost = |estimate: &Option<Estimate>| {
        estimate.as_ref().map_or(UNKNOWN.to_owned(), |estimate| money_estimate(estimate, answer.currency))
    };
    let months = answer.payback_months.as_ref().map_or_else(
        || format!("{UNKNOWN} it does not pay back"),
        |months| format!("{} months", estimate(months)),
    );
    let tariff = answer
        .break_even_tariff
        .as_ref()
        .map_or(UNKNOWN.to_owned(), |tariff| format!("{} {}/kWh", estimate(tariff), answer.currency));
    let rows = vec![
        vec!["outlay".to_owned(), cost(&answer.outlay)],
        vec!["running costs saved a year".to_owned(), cost(&answer.yearly_saving)],
        vec!["payback".to_owned(), months],
        vec!["advantage of the new a year, capital included".to_owned(), cost(&answer.yearly_advantage)],
        vec!["replacing is cheaper from an electricity price of".to_owned(), tariff],
    ];
    let _ = write!(text, "\n{}", table(&[], rows, false));
    text.push_str(&assumptions(&answer.assumptions));
    let style = if answer.decision == Decision::Open { DOUBT } else { SUCCESS };
    let _ = writeln!(text, "\n{} {}", styled(style, "→"), styled(STRONG, &plain(&answer.why)));
    text
}

fn machines(answer: &Replacement) -> String {
    let shown = |value: &Option<Estimate>| value.as_ref().map_or(UNKNOWN.to_owned(), estimate);
    let row = |name: &str, one: &MachineYear| {
        let energy = one.energy.as_ref();
        vec![
            format!("{name}: {}", one.machine),
            one.variant.clone(),
            shown(&one.tokens_per_s),
            shown(&one.joules_per_token),
            one.machines.to_string(),
            energy.map_or(UNKNOWN.to_owned(), |energy| money_estimate(energy, answer.currency)),
            money(one.capital, answer.currency),
        ]
    };
    let header = ["machine", "variant", "tokens/s", "J/token", "machines", "energy a year", "capital a year"];
    table(&header, vec![row("old", &answer.old), row("new", &answer.new)], false)
}
