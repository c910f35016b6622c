//! The report: every number that a comparison prints, from records, a policy and prices.

use std::collections::BTreeMap;

use infercost_core::price::PriceBook;
use infercost_core::report::{CandidateReport, PromptCount, REPORT_SCHEMA, Report};
use infercost_core::{
    EnergyScope, EngineIdentity, IdlePhase, Policy, PromptId, Recommendation, RunRecord, VariantId, Verdict, WallFactor,
    WindowRecord,
};
use thiserror::Error;

use crate::candidate::{self, Context, Idle};
use crate::cost::Rates;
use crate::judgement::{Judgement, Margin, QualityEvidence, judge, minimum_score};
use crate::load::advice::{Driven, advise};
use crate::load::{self, LoadContext, Point};
use crate::notes::{self, Noted};
use crate::quality;
use crate::recommendation::{JudgedVariant, Part, SavingReplicates, open_question, recommend};
use crate::sample::{Samples, VariantSample};
use crate::sequential::{Levels, Progress, first_prompts};
use crate::{energy_source, energy_totals};

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Analysis<'a> {
    /// The runs; several are joined by variant.
    pub runs: &'a [RunRecord],
    /// Thresholds and confidence to apply.
    pub policy: &'a Policy,
    /// Prices to apply.
    pub prices: &'a PriceBook,
    /// What to compare with, instead of the first run's own baseline.
    pub baseline: Option<&'a VariantId>,
    /// Bytes per second that the machine reads from memory, where measured.
    pub memory_bandwidth: Option<f64>,
}

/// Why there can be no report.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnalysisError {
    /// No run.
    #[error("no run to report on; name at least one")]
    NoRuns,
    /// The same run twice.
    #[error("run {run} is named twice; it would count double")]
    DuplicateRun {
        /// The run.
        run: String,
    },
    /// Runs over different prompts.
    #[error(
        "runs {first} and {second} were made with different prompt sets ({first_set} and {second_set}); report \
         on them one by one"
    )]
    DifferentPrompts {
        /// First run.
        first: String,
        /// The run that differs from it.
        second: String,
        /// Name and hash of the first's set.
        first_set: String,
        /// Name and hash of the second's set.
        second_set: String,
    },
    /// Runs in which one name stands for different weights.
    #[error(
        "variant {variant} has other weights in run {second} than in run {first}; report on them one by one"
    )]
    DifferentWeights {
        /// The variant.
        variant: String,
        /// First run.
        first: String,
        /// The run that differs from it.
        second: String,
    },
    /// Runs in which one variant was executed in different ways.
    #[error(
        "{variant} ran on {first_executor} in {first} and on {second_executor} in {second}: their speeds and costs are not \
         one variant's; report on them apart"
    )]
    DifferentExecutors {
        /// The variant.
        variant: String,
        /// A run.
        first: String,
        /// Another run.
        second: String,
        /// What executed it in the one.
        first_executor: String,
        /// What executed it in the other.
        second_executor: String,
    },
    /// The baseline is not among the variants.
    #[error("baseline {baseline} is not in the run; it has {known}")]
    UnknownBaseline {
        /// What was asked for.
        baseline: String,
        /// The variants there are.
        known: String,
    },
    /// The policy cannot be applied.
    #[error("confidence is {0}; it must be above 0.5 and below 1")]
    Confidence(String),
    /// The prices cannot be applied.
    #[error("price book {book}: {reason}")]
    Prices {
        /// The book.
        book: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// Computes the report.
///
/// Intervals of latency rates, energy and cost are two-sided at the policy's confidence; those of quality
/// are two-sided at 2 × confidence − 1, so that a verdict can be read off the interval printed beside it.
///
/// # Errors
/// [`AnalysisError`] where runs cannot be joined, the baseline is unknown, or policy or prices are unsound.
pub fn report(analysis: &Analysis<'_>) -> Result<Report, AnalysisError> {
    match load::without_load(analysis.runs) {
        None => build(analysis, &[]),
        Some(single) => build(&Analysis { runs: &single, ..*analysis }, analysis.runs),
    }
}

/// The report of `analysis`, whose runs hold single requests only, and of the load windows of `loaded`.
fn build(analysis: &Analysis<'_>, loaded: &[RunRecord]) -> Result<Report, AnalysisError> {
    let first = check(analysis)?;
    let baseline = analysis.baseline.unwrap_or(&first.header.baseline);
    let rates = Rates::of(analysis.prices)?.behind(wall_factor(analysis.runs));
    let samples = Samples::gather(analysis.runs, baseline, first.header.seed);
    let idles: Vec<Option<Idle>> = analysis.runs.iter().map(idle).collect();
    let evidence = evidence(analysis, baseline, &samples);
    let graded = samples.variants.first().map_or(0, |one| one.scores.iter().flatten().count());
    // The margin belongs to the plan, not to the part of it that was run.
    let planned = first.header.looks.as_ref().and_then(|looks| usize::try_from(looks.graded).ok());
    let graded = graded.max(planned.unwrap_or(0));
    let margin = Margin::of(analysis.policy, graded);
    let judgements = judgements(&samples, &evidence, analysis.policy, &margin);
    let context = Context { analysis, samples: &samples, rates, idles: &idles };
    let mut candidates = Vec::new();
    let mut judged = Vec::new();
    let mut common_parts = Vec::new();
    for (index, (evidence, judgement)) in evidence.iter().zip(judgements).enumerate() {
        let Some(variant) = samples.variants.get(index) else { continue };
        let (candidate, saving) = context.candidate(index, variant, evidence, judgement);
        judged.push(judged_variant(&samples, index, &candidate, saving.replicates));
        common_parts.extend(saving.note);
        candidates.push(candidate);
    }
    let driven = driven(analysis, loaded, &rates, &mut candidates, &judged);
    let advised = advise(&driven, &rates, analysis.policy.slo.is_some());
    let load_notes = load::notes::of_run(loaded, &driven, advised.is_some());
    let recommendation = match advised {
        Some(advised) => advised,
        None => recommend(&judged, analysis.policy),
    };
    let prompts = prompt_count(analysis.runs, &samples);
    let energy = energy_totals::totals(analysis.runs, &candidates);
    let noted = Noted {
        analysis,
        energy: energy.as_ref(),
        prompts: &prompts,
        candidates: &candidates,
        margin: &margin,
        graded,
        common_parts,
        is_loaded: !loaded.is_empty(),
        load_notes,
        open_question: open_question(&judged, &recommendation),
    };
    let notes = notes::notes(&noted);
    Ok(Report {
        schema: REPORT_SCHEMA.to_owned(),
        run_ids: analysis.runs.iter().map(|run| run.header.id.clone()).collect(),
        baseline: baseline.clone(),
        policy: analysis.policy.clone(),
        prices: analysis.prices.prices().cloned().collect(),
        price_book: analysis.prices.clone(),
        machine: first.header.machine.clone(),
        notes,
        prompts,
        energy,
        candidates,
        recommendation: with_baseline(recommendation, baseline),
    })
}

/// The operating points of every variant, put into its report.
fn driven<'j>(
    analysis: &Analysis<'_>,
    loaded: &[RunRecord],
    rates: &Rates,
    candidates: &mut [CandidateReport],
    judged: &'j [JudgedVariant],
) -> Vec<Driven<'j>> {
    if loaded.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> =
        candidates.iter().map(|candidate| name_among(&candidate.variant, judged)).collect();
    let headers = || loaded.iter().flat_map(|run| &run.header.variants);
    let of = |((candidate, judged), name): ((&mut CandidateReport, &'j JudgedVariant), String)| {
        let foreign = candidate::foreign_hardware(&candidate.provenance, analysis.prices);
        let context = LoadContext {
            runs: loaded,
            policy: analysis.policy,
            rates,
            idle_watts: candidate.energy.idle_w,
            foreign_hardware: foreign.as_deref(),
        };
        let header = headers().find(|header| header.id == candidate.variant);
        let mut points: Vec<Point> = header.map(|header| context.points(header)).unwrap_or_default();
        for point in points.iter_mut().map(|point| &mut point.report) {
            let readings = loaded.iter().flat_map(|run| &run.windows).filter(|window| {
                window.load.is_some()
                    && window.id.variant == candidate.variant
                    && window.operating_point == point.operating_point
            });
            if point.energy_source == "mixed" {
                point.energy_source = energy_source::of(readings.map(|window| &window.energy)).to_owned();
            }
        }
        candidate.operating_points = points.iter().map(|point| point.report.clone()).collect();
        Driven { judged, name, points, idle_watts: candidate.energy.idle_w }
    };
    candidates.iter_mut().zip(judged).zip(names).map(of).collect()
}

/// The last part of a variant's id where no other shares it, else the whole.
fn name_among(variant: &VariantId, all: &[JudgedVariant]) -> String {
    let name = variant.variant_name();
    let alone = all.iter().filter(|other| other.variant.variant_name() == name).count() < 2;
    if alone { name.to_owned() } else { variant.to_string() }
}

/// What executed a model, in words: equal words mean that runs can be taken together.
fn executor(engine: &EngineIdentity) -> String {
    let EngineIdentity { engine, device, build_flags, .. } = engine;
    format!("{engine} on {device} ({build_flags})")
}

/// Refuses what cannot be reported on; gives the first run.
fn check<'a>(analysis: &Analysis<'a>) -> Result<&'a RunRecord, AnalysisError> {
    let first = analysis.runs.first().ok_or(AnalysisError::NoRuns)?;
    let confidence = analysis.policy.confidence;
    if !(confidence > 0.5 && confidence < 1.0) {
        return Err(AnalysisError::Confidence(confidence.to_string()));
    }
    for (index, run) in analysis.runs.iter().enumerate() {
        let id = |run: &RunRecord| run.header.id.to_string();
        if analysis.runs.iter().take(index).any(|other| other.header.id == run.header.id) {
            return Err(AnalysisError::DuplicateRun { run: id(run) });
        }
        let (one, other) = (&first.header.prompts, &run.header.prompts);
        if one.sha256 != other.sha256 {
            let set = |set: &str, hash: &str| format!("{set} {}", hash.chars().take(12).collect::<String>());
            return Err(AnalysisError::DifferentPrompts {
                first: id(first),
                second: id(run),
                first_set: set(&one.set, &one.sha256),
                second_set: set(&other.set, &other.sha256),
            });
        }
        for variant in &run.header.variants {
            let known = first.header.variants.iter().find(|known| known.id == variant.id);
            let hashes = known.map(|known| (&known.engine.weights_sha256, &variant.engine.weights_sha256));
            if let Some((Some(one), Some(other))) = hashes
                && one != other
            {
                let variant = variant.id.to_string();
                return Err(AnalysisError::DifferentWeights { variant, first: id(first), second: id(run) });
            }

            // Speed and cost are those of an executor as well as of a model.
            let engines = known.map(|known| (executor(&known.engine), executor(&variant.engine)));
            if let Some((one, other)) = engines
                && one != other
            {
                return Err(AnalysisError::DifferentExecutors {
                    variant: variant.id.to_string(),
                    first: id(first),
                    second: id(run),
                    first_executor: one,
                    second_executor: other,
                });
            }
        }
    }
    let baseline = analysis.baseline.unwrap_or(&first.header.baseline);
    let mut variants: Vec<&str> = analysis
        .runs
        .iter()
        .flat_map(|run| &run.header.variants)
        .map(|variant| variant.id.as_str())
        .collect();
    variants.sort_unstable();
    variants.dedup();
    if !variants.contains(&baseline.as_str()) {
        return Err(AnalysisError::UnknownBaseline {
            baseline: baseline.to_string(),
            known: variants.join(", "),
        });
    }
    Ok(first)
}

/// The evidence on each variant. One that stopped early is judged by what the last look before showed, so that
/// the verdict is the one that stopped it.
fn evidence(analysis: &Analysis<'_>, baseline: &VariantId, samples: &Samples<'_>) -> Vec<QualityEvidence> {
    let rivals = samples.variants.len().saturating_sub(1);
    let mut earlier: BTreeMap<usize, Vec<QualityEvidence>> = BTreeMap::new();
    let of = |(index, variant): (usize, &VariantSample<'_>)| {
        let levels = levels(analysis, &variant.header.id, rivals);
        if let [run] = analysis.runs
            && let Some(progress) = Progress::of(run, &variant.header.id).filter(Progress::is_early)
        {
            let all = earlier.entry(progress.look).or_insert_with(|| {
                let part = [first_prompts(run, progress.look)];
                let samples = Samples::gather(&part, baseline, run.header.seed);
                (0..samples.variants.len()).map(|index| quality::evidence(&samples, index)).collect()
            });
            return QualityEvidence { levels, ..all.get(index).cloned().unwrap_or_default() };
        }
        QualityEvidence { levels, ..quality::evidence(samples, index) }
    };
    samples.variants.iter().enumerate().map(of).collect()
}

/// The errors at which a variant's bounds are read; of several runs the strictest. `None` where no run has
/// looks.
fn levels(analysis: &Analysis<'_>, variant: &VariantId, claims: usize) -> Option<Levels> {
    let alpha = 1.0 - analysis.policy.confidence;
    let of = |run: &RunRecord| {
        let looks = run.header.looks.as_ref()?;
        let progress = Progress::of(run, variant)?;
        Some(Levels::at(looks, progress.look, progress.planned, claims, alpha))
    };
    analysis.runs.iter().filter_map(of).min_by(|one, other| one.failing().total_cmp(&other.failing()))
}

/// The factor to the wall that all runs share; `None` where one lacks it, or has another.
pub(crate) fn wall_factor(runs: &[RunRecord]) -> Option<&WallFactor> {
    let first = runs.first()?.header.machine.wall_factor.as_ref().filter(|factor| factor.is_sound())?;
    let same = |run: &RunRecord| run.header.machine.wall_factor.as_ref() == Some(first);
    runs.iter().all(same).then_some(first)
}

/// Idle watts of one run, and so of one machine: with the models resident where that was measured, else before or after.
pub(crate) fn idle(run: &RunRecord) -> Option<Idle> {
    [IdlePhase::Resident, IdlePhase::BeforeLoad, IdlePhase::After].into_iter().find_map(|phase| {
        let (mut joules, mut seconds, mut scope) = (0.0, 0.0, EnergyScope::default());
        for record in run.idles.iter().filter(|idle| idle.phase == phase) {
            if let Some(energy) = record.energy.joules() {
                joules += energy.get();
                seconds += record.wall_time.as_secs_f64();
                scope = record.energy.scope();
            }
        }
        (seconds > 0.0).then(|| Idle { watts: joules / seconds, scope })
    })
}

/// Idle watts behind windows of several runs, each with the power of its own machine, weighted by the windows' time.
/// A run without idle power, or whose idle power covers other parts than its windows, leaves them unknown.
pub(crate) fn idle_behind<'a>(
    idles: &[Option<Idle>],
    windows: impl Iterator<Item = (usize, &'a WindowRecord)>,
) -> Result<f64, &'static str> {
    let (mut joules, mut seconds) = (0.0, 0.0);
    for (run, window) in windows {
        let idle = idles.get(run).and_then(Option::as_ref).ok_or("no idle power was measured")?;
        if window.energy.joules().is_some() && window.energy.scope() != idle.scope {
            return Err("the idle power covers other parts of the machine than the windows");
        }
        joules += idle.watts * window.wall_time.as_secs_f64();
        seconds += window.wall_time.as_secs_f64();
    }
    if seconds > 0.0 { Ok(joules / seconds) } else { Err("no idle power was measured") }
}

/// Verdicts: the baseline is the reference, every other variant is judged. The noise floor takes no part in
/// the correction for several candidates.
fn judgements(
    samples: &Samples<'_>,
    evidence: &[QualityEvidence],
    policy: &Policy,
    margin: &Margin,
) -> Vec<Judgement> {
    let of = |noise: bool| -> Vec<usize> {
        let is = |(index, variant): (usize, &VariantSample<'_>)| {
            (index != samples.baseline && variant.header.noise_floor == noise).then_some(index)
        };
        samples.variants.iter().enumerate().filter_map(is).collect()
    };
    let reference = evidence.first().and_then(|evidence| minimum_score(evidence, policy));
    let reference = Judgement { verdict: Verdict::Pass, gates: reference.into_iter().collect() };
    let mut judgements = vec![reference; evidence.len()];
    for group in [of(false), of(true)] {
        let members: Vec<QualityEvidence> =
            group.iter().filter_map(|index| evidence.get(*index)).cloned().collect();
        for (index, judgement) in group.into_iter().zip(judge(&members, policy, margin)) {
            if let Some(slot) = judgements.get_mut(index) {
                *slot = judgement;
            }
        }
    }
    judgements
}

fn judged_variant(
    samples: &Samples<'_>,
    index: usize,
    candidate: &CandidateReport,
    saving_replicates: SavingReplicates,
) -> JudgedVariant {
    let open = candidate.gates.iter().filter(|gate| gate.verdict == Verdict::Inconclusive);
    // Every open gate must be settled; one of which nothing can be said leaves the number unknown.
    let needed: Option<Vec<usize>> = open.map(|gate| gate.prompts_needed).collect();
    JudgedVariant {
        variant: candidate.variant.clone(),
        part: if index == samples.baseline {
            Part::Baseline
        } else if candidate.noise_floor {
            Part::NoiseFloor
        } else {
            Part::Candidate
        },
        verdict: candidate.verdict,
        prompts_needed: needed.and_then(|needed| needed.into_iter().max()),
        saving: candidate.saving,
        saving_replicates,
        task_score: candidate.quality.task_score.map(|score| score.point),
        kld: candidate.quality.kld_mean.map(|kld| kld.point),
        file_size: candidate.engine.file_size.map(|size| size.0),
    }
}

fn prompt_count(runs: &[RunRecord], samples: &Samples<'_>) -> PromptCount {
    let whole = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut chosen: Vec<&PromptId> = runs.iter().flat_map(|run| &run.header.prompts.chosen).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let first = runs.first().map(|run| &run.header.prompts);
    PromptCount {
        set: first.map(|prompts| prompts.set.clone()).unwrap_or_default(),
        total: first.map_or(0, |prompts| prompts.total),
        chosen: whole(chosen.len()),
        complete: whole(samples.complete()),
    }
}

/// The recommendation names the baseline by the report's own word for it.
fn with_baseline(recommendation: Recommendation, baseline: &VariantId) -> Recommendation {
    match recommendation {
        Recommendation::KeepBaseline { operating_point, why, .. } => {
            Recommendation::KeepBaseline { variant: baseline.clone(), operating_point, why }
        }
        other => other,
    }
}
