//! What a run comes to, on its root span: the recommendation, and what a million tokens cost.

use std::fmt::Write as _;

use infercost_core::Recommendation;
use infercost_export::Outfit;
use infercost_trace::outgoing::RunSummary;

use super::AnalysedRun;
use crate::number;

/// Longest name of a span that a list shows well, in characters.
const LONGEST_NAME: usize = 160;

/// The summary, with the patterns of `outfit` taken out.
pub fn of_run(told: &AnalysedRun, outfit: &Outfit) -> RunSummary {
    let (Recommendation::Switch { why, .. }
    | Recommendation::KeepBaseline { why, .. }
    | Recommendation::MeasureMore { why, .. }) = &told.report.recommendation;

    let mut text = why.clone();
    for (index, bill) in told.ledger.bills.iter().enumerate() {
        let Ok(price) = told.ledger.token_prices(index) else { continue };
        let currency = told.ledger.currency;
        let (input, output) = price.per_million();
        let input =
            input.map(|input| format!("{} {currency} a million input tokens, ", number::significant(input)));
        let output = number::significant(output);
        let _ = write!(
            text,
            "\n{}: {}{output} {currency} a million output tokens",
            bill.name(),
            input.unwrap_or_default()
        );
    }

    let name: String = format!("infercost: {why}").chars().take(LONGEST_NAME).collect();
    RunSummary { name: outfit.redacted(&name), text: outfit.redacted(&text) }
}
