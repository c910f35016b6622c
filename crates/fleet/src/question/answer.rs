//! What is answered: a row a group, and their totals.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::groups::{Group, Groups, joined};
pub use super::sketch::Percentiles;
use super::sketch::percentiles;
use super::{Key, Question, RELATIVE_ERROR};
use crate::reading::error::QueryError;
use crate::tables::money::of_units;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetAnswer {
    /// `infercost.fleet/1`.
    pub schema: &'static str,
    /// What rows are grouped by.
    pub by: Vec<Key>,
    /// The first day; `None` for all before.
    pub from: Option<Date>,
    /// The last day; `None` for all after.
    pub to: Option<Date>,
    /// What costs most first.
    pub rows: Vec<FleetRow>,
    /// All rows together, one a currency.
    pub totals: Vec<FleetRow>,
    /// Inferences that are in no number, since their windows were measured again or cut off.
    pub not_counted: u64,
    /// Sources that lie in several of the folders, and are counted once.
    pub repeated_sources: Vec<String>,
    /// Services that earn something by `--revenue`, and of which no inference was found.
    pub services_without_inferences: Vec<String>,
    /// How far a percentile of latency may be off, as a share of it.
    pub latency_relative_error: f64,
}

/// What a group of inferences took. `None` is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetRow {
    /// By name of the key; `None` where it is not known.
    pub keys: BTreeMap<&'static str, Option<String>>,
    /// Inferences, failures included.
    pub inferences: u64,
    /// Failures.
    pub failures: u64,
    /// Answers with at least one token, or of a length that nobody counted.
    pub answers: u64,
    /// Prompt tokens, where they are known.
    pub input_tokens: Option<u64>,
    /// Output tokens, where they are known.
    pub output_tokens: Option<u64>,
    /// Share of prompt tokens that a cache served, over the inferences that tell.
    pub cached_share: Option<f64>,
    /// Currency of the amounts.
    pub currency: Option<String>,
    /// What they cost together, where it is known: exact.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub cost: Option<Decimal>,
    /// Joules, where they are known.
    pub energy_j: Option<f64>,
    /// From issue to end, of those that did not fail, in seconds.
    pub latency_s: Option<Percentiles>,
    /// How many inferences each number leaves out, since theirs is not known.
    pub unknown: UnknownCounts,
    /// What the answers earn; `None` without `--revenue`.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub revenue: Option<Decimal>,
    /// Below, in or not settled against the loss zone; `None` where nobody says what is earned.
    pub zone: Option<Zone>,
}

/// How many inferences a number leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct UnknownCounts {
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Answers without a cost; a failure owes none.
    pub cost: u64,
    /// Joules.
    pub energy: u64,
}

/// Cost against revenue. The worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// It costs no more than it earns.
    Profit,
    /// Costs are not all known, or stand in several currencies.
    Open,
    /// What is known of the cost is more than what is earned.
    Loss,
}

impl FleetAnswer {
    pub(crate) fn of(question: &Question, groups: Groups) -> Result<Self, QueryError> {
        let mut totals: BTreeMap<Option<String>, Group> = BTreeMap::new();
        let mut rows = Vec::new();
        for (key, by_currency) in groups.by_key {
            for (currency, group) in by_currency {
                totals.entry(currency.clone()).or_default().add(&group)?;
                rows.push(row(&question.by, &key, currency, &group)?);
            }
        }
        rows.sort_by(|one, other| other.cost.cmp(&one.cost).then_with(|| one.keys.cmp(&other.keys)));

        let mut total_rows = Vec::new();
        for (currency, group) in joined(totals)? {
            total_rows.push(row(&[], &[], currency, &group)?);
        }
        Ok(Self {
            schema: "infercost.fleet/1",
            by: question.by.clone(),
            from: question.days.from,
            to: question.days.to,
            rows,
            totals: total_rows,
            not_counted: 0,
            repeated_sources: Vec::new(),
            services_without_inferences: Vec::new(),
            latency_relative_error: RELATIVE_ERROR,
        })
    }
}

fn row(
    by: &[Key],
    values: &[Option<String>],
    currency: Option<String>,
    group: &Group,
) -> Result<FleetRow, QueryError> {
    let keys = by.iter().zip(values).map(|(key, value)| (key.name(), value.clone())).collect();
    let cost = match group.cost {
        Some(units) if group.cost_known > 0 => Some(of_units(units).ok_or(QueryError::Overflow)?),
        _ => None,
    };

    Ok(FleetRow {
        keys,
        inferences: group.inferences,
        failures: group.failures,
        answers: group.answers,
        input_tokens: (group.input_known > 0).then_some(group.input_tokens),
        output_tokens: (group.output_known > 0).then_some(group.output_tokens),
        cached_share: (group.cached_of > 0).then(|| group.cached_tokens as f64 / group.cached_of as f64),
        currency,
        cost,
        energy_j: (group.energy_known > 0).then_some(group.energy_j),
        latency_s: percentiles(&group.bins),
        unknown: UnknownCounts {
            input_tokens: group.inferences.saturating_sub(group.input_known),
            output_tokens: group.inferences.saturating_sub(group.output_known),
            cost: group.unpriced,
            energy: group.inferences.saturating_sub(group.energy_known),
        },
        revenue: None,
        zone: None,
    })
}
