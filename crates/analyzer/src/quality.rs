//! Quality of one variant against the baseline: what was measured, and what that is worth.

use std::collections::BTreeMap;

use infercost_core::Policy;
use infercost_core::report::{Flips, QualityReport};

use crate::judgement::{Evidence, Measurement, QualityEvidence};
use crate::sample::{PromptScore, Samples, VariantSample, at, own, pair};
use infercost_stats::bootstrap::RatioColumns;
use infercost_stats::mcnemar::exact_p;
use infercost_stats::newcombe::PairedCounts;
use infercost_stats::power;
use infercost_stats::quantile::quantile;
use crate::wording::{count, quoted};

/// Why a divergence that is known from below cannot pass.
const AT_LEAST: &str =
    "the server lists only its likeliest tokens, so the divergence is known from below only";

/// Gathers the evidence for the gates of one variant.
pub(crate) fn evidence(samples: &Samples<'_>, index: usize) -> QualityEvidence {
    let Some(variant) = samples.variants.get(index) else { return QualityEvidence::default() };
    let missing = missing_divergences(samples, variant);
    let first = samples.own(index);
    let compared =
        |statistic: &dyn Fn(&[f64]) -> f64| samples.resampled.distribution(first + own::COMPARED, statistic);
    let per_position =
        |column: usize| move |totals: &[f64]| at(totals, first + column) / at(totals, first + own::POSITIONS);
    let too_few = || {
        let reason = variant.divergence_reason.map(quoted);
        missing.clone().or(reason).or_else(|| Some("fewer than two prompts have a divergence".into()))
    };
    let kld = RatioColumns {
        presence: first + own::COMPARED,
        numerator: first + own::KLD,
        denominator: first + own::POSITIONS,
        squares: own::KLD_SQUARES.map(|column| first + column),
    };
    let divergence = samples.resampled.studentized(&kld).map(Measurement::divergence);
    let bound = variant.bounded.then(|| AT_LEAST.to_owned());
    let agreement = compared(&per_position(own::MATCHES)).map(Measurement::share);
    let evidence = |measurement: Option<Measurement>| Evidence {
        missing: if measurement.is_some() { missing.clone() } else { too_few() },
        measurement,
        benefit_of_doubt: None,
    };
    QualityEvidence {
        difference: difference(samples, index),
        score: score(samples, index),
        divergence: bounded(evidence(divergence), bound),
        agreement: evidence(agreement),
        levels: None,
    }
}

/// Evidence that may break a limit and can never keep one.
fn bounded(evidence: Evidence, why: Option<String>) -> Evidence {
    Evidence { missing: why.or(evidence.missing), ..evidence }
}

/// What is shown, at the confidence with which the gates decide, so that interval and verdict agree.
pub(crate) fn quality(
    samples: &Samples<'_>,
    index: usize,
    evidence: &QualityEvidence,
    policy: &Policy,
    unknown: &mut BTreeMap<String, String>,
) -> QualityReport {
    let Some(variant) = samples.variants.get(index) else { return QualityReport::default() };
    let confidence = 2.0 * policy.confidence - 1.0;
    let tail = 1.0 - policy.confidence;
    let tails = evidence.tails(policy);
    let mut shown = |name: &str, evidence: &Evidence, at_least: bool| {
        let measurement = evidence.measurement.as_ref();
        let estimate =
            measurement.and_then(|measurement| measurement.interval(tails, at_least, policy.confidence));
        if estimate.is_none() {
            let reason =
                evidence.missing.clone().unwrap_or_else(|| "fewer than two prompts bear on it".into());
            unknown.insert(name.to_owned(), reason);
        }
        estimate
    };
    let task_score = shown("task_score", &evidence.score, true);
    if index == samples.baseline {
        return QualityReport { task_score, ..QualityReport::default() };
    }
    let task_score_difference = shown("task_score_difference", &evidence.difference, true);
    let kld = shown("kld_mean", &evidence.divergence, false);
    let (kld_mean, kld_at_least) = if variant.bounded { (None, kld) } else { (kld, None) };
    let top1_agreement = shown("top1_agreement", &evidence.agreement, true);
    if variant.bounded {
        unknown.insert("kld_mean".into(), AT_LEAST.into());
    }
    let first = samples.own(index);
    let log_ratio = |totals: &[f64]| at(totals, first + own::NLL_CHANGE) / at(totals, first + own::POSITIONS);
    let ppl_ratio = samples
        .resampled
        .distribution(first + own::COMPARED, log_ratio)
        .and_then(|distribution| distribution.estimate(confidence))
        .map(|estimate| estimate.map(f64::exp))
        .filter(|estimate| estimate.upper.is_finite() && !variant.untold);
    if variant.untold {
        let reason = "the server did not tell the likelihood of every token of the baseline's answers";
        unknown.insert("ppl_ratio".into(), reason.into());
    }
    let mut klds = variant.klds.clone();
    klds.sort_unstable_by(f64::total_cmp);
    let detectable = evidence
        .difference
        .measurement
        .as_ref()
        .map(|measurement| power::deviates(policy.confidence) * measurement.standard_error(tail));
    QualityReport {
        task_score,
        task_score_difference,
        minimum_detectable_loss: detectable.filter(|loss| loss.is_finite()),
        kld_mean,
        kld_at_least,
        kld_median: quantile(&klds, 0.5).filter(|_| !variant.bounded),
        kld_p99: quantile(&klds, 0.99).filter(|_| !variant.bounded),
        top1_agreement,
        ppl_ratio,
        flips: flips(samples, variant),
    }
}

/// Scores of prompts that both variants answered and the baseline's evaluation settled.
fn pairs<'s>(
    samples: &'s Samples<'_>,
    variant: &'s VariantSample<'_>,
) -> impl Iterator<Item = (PromptScore, PromptScore)> + 's {
    let baseline = samples.variants.first().map_or(&[][..], |baseline| &baseline.scores);
    baseline
        .iter()
        .zip(&variant.scores)
        .filter_map(|(reference, score)| Some(((*reference)?, (*score)?)))
        .filter(|(reference, _)| reference.settled())
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

/// Flips by whether a prompt was answered right more often than not.
fn flips(samples: &Samples<'_>, variant: &VariantSample<'_>) -> Option<Flips> {
    let majority = |score: f64| if score > 0.5 { 1.0 } else { 0.0 };
    let counts =
        counts(pairs(samples, variant).map(|(one, other)| (majority(one.worst), majority(other.worst))))?;
    let (right_to_wrong, wrong_to_right) = (counts.right_to_wrong as u64, counts.wrong_to_right as u64);
    (counts.total() > 0).then(|| Flips {
        right_to_wrong,
        wrong_to_right,
        mcnemar_p: exact_p(right_to_wrong, wrong_to_right),
    })
}

fn difference(samples: &Samples<'_>, index: usize) -> Evidence {
    let Some(variant) = samples.variants.get(index) else { return Evidence::default() };
    let of_pairs = |best: bool| {
        counts(
            pairs(samples, variant)
                .map(|(reference, score)| (reference.worst, if best { score.best } else { score.worst })),
        )
    };
    let first = samples.pair(index);
    let by_bootstrap = |column: usize| {
        let mean = |totals: &[f64]| {
            let change = at(totals, first + column) - at(totals, first + pair::BASELINE_SCORE);
            change / at(totals, first + pair::SCORED)
        };
        samples.resampled.distribution(first + pair::SCORED, mean).map(Measurement::difference)
    };
    let measure = |best: bool| match of_pairs(best) {
        Some(counts) => Measurement::paired(counts),
        None => by_bootstrap(if best { pair::BEST_SCORE } else { pair::SCORE }),
    };
    let measurement = measure(false);
    let unsettled = pairs(samples, variant).filter(|(_, score)| !score.settled()).count();
    if unsettled > 0 && unsettled == pairs(samples, variant).count() {
        return Evidence { missing: Some(not_evaluated(variant, unsettled)), ..Evidence::default() };
    }
    let nothing = || match samples.variants.first().and_then(|baseline| baseline.task_reason) {
        Some(reason) => format!("the baseline could not be graded: {}", quoted(reason)),
        None => "no prompt that both answered was graded".into(),
    };
    Evidence {
        missing: if unsettled > 0 {
            Some(not_evaluated(variant, unsettled))
        } else {
            measurement.is_none().then(nothing)
        },
        benefit_of_doubt: if unsettled > 0 { measure(true) } else { None },
        measurement,
    }
}

fn score(samples: &Samples<'_>, index: usize) -> Evidence {
    let Some(variant) = samples.variants.get(index) else { return Evidence::default() };
    let scores: Vec<PromptScore> = variant.scores.iter().copied().flatten().collect();
    let unsettled = scores.iter().filter(|score| !score.settled()).count();
    if scores.is_empty() {
        return Evidence { missing: Some("no prompt was graded".into()), ..Evidence::default() };
    }
    if unsettled == scores.len() {
        return Evidence { missing: Some(not_evaluated(variant, unsettled)), ..Evidence::default() };
    }
    let total = |best: bool| scores.iter().map(|score| if best { score.best } else { score.worst }).sum();
    Evidence {
        measurement: Measurement::proportion(total(false), scores.len()),
        benefit_of_doubt: if unsettled > 0 {
            Measurement::proportion(total(true), scores.len())
        } else {
            None
        },
        missing: (unsettled > 0).then(|| not_evaluated(variant, unsettled)),
    }
}

fn not_evaluated(variant: &VariantSample<'_>, prompts: usize) -> String {
    let reason = variant.task_reason.map_or_else(|| "no grade is recorded".into(), quoted);
    format!("{} could not be graded and count as wrong ({reason})", count(prompts as u64, "prompt"))
}

/// Prompts whose divergence from the baseline should be there and is not: refused although the baseline
/// wrote an answer, or absent although another variant has it.
fn missing_divergences(samples: &Samples<'_>, variant: &VariantSample<'_>) -> Option<String> {
    let baseline = samples.variants.first()?;
    let refused = variant.incomparable.iter().filter(|prompt| baseline.written.contains(prompt));
    let elsewhere = |prompt: &&usize| {
        !variant.compared.contains(prompt)
            && !variant.incomparable.contains(prompt)
            && samples.variants.iter().any(|other| other.compared.contains(prompt))
    };
    let absent = variant.answered.iter().filter(elsewhere).count();
    let number = refused.count() + absent;
    let reason = variant.divergence_reason.map_or_else(|| "no divergence is recorded".into(), quoted);
    (number > 0).then(|| format!("{} could not be compared ({reason})", count(number as u64, "prompt")))
}
