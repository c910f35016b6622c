//! The cost that a span states, in any of its spellings.

use std::collections::BTreeMap;

use infercost_core::{Currency, IrregularityKind, StatedCost};

use super::call_attributes::{Fact, Facts, number, text};
use super::irregularities::Notes;
use super::words::number_after;

/// Reads it; a zero beside tokens that were used is no cost, since programs that lack a model's price write one.
pub(super) fn read(facts: &Facts<'_>, used_tokens: bool, notes: &mut Notes) -> Option<StatedCost> {
    let amounts = amounts(facts, notes);
    let amount = amounts.iter().copied().find(|amount| *amount > 0.0).or(amounts.first().copied())?;

    if amount == 0.0 && used_tokens {
        notes.add(IrregularityKind::ZeroCost, || facts.text(Fact::Model).unwrap_or_default().to_owned());
        return None;
    }

    let code = facts.text(Fact::CostCurrency).map(str::to_ascii_uppercase);
    let currency = match &code {
        None => Some(Currency::USD),
        Some(code) => code.parse().ok(),
    };

    if let (None, Some(code)) = (currency, &code) {
        notes.add(IrregularityKind::UnknownCurrency, || code.clone());
    }

    Some(StatedCost { amount, currency })
}

/// Every amount that is stated for the whole call, the most telling first.
fn amounts(facts: &Facts<'_>, notes: &mut Notes) -> Vec<f64> {
    let mut amounts = Vec::new();
    for (name, value) in facts.all(Fact::Cost) {
        match number(value) {
            Some(amount) if StatedCost::is_possible(amount) => amounts.push(amount),
            _ => notes.add(IrregularityKind::ImpossibleNumber, || name.to_owned()),
        }
    }

    let parts = (facts.number(Fact::CostOfInput), facts.number(Fact::CostOfOutput));
    if let (Some(input @ 0.0..), Some(output @ 0.0..)) = parts
        && StatedCost::is_possible(input + output)
    {
        amounts.push(input + output);
    }

    let texts = facts.all(Fact::CostText).filter_map(|(_, value)| of_text(text(value)?));
    amounts.extend(texts);

    amounts
}

/// `{"input": 0.1, "output": 0.2}`, with a total or without; or a text that holds `"response_cost": 0.3`.
fn of_text(text: &str) -> Option<f64> {
    let total = ["total", "total_cost", "response_cost"].iter().find_map(|key| number_after(text, key));
    let total = total.or_else(|| {
        let parts: BTreeMap<String, f64> = serde_json::from_str(text).ok()?;
        (!parts.is_empty()).then(|| parts.values().sum())
    });
    total.filter(|total| StatedCost::is_possible(*total))
}
