//! What must be read with the numbers, most important first.

mod claims;
mod servers;
mod thinking;

use infercost_core::Judgment;
use infercost_core::manifest::Provenance;
use infercost_core::price::UtilizationBasis;
use infercost_core::report::{CandidateReport, EnergyTotals, InterferenceReport, PromptCount};
use infercost_core::run::VariantHeader;
use infercost_core::{
    EnergyReading, EnergySource, EstimationMethod, Evaluation, Finding, FindingCode, Reason, Severity,
};

use crate::analysis::{self, Analysis};
use crate::board_notes;
use crate::energy_totals;
use crate::interference;
use crate::judgement::Margin;
use crate::sample::VariantSample;
use crate::sequential::Progress;
use infercost_core::text::{count, percent, percents, printable};
use infercost_stats::power;

/// Days after which a price is old.
const OLD_PRICE: i32 = 90;

/// A metered window should hold this many updates of the meter.
const FEWEST_UPDATES: u32 = 10;

/// What notes are drawn from.
pub(crate) struct Noted<'a> {
    pub(crate) analysis: &'a Analysis<'a>,
    pub(crate) energy: Option<&'a EnergyTotals>,
    pub(crate) prompts: &'a PromptCount,
    pub(crate) candidates: &'a [CandidateReport],
    pub(crate) margin: &'a Margin,
    pub(crate) graded: usize,
    pub(crate) common_parts: Vec<String>,
    /// True where there was a load test, too.
    pub(crate) is_loaded: bool,
    pub(crate) load_notes: Vec<String>,
    pub(crate) open_question: Option<String>,
    pub(crate) interference: Option<&'a InterferenceReport>,
}

/// All findings that apply, in the order in which their sentences are read.
pub(crate) fn findings(noted: &Noted<'_>) -> Vec<Finding> {
    use FindingCode as Code;
    use Severity::{Info, Limitation, Warning};

    let mut all = Findings::default();
    let interference = noted.interference;
    let (busy, fix) = match interference {
        Some(found) if found.left > 0 => (Warning, Some("measure again on a quiet machine")),
        _ => (Info, None),
    };
    all.add(Code::MachineBusy, busy, fix, interference.and_then(interference::sentence));
    all.add(Code::MachineBusy, Info, None, interference.and_then(interference::listed));
    all.add(Code::PricesAssumed, Warning, Some("put yours into infercost.toml"), assumed_prices(noted));
    all.add(
        Code::UtilizationAssumed,
        Warning,
        Some("[load] or utilization in infercost.toml"),
        assumed_utilization(noted),
    );
    all.add(Code::BaselineExpanded, Limitation, None, expansion(noted));
    all.add(Code::EnergyUnavailable, Warning, Some("infercost doctor"), unavailable_energy(noted));
    all.add(Code::EnergyEstimated, Warning, Some("infercost doctor"), estimated_energy(noted));
    all.add(Code::PricesOld, Warning, Some("infercost prices fetch"), old_prices(noted));
    all.add(Code::Margin, Limitation, None, margin(noted));
    all.add(Code::DetectableLoss, Limitation, Some("--max-prompts"), detectable(noted));
    all.add(Code::QualityBasis, Info, None, divergence_is_free(noted));
    all.add(Code::QualityBasis, Info, None, choices_by_text(noted));
    all.add(Code::EnergyGaps, Limitation, None, gaps_in_energy(noted));
    all.add(Code::EnergyGaps, Limitation, None, short_windows(noted));
    all.add(Code::IdleDrift, Limitation, None, energy_totals::drifted(noted.energy));
    all.add(Code::Board, Warning, None, board_notes::notes(noted.analysis.runs));
    all.add(Code::WallFactor, Info, None, wall_factor(noted));
    all.add(Code::Interrupted, Warning, Some("infercost compare --resume"), interrupted(noted));
    all.add(Code::StoppedEarly, Info, Some("--exhaustive"), stopped_early(noted));
    all.add(Code::PartOfSet, Info, None, part_of_set(noted));
    all.add(Code::Costlier, Limitation, None, costlier(noted));
    all.add(Code::NoiseFloor, Limitation, None, noise_floor(noted));
    all.add(Code::CommonParts, Limitation, None, noted.common_parts.iter().cloned());
    all.add(Code::OpenQuestion, Warning, None, noted.open_question.clone());
    all.add(Code::Failures, Warning, None, failures(noted));
    all.add(Code::Server, Limitation, None, servers::notes(noted));
    all.add(Code::Thinking, Limitation, Some("max_tokens"), thinking::notes(noted));
    all.add(Code::Attribution, Info, None, attribution(noted));
    all.add(Code::SeveralMachines, Warning, None, several_machines(noted));
    all.add(Code::LoadTest, Limitation, None, noted.load_notes.iter().cloned());
    all.0
}

/// Findings in the order in which they were added.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        code: FindingCode,
        severity: Severity,
        fix: Option<&str>,
        messages: impl IntoIterator<Item = String>,
    ) {
        for message in messages {
            let fix = fix.map(str::to_owned);
            self.0.push(Finding { code, severity, subject: None, message, fix });
        }
    }
}

/// Why a variant has no energy, in the meter's own words.
pub(crate) fn no_energy(variant: &VariantSample<'_>) -> Reason {
    let stated = variant.windows.iter().find_map(|window| match &window.energy {
        EnergyReading::Unavailable { reason } => Some(Reason::NoMeter { why: reason.clone() }),
        _ => None,
    });
    stated.unwrap_or_else(|| Reason::stated("no complete window was recorded"))
}

fn assumed_prices(noted: &Noted<'_>) -> Option<String> {
    let book = noted.analysis.prices;
    book.assumed.then(|| {
        format!(
            "Prices are assumed: the shipped example \"{}\", not yours; put your own into infercost.toml.",
            printable(&book.name)
        )
    })
}

fn assumed_utilization(noted: &Noted<'_>) -> Option<String> {
    let book = noted.analysis.prices;
    let is_assumed = !book.assumed && book.utilization_basis == UtilizationBasis::Assumed;
    is_assumed.then(|| {
        format!(
            "Utilization of {} is assumed; give `utilization` in [prices], or requests_per_hour and capacity_per_hour in [load].",
            percent(book.utilization)
        )
    })
}

fn expansion(noted: &Noted<'_>) -> Option<String> {
    let baseline = noted.candidates.first()?;
    let from = printable(baseline.provenance.expanded_from()?);
    let name = baseline.variant.variant_name();
    Some(match baseline.provenance {
        Provenance::Quantized { .. } => format!(
            "The baseline {name} was quantized from the expansion of a published {from} file: its quality is \
             that file's at best."
        ),
        _ => format!(
            "The baseline {name} is an expansion of a published {from} file, not the original full precision: \
             its quality is that file's."
        ),
    })
}

fn unavailable_energy(noted: &Noted<'_>) -> Option<String> {
    let without: Vec<&CandidateReport> = noted
        .candidates
        .iter()
        .filter(|candidate| candidate.energy.source == EnergySource::Unavailable)
        .collect();
    let reason = without.first()?.unknown.sentence("energy")?;
    let whom = if without.len() == noted.candidates.len() {
        String::new()
    } else {
        let names: Vec<&str> = without.iter().map(|candidate| candidate.variant.variant_name()).collect();
        format!(" for {}", names.join(", "))
    };
    Some(format!("Energy is unavailable{whom}: {reason}. The cost leaves it out."))
}

/// An estimate is called one, with the assumption that it rests on.
fn estimated_energy(noted: &Noted<'_>) -> Option<String> {
    let windows = || noted.analysis.runs.iter().flat_map(|run| &run.windows);
    let known = windows().filter(|window| window.energy.joules().is_some()).count();
    let guessed = windows().filter(|window| matches!(window.energy, EnergyReading::Estimated { .. })).count();
    let how = windows().find_map(|window| match &window.energy {
        EnergyReading::Estimated { method, .. } => Some(match method {
            EstimationMethod::GivenWatts { watts } => format!("{} W as given, × time", watts.get()),
            EstimationMethod::CpuTdp { model, tdp, source } => format!(
                "thermal design power of {} W of {} ({}) × CPU time used",
                tdp.get(),
                printable(model),
                printable(source)
            ),
            EstimationMethod::Mixed { parts } => printable(parts).into_owned(),
        }),
        _ => None,
    })?;
    let part = if guessed < known { format!(" in {guessed} of {known} windows") } else { String::new() };
    Some(format!(
        "Energy is estimated, not measured{part}: {how}. Costs hold the estimate; savings and the recommendation \
         leave energy out."
    ))
}

/// The run's own date is the clock, so that a report of old traces stays the same.
fn old_prices(noted: &Noted<'_>) -> Vec<String> {
    let Some(run) = noted.analysis.runs.first() else { return Vec::new() };
    let today = run.header.started_at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let age =
        |price: &infercost_core::price::Price| price.date.until(today).map_or(0, |span| span.get_days());
    let old = noted.analysis.prices.prices_that_age().filter(|price| age(price) > OLD_PRICE);
    old.map(|price| {
        format!(
            "The price of {} was {} days old when the run began ({}, {}).",
            printable(&price.name),
            age(price),
            price.date,
            printable(&price.source)
        )
    })
    .collect()
}

fn margin(noted: &Noted<'_>) -> Option<String> {
    if noted.graded == 0 {
        return Some("No prompt was graded: the verdicts say nothing about right and wrong answers.".into());
    }
    let Margin { value, automatic, .. } = *noted.margin;
    let rivals = noted.candidates.iter().skip(1).filter(|candidate| !candidate.noise_floor).count();
    let (alone, holm) = if rivals > 1 {
        (" for a candidate by itself", " Claims for several candidates are corrected together (Holm).")
    } else {
        ("", "")
    };
    let confidence = noted.analysis.policy.confidence;
    if !automatic || value <= power::FULL_MARGIN {
        return Some(format!("A loss of task score of up to {} is tolerated.{holm}", percent(value)));
    }
    let needed = power::prompts_for_margin(power::FULL_MARGIN, confidence)?;
    Some(format!(
        "A loss of task score of up to {} is tolerated: the smallest that {} can rule out (80 % power{alone}, {} \
         of answers changing); {} would need {needed} prompts.{holm}",
        percent(value),
        count(noted.graded as u64, "graded prompt"),
        percent(power::PLANNED_DISCORDANCE),
        percent(power::FULL_MARGIN)
    ))
}

/// What the comparison could have found, from the answers that changed.
fn detectable(noted: &Noted<'_>) -> Option<String> {
    let losses: Vec<String> = noted
        .candidates
        .iter()
        .skip(1)
        .filter_map(|candidate| {
            let loss = candidate.quality.minimum_detectable_loss?;
            Some(format!("{} {}", candidate.variant.variant_name(), percent(loss)))
        })
        .collect();
    (!losses.is_empty()).then(|| {
        format!(
            "Smallest loss of task score that would be found with 80 % power, by the answers that did change: {}.",
            losses.join(", ")
        )
    })
}

/// What a run with servers is judged by: they show little of their distributions.
fn divergence_is_free(noted: &Noted<'_>) -> Option<String> {
    let served =
        noted.analysis.runs.iter().flat_map(|run| &run.header.variants).any(VariantHeader::is_served);
    let policy = noted.analysis.policy;
    let free = policy.max_kld.is_none() && policy.min_top1.is_none();
    (served && free && noted.candidates.len() > 1).then(|| {
        "Divergence is not limited, since servers show little of it: answers alone decide. --max-kld and --min-top1 \
         set limits."
            .to_owned()
    })
}

/// Likelihoods and words judge the same question differently.
fn choices_by_text(noted: &Noted<'_>) -> Option<String> {
    let by_text = |candidate: &&CandidateReport| {
        let evaluations = noted.analysis.runs.iter().flat_map(|run| &run.evaluations);
        evaluations.filter(|one| one.variant == candidate.variant).any(|one| match &one.result {
            Evaluation::Task(task) => {
                task.grader.is_choice() && task.choices.is_none() && task.label != Judgment::Failed.label()
            }
            _ => false,
        })
    };
    let names: Vec<&str> =
        noted.candidates.iter().filter(by_text).map(|candidate| candidate.variant.variant_name()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Multiple choice is judged by the words of the answer for {}, which gives no likelihoods; elsewhere by \
             likelihood. The two are not the same question.",
            names.join(", ")
        )
    })
}

fn gaps_in_energy(noted: &Noted<'_>) -> Option<String> {
    let windows =
        || noted.analysis.runs.iter().flat_map(|run| &run.windows).filter(|window| !window.interrupted);
    let all = windows().count();
    let without = windows().filter(|window| window.energy.joules().is_none()).count();
    (without > 0 && without < all).then(|| {
        format!(
            "{without} of {all} windows have no energy reading; energy per inference comes from the others."
        )
    })
}

/// Costs at the wall are no longer the meter's joules × tariff, so it must be said.
fn wall_factor(noted: &Noted<'_>) -> Option<String> {
    let runs = noted.analysis.runs;
    if let Some(wall) = analysis::shared_wall_factor(runs) {
        return Some(format!(
            "Costs take energy at the wall: {:.3} × the meter {} {:.1} W, fitted on {} against {} over {} (residual \
             {}). Joules are the meter's own.",
            wall.factor,
            if wall.offset.get() < 0.0 { '−' } else { '+' },
            wall.offset.get().abs(),
            wall.date,
            printable(&wall.wall),
            count(u64::from(wall.windows), "window"),
            percent(wall.residual)
        ));
    }
    let any = runs.iter().any(|run| run.header.machine.wall_factor.is_some());
    any.then(|| "The runs do not share one sound wall factor, so costs take the meter's own joules.".into())
}

/// A counter is off by up to one update at each edge of a window.
fn short_windows(noted: &Noted<'_>) -> Option<String> {
    let mut measured = 0;
    let mut short = Vec::new();
    for window in noted.analysis.runs.iter().flat_map(|run| &run.windows) {
        if let (EnergyReading::Measured { updates, .. }, false) = (&window.energy, window.interrupted) {
            measured += 1;
            short.extend((*updates < FEWEST_UPDATES).then_some(*updates));
        }
    }
    let fewest = short.iter().min()?;
    Some(format!(
        "{} of {measured} metered windows hold fewer than {FEWEST_UPDATES} updates of the meter (the shortest \
         {fewest}); their energy may be off by one update at each edge. Longer answers, or more prompts in a \
         window, sharpen it.",
        short.len()
    ))
}

fn interrupted(noted: &Noted<'_>) -> Option<String> {
    let windows = noted.analysis.runs.iter().flat_map(|run| &run.windows);
    let number = windows.filter(|window| window.interrupted).count() as u64;
    (number > 0).then(|| {
        format!(
            "{} cut off: the inferences count, the energy is left out.",
            if number == 1 { "1 window was".to_owned() } else { format!("{number} windows were") }
        )
    })
}

/// Candidates that did not go on, and how many prompts each saw. Only where the run came to its end: before
/// that, what is missing may still come.
fn stopped_early(noted: &Noted<'_>) -> Option<String> {
    let (_, progress) = stops(noted).next()?;
    let stopped: Vec<String> = stops(noted)
        .map(|(candidate, progress)| format!("{} after {}", candidate.variant.variant_name(), progress.seen))
        .collect();
    Some(format!(
        "Stopped early, of {}: {}. The error rates are spent over the looks, so that they hold all the same; \
         `--exhaustive` runs every prompt.",
        count(progress.planned as u64, "prompt"),
        stopped.join(", ")
    ))
}

fn stops<'n>(noted: &'n Noted<'_>) -> impl Iterator<Item = (&'n CandidateReport, Progress)> {
    let run = match noted.analysis.runs {
        [run] if run.finished_at.is_some() => Some(run),
        _ => None,
    };
    let progress =
        move |candidate: &'n CandidateReport| Some((candidate, Progress::of(run?, &candidate.variant)?));
    let rivals = noted.candidates.iter().skip(1).filter(|candidate| !candidate.noise_floor);
    rivals.filter_map(progress).filter(|(_, progress)| progress.seen < progress.planned)
}

fn part_of_set(noted: &Noted<'_>) -> Option<String> {
    let PromptCount { set, total, chosen, complete } = noted.prompts;
    if stops(noted).next().is_some() {
        let set = printable(set);
        return (chosen < total)
            .then(|| format!("Only part of the set was to be run: {chosen} of {total} prompts of {set}."));
    }
    if complete < chosen {
        let set = printable(set);
        Some(format!(
            "{complete} of {chosen} chosen prompts ({total} in {set}) were answered by every variant."
        ))
    } else if chosen < total {
        Some(format!("Only part of the set was run: {chosen} of {total} prompts of {}.", printable(set)))
    } else {
        None
    }
}

/// A quantized model that costs more must be reported as such, with the cause where it is known.
fn costlier(noted: &Noted<'_>) -> Vec<String> {
    let rivals = noted.candidates.iter().skip(1).filter(|candidate| !candidate.noise_floor);
    rivals
        .filter_map(|candidate| {
            let saving = candidate.saving.filter(|saving| saving.upper < 0.0)?;
            let bound = candidate.bandwidth_share.map_or_else(String::new, |share| {
                let cause = if share < 0.5 { ", so the engine limits it, not the memory" } else { "" };
                format!("; decoding reaches {} of the memory bandwidth{cause}", percent(share))
            });
            Some(format!(
                "{} costs {} more than the baseline{bound}.",
                candidate.variant.variant_name(),
                percent(-saving.point)
            ))
        })
        .collect()
}

fn noise_floor(noted: &Noted<'_>) -> Option<String> {
    let copy = noted.candidates.iter().find(|candidate| candidate.noise_floor)?;
    let saving = copy.saving?;
    Some(format!(
        "The baseline run a second time seems to cost {} {} less than itself: that is the noise of this \
         machine, and no smaller saving counts.",
        percent(saving.point),
        percents(&saving)
    ))
}

fn failures(noted: &Noted<'_>) -> Vec<String> {
    let failed = noted.candidates.iter().filter(|candidate| candidate.failures > 0);
    failed
        .map(|candidate| {
            let kinds: Vec<String> =
                candidate.failure_kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
            format!(
                "{} failed in {} of {} ({}); failures score 0, and what they took is billed to the answers.",
                candidate.variant.variant_name(),
                candidate.failures,
                count(candidate.inferences, "inference"),
                kinds.join(", ")
            )
        })
        .collect()
}

fn attribution(noted: &Noted<'_>) -> Option<String> {
    let metered = || noted.candidates.iter().filter(|candidate| candidate.energy.gross_j.is_some());
    let weighted = metered().filter(|candidate| candidate.energy.prefill_share.is_some()).count();
    (metered().count() > 0).then(|| {
        let how = if weighted == metered().count() {
            "time in flight, prefill and decode weighted by a regression over windows"
        } else if weighted == 0 {
            "time in flight (the windows differ too little to tell prefill from decode)"
        } else {
            "time in flight, with prefill and decode weighted apart where the windows tell them apart"
        };
        format!("Energy is metered by window and shared among inferences by {how}.")
    })
}

fn several_machines(noted: &Noted<'_>) -> Option<String> {
    let first = noted.analysis.runs.first()?;
    let other = noted.analysis.runs.iter().any(|run| run.header.machine.cpu != first.header.machine.cpu);
    other.then(|| "The runs come from different machines; speed and cost are joined over them.".into())
}
