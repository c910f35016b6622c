//! What to deploy, and how hard to drive it: the cheapest operating point that meets the targets.

use infercost_core::{Estimate, OperatingPoint, Recommendation, Verdict};

use super::Point;
use crate::cost::{Parts, Rates};
use crate::recommendation::{JudgedVariant, Part, quality};
use crate::wording::plain;

/// A variant with its operating points.
pub(crate) struct Driven<'a> {
    pub(crate) judged: &'a JudgedVariant,
    /// As the report names it.
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
    /// Idle watts that may be billed to it.
    pub(crate) idle_watts: Option<f64>,
}

/// A point beside the baseline's.
struct Offer<'a> {
    driven: &'a Driven<'a>,
    point: &'a Point,
    /// Cost ÷ the baseline's cost at its own best point, over the parts that both know.
    ratio: Estimate,
}

/// Decides between operating points. The baseline stands at its own cheapest point that meets the targets, or, where
/// none does, at its cheapest.
///
/// A candidate wins where the whole interval of its cost over the baseline's lies below 1. Costs whose intervals
/// overlap are a tie, and a tie goes to the better quality. `None` where the baseline or every candidate lacks a
/// point with a known cost: single requests then decide.
pub(crate) fn advise(all: &[Driven<'_>], rates: &Rates, asked: bool) -> Option<Recommendation> {
    let baseline = all.iter().find(|one| one.judged.part == Part::Baseline)?;
    let own = cheapest(baseline, rates, sound);
    let fallback = || cheapest(baseline, rates, usable);
    let reference = own.or_else(fallback)?;
    let meets = own.is_some();
    let offers: Vec<Offer<'_>> = all
        .iter()
        .filter(|one| one.judged.part == Part::Candidate)
        .flat_map(|driven| driven.points.iter().map(move |point| (driven, point)))
        .filter_map(|(driven, point)| {
            let ratio = ratio(driven, point, baseline, reference, rates)?;
            Some(Offer { driven, point, ratio })
        })
        .collect();
    // Rivals without a known cost under load cannot be called dearer.
    if offers.is_empty() && all.iter().any(|one| one.judged.part == Part::Candidate) {
        return None;
    }
    let passing = |offer: &&Offer<'_>| offer.driven.judged.verdict == Verdict::Pass && sound(offer.point);
    // Where the baseline itself misses the targets, what meets them is worth having at any price.
    let better = |offer: &&Offer<'_>| !meets || offer.ratio.upper < 1.0;
    let best = offers.iter().filter(passing).filter(better).min_by(|one, other| by_cost(one, other));
    if let Some(best) = best {
        let tied = offers.iter().filter(passing).filter(better).filter(|one| one.ratio.overlaps(&best.ratio));
        // Of one variant's tied points the cheapest stands for it.
        let winner = tied
            .max_by(|one, other| quality(one.driven.judged, other.driven.judged).then(by_cost(other, one)))
            .unwrap_or(best);
        return Some(switch(winner, baseline, reference, asked, meets));
    }
    Some(without_winner(&offers, baseline, reference, asked, meets))
}

fn by_cost(one: &Offer<'_>, other: &Offer<'_>) -> std::cmp::Ordering {
    one.ratio.point.total_cmp(&other.ratio.point)
}

fn switch(
    winner: &Offer<'_>,
    baseline: &Driven<'_>,
    reference: &Point,
    asked: bool,
    meets: bool,
) -> Recommendation {
    let point = winner.point.report.operating_point;
    let how = if asked { "meets the targets at" } else { "costs" };
    let but = if asked && !meets { ", which does not meet them" } else { "" };
    let why = format!(
        "{} at {} {how} {} [{}, {}] of the baseline's cost ({} at {}{but}) and stays within the thresholds",
        winner.driven.name,
        load(point),
        plain(winner.ratio.point),
        plain(winner.ratio.lower),
        plain(winner.ratio.upper),
        baseline.name,
        load(reference.report.operating_point),
    );
    Recommendation::Switch {
        variant: winner.driven.judged.variant.clone(),
        operating_point: Some(point),
        saving: winner.ratio.map(|ratio| 1.0 - ratio),
        why,
    }
}

fn without_winner(
    offers: &[Offer<'_>],
    baseline: &Driven<'_>,
    reference: &Point,
    asked: bool,
    meets: bool,
) -> Recommendation {
    // What may yet win: not shown to be good enough, or not shown to meet the targets.
    let open = |offer: &&Offer<'_>| {
        let targets = offer.point.report.meets_targets;
        usable(offer.point)
            && offer.ratio.point < 1.0
            && offer.driven.judged.verdict != Verdict::Fail
            && targets != Some(Verdict::Fail)
            && !(offer.driven.judged.verdict == Verdict::Pass && sound(offer.point))
    };
    if let Some(offer) = offers.iter().filter(open).min_by(|one, other| by_cost(one, other)) {
        let what = if offer.driven.judged.verdict == Verdict::Pass {
            "whether it meets the targets is not settled; a longer --duration would tell"
        } else {
            "whether it is good enough is not settled"
        };
        return Recommendation::MeasureMore {
            variant: offer.driven.judged.variant.clone(),
            prompts_needed: offer.driven.judged.prompts_needed,
            why: format!(
                "{} at {} costs {} of the baseline's cost, but {what}",
                offer.driven.name,
                load(offer.point.report.operating_point),
                plain(offer.ratio.point)
            ),
        };
    }
    let point = reference.report.operating_point;
    let unsettled = reference.report.meets_targets == Some(Verdict::Inconclusive);
    let kept = match (asked, meets) {
        (false, _) => format!("{} costs least at {}", baseline.name, load(point)),
        (true, true) => format!("{} at {} meets the targets", baseline.name, load(point)),
        (true, false) if unsettled => format!(
            "whether {} at {} meets the targets is not settled (a longer --duration would tell)",
            baseline.name,
            load(point)
        ),
        (true, false) => format!("{} meets the targets at no operating point measured", baseline.name),
    };
    let others = if offers.is_empty() {
        ""
    } else if meets {
        ", and no candidate that passes is surely cheaper"
    } else {
        ", and no candidate that passes does"
    };
    Recommendation::KeepBaseline {
        variant: baseline.judged.variant.clone(),
        operating_point: meets.then_some(point),
        why: kept + others,
    }
}

/// `concurrency 4`, `2.5 requests/s`.
pub(crate) fn load(point: OperatingPoint) -> String {
    match point {
        OperatingPoint::Closed { concurrency } => format!("concurrency {concurrency}"),
        OperatingPoint::Open { rate } => format!("{} requests/s", plain(rate)),
    }
}

/// A point whose rates can be relied on.
pub(super) fn usable(point: &Point) -> bool {
    let report = &point.report;
    report.requests_per_s.is_some() && !report.over_saturated && !report.client_limited && !report.failing
}

/// A usable point that meets the targets, where there are any.
fn sound(point: &Point) -> bool {
    usable(point) && point.report.meets_targets.is_none_or(|meets| meets == Verdict::Pass)
}

fn cheapest<'a>(driven: &'a Driven<'_>, rates: &Rates, fits: fn(&Point) -> bool) -> Option<&'a Point> {
    let cost = |point: &Point| Some(cost(driven, point, rates, point.parts)?.point);
    let fitting = driven.points.iter().filter(|point| fits(point));
    let priced = fitting.filter_map(|point| Some((point, cost(point)?)));
    priced.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(point, _)| point)
}

/// Cost per inference over the given parts; `None` where it is not known.
fn cost(driven: &Driven<'_>, point: &Point, rates: &Rates, parts: Parts) -> Option<Estimate> {
    let rate = point.report.requests_per_s?;
    let cost = rate.map(|rate| point.cost_at(rates, parts, driven.idle_watts, rate));
    let sound = [cost.lower, cost.point, cost.upper].iter().all(|value| value.is_finite() && *value > 0.0);
    (parts.any() && sound).then_some(cost)
}

/// The ratio of two costs that were measured apart: their relative uncertainties add in squares (of logarithms, so
/// that the interval stays above 0).
fn ratio(
    driven: &Driven<'_>,
    point: &Point,
    baseline: &Driven<'_>,
    reference: &Point,
    rates: &Rates,
) -> Option<Estimate> {
    let measured = |point: &Point| point.parts.of_energy(point.watts.is_some_and(|(_, measured)| measured));
    let parts = measured(point).common(measured(reference));
    let one = cost(driven, point, rates, parts)?;
    let other = cost(baseline, reference, rates, parts)?;
    let half = |cost: &Estimate| (cost.upper / cost.lower).ln() / 2.0;
    let spread = half(&one).hypot(half(&other)).exp();
    let ratio = one.point / other.point;
    Some(Estimate {
        point: ratio,
        lower: ratio / spread,
        upper: ratio * spread,
        n: one.n.min(other.n),
        ..one
    })
}
