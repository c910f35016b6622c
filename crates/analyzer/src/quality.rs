//! Quality of one variant against the baseline: what was measured, and what that is worth.

use infercost_core::report::{Flips, QualityReport};
use infercost_core::{Estimate, LatencyTargets, Policy, Reason, Unknown};
use infercost_stats::bootstrap::RatioColumns;
use infercost_stats::mcnemar::exact_p;
use infercost_stats::newcombe::PairedCounts;
use infercost_stats::power;
use infercost_stats::quantile::quantiles;

use crate::judgement::{Evidence, FEWEST_PROMPTS, Measurement, QualityEvidence, Tails, two_sided};
use crate::latency_targets::keeps;
use crate::sample::{Own, Pair, PromptScore, Samples, VariantSample};

/// Gathers the evidence for the gates of one variant.
pub(crate) fn evidence(samples: &Samples<'_>, index: usize) -> QualityEvidence {
    let Some(variant) = samples.variants.get(index) else { return QualityEvidence::default() };

    let column = |column| samples.layout.own(index, column);
    let kld = RatioColumns {
        presence: column(Own::Compared),
        numerator: column(Own::Divergence),
        denominator: column(Own::Positions),
        squares: [
            column(Own::DivergenceSquared),
            column(Own::DivergenceTimesPositions),
            column(Own::PositionsSquared),
        ],
    };

    let divergence = samples.resampled.studentized(&kld).map(Measurement::divergence);
    let agreement = samples
        .distribution(column(Own::Compared), |totals| totals.of(index).agreement())
        .map(Measurement::share);

    let mut divergence = compared(samples, variant, divergence);
    let mut agreement = compared(samples, variant, agreement);
    if variant.is_other_reference {
        // Nothing was taken from it, and it holds the weights that all is taken from.
        (divergence, agreement) = (Evidence::default(), Evidence::default());
    }
    if variant.bounded {
        // Known from below, it may break a limit and can never keep one.
        divergence.missing = Some(Reason::KnownFromBelow);
    }

    QualityEvidence {
        failures: failures(samples, index),
        difference: difference(samples, index),
        score: score(samples, index),
        divergence,
        agreement,
        is_reference: variant.is_other_reference,
        latency: Evidence::default(),
        levels: None,
    }
}

/// Evidence on the latency of a variant's single requests. Where a variant was put under load, that is where targets are
/// judged; single requests then say nothing of them.
pub(crate) fn latency(variant: &VariantSample<'_>, slo: Option<&LatencyTargets>) -> Evidence {
    let Some(slo) = slo.filter(|slo| slo.ttft_s.is_some() || slo.tpot_s.is_some()) else {
        return Evidence::default();
    };

    let mut requests = 0;
    let mut kept = 0;
    for inference in variant.inferences() {
        requests += 1;
        kept += usize::from(keeps(slo, &inference.outcome));
    }
    Evidence { measurement: Measurement::proportion(kept as f64, requests), ..Evidence::default() }
}

/// Evidence of a comparison of distributions, with what is missing of it.
fn compared(
    samples: &Samples<'_>,
    variant: &VariantSample<'_>,
    measurement: Option<Measurement>,
) -> Evidence {
    let mut missing = missing_divergences(samples, variant);
    if measurement.is_none() {
        let stated = variant.divergence_reason.map(Reason::stated);
        let too_few = Reason::TooFewPrompts { needed: FEWEST_PROMPTS as u64 };
        missing = missing.or(stated).or(Some(too_few));
    }

    Evidence { measurement, missing, benefit_of_doubt: None }
}

/// The errors at which intervals are shown.
struct Shown {
    tails: Tails,
    confidence: f64,
}

impl Shown {
    fn interval(&self, evidence: &Evidence, at_least: bool) -> Result<Estimate, Reason> {
        let measurement = evidence.measurement.as_ref();
        let interval =
            measurement.and_then(|measurement| measurement.interval(self.tails, at_least, self.confidence));
        interval.ok_or_else(|| evidence.why_unknown())
    }
}

/// What is shown, at the confidence with which the gates decide, so that interval and verdict agree.
pub(crate) fn quality(
    samples: &Samples<'_>,
    index: usize,
    evidence: &QualityEvidence,
    policy: &Policy,
    unknown: &mut Unknown,
) -> QualityReport {
    let Some(variant) = samples.variants.get(index) else { return QualityReport::default() };
    let tails = evidence.tails(policy);

    let shown = Shown { tails, confidence: policy.confidence };
    let task_score = unknown.known("task_score", shown.interval(&evidence.score, true));
    if index == samples.baseline {
        return QualityReport { task_score, ..QualityReport::default() };
    }

    let difference = shown.interval(&evidence.difference, true);
    let task_score_difference = unknown.known("task_score_difference", difference);
    let kld = unknown.known("kld_mean", shown.interval(&evidence.divergence, false));
    let top1_agreement = unknown.known("top1_agreement", shown.interval(&evidence.agreement, true));
    if variant.is_other_reference {
        unknown.insert("kld_mean", Reason::OtherMachinesReference);
        unknown.insert("top1_agreement", Reason::OtherMachinesReference);
    }

    let (kld_mean, kld_at_least) = if variant.bounded { (None, kld) } else { (kld, None) };
    if variant.bounded {
        unknown.insert("kld_mean", Reason::KnownFromBelow);
    }
    let klds = variant.klds.iter().flat_map(|klds| klds.iter().copied());
    let kld_quantiles = quantiles(klds, [0.5, 0.99]).filter(|_| !variant.bounded);
    let [kld_median, kld_p99] = kld_quantiles.map_or([None; 2], |known| known.map(Some));

    QualityReport {
        task_score,
        task_score_difference,
        minimum_detectable_loss: detectable_loss(evidence, policy, unknown),
        kld_mean,
        kld_at_least,
        kld_median,
        kld_p99,
        top1_agreement,
        ppl_ratio: perplexity_ratio(samples, index, policy, unknown),
        flips: flips(samples, variant),
    }
}

/// The smallest loss of task score that would be found, by the answers that did change. A loss greater than all that
/// there is to lose is none.
fn detectable_loss(evidence: &QualityEvidence, policy: &Policy, unknown: &mut Unknown) -> Option<f64> {
    let measurement = evidence.difference.measurement.as_ref()?;
    let tail = 1.0 - policy.confidence;
    let loss = power::deviates(policy.confidence) * measurement.standard_error(tail);

    let most = evidence.baseline_score().unwrap_or(1.0);
    if measurement.n >= FEWEST_PROMPTS && loss < most {
        return Some(loss);
    }
    unknown.insert("minimum_detectable_loss", Reason::NoLossDetectable);
    None
}

/// Candidate's perplexity ÷ the baseline's.
fn perplexity_ratio(
    samples: &Samples<'_>,
    index: usize,
    policy: &Policy,
    unknown: &mut Unknown,
) -> Option<infercost_core::Estimate> {
    let variant = samples.variants.get(index)?;
    if variant.likelihoods_not_reported {
        unknown.insert("ppl_ratio", Reason::LikelihoodsNotReported);
        return None;
    }

    let presence = samples.layout.own(index, Own::Compared);
    let log_ratio = samples.distribution(presence, |totals| totals.of(index).log_perplexity_ratio());
    let too_few = Reason::TooFewPrompts { needed: 2 };
    let log_ratio = unknown.known("ppl_ratio", log_ratio.ok_or(too_few))?;

    let ratio = log_ratio.estimate(two_sided(policy.confidence)).map(|estimate| estimate.map(f64::exp));
    unknown.known("ppl_ratio", ratio.filter(infercost_core::Estimate::narrows_ratio).ok_or(Reason::TooWide))
}

/// Scores of prompts that both variants have one of and the baseline's evaluation settled.
fn pairs(samples: &Samples<'_>, variant: &VariantSample<'_>) -> Vec<(PromptScore, PromptScore)> {
    let Some(baseline) = samples.variants.first() else { return Vec::new() };
    let pairs = variant.score_pairs(baseline);
    pairs.into_iter().map(|(_, reference, score)| (reference, score)).collect()
}

fn is_binary(score: f64) -> bool {
    score <= 0.0 || score >= 1.0
}

/// Right and wrong counted; `None` where a score is neither.
fn counts(pairs: impl Iterator<Item = (f64, f64)>) -> Option<PairedCounts> {
    let mut counts = PairedCounts::default();
    for (baseline, candidate) in pairs {
        if !is_binary(baseline) || !is_binary(candidate) {
            return None;
        }

        match (baseline > 0.5, candidate > 0.5) {
            (true, true) => counts.both_right += 1,
            (true, false) => counts.right_to_wrong += 1,
            (false, true) => counts.wrong_to_right += 1,
            (false, false) => counts.both_wrong += 1,
        }
    }

    Some(counts)
}

/// 1 where a prompt was answered right more often than not, else 0.
fn majority(score: f64) -> f64 {
    if score > 0.5 { 1.0 } else { 0.0 }
}

/// Flips by whether a prompt was answered right more often than not.
fn flips(samples: &Samples<'_>, variant: &VariantSample<'_>) -> Option<Flips> {
    let pairs = pairs(samples, variant);
    let majorities = pairs.iter().map(|(one, other)| (majority(one.worst), majority(other.worst)));
    let counts = counts(majorities)?;
    let (right_to_wrong, wrong_to_right) = (counts.right_to_wrong as u64, counts.wrong_to_right as u64);

    (counts.total() > 0).then(|| Flips {
        right_to_wrong,
        wrong_to_right,
        mcnemar_p: exact_p(right_to_wrong, wrong_to_right),
    })
}

/// The change of the share of requests without an answer, over prompts that both were asked.
fn failures(samples: &Samples<'_>, index: usize) -> Evidence {
    let (Some(baseline), Some(variant)) = (samples.variants.first(), samples.variants.get(index)) else {
        return Evidence::default();
    };
    let both = baseline.asked.both(&variant.asked);
    let shares: Vec<(f64, f64)> =
        both.filter_map(|prompt| baseline.failed(prompt).zip(variant.failed(prompt))).collect();
    if shares.is_empty() {
        return Evidence { missing: Some(Reason::NothingAsked), ..Evidence::default() };
    }

    // Failures are counted where the others count right answers: their difference is that of failure rates.
    let measurement = match counts(shares.into_iter()) {
        Some(counts) => Measurement::paired(counts),
        None => samples
            .distribution(samples.layout.pair(index, Pair::BothAsked), |totals| {
                totals.pair(index).failure_difference()
            })
            .map(Measurement::difference),
    };

    let missing = measurement.is_none().then_some(Reason::TooFewPrompts { needed: 2 });

    Evidence { measurement, missing, benefit_of_doubt: None }
}

fn difference(samples: &Samples<'_>, index: usize) -> Evidence {
    let Some(variant) = samples.variants.get(index) else { return Evidence::default() };
    let pairs = pairs(samples, variant);
    let graded = pairs.len();
    let unsettled = pairs.iter().filter(|(_, score)| !score.settled()).count();
    if unsettled > 0 && unsettled == graded {
        return Evidence { missing: Some(not_evaluated(variant, unsettled)), ..Evidence::default() };
    }

    let measurement = score_difference(samples, index, variant, false);
    let benefit_of_doubt = if unsettled > 0 { score_difference(samples, index, variant, true) } else { None };

    let baseline: f64 = pairs.iter().map(|(reference, _)| reference.worst).sum();
    let missing = if measurement.is_none() {
        Some(match samples.variants.first().and_then(|baseline| baseline.task_reason) {
            Some(why) => Reason::BaselineNotGraded { why: why.to_owned() },
            None => Reason::NotGraded,
        })
    } else if baseline <= 0.0 {
        Some(Reason::BaselineAllWrong { prompts: graded as u64 })
    } else if baseline >= graded as f64 {
        Some(Reason::BaselineAllRight { prompts: graded as u64 })
    } else {
        (unsettled > 0).then(|| not_evaluated(variant, unsettled))
    };

    Evidence { measurement, missing, benefit_of_doubt }
}

/// Score less the baseline's; `best` counts what was not evaluated as right.
fn score_difference(
    samples: &Samples<'_>,
    index: usize,
    variant: &VariantSample<'_>,
    best: bool,
) -> Option<Measurement> {
    let pairs = pairs(samples, variant);
    let scores =
        pairs.iter().map(|(reference, score)| (reference.worst, if best { score.best } else { score.worst }));
    if let Some(counts) = counts(scores) {
        return Measurement::paired(counts);
    }

    let presence = samples.layout.pair(index, Pair::Scored);
    let by_bootstrap = samples.distribution(presence, |totals| totals.pair(index).score_difference(best));
    by_bootstrap.map(Measurement::difference)
}

fn score(samples: &Samples<'_>, index: usize) -> Evidence {
    let Some(variant) = samples.variants.get(index) else { return Evidence::default() };
    let scores: Vec<PromptScore> = variant.all_scores().collect();
    let unsettled = scores.iter().filter(|score| !score.settled()).count();
    if scores.is_empty() {
        return Evidence { missing: Some(Reason::NotGraded), ..Evidence::default() };
    }

    if unsettled == scores.len() {
        return Evidence { missing: Some(not_evaluated(variant, unsettled)), ..Evidence::default() };
    }

    let worst = scores.iter().map(|score| score.worst).sum();
    let best = scores.iter().map(|score| score.best).sum();
    Evidence {
        measurement: Measurement::proportion(worst, scores.len()),
        benefit_of_doubt: if unsettled > 0 { Measurement::proportion(best, scores.len()) } else { None },
        missing: (unsettled > 0).then(|| not_evaluated(variant, unsettled)),
    }
}

fn not_evaluated(variant: &VariantSample<'_>, prompts: usize) -> Reason {
    let why = variant.task_reason.unwrap_or("no grade is recorded");
    Reason::SomeNotGraded { prompts: prompts as u64, why: why.to_owned() }
}

/// Prompts whose divergence from the baseline should be there and is not: refused although the baseline
/// wrote an answer, or absent although another variant has it.
fn missing_divergences(samples: &Samples<'_>, variant: &VariantSample<'_>) -> Option<Reason> {
    let baseline = samples.variants.first()?;
    let refused = variant.incomparable.both(&baseline.answered).count();

    let mut absent = 0;
    for prompt in variant.asked.iter() {
        let is_known = variant.compared.contains(prompt) || variant.incomparable.contains(prompt);
        let is_wanted = samples.variants.iter().any(|other| other.compared.contains(prompt));
        absent += usize::from(!is_known && is_wanted);
    }

    let prompts = (refused + absent) as u64;
    let why = variant.divergence_reason.unwrap_or("no divergence is recorded");
    (prompts > 0).then(|| Reason::SomeNotCompared { prompts, why: why.to_owned() })
}
