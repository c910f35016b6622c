//! Which groups cost more or less than in the period of the same length before.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::Question;
use super::answer::{FleetAnswer, FleetRow};
use crate::reading::files::Days;

/// The same group in two periods.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mover {
    /// By name of the key.
    pub keys: BTreeMap<&'static str, Option<String>>,
    /// Currency of the amounts.
    pub currency: Option<String>,
    /// What it cost before; `None` where that is not known, 0 where it was not there.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub before: Option<Decimal>,
    /// What it costs now; the same.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub now: Option<Decimal>,
    /// The difference; `None` where either is not known.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub change: Option<Decimal>,
    /// Inferences before.
    pub inferences_before: u64,
    /// Inferences now.
    pub inferences_now: u64,
}

/// The groups whose cost moved most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Movers {
    /// First day of the period before.
    pub from: Date,
    /// Its last day.
    pub to: Date,
    /// What moved most first; what is not known last.
    pub rows: Vec<Mover>,
}

/// The period of the same length just before; `None` where the question has no two ends.
pub fn period_before(days: Days) -> Option<Days> {
    let (from, to) = (days.from?, days.to?);
    let length = from.until(to).ok()?.get_days();
    let last = from.yesterday().ok()?;
    let first = last.checked_sub(jiff::Span::new().try_days(length).ok()?).ok()?;
    Some(Days { from: Some(first), to: Some(last) })
}

/// The groups of two answers to one question, `most` at most.
pub fn movers(question: &Question, now: &FleetAnswer, before: &FleetAnswer, most: usize) -> Option<Movers> {
    let Days { from: Some(from), to: Some(to) } = period_before(question.days)? else { return None };
    let mut pairs: BTreeMap<_, (Option<&FleetRow>, Option<&FleetRow>)> = BTreeMap::new();
    for row in &before.rows {
        pairs.entry((&row.keys, &row.currency)).or_default().0 = Some(row);
    }
    for row in &now.rows {
        pairs.entry((&row.keys, &row.currency)).or_default().1 = Some(row);
    }

    let mut rows = Vec::with_capacity(pairs.len());
    for ((keys, currency), (before, now)) in pairs {
        let (cost_before, cost_now) = (known_cost(before), known_cost(now));
        rows.push(Mover {
            keys: keys.clone(),
            currency: currency.clone(),
            before: cost_before,
            now: cost_now,
            change: cost_before.zip(cost_now).and_then(|(before, now)| now.checked_sub(before)),
            inferences_before: before.map_or(0, |row| row.inferences),
            inferences_now: now.map_or(0, |row| row.inferences),
        });
    }
    // None is the smallest
    rows.sort_by_key(|mover| std::cmp::Reverse(mover.change.map(|change| change.abs())));
    rows.truncate(most);
    Some(Movers { from, to, rows })
}

/// What a row cost: nothing where it is not there, and not known where a part of it is not.
fn known_cost(row: Option<&FleetRow>) -> Option<Decimal> {
    match row {
        None => Some(Decimal::ZERO),
        Some(row) if row.unknown.cost > 0 => None,
        Some(row) => row.cost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_period_before_is_as_long() {
        let check = |from: Date, to: Date, wanted: (Date, Date)| {
            let before = period_before(Days { from: Some(from), to: Some(to) });
            assert_eq!(before, Some(Days { from: Some(wanted.0), to: Some(wanted.1) }));
        };
        check(date(2026, 11, 8), date(2026, 11, 14), (date(2026, 11, 1), date(2026, 11, 7)));
        check(date(2026, 3, 1), date(2026, 3, 1), (date(2026, 2, 28), date(2026, 2, 28)));
        assert_eq!(period_before(Days::default()), None);
    }
}
