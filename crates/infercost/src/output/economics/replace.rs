//! The answer of `infercost replace`.

use std::fmt::Write as _;

use infercost_core::Currency;
use infercost_economics::replacement::{Decision, MachineYear, Replacement};
use infercost_economics::wording::plain as short;
use infercost_run::number::UNKNOWN;

use crate::output::layout::{
    assumptions, estimate, estimate_or_unknown, head, money, money_or_unknown, styled, table,
};
use crate::output::terminal::{DOUBT, STRONG, SUCCESS, plain};

/// The whole answer as text.
pub(crate) fn render(answer: &Replacement) -> String {
    let title = format!("Keep or replace, at {} requests an hour", short(answer.requests_per_hour));
    let mut text = head(&title, &answer.findings);
    text.push_str(&machines(answer));
    for (part, why) in answer.left_out.iter() {
        let _ = writeln!(text, " left out: {part} {}", plain(&why.to_string()));
    }

    let months = answer.payback_months.as_ref().map_or_else(
        || format!("{UNKNOWN} it does not pay back"),
        |months| format!("{} months", estimate(months)),
    );
    let tariff = answer
        .break_even_tariff
        .as_ref()
        .map_or(UNKNOWN.to_owned(), |tariff| format!("{} {}/kWh", estimate(tariff), answer.currency));
    let rows = vec![
        vec!["outlay".to_owned(), money_or_unknown(answer.outlay.as_ref(), answer.currency)],
        vec![
            "running costs saved a year".to_owned(),
            money_or_unknown(answer.yearly_saving.as_ref(), answer.currency),
        ],
        vec!["payback".to_owned(), months],
        vec![
            "advantage of the new a year, capital included".to_owned(),
            money_or_unknown(answer.yearly_advantage.as_ref(), answer.currency),
        ],
        vec!["replacing is cheaper from an electricity price of".to_owned(), tariff],
    ];
    let _ = write!(text, "\n{}", table(&[], rows, false));
    text.push_str(&assumptions(&answer.assumptions));
    let style = if answer.decision == Decision::Open { DOUBT } else { SUCCESS };
    let _ = writeln!(text, "\n{} {}", styled(style, "→"), styled(STRONG, &plain(&answer.why)));

    text
}

fn machines(answer: &Replacement) -> String {
    let header = ["machine", "variant", "tokens/s", "J/token", "machines", "energy a year", "capital a year"];
    table(
        &header,
        vec![row("old", &answer.old, answer.currency), row("new", &answer.new, answer.currency)],
        false,
    )
}

fn row(name: &str, one: &MachineYear, currency: Currency) -> Vec<String> {
    vec![
        format!("{name}: {}", one.machine),
        one.variant.clone(),
        estimate_or_unknown(one.tokens_per_s.as_ref()),
        estimate_or_unknown(one.joules_per_token.as_ref()),
        one.machines.to_string(),
        money_or_unknown(one.energy.as_ref(), currency),
        money(one.capital, currency),
    ]
}
