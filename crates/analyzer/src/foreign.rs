//! What other programs' traces say, model by model.
//!
//! Only what a trace states is counted. Each number says how many calls it rests on, and what is missing is named
//! with the number of calls that lack it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use infercost_core::price::PriceBook;
use infercost_core::price_per_million::PricePerMillion;
use infercost_core::report::Percentiles;
use infercost_core::{
    EconomicsFact, Finding, Findings, ForeignCall, ForeignTrace, Irregularity, IrregularityKind, Severity,
};
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;

use crate::AnalysisError;
use crate::attribution::sweep;
use infercost_cost::Rates;
use infercost_stats::quantile::percentiles;

/// Version of the object that `report --json` prints for other programs' traces.
pub const FOREIGN_SCHEMA: &str = "infercost.foreign-report/1";

/// A sum and how many calls it rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Sum {
    /// The sum over those calls.
    pub sum: f64,
    /// Calls that state the number.
    pub calls: u64,
}

/// A cost, where it comes from, and how many calls it covers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeignCost {
    /// `stated`, `by_token` or `by_hour`.
    pub basis: &'static str,
    /// Over the calls covered.
    pub total: f64,
    /// ISO 4217.
    pub currency: String,
    /// Calls covered.
    pub calls: u64,
    /// Where the price comes from, in words.
    pub source: String,
}

/// One model's calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ForeignModel {
    /// The model; `null` for calls that name none.
    pub model: Option<String>,
    /// Calls, failures included.
    pub calls: u64,
    /// Failures.
    pub failures: u64,
    /// Prompt tokens, cached ones included.
    pub input_tokens: Sum,
    /// Of those, tokens that a cache served.
    pub cached_input_tokens: Sum,
    /// Of those, tokens that were written to a cache.
    pub cache_write_tokens: Sum,
    /// Output tokens.
    pub output_tokens: Sum,
    /// From beginning to end, in seconds.
    pub latency_s: Option<Percentiles>,
    /// Time to first token, in seconds.
    pub ttft_s: Option<Percentiles>,
    /// Time per output token, in seconds, over calls of at least two tokens.
    pub tpot_s: Option<Percentiles>,
    /// Costs, each by one basis; they are not to be added up.
    pub costs: Vec<ForeignCost>,
    /// What calls leave unsaid → how many of them.
    pub unsaid: BTreeMap<&'static str, u64>,
}

/// What other programs' traces say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeignReport {
    /// [`FOREIGN_SCHEMA`].
    pub schema: &'static str,
    /// Calls of all models.
    pub calls: u64,
    /// Seconds in which at least one call was under way.
    pub busy_s: f64,
    /// By model, the one with the most calls first.
    pub models: Vec<ForeignModel>,
    /// What of the traces is not in the numbers, or was not taken as it stands.
    pub irregularities: BTreeMap<IrregularityKind, Irregularity>,
    /// What must be read with the numbers: the sentences of `findings`.
    pub notes: Vec<String>,
    /// What must be known with them.
    pub findings: Vec<Finding>,
}

/// Sums up calls. `hourly` is the machine that they ran on, where it is the user's own.
///
/// # Errors
/// [`AnalysisError::Prices`] where the prices of the machine are unsound.
pub fn summarize(
    trace: &ForeignTrace,
    by_token: &[PricePerMillion],
    hourly: Option<&PriceBook>,
) -> Result<ForeignReport, AnalysisError> {
    let calls = &trace.calls;
    let busy = busy_seconds(calls);
    let per_hour = hourly.map(per_hour).transpose()?;

    let mut groups: BTreeMap<Option<&str>, Vec<Own<'_>>> = BTreeMap::new();
    for (call, busy) in calls.iter().zip(&busy) {
        groups.entry(call.model.as_deref()).or_default().push(Own { call, busy: *busy });
    }

    let mut models = Vec::new();
    let mut findings = Findings::default();
    let mut is_any_priced = false;
    for (name, own) in groups {
        let mut model = facts(name, &own);
        model.costs = stated(&own);
        model.costs.extend(name.and_then(|name| tokens(name, &own, by_token, &mut findings)));
        if let Some((book, Some(rate))) = &per_hour {
            model.costs.extend(hours(&own, *rate, book));
        }

        // a price that cannot be used is no missing price
        let priced = name.filter(|name| by_token.iter().any(|price| price.is_of(name)));
        is_any_priced |= priced.is_some();
        if let Some(name) = priced.filter(|_| model.costs.is_empty()) {
            let (calls, model) = (model.calls, name.to_owned());
            findings.add(Severity::Warning, EconomicsFact::TokensNotCounted { calls, model });
        }
        models.push(model);
    }
    models.sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.model.cmp(&other.model)));

    if !is_any_priced && models.iter().all(|model| model.costs.is_empty()) {
        findings.add(Severity::Warning, EconomicsFact::NoCostOfTraces);
    }
    findings.add(Severity::Limitation, EconomicsFact::NoEnergyInTraces);

    Ok(ForeignReport {
        schema: FOREIGN_SCHEMA,
        calls: calls.len() as u64,
        busy_s: busy.iter().flatten().sum(),
        models,
        irregularities: trace.irregularities.clone(),
        notes: findings.sentences(),
        findings: findings.into(),
    })
}

/// A book of prices with what an hour of use costs by it.
fn per_hour(book: &PriceBook) -> Result<(&PriceBook, Option<f64>), AnalysisError> {
    let rates = Rates::of(book).map_err(|error| AnalysisError::of_prices(book, error))?;
    Ok((book, rates.per_hour_used(book.utilization)))
}

/// A call, and its part of the time in which any was under way, in seconds.
#[derive(Debug, Clone, Copy)]
struct Own<'c> {
    call: &'c ForeignCall,
    busy: Option<f64>,
}

/// Each call's part of the time in which any was under way: moments with several count an equal part for each.
fn busy_seconds(calls: &[ForeignCall]) -> Vec<Option<f64>> {
    // small numbers keep more digits
    let origin = calls.iter().filter_map(|call| call.started_at).min().unwrap_or(SystemTime::UNIX_EPOCH);
    let mut indices = Vec::new();
    let mut spans = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let (Some(started_at), Some(latency)) = (call.started_at, call.latency) else { continue };
        let start = started_at.duration_since(origin).unwrap_or_default().as_secs_f64();
        indices.push(index);
        spans.push((start, start + latency.as_secs_f64()));
    }

    let mut busy = vec![None; calls.len()];
    for (index, seconds) in indices.into_iter().zip(sweep(&spans)) {
        if let Some(slot) = busy.get_mut(index) {
            *slot = Some(seconds);
        }
    }

    busy
}

fn facts(name: Option<&str>, own: &[Own<'_>]) -> ForeignModel {
    let mut model = ForeignModel { model: name.map(str::to_owned), ..ForeignModel::default() };
    let (mut latency, mut ttft, mut tpot) = (Vec::new(), Vec::new(), Vec::new());
    for Own { call, .. } in own {
        model.calls += 1;
        model.failures += u64::from(call.failed);
        model.input_tokens.add(call.input_tokens);
        model.cached_input_tokens.add(call.cached_input_tokens);
        model.cache_write_tokens.add(call.cache_write_tokens);
        model.output_tokens.add(call.output_tokens);
        for unsaid in call.unsaid() {
            *model.unsaid.entry(unsaid.words()).or_default() += 1;
        }

        if call.failed {
            continue;
        }
        let total = call.latency.map(|latency| latency.as_secs_f64());
        let first = call.time_to_first_token.map(|first| first.as_secs_f64());
        latency.extend(total);
        ttft.extend(first);
        if let (Some(total), Some(first), Some(tokens @ 2..)) = (total, first, call.output_tokens) {
            tpot.push((total - first).max(0.0) / f64::from(tokens - 1));
        }
    }

    model.latency_s = percentiles(latency.iter().copied());
    model.ttft_s = percentiles(ttft.iter().copied());
    model.tpot_s = percentiles(tpot.iter().copied());
    model
}

impl Sum {
    fn add(&mut self, value: Option<u32>) {
        if let Some(value) = value {
            self.sum += f64::from(value);
            self.calls += 1;
        }
    }
}

fn stated(own: &[Own<'_>]) -> Vec<ForeignCost> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for cost in own.iter().filter_map(|own| own.call.cost) {
        let currency = cost.currency.map_or_else(|| UNKNOWN_CURRENCY.to_owned(), |code| code.to_string());
        let sum = sums.entry(currency).or_default();
        sum.sum += cost.amount;
        sum.calls += 1;
    }

    let mut costs = Vec::with_capacity(sums.len());
    for (currency, Sum { sum, calls }) in sums {
        let source = "the trace itself".to_owned();
        costs.push(ForeignCost { basis: "stated", total: sum, currency, calls, source });
    }
    costs
}

/// Stands where a trace names a currency that is none.
const UNKNOWN_CURRENCY: &str = "of an unknown currency";

/// By the first price that is one of the model. Each token is paid once: as one that a cache served, as one that was
/// written to it, or as any other.
fn tokens(
    name: &str,
    own: &[Own<'_>],
    prices: &[PricePerMillion],
    findings: &mut Findings,
) -> Option<ForeignCost> {
    let price = prices.iter().find(|price| price.is_of(name))?;
    let input = price.input_per_million.to_f64()? / 1e6;
    let output = price.output_per_million.to_f64()? / 1e6;
    let cached = price.cached_input_per_million.map_or(Some(input), |price| Some(price.to_f64()? / 1e6))?;
    let written = price.cache_write_per_million.map_or(Some(input), |price| Some(price.to_f64()? / 1e6))?;

    let mut sum = Sum::default();
    let mut without_price = 0;
    for Own { call, .. } in own {
        let Some(inputs) = call.input_tokens else { continue };
        let outputs = call.output_tokens.or(call.failed.then_some(0));
        let Some(outputs) = outputs else { continue };

        let from_cache = call.cached_input_tokens.unwrap_or(0).min(inputs);
        let to_cache = call.cache_write_tokens.unwrap_or(0).min(inputs - from_cache);
        let others = inputs - from_cache - to_cache;
        sum.sum += f64::from(others) * input
            + f64::from(from_cache) * cached
            + f64::from(to_cache) * written
            + f64::from(outputs) * output;
        sum.calls += 1;
        without_price += u64::from(to_cache);
    }

    if without_price > 0 && price.cache_write_per_million.is_none() {
        let (tokens, model) = (without_price, price.model.clone());
        findings.add(Severity::Limitation, EconomicsFact::CacheWritesUnpriced { tokens, model });
    }

    (sum.calls > 0).then(|| ForeignCost {
        basis: "by_token",
        total: sum.sum,
        currency: price.currency.to_string(),
        calls: sum.calls,
        source: format!("{} ({})", price.source, price.date),
    })
}

/// Hours of the machine, without electricity.
fn hours(own: &[Own<'_>], per_hour: f64, book: &PriceBook) -> Option<ForeignCost> {
    let seconds: Vec<f64> = own.iter().filter_map(|own| own.busy).collect();
    (!seconds.is_empty()).then(|| ForeignCost {
        basis: "by_hour",
        total: per_hour / 3600.0 * seconds.iter().sum::<f64>(),
        currency: book.currency.to_string(),
        calls: seconds.len() as u64,
        source: format!("{}, without electricity", book.name),
    })
}

#[cfg(test)]
mod tests;
