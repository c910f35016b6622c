//! What to deploy: the cheapest candidate that passes, if it is surely cheaper than the baseline.

use infercost_core::verdict::{Doubt, Grounds};
use infercost_core::{Estimate, Fact, Policy, Reason, Recommendation, VariantId, Verdict};

use infercost_stats::blocks;
use infercost_stats::quantile::quantile;

/// More prompts than this are no advice.
const MOST_PROMPTS: f64 = 1e5;

/// What a variant is to the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the others are compared with.
    Baseline,
    /// The baseline's second copy: shown, never recommended.
    NoiseFloor,
    /// May be recommended.
    Candidate,
}

/// A variant with all that a recommendation rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedVariant {
    /// The variant.
    pub variant: VariantId,
    /// Baseline, noise floor or candidate.
    pub part: Part,
    /// Good enough?
    pub verdict: Verdict,
    /// Prompts that would settle an inconclusive verdict, where that can be said.
    pub prompts_needed: Option<usize>,
    /// Share of the baseline's cost saved; `None` where costs cannot be compared.
    pub saving: Option<Estimate>,
    /// Why the saving is not known; `None` where it is.
    pub saving_unknown: Option<Reason>,
    /// The same again and again, so that two savings can be compared; may be empty.
    pub saving_replicates: SavingReplicates,
    /// Mean task score, 0 to 1.
    pub task_score: Option<f64>,
    /// Mean KL divergence from the baseline, in nats.
    pub kld: Option<f64>,
    /// Bytes of the weight files.
    pub file_size: Option<u64>,
}

/// A saving as it would be of other prompts and of other blocks, in an order shared by all variants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavingReplicates {
    /// In every resample of prompts.
    pub by_prompts: Vec<f64>,
    /// Without each block.
    pub without_block: Vec<f64>,
    /// Blocks that tell how windows differ: of two machines those of the one with fewer.
    pub blocks: usize,
    /// True where no prompt was asked in two blocks.
    pub is_nested: bool,
}

impl SavingReplicates {
    /// Lower bound of this saving less another, with one-sided error `tail`, around the observed difference;
    /// `None` where the two do not belong together.
    fn lead(&self, other: &Self, observed: f64, tail: f64) -> Option<f64> {
        let mut by_prompts = differences(&self.by_prompts, &other.by_prompts)?;
        by_prompts.sort_unstable_by(f64::total_cmp);
        let by_prompts = quantile(&by_prompts, tail)?.min(observed);

        let without_block = differences(&self.without_block, &other.without_block)?;
        let error = blocks::jackknife_error(&without_block)?;
        let fewest = without_block.len().min(self.blocks).min(other.blocks);
        let by_blocks = observed + blocks::deviate(tail, fewest) * error;
        let is_nested = self.is_nested && other.is_nested;
        Some(blocks::joined(observed, by_prompts, by_blocks, is_nested))
    }
}

/// Finite differences of replicates in the same order; `None` where they do not belong together.
fn differences(one: &[f64], other: &[f64]) -> Option<Vec<f64>> {
    if one.len() != other.len() {
        return None;
    }

    let all = one.iter().zip(other).map(|(one, other)| one - other);
    Some(all.filter(|difference| difference.is_finite()).collect())
}

/// Decides. A saving counts where its interval lies above 0 and above what the baseline seems to save on
/// itself: the interval holds the spread between prompts and between
/// blocks of the run, and the second copy shows what a machine does that is the same in all blocks.
///
/// Costs are a tie where the interval of the paired difference of their savings holds 0; a tie goes
/// to the higher task score, then the lower divergence, then the smaller file.
pub fn recommend(candidates: &[JudgedVariant], policy: &Policy) -> Recommendation {
    let noise = noise(candidates);
    let passing: Vec<(&JudgedVariant, Estimate)> = eligible(candidates)
        .filter(|(one, saving)| one.verdict == Verdict::Pass && saving.lower > noise)
        .collect();
    let cheapest = passing.iter().max_by(|one, other| one.1.point.total_cmp(&other.1.point));
    let Some(cheapest) = cheapest else { return without_winner(candidates) };
    let tied: Vec<&(&JudgedVariant, Estimate)> =
        passing.iter().filter(|other| is_tie(cheapest, other, policy.confidence)).collect();
    let winner = tied.iter().copied().max_by(|one, other| quality(one.0, other.0)).unwrap_or(cheapest);
    let (variant, saving) = winner;

    let is_other = variant.variant != cheapest.0.variant;
    let grounds = Grounds::Cheaper {
        variant: variant.variant.variant_name().to_owned(),
        saving: *saving,
        tie: is_other.then(|| cheapest.0.variant.variant_name().to_owned()),
    };
    Recommendation::Switch {
        variant: variant.variant.clone(),
        operating_point: None,
        saving: *saving,
        why: grounds.to_string(),
    }
}

/// An inconclusive candidate that might beat the one recommended; `None` where none might.
pub fn open_question(candidates: &[JudgedVariant], recommendation: &Recommendation) -> Option<Fact> {
    let Recommendation::Switch { saving: winner, .. } = recommendation else { return None };
    let (rival, saving) =
        undecided(candidates).filter(|(_, saving)| saving.upper > winner.point).max_by(by_saving)?;
    Some(Fact::OpenQuestion {
        variant: rival.variant.variant_name().to_owned(),
        saving,
        prompts_needed: rival.prompts_needed.map(|prompts| prompts as u64),
    })
}

impl JudgedVariant {
    /// Its saving; the least of all where nobody knows it.
    fn promise(&self) -> f64 {
        self.saving.map_or(f64::NEG_INFINITY, |saving| saving.point)
    }
}

/// Cost difference between the baseline and its second copy; 0 where there is none.
fn noise(candidates: &[JudgedVariant]) -> f64 {
    let copies = candidates.iter().filter(|one| one.part == Part::NoiseFloor).filter_map(|one| one.saving);
    copies.map(|saving| saving.point.abs()).fold(0.0, f64::max)
}

fn eligible(candidates: &[JudgedVariant]) -> impl Iterator<Item = (&JudgedVariant, Estimate)> {
    candidates.iter().filter(|one| one.part == Part::Candidate).filter_map(|one| Some((one, one.saving?)))
}

fn undecided(candidates: &[JudgedVariant]) -> impl Iterator<Item = (&JudgedVariant, Estimate)> {
    eligible(candidates).filter(|(one, _)| one.verdict == Verdict::Inconclusive)
}

fn by_saving(one: &(&JudgedVariant, Estimate), other: &(&JudgedVariant, Estimate)) -> std::cmp::Ordering {
    one.1.point.total_cmp(&other.1.point)
}

/// The answer where no candidate is shown to be both good enough and cheaper. The baseline stays only where that is known:
/// every candidate is either not good enough or costs more, the whole interval of it.
fn without_winner(candidates: &[JudgedVariant]) -> Recommendation {
    let rivals: Vec<&JudgedVariant> = candidates.iter().filter(|one| one.part == Part::Candidate).collect();
    let good_enough: Vec<&JudgedVariant> =
        rivals.iter().copied().filter(|one| one.verdict != Verdict::Fail).collect();

    // The most promising first: one whose saving is likely large, then one whose saving nobody knows.
    let open = good_enough
        .iter()
        .filter(|one| one.saving.is_none_or(|saving| saving.upper >= 0.0))
        .max_by(|one, other| one.promise().total_cmp(&other.promise()).then(by_verdict(one, other)));

    if let Some(open) = open {
        return Recommendation::MeasureMore {
            variant: open.variant.clone(),
            prompts_needed: prompts_to_settle(open),
            why: why_inconclusive(open, noise(candidates)).to_string(),
        };
    }

    let baseline = candidates.iter().find(|one| one.part == Part::Baseline);
    let variant = baseline.map_or_else(|| VariantId::from(String::new()), |one| one.variant.clone());
    let grounds = if rivals.is_empty() {
        Grounds::NoOtherVariant
    } else if good_enough.is_empty() {
        Grounds::NoneGoodEnough
    } else {
        why_costlier(&good_enough)
    };

    Recommendation::KeepBaseline { variant, operating_point: None, why: grounds.to_string() }
}

/// A pass is nearer to an answer than an open verdict.
fn by_verdict(one: &JudgedVariant, other: &JudgedVariant) -> std::cmp::Ordering {
    (one.verdict == Verdict::Pass).cmp(&(other.verdict == Verdict::Pass))
}

/// Prompts that would settle both the verdict and the sign of the saving; `None` where either cannot be said.
fn prompts_to_settle(open: &JudgedVariant) -> Option<usize> {
    let for_verdict = match open.verdict {
        Verdict::Inconclusive => Some(open.prompts_needed?),
        Verdict::Pass | Verdict::Fail => None,
    };

    let for_saving = match open.saving {
        Some(saving) if saving.lower <= 0.0 => Some(prompts_for_sign(&saving)?),
        _ => None,
    };
    for_verdict.max(for_saving)
}

/// Prompts at which the interval of a saving of this size would leave zero, its width falling with their root; `None`
/// where no sensible number does.
fn prompts_for_sign(saving: &Estimate) -> Option<usize> {
    let distance = if saving.point > 0.0 { saving.point - saving.lower } else { saving.upper - saving.point };
    let needed = saving.n as f64 * (distance / saving.point).powi(2);
    (needed.is_finite() && needed <= MOST_PROMPTS).then(|| (needed.ceil() as usize).max(saving.n + 1))
}

/// Why the question is open, and what would close it.
fn why_inconclusive(open: &JudgedVariant, noise: f64) -> Grounds {
    let doubt = match (open.saving, open.verdict) {
        (None, _) => Doubt::SavingUnknown(open.saving_unknown.clone()),
        (Some(saving), Verdict::Pass) if saving.lower > 0.0 => Doubt::WithinNoise { saving, noise },
        (Some(saving), Verdict::Pass) => Doubt::Saving(saving),
        (Some(saving), _) if saving.lower > 0.0 => Doubt::Quality(saving),
        (Some(saving), _) => Doubt::Both(saving),
    };

    let variant = open.variant.variant_name().to_owned();
    Grounds::Open { variant, doubt, prompts_needed: prompts_to_settle(open) }
}

/// That all that are good enough, or may be, cost more.
fn why_costlier(good_enough: &[&JudgedVariant]) -> Grounds {
    let priced = good_enough.iter().filter_map(|one| Some((one, one.saving?)));
    match priced.max_by(|one, other| one.1.point.total_cmp(&other.1.point)) {
        None => Grounds::NoneCheaper,
        Some((cheapest, saving)) => {
            Grounds::AllCostlier { cheapest: cheapest.variant.variant_name().to_owned(), saving }
        }
    }
}

/// True where the difference of savings is not told from 0.
fn is_tie(
    cheapest: &(&JudgedVariant, Estimate),
    other: &(&JudgedVariant, Estimate),
    confidence: f64,
) -> bool {
    if cheapest.0.variant == other.0.variant {
        return true;
    }
    let observed = cheapest.1.point - other.1.point;
    let tail = (1.0 - confidence) / 2.0;
    match cheapest.0.saving_replicates.lead(&other.0.saving_replicates, observed, tail) {
        Some(lead) => lead <= 0.0,
        None => cheapest.1.overlaps(&other.1),
    }
}

/// Greater is better; what is unknown is worse than what is known.
pub(crate) fn quality(one: &JudgedVariant, other: &JudgedVariant) -> std::cmp::Ordering {
    let [score, other_score] = [one, other].map(|one| one.task_score.unwrap_or(f64::NEG_INFINITY));
    let [kld, other_kld] = [one, other].map(|one| one.kld.unwrap_or(f64::INFINITY));
    let [size, other_size] = [one, other].map(|one| one.file_size.unwrap_or(u64::MAX));

    score.total_cmp(&other_score).then(other_kld.total_cmp(&kld)).then(other_size.cmp(&size))
}
