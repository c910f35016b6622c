//! Three-valued verdicts: gates, the margin, and the correction for several candidates.
//!
//! A gate passes where the one-sided bound at the policy's confidence lies inside the threshold, fails where
//! the other bound lies outside, and is inconclusive otherwise. What could not be measured never passes.

use infercost_core::verdict::GateBasis;
use infercost_core::{Estimate, Gate, GateResult, Policy, Reason, Verdict};

use crate::sequential::Levels;
use infercost_stats::bootstrap::{Distribution, unseen_share};
use infercost_stats::newcombe::{PairedCounts, newcombe_paired};
use infercost_stats::wilson::wilson;
use infercost_stats::{holm, normal, power, tango};

/// Fewest prompts on which any gate is decided. The tails of a bootstrap of fewer say nothing, and a handful of answers is
/// no evidence, whatever a formula makes of it.
pub(crate) const FEWEST_PROMPTS: usize = 10;

/// A mean divergence beyond this, in nats per token, is no bound: a vocabulary of a million tokens, each guessed blindly,
/// has 14.
const FARTHEST_DIVERGENCE: f64 = 50.0;

/// A measured value whose one-sided bounds can be read at any error rate.
#[derive(Debug, Clone)]
pub(crate) struct Measurement {
    pub(crate) point: f64,
    pub(crate) n: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Difference of paired right and wrong answers.
    Paired(PairedCounts),
    /// Share of right answers.
    Proportion { right: f64 },
    /// Bootstrap distribution, with the widest that the rule of three may make it: value range, least and
    /// greatest value. `always` applies the rule even where the draws vary.
    Bootstrap { distribution: Distribution, range: f64, least: f64, greatest: f64, always: bool },
}

impl Measurement {
    /// Difference of right and wrong answers: Newcombe's interval.
    pub(crate) fn paired(counts: PairedCounts) -> Option<Self> {
        let n = counts.total();
        (n > 0).then(|| Self { point: counts.difference(), n, kind: Kind::Paired(counts) })
    }

    /// Share of right answers: Wilson's interval.
    pub(crate) fn proportion(right: f64, n: usize) -> Option<Self> {
        (n > 0).then(|| Self { point: right / n as f64, n, kind: Kind::Proportion { right } })
    }

    /// Difference of fractional scores.
    pub(crate) fn difference(distribution: Distribution) -> Self {
        Self::bootstrap(distribution, 1.0, (-1.0, 1.0), true)
    }

    /// Share of positions in [0, 1].
    pub(crate) fn share(distribution: Distribution) -> Self {
        Self::bootstrap(distribution, 1.0, (0.0, 1.0), false)
    }

    /// Mean divergence in nats. Where all prompts agree to the last bit, an unseen prompt is taken to lie at
    /// most 1 nat away, which is farther than any usable variant.
    pub(crate) fn divergence(distribution: Distribution) -> Self {
        Self::bootstrap(distribution, 1.0, (0.0, f64::INFINITY), false)
    }

    fn bootstrap(
        distribution: Distribution,
        range: f64,
        (least, greatest): (f64, f64),
        always: bool,
    ) -> Self {
        let (point, n) = (distribution.point, distribution.n);
        Self { point, n, kind: Kind::Bootstrap { distribution, range, least, greatest, always } }
    }

    /// Lower and upper bound, each with one-sided error `tail`.
    pub(crate) fn bounds(&self, tail: f64) -> (f64, f64) {
        let z = normal::quantile(1.0 - tail);
        let unseen = unseen_share(self.n, tail);
        match &self.kind {
            Kind::Paired(counts) => {
                let (low, high) = newcombe_paired(*counts, z);
                if counts.right_to_wrong + counts.wrong_to_right > 0 {
                    (low, high)
                } else {
                    (low.min(-unseen), high.max(unseen))
                }
            }
            Kind::Proportion { right } => wilson(*right, self.n, z),
            Kind::Bootstrap { distribution, range, least, greatest, always } => {
                let (low, high) = (distribution.bound(tail), distribution.bound(1.0 - tail));
                let (low, high) = (low.min(self.point), high.max(self.point));
                let floor = if *always || high - low <= 1e-12 { unseen * range } else { 0.0 };
                (low.min(self.point - floor).max(*least), high.max(self.point + floor).min(*greatest))
            }
        }
    }

    /// The interval from which a gate's verdict can be read, under the policy's confidence. `None` where
    /// there is none, or it says nothing.
    pub(crate) fn interval(&self, tails: Tails, at_least: bool, confidence: f64) -> Option<Estimate> {
        let (below, above) = if at_least { (tails.pass, tails.fail) } else { (tails.fail, tails.pass) };
        let (lower, upper) = (self.bounds(below).0, self.bounds(above).1);
        if !lower.is_finite() || !upper.is_finite() || self.says_nothing(upper) {
            return None;
        }

        Some(Estimate {
            point: self.point,
            lower: lower.min(self.point),
            upper: upper.max(self.point),
            confidence: two_sided(confidence),
            n: self.n,
        })
    }

    /// The two-sided interval at a confidence.
    pub(crate) fn two_sided(&self, confidence: f64) -> Option<Estimate> {
        let (lower, upper) = self.bounds((1.0 - confidence) / 2.0);
        let is_known = lower.is_finite() && upper.is_finite() && !self.says_nothing(upper);
        is_known.then_some(Estimate { point: self.point, lower, upper, confidence, n: self.n })
    }

    /// True for an interval that is the lack of one.
    fn says_nothing(&self, upper: f64) -> bool {
        match &self.kind {
            Kind::Bootstrap { greatest, .. } => {
                self.n < FEWEST_PROMPTS || (greatest.is_infinite() && upper > FARTHEST_DIVERGENCE)
            }
            Kind::Paired(_) | Kind::Proportion { .. } => false,
        }
    }

    /// Standard error read back from the interval of one-sided error `tail`.
    pub(crate) fn standard_error(&self, tail: f64) -> f64 {
        let (low, high) = self.bounds(tail);
        (high - low) / (2.0 * normal::quantile(1.0 - tail))
    }

    /// The p-value of the claim that the value lies above a threshold, or below it where not `at_least`: by the
    /// score test where answers are right or wrong, else the smallest one-sided error at which the bound does.
    fn p_value(&self, threshold: f64, at_least: bool) -> f64 {
        if let Kind::Paired(counts) = &self.kind {
            return if at_least {
                tango::inferiority_p(*counts, -threshold)
            } else {
                tango::inferiority_p(counts.mirrored(), threshold)
            };
        }

        if !self.holds(threshold, at_least, 0.5) {
            return 1.0;
        }

        let (mut refused, mut claimed) = (0.0, 0.5);
        for _ in 0..40 {
            let middle = (refused + claimed) / 2.0;
            if self.holds(threshold, at_least, middle) { claimed = middle } else { refused = middle }
        }
        claimed
    }

    /// True where the bound of that one-sided error keeps a threshold.
    fn holds(&self, threshold: f64, at_least: bool, error: f64) -> bool {
        let (low, high) = self.bounds(error);
        if at_least { low >= threshold } else { high <= threshold }
    }
}

/// What one gate has to go on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// `None` where nothing could be measured.
    pub(crate) measurement: Option<Measurement>,
    /// The measurement with what is missing counted in the candidate's favor: a failure must hold even so.
    pub(crate) benefit_of_doubt: Option<Measurement>,
    /// Why something is missing; such a gate cannot pass.
    pub(crate) missing: Option<Reason>,
}

impl Evidence {
    /// Why there is no interval.
    pub(crate) fn why_unknown(&self) -> Reason {
        match (&self.missing, &self.measurement) {
            (Some(reason), None) => reason.clone(),
            (_, Some(measurement)) if measurement.n >= FEWEST_PROMPTS => Reason::TooWide,
            _ => Reason::TooFewPrompts { needed: FEWEST_PROMPTS as u64 },
        }
    }

    fn exists(&self) -> bool {
        self.measurement.is_some() || self.missing.is_some()
    }
}

/// Evidence of one candidate.
#[derive(Debug, Clone, Default)]
pub(crate) struct QualityEvidence {
    /// Failure rate less the baseline's.
    pub(crate) failures: Evidence,
    pub(crate) difference: Evidence,
    pub(crate) score: Evidence,
    pub(crate) divergence: Evidence,
    pub(crate) agreement: Evidence,
    /// True for the baseline's weights on another machine, which nothing limits the divergence of.
    pub(crate) is_reference: bool,
    /// Share of single requests that keep the latency targets.
    pub(crate) latency: Evidence,
    /// The errors at which its bounds are read, where the data were looked at before the end.
    pub(crate) levels: Option<Levels>,
}

impl QualityEvidence {
    /// True where it is judged before the end of the plan.
    fn is_early(&self) -> bool {
        self.levels.as_ref().is_some_and(Levels::is_early)
    }

    /// The baseline's task score on the prompts of the comparison; `None` where scores are fractions.
    pub(crate) fn baseline_score(&self) -> Option<f64> {
        match &self.difference.measurement.as_ref()?.kind {
            Kind::Paired(counts) => Some(counts.baseline_share()),
            Kind::Proportion { .. } | Kind::Bootstrap { .. } => None,
        }
    }

    /// The errors at which a gate's bounds are read.
    pub(crate) fn tails(&self, policy: &Policy) -> Tails {
        let alpha = 1.0 - policy.confidence;
        match &self.levels {
            Some(levels) => {
                Tails { pass: levels.passing(1), fail: levels.failing(), may_pass: levels.may_pass() }
            }
            None => Tails { pass: alpha, fail: alpha, may_pass: true },
        }
    }

    /// The error at which one of `open` claims may hold.
    fn claim_level(&self, open: usize, policy: &Policy) -> f64 {
        match &self.levels {
            Some(levels) if !levels.may_pass() => 0.0,
            Some(levels) => levels.passing(open),
            None => (1.0 - policy.confidence) / open as f64,
        }
    }

    /// The errors of passing and of failing at the end of a plan, where `open` claims are to be settled.
    fn at_the_end(&self, open: usize, policy: &Policy) -> (f64, f64) {
        let alpha = 1.0 - policy.confidence;
        match &self.levels {
            Some(levels) => levels.at_the_end(open),
            None => (alpha / open.max(1) as f64, alpha),
        }
    }
}

/// One-sided errors of calling a threshold kept, and of calling it broken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tails {
    pub(crate) pass: f64,
    pub(crate) fail: f64,
    /// False at a look too early to pass anything.
    pub(crate) may_pass: bool,
}

/// A verdict with its gates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) gates: Vec<GateResult>,
}

/// The margin in force and whether the policy names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margin {
    pub(crate) value: f64,
    pub(crate) automatic: bool,
    /// Graded prompts that it was chosen for.
    pub(crate) prompts: usize,
    /// By how much the failure rate may exceed the baseline's: what a set of this size can rule out.
    pub(crate) failures: f64,
}

impl Margin {
    /// For a plan of `asked` prompts, of which `graded` have a grader.
    pub(crate) fn of(policy: &Policy, graded: usize, asked: usize) -> Self {
        let automatic = power::automatic_margin(graded, policy.confidence);
        Self {
            value: policy.margin.unwrap_or(automatic),
            automatic: policy.margin.is_none(),
            prompts: graded,
            failures: power::automatic_margin(asked, policy.confidence),
        }
    }
}

/// Judges candidates together. A candidate passes where it keeps all its gates, so its p-value is that of the weakest
/// (the intersection–union test of Berger, Technometrics 24, 1982, which needs no correction for the number of gates),
/// and the candidates' p-values are corrected by Holm's method: the chance that any candidate is passed that breaks any
/// gate stays at 1 − confidence.
pub(crate) fn judge(candidates: &[QualityEvidence], policy: &Policy, margin: &Margin) -> Vec<Judgement> {
    // A single claim at the end needs no correction: its interval decides. Far out in its tail, where early
    // looks read it, that interval claims too much.
    let is_corrected = candidates.len() > 1 || candidates.iter().any(QualityEvidence::is_early);
    let gates: Vec<Vec<Claim<'_>>> =
        candidates.iter().map(|candidate| claims(candidate, policy, margin, is_corrected)).collect();
    let weakest: Vec<f64> =
        gates.iter().map(|gates| gates.iter().map(|gate| gate.p).reduce(f64::max).unwrap_or(1.0)).collect();

    let held = holm::claims(&weakest, |claim, open| {
        candidates.get(claim).map_or(0.0, |candidate| candidate.claim_level(open, policy))
    });

    // Each gate against what its own candidate's claims leave open.
    let open = held.iter().filter(|held| !**held).count().max(1);
    let mut judgements = Vec::with_capacity(candidates.len());
    for ((candidate, gates), held) in candidates.iter().zip(gates).zip(held) {
        let corrected = candidates.len() > 1 || candidate.is_early();
        let errors =
            Errors { tails: candidate.tails(policy), at_the_end: candidate.at_the_end(open, policy) };

        let mut decided = Vec::with_capacity(gates.len());
        for gate in gates {
            let held = held || gate.p <= candidate.claim_level(open, policy);
            decided.push(gate.threshold.decide(gate.evidence, errors, policy, corrected.then_some(held)));
        }
        judgements.push(Judgement { verdict: overall(&decided), gates: decided });
    }
    judgements
}

/// The gate on the baseline's own score, for information.
pub(crate) fn minimum_score(evidence: &QualityEvidence, policy: &Policy) -> Option<GateResult> {
    let value = policy.min_score?;
    let threshold = Threshold { gate: Gate::MinimumScore, value, at_least: true };
    let errors = Errors { tails: evidence.tails(policy), at_the_end: evidence.at_the_end(1, policy) };
    Some(threshold.decide(&evidence.score, errors, policy, None))
}

/// The share of single requests that must keep the latency targets; `None` where nothing was asked of them.
fn targets(candidate: &QualityEvidence, policy: &Policy) -> Option<f64> {
    policy.slo.filter(|_| candidate.latency.exists()).map(|targets| targets.share)
}

/// The gate on the baseline's own latency, for information.
pub(crate) fn latency(evidence: &QualityEvidence, policy: &Policy) -> Option<GateResult> {
    let threshold = Threshold { gate: Gate::Latency, value: targets(evidence, policy)?, at_least: true };
    let errors = Errors { tails: evidence.tails(policy), at_the_end: evidence.at_the_end(1, policy) };
    Some(threshold.decide(&evidence.latency, errors, policy, None))
}

/// A gate that a candidate may keep.
struct Claim<'e> {
    threshold: Threshold,
    evidence: &'e Evidence,
    /// Of the claim that it is kept; 1 where nothing can be claimed, or no correction is needed.
    p: f64,
}

fn claims<'e>(
    candidate: &'e QualityEvidence,
    policy: &Policy,
    margin: &Margin,
    is_corrected: bool,
) -> Vec<Claim<'e>> {
    // Nothing graded and no margin asked for: cost and divergence only.
    let loss = (margin.prompts > 0 || !margin.automatic).then_some(-margin.value);
    let failures = candidate.failures.exists().then_some(margin.failures);

    // The baseline's weights on another machine are what divergences are taken from there.
    let limited = !candidate.is_reference;
    [
        (Gate::FailureRate, failures, false, &candidate.failures),
        (Gate::TaskScore, loss, true, &candidate.difference),
        (Gate::MinimumScore, policy.min_score, true, &candidate.score),
        (Gate::KlDivergence, policy.max_kld.filter(|_| limited), false, &candidate.divergence),
        (Gate::Top1Agreement, policy.min_top1.filter(|_| limited), true, &candidate.agreement),
        (Gate::Latency, targets(candidate, policy), true, &candidate.latency),
    ]
    .into_iter()
    .filter_map(|(gate, value, at_least, evidence)| {
        let value = value?;
        let measured = evidence.measurement.as_ref().filter(|_| is_corrected && evidence.missing.is_none());
        let p = measured.map_or(1.0, |measurement| measurement.p_value(value, at_least));
        Some(Claim { threshold: Threshold { gate, value, at_least }, evidence, p })
    })
    .collect()
}

/// The confidence of a two-sided interval whose ends each have the one-sided confidence of a gate, without the noise of
/// binary fractions.
pub(crate) fn two_sided(confidence: f64) -> f64 {
    ((2.0 * confidence - 1.0) * 1e12).round() / 1e12
}

fn overall(gates: &[GateResult]) -> Verdict {
    if gates.iter().any(|gate| gate.verdict == Verdict::Fail) {
        Verdict::Fail
    } else if !gates.is_empty() && gates.iter().all(|gate| gate.verdict == Verdict::Pass) {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    }
}

/// The errors at which a gate is decided now, and those of passing and failing at the end of a plan.
#[derive(Debug, Clone, Copy)]
struct Errors {
    tails: Tails,
    at_the_end: (f64, f64),
}

struct Threshold {
    gate: Gate,
    value: f64,
    at_least: bool,
}

impl Threshold {
    /// `claim` replaces the plain bound as the condition of passing, where several claims were corrected.
    fn decide(
        &self,
        evidence: &Evidence,
        errors: Errors,
        policy: &Policy,
        claim: Option<bool>,
    ) -> GateResult {
        let tails = errors.tails;

        let Some(measurement) = &evidence.measurement else {
            let basis = GateBasis::Unmeasured(evidence.missing.clone());
            return self.result(None, Verdict::Inconclusive, None, &basis);
        };

        let Some(measured) = measurement.interval(tails, self.at_least, policy.confidence) else {
            let basis = GateBasis::NoInterval(evidence.why_unknown());
            return self.result(None, Verdict::Inconclusive, Some(FEWEST_PROMPTS), &basis);
        };

        if measurement.n < FEWEST_PROMPTS {
            let basis = GateBasis::TooFewPrompts { needed: FEWEST_PROMPTS as u64 };
            return self.result(Some(measured), Verdict::Inconclusive, Some(FEWEST_PROMPTS), &basis);
        }

        let doubt = evidence.benefit_of_doubt.as_ref().unwrap_or(measurement).bounds(tails.fail);
        let inside = if self.at_least { measured.lower >= self.value } else { measured.upper <= self.value };
        let outside = if self.at_least { doubt.1 < self.value } else { doubt.0 > self.value };
        let verdict = if outside {
            Verdict::Fail
        } else if tails.may_pass && claim.unwrap_or(inside) && inside && evidence.missing.is_none() {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };

        let needed = (verdict == Verdict::Inconclusive && evidence.missing.is_none())
            .then(|| self.needed(measurement, errors, policy))
            .flatten();
        let basis = GateBasis::Interval { inside, missing: evidence.missing.clone() };
        self.result(Some(measured), verdict, needed, &basis)
    }

    /// Prompts that would settle the gate at the end of a plan of its own, corrected for the claims still open.
    fn needed(&self, measurement: &Measurement, errors: Errors, policy: &Policy) -> Option<usize> {
        let tail = 1.0 - policy.confidence;
        let distance =
            if self.at_least { measurement.point - self.value } else { self.value - measurement.point };
        let (pass, fail) = errors.at_the_end;
        let alpha = if distance >= 0.0 { pass } else { fail };
        power::prompts_needed(measurement.n, measurement.standard_error(tail), distance, alpha)
    }

    fn result(
        &self,
        measured: Option<Estimate>,
        verdict: Verdict,
        prompts_needed: Option<usize>,
        basis: &GateBasis,
    ) -> GateResult {
        GateResult::new(self.gate, self.value, measured, verdict, prompts_needed, basis)
    }
}

#[cfg(test)]
mod tests;
