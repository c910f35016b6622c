//! What must be known with the numbers, most important first.

mod claims;
mod hosted;
mod servers;
mod thinking;

use infercost_core::Judgment;
use infercost_core::finding::{LimitedMargin, StoppedVariant, VariantShare, Weighting};
use infercost_core::manifest::Provenance;
use infercost_core::price::{PriceBook, UtilizationBasis};
use infercost_core::report::{CandidateReport, EnergyTotals, HostedReport, InterferenceReport, PromptCount};
use infercost_core::run::VariantHeader;
use infercost_core::{
    EconomicsFact, EnergyReading, EnergySource, Evaluation, Fact, Finding, Reason, RunRecord, Severity,
    WindowRecord,
};

use crate::analysis::{self, Analysis};
use crate::board_notes;
use crate::energy_totals;
use crate::interference;
use crate::judgement::Margin;
use crate::machines::Machines;
use crate::sample::VariantSample;
use crate::sequential::Progress;
use infercost_stats::power;

/// Days after which a price is old.
const OLD_PRICE: i32 = 90;

/// A metered window should hold this many updates of the meter.
const FEWEST_UPDATES: u32 = 10;

/// What findings are drawn from.
pub(crate) struct Noted<'a> {
    pub(crate) analysis: &'a Analysis<'a>,
    pub(crate) machines: &'a Machines,
    /// The prices of each machine.
    pub(crate) books: &'a [PriceBook],
    /// Variants whose answers on other machines count for their quality.
    pub(crate) pooled: Vec<String>,
    pub(crate) energy: Option<&'a EnergyTotals>,
    pub(crate) prompts: &'a PromptCount,
    pub(crate) candidates: &'a [CandidateReport],
    pub(crate) hosted: &'a [HostedReport],
    /// Share of the baseline's cost that the recommendation saves.
    pub(crate) recommended: f64,
    pub(crate) margin: &'a Margin,
    pub(crate) graded: usize,
    pub(crate) common_parts: Vec<Fact>,
    pub(crate) saving_basis: Option<Fact>,
    /// True where there was a load test, too.
    pub(crate) is_loaded: bool,
    pub(crate) load_facts: Vec<Fact>,
    pub(crate) open_question: Option<Fact>,
    pub(crate) interference: Option<&'a InterferenceReport>,
}

/// All findings that apply, in the order in which their sentences are read.
pub(crate) fn findings(noted: &Noted<'_>) -> Vec<Finding> {
    use Severity::{Info, Limitation, Warning};

    let mut all = Findings::default();
    let disturbed = noted.interference.filter(|found| found.disturbed > 0);
    let (busy, fix) = match disturbed {
        Some(found) if found.left > 0 => (Warning, Some("measure again on a quiet machine")),
        _ => (Info, None),
    };
    all.add(busy, fix, disturbed.map(interference::busy));
    all.add(Info, None, disturbed.map(interference::which));
    all.add(Warning, Some("put yours into infercost.toml"), assumed_prices(noted));
    all.add(Warning, Some("[load] or utilization in infercost.toml"), assumed_utilization(noted));
    all.add(Warning, Some("leave one out"), contradicted_utilization(noted));
    all.add(Limitation, None, expansion(noted));
    all.add(Warning, Some("infercost doctor"), unavailable_energy(noted));
    all.add(Warning, Some("infercost doctor"), estimated_energy(noted));
    all.add(Warning, Some("infercost prices fetch"), old_prices(noted));
    all.add(Limitation, None, margin(noted));
    all.add(Limitation, Some("--max-prompts"), detectable(noted));
    all.add(Info, None, divergence_is_free(noted));
    all.add(Info, None, choices_by_text(noted));
    all.add(Limitation, None, gaps_in_energy(noted));
    all.add(Limitation, None, short_windows(noted));
    all.add(Limitation, None, energy_totals::drifted(noted.energy));
    all.add(Warning, None, board_notes::facts(noted.analysis.runs));
    all.add(Info, None, wall_factors(noted));
    let cut_off = cut_off(noted);
    let resume = cut_off.as_ref().and_then(Fact::resume_command);
    let weight = if resume.is_some() { Warning } else { Limitation };
    all.add(weight, resume.as_deref(), cut_off);
    all.add(Info, Some("--exhaustive"), stopped_early(noted));
    all.add(Info, None, part_of_set(noted));
    all.add(Limitation, None, costlier(noted));
    all.add(Limitation, None, noise_floor(noted));
    all.add(Limitation, None, noted.common_parts.iter().cloned());
    all.add(Info, None, hosted::paid_by_tokens(noted));
    for by_price in noted.hosted {
        let weight = hosted::weight(noted, by_price);
        all.add(weight, Some(hosted::MEASURE), Some(hosted::by_price_alone(by_price)));
    }
    all.add(Info, None, noted.saving_basis.clone());
    all.add(Warning, None, noted.open_question.clone());
    all.add(Warning, None, failures(noted));
    all.add(Limitation, None, servers::facts(noted));
    all.add(Limitation, Some("max_tokens"), thinking::facts(noted));
    all.add(Info, None, attribution(noted));
    all.add(Info, None, several_machines(noted));
    all.add(Warning, Some("[[machines]] in infercost.toml, or --market"), unpriced_machines(noted));
    all.add(Limitation, None, noted.load_facts.iter().cloned());
    all.0
}

/// Findings in the order in which they were added.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, fix: Option<&str>, facts: impl IntoIterator<Item = Fact>) {
        for fact in facts {
            self.0.push(Finding { severity, fact, fix: fix.map(str::to_owned) });
        }
    }
}

/// Short names of variants, as findings call them.
fn names<'c>(candidates: impl IntoIterator<Item = &'c CandidateReport>) -> Vec<String> {
    candidates.into_iter().map(name).collect()
}

fn name(candidate: &CandidateReport) -> String {
    candidate.variant.variant_name().to_owned()
}

/// The windows of all runs.
fn windows<'a>(noted: &'a Noted<'_>) -> impl Iterator<Item = &'a WindowRecord> {
    noted.analysis.runs.iter().flat_map(|run| &run.windows)
}

/// The candidates proper: neither the baseline nor its second copy.
fn rivals<'a>(noted: &'a Noted<'_>) -> impl Iterator<Item = &'a CandidateReport> {
    noted.candidates.iter().skip(1).filter(|candidate| !candidate.noise_floor)
}

/// Why a variant has no energy, in the meter's own words.
pub(crate) fn no_energy(variant: &VariantSample<'_>) -> Reason {
    let stated = variant.windows.iter().find_map(|window| match &window.energy {
        EnergyReading::Unavailable { reason } => Some(Reason::NoMeter { why: reason.clone() }),
        _ => None,
    });
    stated.unwrap_or(Reason::NoWholeWindow)
}

/// True where a machine is paid, and not tokens alone.
fn pays_machines(noted: &Noted<'_>) -> bool {
    noted.candidates.iter().any(|candidate| candidate.token_price.is_none())
}

fn assumed_prices(noted: &Noted<'_>) -> Option<Fact> {
    let assumed = noted.books.iter().find(|book| book.assumed).filter(|_| pays_machines(noted))?;
    Some(Fact::PricesAssumed { book: assumed.name.clone() })
}

fn assumed_utilization(noted: &Noted<'_>) -> Option<Fact> {
    let mut own = noted.books.iter().filter(|book| !book.assumed);
    let assumed = own.find(|book| book.utilization_basis == UtilizationBasis::Assumed);
    let assumed = assumed.filter(|_| pays_machines(noted))?;
    Some(Fact::UtilizationAssumed { utilization: assumed.utilization })
}

/// What a load says of the hours counts, and a utilization that says otherwise is a mistake in one of them.
fn contradicted_utilization(noted: &Noted<'_>) -> Option<Fact> {
    if !pays_machines(noted) {
        return None;
    }

    for book in noted.books {
        if let Some(stated) = book.contradicted_utilization() {
            let follows = book.utilization;
            return Some(EconomicsFact::UtilizationContradictsLoad { stated, follows }.into());
        }
    }
    None
}

fn expansion(noted: &Noted<'_>) -> Option<Fact> {
    let baseline = noted.candidates.first()?;
    Some(Fact::BaselineExpanded {
        variant: name(baseline),
        from: baseline.provenance.expanded_from()?.to_owned(),
        requantized: matches!(baseline.provenance, Provenance::Quantized { .. }),
    })
}

fn unavailable_energy(noted: &Noted<'_>) -> Option<Fact> {
    // What is paid by its tokens needs no meter.
    let on_machines = noted.candidates.iter().filter(|candidate| candidate.token_price.is_none());
    let on_machines: Vec<&CandidateReport> = on_machines.collect();
    let without: Vec<&CandidateReport> = on_machines
        .iter()
        .copied()
        .filter(|candidate| candidate.energy.source == EnergySource::Unavailable)
        .collect();

    let reason = without.first()?.unknown.sentence("energy")?;
    let is_all = without.len() == on_machines.len();
    Some(Fact::EnergyUnavailable { variants: if is_all { Vec::new() } else { names(without) }, reason })
}

fn estimated_energy(noted: &Noted<'_>) -> Option<Fact> {
    let mut first = None;
    let (mut estimated, mut known) = (0, 0);
    for window in windows(noted) {
        known += u64::from(window.energy.joules().is_some());
        if let EnergyReading::Estimated { method, .. } = &window.energy {
            estimated += 1;
            first = first.or(Some(method));
        }
    }

    Some(Fact::EnergyEstimated { estimated, windows: known, method: first?.clone() })
}

/// The run's own date is the clock, so that a report of old traces stays the same.
fn old_prices(noted: &Noted<'_>) -> Vec<Fact> {
    let Some(run) = noted.analysis.runs.first() else { return Vec::new() };
    let today = run.header.started_at.to_zoned(jiff::tz::TimeZone::UTC).date();

    let mut old = hosted::old_prices(noted, today);
    for price in noted.books.iter().flat_map(PriceBook::prices_that_age) {
        let days = price.date.until(today).map_or(0, |span| span.get_days());
        if days > OLD_PRICE {
            let fact = Fact::PriceOld {
                price: price.name.clone(),
                days,
                date: price.date,
                source: price.source.clone(),
            };
            if !old.contains(&fact) {
                old.push(fact);
            }
        }
    }
    old
}

fn margin(noted: &Noted<'_>) -> Option<Fact> {
    if noted.graded == 0 {
        return Some(Fact::NothingGraded);
    }

    let Margin { value, automatic, .. } = *noted.margin;
    let several = rivals(noted).count() > 1;
    if !automatic || value <= power::FULL_MARGIN {
        return Some(Fact::Margin { margin: value, several, limited: None });
    }

    // So few prompts cannot rule out the usual margin.
    let needed = power::prompts_for_margin(power::FULL_MARGIN, noted.analysis.policy.confidence)?;
    let limited = LimitedMargin {
        graded: noted.graded as u64,
        discordance: power::PLANNED_DISCORDANCE,
        usual: power::FULL_MARGIN,
        needed: needed as u64,
    };
    Some(Fact::Margin { margin: value, several, limited: Some(limited) })
}

/// What the comparison could have found, from the answers that changed.
fn detectable(noted: &Noted<'_>) -> Option<Fact> {
    let mut losses = Vec::new();
    for candidate in noted.candidates.iter().skip(1) {
        if let Some(share) = candidate.quality.minimum_detectable_loss {
            losses.push(VariantShare { variant: name(candidate), share });
        }
    }
    (!losses.is_empty()).then_some(Fact::DetectableLoss { losses })
}

/// What a run with servers is judged by: they show little of their distributions.
fn divergence_is_free(noted: &Noted<'_>) -> Option<Fact> {
    let served =
        noted.analysis.runs.iter().flat_map(|run| &run.header.variants).any(VariantHeader::is_served);
    let policy = noted.analysis.policy;
    let free = policy.max_kld.is_none() && policy.min_top1.is_none();
    (served && free && noted.candidates.len() > 1).then_some(Fact::DivergenceNotLimited)
}

/// Likelihoods and words judge the same question differently.
fn choices_by_text(noted: &Noted<'_>) -> Option<Fact> {
    let variants = names(noted.candidates.iter().filter(|one| is_judged_by_text(noted.analysis.runs, one)));
    (!variants.is_empty()).then_some(Fact::ChoicesByText { variants })
}

/// True where a multiple choice of the candidate's was judged without likelihoods.
fn is_judged_by_text(runs: &[RunRecord], candidate: &CandidateReport) -> bool {
    let evaluations = runs.iter().flat_map(|run| &run.evaluations);
    evaluations.filter(|one| one.variant == candidate.variant).any(|one| match &one.result {
        Evaluation::Task(task) => {
            task.grader.is_choice() && task.choices.is_none() && task.judgment != Judgment::Failed
        }
        _ => false,
    })
}

fn gaps_in_energy(noted: &Noted<'_>) -> Option<Fact> {
    let (mut all, mut without) = (0, 0);
    for window in windows(noted).filter(|window| !window.interrupted) {
        all += 1;
        without += u64::from(window.energy.joules().is_none());
    }
    (without > 0 && without < all).then_some(Fact::EnergyGaps { without, windows: all })
}

/// What each machine's energy at the wall follows from.
fn wall_factors(noted: &Noted<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    for machine in noted.machines.all() {
        let runs = || machine.runs.iter().filter_map(|run| noted.analysis.runs.get(*run));

        let fact = match analysis::shared_wall_factor(runs()) {
            Some(wall) => Fact::AtTheWall(wall.clone()),
            None if runs().any(|run| run.header.machine.wall_factor.is_some()) => Fact::NoSharedWallFactor,
            None => continue,
        };
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts
}

/// A counter is off by up to one update at each edge of a window.
fn short_windows(noted: &Noted<'_>) -> Option<Fact> {
    let mut metered = 0;
    let mut short = Vec::new();
    for window in windows(noted) {
        if let (EnergyReading::Measured { updates, .. }, false) = (&window.energy, window.interrupted) {
            metered += 1;
            short.extend((*updates < FEWEST_UPDATES).then_some(*updates));
        }
    }

    let fewest = short.iter().copied().min()?;
    Some(Fact::ShortWindows { short: short.len() as u64, metered, wanted: FEWEST_UPDATES, fewest })
}

/// A run may be cut off between two windows, and then no window tells of it.
fn cut_off(noted: &Noted<'_>) -> Option<Fact> {
    let unfinished = noted.analysis.runs.iter().filter(|run| run.finished_at.is_none());
    let runs: Vec<String> = unfinished.map(|run| run.header.id.to_string()).collect();
    let windows = windows(noted).filter(|window| window.interrupted).count() as u64;
    (windows > 0 || !runs.is_empty()).then_some(Fact::CutOff { windows, runs })
}

/// Candidates that did not go on, and how many prompts each saw. Only where the run came to its end: before
/// that, what is missing may still come.
fn stopped_early(noted: &Noted<'_>) -> Option<Fact> {
    let (_, progress) = stops(noted).next()?;

    let mut stopped = Vec::new();
    for (candidate, progress) in stops(noted) {
        stopped.push(StoppedVariant { variant: name(candidate), after: progress.seen as u64 });
    }
    Some(Fact::StoppedEarly { planned: progress.planned as u64, stopped })
}

fn stops<'n>(noted: &'n Noted<'_>) -> impl Iterator<Item = (&'n CandidateReport, Progress)> {
    let run = match noted.analysis.runs {
        [run] if run.finished_at.is_some() => Some(run),
        _ => None,
    };
    let rivals =
        rivals(noted).filter_map(move |candidate| Some((candidate, Progress::of(run?, &candidate.variant)?)));
    rivals.filter(|(_, progress)| progress.seen < progress.planned)
}

fn part_of_set(noted: &Noted<'_>) -> Option<Fact> {
    let PromptCount { ref set, total, chosen, complete } = *noted.prompts;
    let (set, is_part) = (set.clone(), chosen < total);

    if stops(noted).next().is_some() {
        is_part.then_some(Fact::PartPlanned { chosen, total, set })
    } else if complete < chosen {
        Some(Fact::PartAnswered { complete, chosen, total, set })
    } else {
        is_part.then_some(Fact::PartRun { chosen, total, set })
    }
}

/// A quantized model that costs more must be reported as such.
fn costlier(noted: &Noted<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    for candidate in rivals(noted) {
        if let Some(saving) = candidate.saving.filter(|saving| saving.upper < 0.0) {
            facts.push(Fact::Costlier {
                variant: name(candidate),
                share: -saving.point,
                bandwidth_share: candidate.bandwidth_share,
            });
        }
    }
    facts
}

fn noise_floor(noted: &Noted<'_>) -> Option<Fact> {
    let copy = noted.candidates.iter().find(|candidate| candidate.noise_floor)?;
    Some(Fact::NoiseFloor { saving: copy.saving? })
}

fn failures(noted: &Noted<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    for candidate in noted.candidates.iter().filter(|candidate| candidate.failures > 0) {
        facts.push(Fact::Failures {
            variant: name(candidate),
            failures: candidate.failures,
            inferences: candidate.inferences,
            kinds: candidate.failure_kinds.clone(),
        });
    }
    facts
}

fn attribution(noted: &Noted<'_>) -> Option<Fact> {
    let (mut metered, mut weighted) = (0, 0);
    for candidate in noted.candidates.iter().filter(|candidate| candidate.energy.gross_j.is_some()) {
        metered += 1;
        weighted += u64::from(candidate.energy.prefill_share.is_some());
    }

    let weighting = match weighted {
        all if all == metered => Weighting::Everywhere,
        0 => Weighting::Nowhere,
        _ => Weighting::InPart,
    };
    (metered > 0).then_some(Fact::Attribution { weighting })
}

fn several_machines(noted: &Noted<'_>) -> Option<Fact> {
    let machines = noted.machines.all().iter().map(|machine| machine.name.clone()).collect();
    let pooled = noted.pooled.clone();
    noted.machines.are_several().then_some(Fact::SeveralMachines { machines, pooled })
}

/// Machines without a price of their hardware, of several.
fn unpriced_machines(noted: &Noted<'_>) -> Option<Fact> {
    if !noted.machines.are_several() {
        return None;
    }

    let mut unpriced = Vec::new();
    for (machine, book) in noted.machines.all().iter().zip(noted.books) {
        if book.hardware.is_none() {
            unpriced.push(machine.name.clone());
        }
    }
    (!unpriced.is_empty()).then_some(Fact::MachinesUnpriced { machines: unpriced })
}
