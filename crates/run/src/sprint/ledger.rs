//! From what measurements showed to what the sprint decides on: costs, latency targets, answers.

use std::collections::BTreeMap;

use infercost_core::price::PriceBook;
use infercost_core::{LatencyTargets, Reason};
use infercost_cost::{Amounts, Parts, Rates, Usage, cost};
use infercost_sprint::answers::{AnswerBook, AnswerComparison};
use infercost_sprint::failure::FailureKind;
use infercost_sprint::journal::{Measured, Shown};
use infercost_sprint::{Elimination, Failure, Setting};
use infercost_stats::normal;
use infercost_stats::wilson::wilson;

use crate::usage::usage;

/// A setting of which more requests than this fail is no way to serve.
const MOST_FAILURES: f64 = 0.1;

/// All that was shown so far.
pub(super) struct Ledger {
    rates: Rates,
    utilization: f64,
    targets: Option<LatencyTargets>,
    /// What costs hold, by the first measurement of the present setting.
    parts: Option<Parts>,
    /// By setting as it differs from the present one; that one is the empty setting.
    accounts: BTreeMap<Setting, Account>,
}

/// What one setting showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    answers: AnswerBook,
    /// All measurements added up; percentiles are of the last one.
    pub(super) total: Measured,
    /// Busy seconds of an answer, a measurement each.
    pub(super) busy_s: Vec<f64>,
    /// Joules of an answer, a measurement each that had them.
    pub(super) joules: Vec<f64>,
}

impl Ledger {
    /// With these prices.
    ///
    /// # Errors
    /// A usage error where the prices give no rates.
    pub(super) fn new(prices: &PriceBook, targets: Option<LatencyTargets>) -> anyhow::Result<Self> {
        let rates = Rates::of(prices).map_err(|error| usage(error.to_string()))?;
        let utilization = prices.utilization;
        Ok(Self { rates, utilization, targets, parts: None, accounts: BTreeMap::new() })
    }

    /// What a setting showed in all.
    pub(super) fn account(&self, setting: &Setting) -> Option<&Account> {
        self.accounts.get(setting)
    }

    /// The logarithm of what an answer costs, or why the setting leaves. `level` is the one-sided level at which answers
    /// are surely worse and targets surely missed.
    pub(super) fn take(&mut self, setting: &Setting, shown: &Shown, level: f64) -> Result<f64, Elimination> {
        let measured = match shown {
            Shown::Measured(measured) => measured.as_ref(),
            Shown::Failed(failure) => return Err(Elimination::Failed { failure: failure.clone() }),
        };
        let account = self.accounts.entry(setting.clone()).or_default();
        account.answers.add(&measured.marks);
        add(&mut account.total, measured);
        if measured.answers > 0 {
            account.busy_s.push(seconds(measured));
            account.joules.extend(measured.joules.map(|joules| joules / measured.answers as f64));
        }

        let asked = measured.answers + measured.failures;
        if measured.answers == 0 || measured.failures as f64 > MOST_FAILURES * asked as f64 {
            let kinds: Vec<String> =
                measured.failure_kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let said = format!("{} of {asked} ({})", measured.failures, kinds.join(", "));
            return Err(Elimination::Failed { failure: Failure { kind: FailureKind::Requests, said } });
        }
        let is_present = setting.0.is_empty();
        if !is_present && let Some(why) = self.surely_bad(setting, level) {
            return Err(why);
        }

        let cost = self.cost(measured);
        if cost.is_finite() && cost > 0.0 {
            Ok(cost.ln())
        } else {
            let said = "what it costs is not known: its energy could not be read".to_owned();
            Err(Elimination::Failed { failure: Failure { kind: FailureKind::Requests, said } })
        }
    }

    fn surely_bad(&self, setting: &Setting, level: f64) -> Option<Elimination> {
        if let Some(reason) = self.comparison(setting).surely_worse(level) {
            return Some(Elimination::WrongAnswers { reason });
        }
        let (share, within, asked) = self.within_targets(setting)?;
        let z = normal::quantile(1.0 - level);
        let (_, most) = wilson(within as f64, usize::try_from(asked).ok()?, z);
        (most < share).then(|| Elimination::MissesTargets { reason: kept(within, asked, share) })
    }

    /// Answers of a setting against those of the present one.
    pub(super) fn comparison(&self, setting: &Setting) -> AnswerComparison {
        let none = Account::default();
        let present = self.accounts.get(&Setting::default()).unwrap_or(&none);
        self.accounts.get(setting).unwrap_or(&none).answers.against(&present.answers)
    }

    /// Why a setting may not be named although nothing proves it bad: fewer requests kept the targets than must.
    pub(super) fn misses_targets(&self, setting: &Setting) -> Option<String> {
        let (share, within, asked) = self.within_targets(setting)?;
        let is_missed = (within as f64) < share * asked as f64;
        is_missed.then(|| kept(within, asked, share))
    }

    fn within_targets(&self, setting: &Setting) -> Option<(f64, u64, u64)> {
        let targets = self.targets?;
        let total = &self.accounts.get(setting)?.total;
        Some((targets.share, total.within_targets?, total.answers + total.failures))
    }

    /// What an answer costs, in the currency of the prices; seconds where there are no prices.
    pub(super) fn cost(&mut self, measured: &Measured) -> f64 {
        let amounts = self.amounts(measured);
        let parts = *self.parts.get_or_insert_with(|| {
            let is_measured = measured.energy_source.is_measured();
            Parts { idle: false, ..amounts.known().of_energy(is_measured) }
        });
        if parts.any() { amounts.sum(parts) } else { seconds(measured) }
    }

    /// What costs hold.
    pub(super) fn parts(&self) -> Parts {
        self.parts.unwrap_or_default()
    }

    fn amounts(&self, measured: &Measured) -> Amounts {
        let joules = measured.joules.map(|joules| joules / measured.answers.max(1) as f64);
        let joules = joules.ok_or(Reason::NoTariff);
        let usage = Usage::at_utilization(seconds(measured), self.utilization, joules, Err(Reason::NoTariff));
        cost(&self.rates, &usage)
    }
}

fn seconds(measured: &Measured) -> f64 {
    measured.busy_s / measured.answers.max(1) as f64
}

fn kept(within: u64, asked: u64, share: f64) -> String {
    format!(
        "{within} of {asked} requests keep the latency targets, and {} must",
        infercost_core::text::percent(share)
    )
}

fn add(total: &mut Measured, more: &Measured) {
    let first = total.answers + total.failures == 0;
    let sum =
        |one: Option<u64>, other: Option<u64>| if first { other } else { Some(one?.saturating_add(other?)) };
    total.input_tokens = sum(total.input_tokens, more.input_tokens);
    total.cached_tokens = sum(total.cached_tokens, more.cached_tokens);
    total.within_targets = sum(total.within_targets, more.within_targets);
    total.joules =
        if first { more.joules } else { total.joules.zip(more.joules).map(|(one, other)| one + other) };

    total.start_s += more.start_s;
    total.wall_s += more.wall_s;
    total.busy_s += more.busy_s;
    total.in_flight_s += more.in_flight_s;
    total.answers += more.answers;
    total.failures += more.failures;
    total.output_tokens += more.output_tokens;
    total.ttft_s += more.ttft_s;
    total.decode_s += more.decode_s;
    total.energy_source = more.energy_source;
    total.lone_ttft_s = more.lone_ttft_s.or(total.lone_ttft_s);
    total.ttft = more.ttft.or(total.ttft);
    total.tpot = more.tpot.or(total.tpot);
    total.weight_bytes_per_token = more.weight_bytes_per_token.or(total.weight_bytes_per_token);
    total.disturbed |= more.disturbed;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use infercost_sprint::answers::AnswerMark;

    use super::*;

    const LEVEL: f64 = 0.01;

    fn ledger() -> Ledger {
        let targets = LatencyTargets { ttft_s: Some(1.0), tpot_s: None, share: 0.9 };
        Ledger::new(&infercost_prices::example().unwrap(), Some(targets)).unwrap()
    }

    fn shown(busy_s: f64, answers: u64, failures: u64, within: u64) -> Shown {
        Shown::Measured(Box::new(Measured {
            wall_s: busy_s,
            busy_s,
            answers,
            failures,
            within_targets: Some(within),
            ..Measured::default()
        }))
    }

    fn other() -> Setting {
        Setting::default().with("np", "2")
    }

    #[test]
    fn half_the_time_is_half_the_cost() {
        let mut ledger = ledger();
        let now = ledger.take(&Setting::default(), &shown(10.0, 10, 0, 10), LEVEL).unwrap();
        let then = ledger.take(&other(), &shown(5.0, 10, 0, 10), LEVEL).unwrap();
        assert!((now - then - 2.0_f64.ln()).abs() < 1e-9, "{now} {then}");
        // what failures took is billed to the answers
        let failing = ledger.take(&other(), &shown(5.0, 9, 1, 9), LEVEL).unwrap();
        assert!((failing - then - (10.0_f64 / 9.0).ln()).abs() < 1e-9);
        assert!(!ledger.parts().energy, "no joules were measured");
    }

    #[test]
    fn failures_and_missed_targets_are_no_way_to_serve() {
        let mut ledger = ledger();
        ledger.take(&Setting::default(), &shown(10.0, 10, 0, 10), LEVEL).unwrap();
        let why = ledger.take(&other(), &shown(5.0, 8, 2, 8), LEVEL).unwrap_err();
        assert!(matches!(why, Elimination::Failed { .. }), "{why:?}");

        let late = Setting::default().with("np", "4");
        let why = ledger.take(&late, &shown(5.0, 40, 0, 10), LEVEL).unwrap_err();
        assert!(matches!(why, Elimination::MissesTargets { .. }), "{why:?}");
        // few requests do not settle it, and are not good enough all the same
        let few = Setting::default().with("np", "8");
        assert!(ledger.take(&few, &shown(5.0, 4, 0, 3), LEVEL).is_ok());
        assert!(ledger.misses_targets(&few).is_some_and(|why| why.contains("3 of 4")));
        assert_eq!(ledger.misses_targets(&Setting::default()), None);
    }

    #[test]
    fn answers_that_are_surely_worse_leave() {
        let mut ledger = ledger();
        let with_marks = |score: f64| {
            let Shown::Measured(mut measured) = shown(5.0, 20, 0, 20) else { unreachable!() };
            for prompt in 0..20 {
                let sha256 = score.to_string();
                measured.marks.push(AnswerMark { prompt: format!("p{prompt}"), sha256, score: Some(score) });
            }
            Shown::Measured(measured)
        };
        ledger.take(&Setting::default(), &with_marks(1.0), LEVEL).unwrap();
        let why = ledger.take(&other(), &with_marks(0.0), LEVEL).unwrap_err();
        assert!(matches!(why, Elimination::WrongAnswers { .. }), "{why:?}");
    }
}
