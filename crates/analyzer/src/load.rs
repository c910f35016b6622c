//! Operating points: what a variant gives, and costs, with many requests in flight at once.
//!
//! Quality and paired costs come from single requests; windows under load are kept apart from them, and everything
//! here is computed from those alone.

pub(crate) mod advice;
pub(crate) mod notes;
mod steady;

use std::cmp::Ordering;

use infercost_core::report::{CostComponents, OperatingPointReport, PointState};
use infercost_core::run::VariantHeader;
use infercost_core::{
    EnergyReading, EnergySource, Estimate, InferenceRecord, LatencyTargets, LoadFacts, OperatingPoint,
    Policy, Reason, RunRecord, Unknown, Verdict, WindowRecord,
};
use infercost_cost::Parts;
use infercost_stats::normal;
use infercost_stats::wilson::wilson;

use crate::answer_counts::FailureCounts;
use crate::energy_source;
use crate::latency::latency;
use crate::latency_targets::keeps;
use crate::pricing::{Basis, Metered, Pricing};
use crate::sample::tokens_cost;
use crate::workload::ratio_by_prompt;
use steady::Steady;

/// A point at which more than this share of the requests got no answer is no candidate: what nine of ten, the default
/// share of targets, leaves. The harness climbs on until half of them fail.
const MOST_FAILURES: f64 = 0.1;
/// A knee is the least concurrency that reaches this share of the highest throughput.
const KNEE_SHARE: f64 = 0.95;

/// The runs without their load windows; `None` where they hold none.
pub(crate) fn without_load(runs: &[RunRecord]) -> Option<Vec<RunRecord>> {
    if !runs.iter().flat_map(|run| &run.windows).any(|window| window.load.is_some()) {
        return None;
    }

    let mut single = Vec::with_capacity(runs.len());
    for run in runs {
        single.push(RunRecord {
            header: run.header.clone(),
            loads: run.loads.clone(),
            idles: run.idles.clone(),
            windows: run.windows.iter().filter(|window| window.load.is_none()).cloned().collect(),
            evaluations: run.evaluations.clone(),
            finished_at: run.finished_at,
        });
    }
    Some(single)
}

/// What the operating points of one variant are computed with.
pub(crate) struct LoadContext<'a> {
    pub(crate) runs: &'a [RunRecord],
    pub(crate) policy: &'a Policy,
    pub(crate) pricing: &'a Pricing<'a>,
    /// Idle watts that may be billed to this variant.
    pub(crate) idle_watts: Option<f64>,
}

/// A window under load and what the load generator found in it.
type LoadWindow<'a> = (&'a WindowRecord, LoadFacts);

/// One operating point, and what its cost is made of.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) report: OperatingPointReport,
    /// Mean watts of the windows, where metered or estimated.
    pub(crate) watts: Option<f64>,
    /// What its cost holds.
    pub(crate) basis: Basis,
    /// What the tokens of an answer cost, where they are paid.
    pub(crate) tokens_cost: Option<Estimate>,
    /// Requests in the whole windows, and those of them without an answer.
    pub(crate) requests: usize,
    pub(crate) unanswered: usize,
}

impl Point {
    /// Cost per answered request at the throughput `rate` with the given parts only; NaN where one is missing.
    pub(crate) fn cost_at(
        &self,
        pricing: &Pricing<'_>,
        parts: Parts,
        idle_watts: Option<f64>,
        rate: f64,
    ) -> f64 {
        pricing.cost(&metered(rate, self.watts, idle_watts), parts)
    }
}

impl LoadContext<'_> {
    /// The variant's operating points: closed loops by concurrency, then open ones by rate.
    pub(crate) fn points(&self, variant: &VariantHeader) -> Vec<Point> {
        let windows = self.runs.iter().flat_map(|run| &run.windows);
        let mut groups: Vec<(OperatingPoint, Vec<LoadWindow<'_>>)> = Vec::new();
        for window in windows.filter(|window| window.id.variant == variant.id && !window.interrupted) {
            let Some(load) = window.load else { continue };
            match groups.iter_mut().find(|(point, _)| *point == window.operating_point) {
                Some((_, group)) => group.push((window, load)),
                None => groups.push((window.operating_point, vec![(window, load)])),
            }
        }

        groups.sort_by(|(one, _), (other, _)| by_load(one, other));

        let mut points = Vec::new();
        for (operating_point, windows) in groups {
            let (windows, left_out) = without_client_limits(windows);
            points.push(self.point(variant, operating_point, &windows, left_out));
        }

        mark_knee(&mut points);
        for point in &mut points {
            point.report.state = point.report.derived_state();
        }
        points
    }

    fn point(
        &self,
        variant: &VariantHeader,
        operating_point: OperatingPoint,
        windows: &[LoadWindow<'_>],
        left_out: usize,
    ) -> Point {
        let mut unknown = Unknown::default();
        let steady = Steady::of(windows);
        let rates = steady.rates(self.policy.confidence);
        let reached = rates.requests_per_s.is_some();
        if !reached {
            for field in ["requests_per_s", "output_tokens_per_s"] {
                unknown.insert(field, steady.why_no_rate());
            }
        }

        let counted = steady.issued();
        let timed = latency(counted.iter().copied());
        let goodput = unknown.known("goodput", self.goodput(&counted));

        let power = power(windows);
        let energy_per_inference_j = unknown.known(
            "energy_per_inference_j",
            match (rates.requests_per_s, power.watts) {
                (Some(rate), Some(watts)) => Ok(rate.map(|rate| watts / rate)),
                (None, _) => Err(Reason::NoThroughput),
                (_, None) => Err(power.why_unknown),
            },
        );

        let (parts, unpriced) = self.pricing.parts(variant, power.watts.is_some(), self.idle_watts.is_some());
        let tokens_cost = self.tokens_cost(variant, &counted);
        let (cost_per_inference, cost_components) = match tokens_cost {
            Some(cost) => {
                (Some(cost), CostComponents { tokens: Some(cost.point), ..CostComponents::default() })
            }
            None => self.cost(rates.requests_per_s, power.watts, parts),
        };
        if cost_per_inference.is_none() {
            let reason = if parts.any() { Reason::NoThroughput } else { Reason::NoCost };
            unknown.insert("cost_per_inference", reason);
        }

        for (part, reason) in unpriced.iter() {
            unknown.insert(format!("cost_components.{part}"), reason.clone());
        }

        let all: Vec<&InferenceRecord> = windows.iter().flat_map(|(window, _)| &window.inferences).collect();
        let counts = FailureCounts::of(all.iter().copied());
        let failure_rate = failure_rate(&counts, self.policy.confidence);
        let cached_share = cached_share(&all).ok_or(Reason::CacheNotReported { served: variant.is_served() });

        let mut report = OperatingPointReport {
            operating_point,
            state: PointState::default(),
            steady_state: steady.seconds() > 0.0,
            steady_s: steady.seconds(),
            client_limited: windows.iter().any(|(_, load)| load.client_limited),
            over_saturated: windows.iter().any(|(_, load)| load.over_saturated),
            knee: false,
            requests: counted.len() as u64,
            answered: counts.answers,
            failures: counts.failures,
            failing: failure_rate.is_some_and(|rate| rate.point > MOST_FAILURES),
            failure_kinds: counts.kinds,
            failure_rate,
            retries: all.iter().filter_map(|one| one.served.as_ref()).map(|one| u64::from(one.retries)).sum(),
            cached_share: unknown.known("cached_share", cached_share),
            requests_per_s: rates.requests_per_s,
            output_tokens_per_s: rates.output_tokens_per_s,
            ttft_s: timed.ttft,
            tpot_s: timed.tpot,
            itl_s: timed.itl,
            latency_s: timed.latency,
            goodput,
            goodput_per_s: goodput_per_s(goodput, &steady),
            meets_targets: self.policy.slo.as_ref().map(|slo| meets(goodput.as_ref(), slo, reached)),
            energy_source: power.source,
            energy_per_inference_j,
            cost_per_inference,
            cost_components,
            notes: Vec::new(),
            findings: Vec::new(),
            unknown,
        };

        report.findings = notes::of_point(&report, &all, left_out);
        report.notes = report.findings.iter().map(ToString::to_string).collect();

        let unanswered = counts.requests.saturating_sub(counts.answers) as usize;
        let basis = Basis::of(parts, &unpriced, power.source.is_measured(), self.idle_watts);
        let requests = counts.requests as usize;
        Point { report, watts: power.watts, basis, tokens_cost, requests, unanswered }
    }

    fn goodput(&self, issued: &[&InferenceRecord]) -> Result<Estimate, Reason> {
        let slo = self.policy.slo.as_ref().ok_or(Reason::NoTargets)?;
        goodput(issued, slo, self.policy.confidence).ok_or(Reason::NoneIssued)
    }

    /// What the tokens of an answer cost; `None` where the machine is paid, or an answer's tokens are unknown.
    fn tokens_cost(&self, variant: &VariantHeader, counted: &[&InferenceRecord]) -> Option<Estimate> {
        variant.token_price.as_ref()?;
        let answers: Vec<&InferenceRecord> =
            counted.iter().copied().filter(|one| one.outcome.is_answered()).collect();
        if answers.iter().any(|one| one.input_tokens.is_none()) {
            return None;
        }

        let seed = self.runs.first().map_or(0, |run| run.header.seed);
        ratio_by_prompt(&answers, seed, self.policy.confidence, |_, one| (tokens_cost(variant, one), 1.0))
    }

    /// Machine cost per hour ÷ (3600 × requests per second), and electricity: mean power × time per request. The
    /// interval is that of the throughput.
    fn cost(
        &self,
        rate: Option<Estimate>,
        watts: Option<f64>,
        parts: Parts,
    ) -> (Option<Estimate>, CostComponents) {
        let Some(rate) = rate.filter(|_| parts.any()) else { return (None, CostComponents::default()) };

        let (components, sum) = self.pricing.components(&metered(rate.point, watts, self.idle_watts), parts);
        let spread = rate.map(|rate| self.pricing.cost(&metered(rate, watts, self.idle_watts), parts));

        // The sum is rounded to the digits printed.
        let cost = sum.map(|sum| Estimate {
            point: sum,
            lower: spread.lower.min(sum),
            upper: spread.upper.max(sum),
            ..spread
        });

        (cost, components)
    }
}

/// The share of requests without an answer, by Wilson's interval; `None` where none was sent.
fn failure_rate(counts: &FailureCounts, confidence: f64) -> Option<Estimate> {
    let n = usize::try_from(counts.requests).ok().filter(|n| *n > 0)?;
    let unanswered = counts.requests.saturating_sub(counts.answers) as f64;
    let (lower, upper) = wilson(unanswered, n, normal::quantile(0.5 + confidence / 2.0));
    Some(Estimate { point: unanswered / n as f64, lower, upper, confidence, n })
}

/// Windows in which this program was the limit say little of the server. They count only where there are no others; gives
/// also how many do not.
fn without_client_limits(windows: Vec<LoadWindow<'_>>) -> (Vec<LoadWindow<'_>>, usize) {
    let limited = windows.iter().filter(|(_, load)| load.client_limited).count();
    if limited == 0 || limited == windows.len() {
        return (windows, 0);
    }
    (windows.into_iter().filter(|(_, load)| !load.client_limited).collect(), limited)
}

/// What one request takes where so many are answered a second.
fn metered(rate: f64, watts: Option<f64>, idle_watts: Option<f64>) -> Metered {
    Metered { busy_s: 1.0 / rate, joules: watts.map(|watts| watts / rate), idle_watts, tokens_cost: 0.0 }
}

fn by_load(one: &OperatingPoint, other: &OperatingPoint) -> Ordering {
    use OperatingPoint::{Closed, Open};

    match (one, other) {
        (Closed { concurrency: one }, Closed { concurrency: other }) => one.cmp(other),
        (Closed { .. }, Open { .. }) => Ordering::Less,
        (Open { .. }, Closed { .. }) => Ordering::Greater,
        (Open { rate: one }, Open { rate: other }) => one.total_cmp(other),
    }
}

/// The knee is the least concurrency with [`KNEE_SHARE`] of the highest throughput of all; it takes three points,
/// and one above it, to call it one. Only points whose throughput says something of the server count: one that was
/// never steady, or that infercost itself limited, does not show that there is nothing more to gain.
fn mark_knee(points: &mut [Point]) {
    let mut closed: Vec<&mut Point> = points
        .iter_mut()
        .filter(|point| {
            matches!(point.report.operating_point, OperatingPoint::Closed { .. }) && advice::usable(point)
        })
        .collect();

    let rates = closed.iter().map(|point| point.report.requests_per_s.map_or(0.0, |rate| rate.point));
    let rates: Vec<f64> = rates.collect();
    let highest = rates.iter().copied().fold(0.0, f64::max);
    let last = rates.len().saturating_sub(1);
    let knee = rates.iter().position(|rate| *rate >= KNEE_SHARE * highest);
    if let Some(knee) = knee.filter(|knee| last >= 2 && *knee < last)
        && let Some(point) = closed.get_mut(knee)
    {
        point.report.knee = true;
    }
}

/// Share of requests that keep the targets. A failure keeps none, nor does an answer that lacks the time that a target
/// is about (a stream that ended without a token); but a target of time per token asks nothing of an answer of one
/// token. Wilson's interval: each request is taken as independent of the others.
fn goodput(requests: &[&InferenceRecord], slo: &LatencyTargets, confidence: f64) -> Option<Estimate> {
    if requests.is_empty() {
        return None;
    }

    let kept = requests.iter().filter(|inference| keeps(slo, &inference.outcome)).count() as f64;
    let n = requests.len();
    let (lower, upper) = wilson(kept, n, normal::quantile(0.5 + confidence / 2.0));
    Some(Estimate { point: kept / n as f64, lower, upper, confidence, n })
}

/// Requests per second that keep the targets: those that were issued × the share that does.
fn goodput_per_s(goodput: Option<Estimate>, steady: &Steady<'_>) -> Option<f64> {
    let seconds = steady.seconds();
    let share = goodput?.point;
    (seconds > 0.0).then(|| share * steady.issued().len() as f64 / seconds)
}

fn meets(goodput: Option<&Estimate>, slo: &LatencyTargets, reached: bool) -> Verdict {
    match goodput {
        Some(goodput) if goodput.upper < slo.share => Verdict::Fail,
        Some(goodput) if goodput.lower >= slo.share && reached => Verdict::Pass,
        _ => Verdict::Inconclusive,
    }
}

/// Mean power over windows with a reading.
struct Power {
    watts: Option<f64>,
    source: EnergySource,
    why_unknown: Reason,
}

/// The power of a whole window, the way up to the steady state and down from it included, stands for the steady
/// state's own: one meter reads around the window.
fn power(windows: &[LoadWindow<'_>]) -> Power {
    let (mut joules, mut seconds) = (0.0, 0.0);
    let mut why = None;

    for (window, _) in windows {
        match (&window.energy, window.energy.joules()) {
            (EnergyReading::Unavailable { reason }, _) => {
                why.get_or_insert_with(|| Reason::NoMeter { why: reason.clone() });
            }
            (_, Some(energy)) => {
                joules += energy.get();
                seconds += window.wall_time.as_secs_f64();
            }
            (_, None) => {}
        }
    }

    Power {
        watts: (seconds > 0.0).then_some(joules / seconds),
        source: energy_source::of(windows.iter().map(|(window, _)| &window.energy)),
        why_unknown: why.unwrap_or(Reason::NoWholeWindow),
    }
}

pub(crate) fn cached_share(inferences: &[&InferenceRecord]) -> Option<f64> {
    let (mut input, mut cached) = (0_u64, 0_u64);
    for one in inferences {
        if let (Some(of_cache), Some(of_all)) = (one.cached_input_tokens, one.input_tokens) {
            cached += u64::from(of_cache);
            input += u64::from(of_all);
        }
    }
    (input > 0).then(|| cached as f64 / input as f64)
}

#[cfg(test)]
mod tests;
