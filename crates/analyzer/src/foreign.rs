//! What other programs' traces say, model by model.
//!
//! Only what a trace states is counted. Each number says how many calls it rests on, and what is missing is named
//! with the number of calls that lack it.

use std::collections::BTreeMap;

use infercost_core::price::PriceBook;
use infercost_core::price_per_million::PricePerMillion;
use infercost_core::report::Percentiles;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;

use crate::AnalysisError;
use crate::attribution::sweep;
use infercost_cost::Rates;
use infercost_stats::quantile::percentiles;

/// Version of the object that `report --json` prints for other programs' traces.
pub const FOREIGN_SCHEMA: &str = "infercost.foreign-report/1";

/// One call as a trace states it; `None` is what it does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignCall {
    /// The model.
    pub model: Option<String>,
    /// Seconds since 1970 at which it began.
    pub started_s: Option<f64>,
    /// How long it took, in seconds.
    pub latency_s: Option<f64>,
    /// Time to the first token, in seconds.
    pub ttft_s: Option<f64>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Of those, tokens that a cache served.
    pub cached_input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// A cost that the trace states: amount and currency.
    pub stated_cost: Option<(f64, String)>,
    /// True where it failed.
    pub failed: bool,
    /// What the trace leaves unsaid, in words.
    pub unsaid: Vec<&'static str>,
}

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
    /// Prompt tokens.
    pub input_tokens: Sum,
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
    /// What must be read with the numbers.
    pub notes: Vec<String>,
}

/// Sums up calls. `hourly` is the machine that they ran on, where it is the user's own.
///
/// # Errors
/// [`AnalysisError::Prices`] where the prices of the machine are unsound.
pub fn summarize(
    calls: &[ForeignCall],
    by_token: &[PricePerMillion],
    hourly: Option<&PriceBook>,
) -> Result<ForeignReport, AnalysisError> {
    let busy = busy_seconds(calls);
    let per_hour = hourly.map(|book| per_hour(book)).transpose()?;
    let mut groups: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        groups.entry(call.model.as_deref()).or_default().push(index);
    }
    let mut models: Vec<ForeignModel> = groups
        .into_iter()
        .map(|(name, indices)| {
            let own: Vec<(&ForeignCall, Option<f64>)> = indices
                .iter()
                .filter_map(|index| Some((calls.get(*index)?, busy.get(*index).copied().flatten())))
                .collect();
            let mut model = facts(name, &own);
            model.costs = stated(&own);
            model.costs.extend(name.and_then(|name| tokens(name, &own, by_token)));
            if let Some((book, Some(rate))) = &per_hour {
                model.costs.extend(hours(&own, *rate, book));
            }
            model
        })
        .collect();
    models.sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.model.cmp(&other.model)));
    let mut notes = Vec::new();
    if models.iter().all(|model| model.costs.is_empty()) {
        notes.push(
            "No cost: the traces state none, and infercost.toml has neither [[token_prices]] of these models nor \
             [prices] of the machine."
                .to_owned(),
        );
    }
    notes.push("The energy is unknown: another program's traces hold no joules.".to_owned());
    Ok(ForeignReport {
        schema: FOREIGN_SCHEMA,
        calls: calls.len() as u64,
        busy_s: busy.iter().flatten().sum(),
        models,
        notes,
    })
}

/// A book of prices with what an hour of use costs by it.
fn per_hour(book: &PriceBook) -> Result<(&PriceBook, Option<f64>), AnalysisError> {
    let rates = Rates::of(book).map_err(|error| AnalysisError::of_prices(book, error))?;
    Ok((book, rates.per_hour_used(book.utilization)))
}

/// Each call's part of the time in which any was under way: moments with several count an equal part for each.
fn busy_seconds(calls: &[ForeignCall]) -> Vec<Option<f64>> {
    let timed: Vec<(usize, (f64, f64))> = calls
        .iter()
        .enumerate()
        .filter_map(|(index, call)| Some((index, (call.started_s?, call.started_s? + call.latency_s?))))
        .collect();
    // small numbers keep more digits
    let origin = timed.iter().map(|(_, (start, _))| *start).fold(f64::INFINITY, f64::min);
    let spans: Vec<(f64, f64)> =
        timed.iter().map(|(_, (start, end))| (start - origin, end - origin)).collect();
    let mut busy = vec![None; calls.len()];
    for ((index, _), seconds) in timed.into_iter().zip(sweep(&spans)) {
        if let Some(slot) = busy.get_mut(index) {
            *slot = Some(seconds);
        }
    }
    busy
}

fn facts(name: Option<&str>, own: &[(&ForeignCall, Option<f64>)]) -> ForeignModel {
    let mut model = ForeignModel { model: name.map(str::to_owned), ..ForeignModel::default() };
    let (mut latency, mut ttft, mut tpot) = (Vec::new(), Vec::new(), Vec::new());
    for (call, _) in own {
        model.calls += 1;
        model.failures += u64::from(call.failed);
        for (sum, value) in
            [(&mut model.input_tokens, call.input_tokens), (&mut model.output_tokens, call.output_tokens)]
        {
            if let Some(value) = value {
                sum.sum += value as f64;
                sum.calls += 1;
            }
        }
        for words in &call.unsaid {
            *model.unsaid.entry(words).or_default() += 1;
        }
        if call.failed {
            continue;
        }
        latency.extend(call.latency_s);
        ttft.extend(call.ttft_s);
        if let (Some(total), Some(first), Some(tokens @ 2..)) =
            (call.latency_s, call.ttft_s, call.output_tokens)
        {
            tpot.push((total - first).max(0.0) / (tokens - 1) as f64);
        }
    }
    model.latency_s = percentiles(latency);
    model.ttft_s = percentiles(ttft);
    model.tpot_s = percentiles(tpot);
    model
}

fn stated(own: &[(&ForeignCall, Option<f64>)]) -> Vec<ForeignCost> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for (amount, currency) in own.iter().filter_map(|(call, _)| call.stated_cost.as_ref()) {
        let sum = sums.entry(currency).or_default();
        sum.sum += amount;
        sum.calls += 1;
    }
    let cost = |(currency, sum): (&str, Sum)| ForeignCost {
        basis: "stated",
        total: sum.sum,
        currency: currency.to_owned(),
        calls: sum.calls,
        source: "the trace itself".to_owned(),
    };
    sums.into_iter().map(cost).collect()
}

/// By the first price that is one of the model.
fn tokens(
    name: &str,
    own: &[(&ForeignCall, Option<f64>)],
    prices: &[PricePerMillion],
) -> Option<ForeignCost> {
    let price = prices.iter().find(|price| price.is_of(name))?;
    let input = price.input_per_million.to_f64()? / 1e6;
    let output = price.output_per_million.to_f64()? / 1e6;
    let cached = price.cached_input_per_million.map_or(Some(input), |price| Some(price.to_f64()? / 1e6))?;
    let mut sum = Sum::default();
    for (call, _) in own {
        let Some(inputs) = call.input_tokens else { continue };
        let outputs = call.output_tokens.or(call.failed.then_some(0));
        let Some(outputs) = outputs else { continue };
        let from_cache = call.cached_input_tokens.unwrap_or(0).min(inputs);
        sum.sum +=
            (inputs - from_cache) as f64 * input + from_cache as f64 * cached + outputs as f64 * output;
        sum.calls += 1;
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
fn hours(own: &[(&ForeignCall, Option<f64>)], per_hour: f64, book: &PriceBook) -> Option<ForeignCost> {
    let seconds: Vec<f64> = own.iter().filter_map(|(_, seconds)| *seconds).collect();
    (!seconds.is_empty()).then(|| ForeignCost {
        basis: "by_hour",
        total: per_hour / 3600.0 * seconds.iter().sum::<f64>(),
        currency: book.currency.to_string(),
        calls: seconds.len() as u64,
        source: format!("{}, without electricity", book.name),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    fn call(model: &str, started: f64, latency: f64, input: u64, output: u64) -> ForeignCall {
        ForeignCall {
            model: Some(model.to_owned()),
            started_s: Some(1.7e9 + started),
            latency_s: Some(latency),
            ttft_s: Some(0.5),
            input_tokens: Some(input),
            output_tokens: Some(output),
            ..ForeignCall::default()
        }
    }

    fn price(model: &str) -> PricePerMillion {
        PricePerMillion {
            model: model.to_owned(),
            input_per_million: "2".parse().unwrap(),
            output_per_million: "10".parse().unwrap(),
            cached_input_per_million: Some("1".parse().unwrap()),
            currency: "USD".parse().unwrap(),
            source: "list".to_owned(),
            date: "2026-11-01".parse().unwrap(),
        }
    }

    #[test]
    fn sums_say_what_they_rest_on() {
        let calls = [
            call("a-1", 0.0, 2.5, 1000, 5),
            ForeignCall { cached_input_tokens: Some(400), ..call("a-1", 1.0, 2.5, 1000, 1) },
            ForeignCall { input_tokens: None, unsaid: vec!["x"], ..call("a-1", 9.0, 1.0, 0, 7) },
            ForeignCall { failed: true, output_tokens: None, ..call("b", 20.0, 1.0, 10, 0) },
        ];
        let report = summarize(&calls, &[price("a-*")], None).unwrap();
        let [a, b] = report.models.as_slice() else { panic!("{report:?}") };
        assert_eq!(
            (a.calls, a.input_tokens, a.unsaid.get("x")),
            (3, Sum { sum: 2000.0, calls: 2 }, Some(&1))
        );
        assert_eq!(a.costs.len(), 1);
        let wanted = (1000.0 * 2.0 + 5.0 * 10.0 + 600.0 * 2.0 + 400.0 * 1.0 + 10.0) / 1e6;
        assert!((a.costs[0].total - wanted).abs() < 1e-12 && a.costs[0].calls == 2, "{:?}", a.costs);
        assert_eq!(a.tpot_s.unwrap().n, 2);
        assert_eq!((b.failures, b.latency_s, b.costs.len()), (1, None, 0));
        // 0 to 3.5, 9 to 10, 20 to 21
        assert!((report.busy_s - 5.5).abs() < 1e-6, "{}", report.busy_s);
    }

    #[test]
    fn stated_costs_of_two_currencies_are_not_added() {
        let of = |amount, currency: &str| ForeignCall {
            stated_cost: Some((amount, currency.to_owned())),
            ..call("a", 0.0, 1.0, 1, 1)
        };
        let report = summarize(&[of(1.0, "USD"), of(2.0, "EUR"), of(4.0, "USD")], &[], None).unwrap();
        let costs = &report.models[0].costs;
        let totals: Vec<(f64, &str)> =
            costs.iter().map(|cost| (cost.total, cost.currency.as_str())).collect();
        assert_eq!(totals, [(2.0, "EUR"), (5.0, "USD")]);
    }
}
