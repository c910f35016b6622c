//! What to deploy, and under which load: the cheapest operating point that meets the targets.

use infercost_core::verdict::{Grounds, LoadDoubt, Loaded, Rivals, Standing};
use infercost_core::{Estimate, Policy, Recommendation, Verdict};
use infercost_cost::Parts;
use infercost_stats::newcombe::{Share, newcombe_independent};
use infercost_stats::{normal, power};

use super::{MOST_FAILURES, Point};
use crate::pricing::Pricing;
use crate::recommendation::{JudgedVariant, Part, quality};

/// A variant with its operating points.
pub(crate) struct LoadTested<'a> {
    pub(crate) judged: &'a JudgedVariant,
    /// The prices of its machine.
    pub(crate) pricing: &'a Pricing<'a>,
    /// As the report names it.
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
    /// Idle watts that may be billed to it.
    pub(crate) idle_watts: Option<f64>,
}

/// A point beside the baseline's.
struct Offer<'a> {
    tested: &'a LoadTested<'a>,
    point: &'a Point,
    /// Cost ÷ the baseline's cost at its own best point, over the parts that both know.
    ratio: Estimate,
    /// Its failure rate against the baseline's there.
    failures: Verdict,
}

impl Offer<'_> {
    /// Good enough in every way but price.
    fn is_good(&self) -> bool {
        self.tested.judged.verdict == Verdict::Pass && sound(self.point) && self.failures == Verdict::Pass
    }

    /// True for what may yet win: not shown to be not good enough, to miss the targets, to fail more often, or to cost
    /// more.
    fn may_win(&self, meets: bool) -> bool {
        usable(self.point)
            && self.tested.judged.verdict != Verdict::Fail
            && self.point.report.meets_targets != Some(Verdict::Fail)
            && self.failures != Verdict::Fail
            && (self.ratio.lower < 1.0 || !meets)
    }

    /// Why the question is open.
    fn why_open(&self, meets: bool) -> Grounds {
        let doubt = if self.tested.judged.verdict != Verdict::Pass {
            LoadDoubt::Quality
        } else if self.failures != Verdict::Pass {
            LoadDoubt::Failures
        } else if !sound(self.point) {
            LoadDoubt::Targets
        } else if meets {
            LoadDoubt::Cost
        } else {
            LoadDoubt::Saving
        };

        Grounds::OpenUnderLoad { candidate: self.tested.at(self.point), ratio: self.ratio, doubt }
    }
}

impl LoadTested<'_> {
    /// Its name, and the point that is spoken of.
    fn at(&self, point: &Point) -> Loaded {
        Loaded { variant: self.name.clone(), at: point.report.operating_point }
    }
}

/// Does a point fail no more often than the baseline's? The margin is what so many requests can rule out, and never more
/// than [`MOST_FAILURES`].
fn failures(point: &Point, reference: &Point, confidence: f64) -> Verdict {
    let n = point.requests.min(reference.requests);
    let margin = power::automatic_margin(n, confidence).min(MOST_FAILURES);

    let z = normal::quantile(confidence);
    let (lower, upper) = newcombe_independent(unanswered(point), unanswered(reference), z);

    if lower > margin {
        Verdict::Fail
    } else if upper <= margin || point.unanswered == 0 {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    }
}

/// The share of requests without an answer.
fn unanswered(point: &Point) -> Share {
    Share { count: point.unanswered as f64, n: point.requests }
}

/// Decides between operating points. The baseline stands at its own cheapest point that meets the targets, or, where
/// none does, at its cheapest.
///
/// A candidate wins where the whole interval of its cost over the baseline's lies below 1. Costs whose intervals
/// overlap are a tie, and a tie goes to the better quality. `None` where the baseline or every candidate lacks a
/// point with a known cost: single requests then decide.
pub(crate) fn advise(all: &[LoadTested<'_>], policy: &Policy) -> Option<Recommendation> {
    let asked = policy.slo.is_some();
    let baseline = all.iter().find(|one| one.judged.part == Part::Baseline)?;
    let own = cheapest(baseline, sound);
    let reference = own.or_else(|| cheapest(baseline, usable))?;
    let meets = own.is_some();

    let mut offers = Vec::new();
    for tested in all.iter().filter(|one| one.judged.part == Part::Candidate) {
        for point in &tested.points {
            let Some(ratio) = ratio(tested, point, baseline, reference) else { continue };
            let failures = failures(point, reference, policy.confidence);
            offers.push(Offer { tested, point, ratio, failures });
        }
    }

    // Rivals without a known cost under load cannot be called costlier.
    if offers.is_empty() && all.iter().any(|one| one.judged.part == Part::Candidate) {
        return None;
    }

    // Where the baseline itself misses the targets, what meets them is worth having at any price.
    let better: Vec<&Offer<'_>> =
        offers.iter().filter(|offer| offer.is_good() && (!meets || offer.ratio.upper < 1.0)).collect();

    if let Some(best) = better.iter().copied().min_by(|one, other| by_cost(one, other)) {
        let tied = better.iter().copied().filter(|one| one.ratio.overlaps(&best.ratio));

        // Of one variant's tied points the cheapest stands for it.
        let winner = tied
            .max_by(|one, other| quality(one.tested.judged, other.tested.judged).then(by_cost(other, one)))
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
    baseline: &LoadTested<'_>,
    reference: &Point,
    asked: bool,
    meets: bool,
) -> Recommendation {
    let grounds = Grounds::CheaperUnderLoad {
        candidate: winner.tested.at(winner.point),
        ratio: winner.ratio,
        baseline: baseline.at(reference),
        has_targets: asked,
        baseline_meets: meets,
    };

    Recommendation::Switch {
        variant: winner.tested.judged.variant.clone(),
        operating_point: Some(winner.point.report.operating_point),
        saving: winner.ratio.map(|ratio| 1.0 - ratio),
        why: grounds.to_string(),
    }
}

fn without_winner(
    offers: &[Offer<'_>],
    baseline: &LoadTested<'_>,
    reference: &Point,
    asked: bool,
    meets: bool,
) -> Recommendation {
    let open = offers.iter().filter(|offer| offer.may_win(meets));
    if let Some(offer) = open.min_by(|one, other| by_cost(one, other)) {
        return Recommendation::MeasureMore {
            variant: offer.tested.judged.variant.clone(),
            prompts_needed: offer.tested.judged.prompts_needed,
            why: offer.why_open(meets).to_string(),
        };
    }

    let unsettled = reference.report.meets_targets == Some(Verdict::Inconclusive);
    let standing = match (asked, meets) {
        (false, _) => Standing::CostsLeast,
        (true, true) => Standing::MeetsTargets,
        (true, false) if unsettled => Standing::TargetsOpen,
        (true, false) => Standing::MissesTargets,
    };

    let rivals = if meets { Rivals::NotCheaper } else { Rivals::MissTargets };
    let grounds = Grounds::KeptUnderLoad {
        baseline: baseline.at(reference),
        standing,
        candidates: (!offers.is_empty()).then_some(rivals),
    };

    Recommendation::KeepBaseline {
        variant: baseline.judged.variant.clone(),
        operating_point: meets.then_some(reference.report.operating_point),
        why: grounds.to_string(),
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

fn cheapest<'a>(tested: &'a LoadTested<'_>, fits: fn(&Point) -> bool) -> Option<&'a Point> {
    let fitting = tested.points.iter().filter(|point| fits(point));
    let priced = fitting.filter_map(|point| Some((point, cost(tested, point, point.basis.known)?.point)));
    priced.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(point, _)| point)
}

/// Cost per inference over the given parts; `None` where it is not known.
fn cost(tested: &LoadTested<'_>, point: &Point, parts: Parts) -> Option<Estimate> {
    if parts.tokens {
        return point.tokens_cost;
    }

    let rate = point.report.requests_per_s?;
    let cost = rate.map(|rate| point.cost_at(tested.pricing, parts, tested.idle_watts, rate));
    let sound = [cost.lower, cost.point, cost.upper].iter().all(|value| value.is_finite() && *value > 0.0);
    (parts.any() && sound).then_some(cost)
}

/// The ratio of two costs that were measured apart: their relative uncertainties add in squares (of logarithms, so
/// that the interval stays above 0).
fn ratio(
    tested: &LoadTested<'_>,
    point: &Point,
    baseline: &LoadTested<'_>,
    reference: &Point,
) -> Option<Estimate> {
    let compared = tested.pricing.compared(&point.basis, baseline.pricing, &reference.basis);
    let compared = compared.ok().filter(|compared| !compared.at_least)?;
    let one = cost(tested, point, compared.own)?;
    let other = cost(baseline, reference, compared.reference)?;
    let spread = half_width(&one).hypot(half_width(&other)).exp();
    let ratio = one.point / other.point;
    Some(Estimate {
        point: ratio,
        lower: ratio / spread,
        upper: ratio * spread,
        n: one.n.min(other.n),
        ..one
    })
}

/// Half of an interval's width, in logarithms.
fn half_width(cost: &Estimate) -> f64 {
    (cost.upper / cost.lower).ln() / 2.0
}
