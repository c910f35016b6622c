//! Operating points: what a variant gives, and costs, when it is driven with many requests at once.
//!
//! Quality and paired costs come from single requests; windows under load are kept apart from them, and everything
//! here is computed from those alone.

pub(crate) mod advice;
pub(crate) mod notes;
mod steady;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use infercost_core::report::{CostComponents, OperatingPointReport};
use infercost_core::run::VariantHeader;
use infercost_core::{
    Estimate, InferenceRecord, LatencyTargets, LoadFacts, OperatingPoint, Outcome, Policy, RunRecord,
    Verdict, WindowRecord,
};

use crate::cost::{Parts, Rates, Usage};
use crate::latency::latency;
use infercost_stats::normal;
use infercost_stats::wilson::wilson;
use crate::wording::quoted;
use steady::Steady;

/// A point at which more than this share of the requests got no answer is no candidate: what nine of ten, the default
/// share of targets, leaves. The harness climbs on until half of them fail.
const MOST_FAILURES: f64 = 0.1;
/// A knee is the least concurrency that reaches this share of the highest throughput.
const KNEE_SHARE: f64 = 0.95;

/// The runs without their load windows; `None` where they hold none.
pub(crate) fn without_load(runs: &[RunRecord]) -> Option<Vec<RunRecord>> {
    let loaded = |window: &WindowRecord| window.load.is_some();
    if !runs.iter().flat_map(|run| &run.windows).any(loaded) {
        return None;
    }
    let single = |run: &RunRecord| {
        let windows = run.windows.iter().filter(|window| !loaded(window)).cloned().collect();
        RunRecord {
            header: run.header.clone(),
            loads: run.loads.clone(),
            idles: run.idles.clone(),
            windows,
            evaluations: run.evaluations.clone(),
            finished_at: run.finished_at,
        }
    };
    Some(runs.iter().map(single).collect())
}

/// What the operating points of one variant are computed with.
pub(crate) struct LoadContext<'a> {
    pub(crate) runs: &'a [RunRecord],
    pub(crate) policy: &'a Policy,
    pub(crate) rates: &'a Rates,
    /// Idle watts that may be billed to this variant.
    pub(crate) idle_watts: Option<f64>,
    /// Why the hardware's price does not hold for this variant.
    pub(crate) foreign_hardware: Option<&'a str>,
}

/// One operating point, and what its cost is made of.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) report: OperatingPointReport,
    /// Mean power of the windows, where metered or estimated, and whether measured.
    pub(crate) watts: Option<(f64, bool)>,
    /// The parts that its cost holds.
    pub(crate) parts: Parts,
}

impl Point {
    /// Cost per inference at the throughput `rate` with the given parts only; NaN where one is missing.
    pub(crate) fn cost_at(&self, rates: &Rates, parts: Parts, idle_watts: Option<f64>, rate: f64) -> f64 {
        rates.cost(&usage(rate, self.watts.map(|(watts, _)| watts), idle_watts), parts)
    }
}

impl LoadContext<'_> {
    /// The variant's operating points: closed loops by concurrency, then open ones by rate.
    pub(crate) fn points(&self, variant: &VariantHeader) -> Vec<Point> {
        let windows = self.runs.iter().flat_map(|run| &run.windows);
        let mut groups: Vec<(OperatingPoint, Vec<(&WindowRecord, LoadFacts)>)> = Vec::new();
        for window in windows.filter(|window| window.id.variant == variant.id && !window.interrupted) {
            let Some(load) = window.load else { continue };
            match groups.iter_mut().find(|(point, _)| *point == window.operating_point) {
                Some((_, group)) => group.push((window, load)),
                None => groups.push((window.operating_point, vec![(window, load)])),
            }
        }
        groups.sort_by(|(one, _), (other, _)| by_load(one, other));
        let why_no_cached = if variant.is_served() {
            "the server does not tell what it takes from a prompt cache"
        } else {
            "nobody told what came from a prompt cache"
        };
        let of_group = |(point, windows): (OperatingPoint, Vec<_>)| {
            let (windows, left_out) = without_client_limits(windows);
            let mut point = self.point(point, &windows);
            point.report.notes.extend(notes::of_left_out(left_out));
            if point.report.cached_share.is_none() {
                point.report.unknown.insert("cached_share".into(), why_no_cached.into());
            }
            point
        };
        let mut points: Vec<Point> = groups.into_iter().map(of_group).collect();
        mark_knee(&mut points);
        points
    }

    fn point(&self, operating_point: OperatingPoint, windows: &[(&WindowRecord, LoadFacts)]) -> Point {
        let mut unknown = BTreeMap::new();
        let confidence = self.policy.confidence;
        let steady = Steady::of(windows);
        let (requests_per_s, output_tokens_per_s) = steady.rates(confidence);
        let reached = requests_per_s.is_some();
        if !reached {
            for field in ["requests_per_s", "output_tokens_per_s"] {
                unknown.insert(field.to_owned(), steady.why_no_rate());
            }
        }
        let counted = steady.issued();
        let timed = latency(counted.iter().copied());
        let goodput = self.policy.slo.as_ref().and_then(|slo| goodput(&counted, slo, confidence));
        if self.policy.slo.is_none() {
            unknown.insert("goodput".into(), "no targets were given (--slo)".into());
        } else if goodput.is_none() {
            unknown.insert("goodput".into(), "no request was issued in the steady state".into());
        }
        let power = power(windows);
        let watts = power.watts;
        let (parts, left_out) = self.parts(watts.is_some());
        let energy_per_inference_j = requests_per_s
            .zip(watts)
            .map(|(rate, (watts, _))| Estimate { n: rate.n, ..rate.map(|rate| watts / rate) });
        if energy_per_inference_j.is_none() {
            let reason = if reached { power.reason } else { "the throughput is unknown".to_owned() };
            unknown.insert("energy_per_inference_j".into(), reason);
        }
        let (cost_per_inference, cost_components) = self.cost(requests_per_s, watts, parts);
        if cost_per_inference.is_none() {
            let reason =
                if parts.any() { "the throughput is unknown" } else { "no part of the cost is known" };
            unknown.insert("cost_per_inference".into(), reason.into());
        }
        unknown.extend(left_out.into_iter().map(|(part, why)| (format!("cost_components.{part}"), why)));
        let all: Vec<&InferenceRecord> = windows.iter().flat_map(|(window, _)| &window.inferences).collect();
        let mut failure_kinds: BTreeMap<String, u64> = BTreeMap::new();
        for inference in &all {
            if let Outcome::Failed { kind, .. } = &inference.outcome {
                *failure_kinds.entry(kind.name().to_owned()).or_default() += 1;
            }
        }
        let answered = all.iter().filter(|one| one.outcome.output_tokens() > 0).count() as u64;
        let retries =
            all.iter().filter_map(|one| one.served.as_ref()).map(|one| u64::from(one.retries)).sum();
        let client_limited = windows.iter().any(|(_, load)| load.client_limited);
        let over_saturated = windows.iter().any(|(_, load)| load.over_saturated);
        let cached_share = cached_share(&all);
        let mut report = OperatingPointReport {
            operating_point,
            steady_state: steady.seconds() > 0.0,
            steady_s: steady.seconds(),
            client_limited,
            over_saturated,
            knee: false,
            requests: counted.len() as u64,
            answered,
            failures: failure_kinds.values().sum(),
            failure_kinds,
            failing: (all.len() as u64).saturating_sub(answered) as f64 > MOST_FAILURES * all.len() as f64,
            retries,
            cached_share,
            requests_per_s,
            output_tokens_per_s,
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
            unknown,
        };
        report.notes = notes::of_point(&report, &all);
        Point { report, watts, parts }
    }

    /// Which parts a cost here may hold.
    fn parts(&self, joules: bool) -> (Parts, BTreeMap<String, String>) {
        let (mut parts, mut left_out) = self.rates.parts(joules, self.idle_watts.is_some());
        if let Some(why) = self.foreign_hardware {
            parts.hardware = false;
            left_out.insert("hardware".into(), why.to_owned());
        }
        (parts, left_out)
    }

    /// Machine cost per hour ÷ (3600 × requests per second), and electricity: mean power × time per request. The
    /// interval is that of the throughput.
    fn cost(
        &self,
        rate: Option<Estimate>,
        watts: Option<(f64, bool)>,
        parts: Parts,
    ) -> (Option<Estimate>, CostComponents) {
        let Some(rate) = rate.filter(|_| parts.any()) else { return (None, CostComponents::default()) };
        let of = |rate: f64| usage(rate, watts.map(|(watts, _)| watts), self.idle_watts);
        let (components, sum) = self.rates.components(&of(rate.point), parts);
        let spread = rate.map(|rate| self.rates.cost(&of(rate), parts));
        // the sum is rounded to the digits printed
        let exact = |sum: f64| Estimate {
            point: sum,
            lower: spread.lower.min(sum),
            upper: spread.upper.max(sum),
            ..spread
        };
        (sum.map(exact), components)
    }
}

/// Windows in which this program was the limit say little of the server. They count only where there are no others; gives
/// also how many do not.
fn without_client_limits(
    windows: Vec<(&WindowRecord, LoadFacts)>,
) -> (Vec<(&WindowRecord, LoadFacts)>, usize) {
    let limited = windows.iter().filter(|(_, load)| load.client_limited).count();
    if limited == 0 || limited == windows.len() {
        return (windows, 0);
    }
    (windows.into_iter().filter(|(_, load)| !load.client_limited).collect(), limited)
}

/// Mean usage of one request where so many are answered a second.
fn usage(rate: f64, watts: Option<f64>, idle_watts: Option<f64>) -> Usage {
    Usage { busy: 1.0 / rate, joules: watts.map(|watts| watts / rate), idle_watts }
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
    let is_counted = |point: &&mut Point| {
        matches!(point.report.operating_point, OperatingPoint::Closed { .. }) && advice::usable(point)
    };
    let rate = |point: &Point| point.report.requests_per_s.map_or(0.0, |rate| rate.point);
    let mut closed: Vec<&mut Point> = points.iter_mut().filter(is_counted).collect();
    let highest = closed.iter().map(|point| rate(point)).fold(0.0, f64::max);
    let last = closed.len().saturating_sub(1);
    let knee = closed.iter().position(|point| rate(point) >= KNEE_SHARE * highest);
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
    let keeps = |inference: &&&InferenceRecord| {
        let outcome = &inference.outcome;
        let within = |limit: Option<f64>, time: Option<Duration>| {
            limit.is_none_or(|limit| time.is_some_and(|time| time.as_secs_f64() <= limit))
        };
        let first = outcome.time_to_first_token();
        let single = first.is_some() && outcome.output_tokens() == 1;
        matches!(outcome, Outcome::Completed { .. })
            && within(slo.ttft_s, first)
            && (single || within(slo.tpot_s, outcome.time_per_output_token()))
    };
    let kept = requests.iter().filter(keeps).count() as f64;
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
    watts: Option<(f64, bool)>,
    source: String,
    reason: String,
}

/// The power of a whole window, the way up to the steady state and down from it included, stands for the steady
/// state's own: one meter reads around the window.
fn power(windows: &[(&WindowRecord, LoadFacts)]) -> Power {
    let (mut joules, mut seconds) = (0.0, 0.0);
    let mut names: Vec<&str> = Vec::new();
    let mut reason = None;
    for (window, _) in windows {
        match (&window.energy, window.energy.joules()) {
            (infercost_core::EnergyReading::Unavailable { reason: why }, _) => {
                reason.get_or_insert_with(|| quoted(why));
            }
            (_, Some(energy)) => {
                joules += energy.get();
                seconds += window.wall_time.as_secs_f64();
                names.push(window.energy.source_name());
            }
            (_, None) => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    let measured = !names.contains(&"estimated");
    let source = match names.as_slice() {
        [] => "unavailable",
        [one] => one,
        _ => "mixed",
    };
    Power {
        watts: (seconds > 0.0).then_some((joules / seconds, measured)),
        source: source.to_owned(),
        reason: reason.unwrap_or_else(|| "no complete window was recorded".to_owned()),
    }
}

pub(crate) fn cached_share(inferences: &[&InferenceRecord]) -> Option<f64> {
    let told = || inferences.iter().filter_map(|one| Some((one.cached_input_tokens?, one.input_tokens?)));
    let input: u64 = told().map(|(_, input)| u64::from(input)).sum();
    let cached: u64 = told().map(|(cached, _)| u64::from(cached)).sum();
    (input > 0).then(|| cached as f64 / input as f64)
}

#[cfg(test)]
mod tests;
