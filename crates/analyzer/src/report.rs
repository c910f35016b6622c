//! The report: every number that a comparison prints, from records, a policy and prices.

use std::collections::BTreeMap;

use infercost_core::price::{Price, PriceBook};
use infercost_core::report::{CandidateReport, PromptCount, REPORT_SCHEMA, Report};
use infercost_core::verdict::Grounds;
use infercost_core::{Gate, MachineFacts, Policy, PromptId, Recommendation, RunRecord, VariantId, Verdict};

use crate::analysis::{Analysis, AnalysisError, shared_wall_factor};
use crate::candidate::{Context, Saving};
use crate::energy_totals;
use crate::idle_power::{Idle, idle_of};
use crate::interference;
use crate::judgement::{Judgement, Margin, QualityEvidence, judge, latency, minimum_score};
use crate::load::advice::{LoadTested, advise};
use crate::load::{self, LoadContext, Point};
use crate::machines::Machines;
use crate::notes::{self, Noted};
use crate::pricing::{PricedMachine, Pricing};
use crate::quality;
use crate::recommendation::{JudgedVariant, Part, SavingReplicates, open_question, recommend};
use crate::sample::{Samples, VariantSample};
use crate::sequential::{Levels, Progress, first_prompts, whole};
use infercost_stats::side_by_side;

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

/// A variant of which the report is to be computed.
struct VariantWork<'a> {
    index: usize,
    variant: &'a VariantSample<'a>,
    evidence: &'a QualityEvidence,
    judgement: Judgement,
    context: Context<'a>,
}

/// The report of a variant.
struct DoneVariant {
    index: usize,
    candidate: CandidateReport,
    saving: Saving,
}

impl VariantWork<'_> {
    fn compute(self) -> DoneVariant {
        let Self { index, variant, evidence, judgement, context } = self;
        let (candidate, saving) = context.candidate(index, variant, evidence, judgement);
        DoneVariant { index, candidate, saving }
    }
}

/// The report of `analysis`, whose runs hold single requests only, and of the load windows of `loaded`.
fn build(analysis: &Analysis<'_>, loaded: &[RunRecord]) -> Result<Report, AnalysisError> {
    let first = analysis.check()?;
    let baseline = analysis.baseline.unwrap_or(&first.header.baseline);
    let machines = Machines::of(analysis.runs);
    let books = analysis.books(&machines)?;
    let pricings = pricings(analysis, &machines, &books)?;
    let samples = Samples::gather(analysis.runs, &machines, baseline, first.header.seed);
    let idles: Vec<Option<Idle>> = analysis.runs.iter().map(idle_of).collect();
    let prompts = prompt_count(analysis.runs, &samples);
    let evidence = evidence(analysis, baseline, &samples);
    let graded = samples.variants.first().map_or(0, |one| one.scored.len());

    // The margin belongs to the plan, not to the part of it that was run.
    let planned = first.header.looks.as_ref().and_then(|looks| usize::try_from(looks.graded).ok());
    let graded = graded.max(planned.unwrap_or(0));
    let margin = Margin::of(analysis.policy, graded, prompts.chosen as usize);
    let judgements = judgements(&samples, &evidence, analysis.policy, &margin);
    let reference = samples.variants.first().and_then(|variant| pricings.get(variant.machine)).copied();
    let mut candidates = Vec::new();
    let mut priced = Vec::new();
    let mut judged = Vec::new();
    let mut common_parts = Vec::new();
    let mut saving_basis = None;
    let mut hosted = Vec::new();
    let mut work = Vec::new();
    for (index, (evidence, judgement)) in evidence.iter().zip(judgements).enumerate() {
        let Some(variant) = samples.variants.get(index) else { continue };
        let Some((pricing, reference)) = pricings.get(variant.machine).copied().zip(reference) else {
            continue;
        };
        let machine = machines.all().get(variant.machine).filter(|_| machines.are_several());
        let context = Context {
            analysis,
            samples: &samples,
            pricing,
            reference_pricing: reference,
            machine: machine.map(|machine| machine.name.as_str()),
            memory_bandwidth: match machine {
                Some(machine) => machine.facts.memory_bandwidth,
                None => analysis.memory_bandwidth,
            },
            idles: &idles,
        };
        priced.push(pricing);
        if index == samples.baseline {
            hosted = context.hosted();
        }
        work.push(VariantWork { index, variant, evidence, judgement, context });
    }

    for done in side_by_side(work, VariantWork::compute) {
        let DoneVariant { index, candidate, saving } = done;
        judged.push(judged_variant(&samples, index, &candidate, saving.replicates));
        common_parts.extend(saving.common_parts);
        saving_basis = saving_basis.or(saving.basis);
        candidates.push(candidate);
    }

    let tested = load_tested(analysis, loaded, &priced, &mut candidates, &judged);
    let advised = advise(&tested, analysis.policy);
    let load_facts = load::notes::of_run(loaded, &tested, advised.is_some());
    let recommendation = match advised {
        Some(advised) => advised,
        None => by_targets(recommend(&judged, analysis.policy), &candidates),
    };
    let energy = energy_totals::totals(analysis.runs, &machines, &candidates);
    let interference = interference::report(if loaded.is_empty() { analysis.runs } else { loaded });
    let noted = Noted {
        analysis,
        machines: &machines,
        books: &books,
        pooled: pooled(&samples),
        energy: energy.as_ref(),
        prompts: &prompts,
        candidates: &candidates,
        hosted: &hosted,
        recommended: saving_of(&recommendation),
        margin: &margin,
        graded,
        common_parts,
        saving_basis,
        is_loaded: !loaded.is_empty(),
        load_facts,
        open_question: open_question(&judged, &recommendation),
        interference: interference.as_ref(),
    };
    let mut findings = notes::findings(&noted);
    let notes = findings.iter().map(|finding| finding.sentence()).collect();
    findings.sort_by_key(|finding| finding.severity);

    Ok(Report {
        schema: REPORT_SCHEMA.to_owned(),
        run_ids: analysis.runs.iter().map(|run| run.header.id.clone()).collect(),
        baseline: baseline.clone(),
        policy: analysis.policy.clone(),
        prices: prices(&books),
        price_book: books.get(machines.of_run(0)).unwrap_or(analysis.prices).clone(),
        machine: MachineFacts { host: None, ..first.header.machine.clone() },
        machines: machines.reports(analysis.runs, &books),
        notes,
        findings,
        prompts,
        energy,
        candidates,
        hosted,
        recommendation: interference::explained(
            with_baseline(recommendation, baseline),
            interference.as_ref(),
        ),
        interference,
    })
}

/// The prices of each machine, as they are computed with.
fn pricings<'a>(
    analysis: &Analysis<'a>,
    machines: &'a Machines,
    books: &'a [PriceBook],
) -> Result<Vec<Pricing<'a>>, AnalysisError> {
    let mut pricings = Vec::with_capacity(books.len());
    for (place, (machine, book)) in machines.all().iter().zip(books).enumerate() {
        let has_prices = analysis.machine_prices.iter().any(|own| own.machine == machine.name);
        let runs = machine.runs.iter().filter_map(|run| analysis.runs.get(*run));
        let is_own = has_prices && machine.server.is_some();
        let priced = PricedMachine { name: &machine.name, place, is_own };
        pricings.push(Pricing::of(book, shared_wall_factor(runs), priced)?);
    }
    Ok(pricings)
}

/// Every price of every machine, each once.
fn prices(books: &[PriceBook]) -> Vec<Price> {
    let mut prices: Vec<Price> = Vec::new();
    for price in books.iter().flat_map(PriceBook::prices) {
        if !prices.contains(price) {
            prices.push(price.clone());
        }
    }
    prices
}

/// Variants whose answers on other machines count for their quality.
fn pooled(samples: &Samples<'_>) -> Vec<String> {
    let filled = samples.variants.iter().filter(|variant| !variant.filled.is_empty());
    filled.map(|variant| variant.header.id.variant_name().to_owned()).collect()
}

/// The baseline is kept for another reason where it is the latency targets that every candidate misses.
fn by_targets(recommendation: Recommendation, candidates: &[CandidateReport]) -> Recommendation {
    let misses = |candidate: &CandidateReport| {
        candidate.gates.iter().any(|gate| gate.gate == Gate::Latency && gate.verdict == Verdict::Fail)
    };
    let mut rivals = candidates.iter().skip(1).filter(|candidate| !candidate.noise_floor).peekable();

    match recommendation {
        Recommendation::KeepBaseline { variant, operating_point, .. }
            if rivals.peek().is_some() && rivals.all(misses) =>
        {
            let why = Grounds::NoneMeetsTargets.to_string();
            Recommendation::KeepBaseline { variant, operating_point, why }
        }
        other => other,
    }
}

/// What a recommendation saves; nothing where it keeps the baseline.
fn saving_of(recommendation: &Recommendation) -> f64 {
    match recommendation {
        Recommendation::Switch { saving, .. } => saving.point,
        Recommendation::KeepBaseline { .. } | Recommendation::MeasureMore { .. } => 0.0,
    }
}

/// The operating points of every variant, put into its report.
fn load_tested<'j>(
    analysis: &Analysis<'_>,
    loaded: &[RunRecord],
    priced: &'j [Pricing<'j>],
    candidates: &mut [CandidateReport],
    judged: &'j [JudgedVariant],
) -> Vec<LoadTested<'j>> {
    let mut tested = Vec::new();
    if loaded.is_empty() {
        return tested;
    }

    for ((candidate, judged_variant), pricing) in candidates.iter_mut().zip(judged).zip(priced) {
        let context = LoadContext {
            runs: loaded,
            policy: analysis.policy,
            pricing,
            idle_watts: candidate.energy.idle_w,
        };

        let mut headers = loaded.iter().flat_map(|run| &run.header.variants);
        let header = headers.find(|header| header.id == candidate.variant);
        let points: Vec<Point> = header.map(|header| context.points(header)).unwrap_or_default();

        candidate.operating_points = points.iter().map(|point| point.report.clone()).collect();

        tested.push(LoadTested {
            judged: judged_variant,
            pricing,
            name: name_among(&candidate.variant, judged),
            points,
            idle_watts: candidate.energy.idle_w,
        });
    }

    tested
}

/// The last part of a variant's id where no other shares it, else the whole.
fn name_among(variant: &VariantId, all: &[JudgedVariant]) -> String {
    let name = variant.variant_name();
    let alone = all.iter().filter(|other| other.variant.variant_name() == name).count() < 2;
    if alone { name.to_owned() } else { variant.to_string() }
}

/// The evidence on each variant. One that stopped early is judged by what the last look before showed, so that
/// the verdict is the one that stopped it.
fn evidence(analysis: &Analysis<'_>, baseline: &VariantId, samples: &Samples<'_>) -> Vec<QualityEvidence> {
    let rivals = samples.variants.len().saturating_sub(1);
    let mut earlier: BTreeMap<usize, Vec<QualityEvidence>> = BTreeMap::new();
    let mut all = Vec::with_capacity(samples.variants.len());
    let is_loaded = analysis.runs.iter().any(|run| run.windows.iter().any(|window| window.load.is_some()));

    for (index, variant) in samples.variants.iter().enumerate() {
        let levels = levels(analysis, &variant.header.id, rivals);
        let evidence = match early_look(analysis, &variant.header.id) {
            None => quality::evidence(samples, index),
            Some((run, look)) => {
                let at_look = earlier.entry(look).or_insert_with(|| evidence_at(run, look, baseline));
                at_look.get(index).cloned().unwrap_or_default()
            }
        };
        // Latency is no reason to stop early, so all that was measured counts.
        let slo = analysis.policy.slo.as_ref().filter(|_| !is_loaded);
        all.push(QualityEvidence { levels, latency: quality::latency(variant, slo), ..evidence });
    }
    all
}

/// The last look that a variant reached, where it stands or stopped before the end of the only run.
fn early_look<'r>(analysis: &Analysis<'r>, variant: &VariantId) -> Option<(&'r RunRecord, usize)> {
    let [run] = analysis.runs else { return None };
    let progress = Progress::of(run, variant).filter(Progress::is_early)?;
    Some((run, progress.look))
}

/// The evidence on every variant that the first prompts of a run give.
fn evidence_at(run: &RunRecord, prompts: usize, baseline: &VariantId) -> Vec<QualityEvidence> {
    let part = [first_prompts(run, prompts)];
    let samples = Samples::gather(&part, &Machines::of(&part), baseline, run.header.seed);
    (0..samples.variants.len()).map(|index| quality::evidence(&samples, index)).collect()
}

/// The errors at which a variant's bounds are read; of several runs the strictest. `None` where no run has
/// looks.
fn levels(analysis: &Analysis<'_>, variant: &VariantId, claims: usize) -> Option<Levels> {
    let alpha = 1.0 - analysis.policy.confidence;
    let of_runs = analysis.runs.iter().filter_map(|run| {
        let looks = run.header.looks.as_ref()?;
        let progress = Progress::of(run, variant)?;
        Some(Levels::at(looks, progress.look, progress.planned, claims, alpha))
    });
    of_runs.min_by(|one, other| one.failing().total_cmp(&other.failing()))
}

/// Verdicts: the baseline is the reference, every other variant is judged. The noise floor takes no part in
/// the correction for several candidates.
fn judgements(
    samples: &Samples<'_>,
    evidence: &[QualityEvidence],
    policy: &Policy,
    margin: &Margin,
) -> Vec<Judgement> {
    let (mut candidates, mut copies) = (Vec::new(), Vec::new());
    for (index, variant) in samples.variants.iter().enumerate() {
        if index != samples.baseline {
            let group = if variant.header.noise_floor { &mut copies } else { &mut candidates };
            group.push(index);
        }
    }

    let mut gates = Vec::new();
    if let Some(evidence) = evidence.first() {
        gates.extend(minimum_score(evidence, policy));
        gates.extend(latency(evidence, policy));
    }
    let reference = Judgement { verdict: Verdict::Pass, gates };
    let mut judgements = vec![reference; evidence.len()];

    for group in [candidates, copies] {
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
        saving_unknown: candidate.unknown.get("saving").cloned(),
        saving_replicates,
        task_score: candidate.quality.task_score.map(|score| score.point),
        kld: candidate.quality.kld_mean.map(|kld| kld.point),
        file_size: candidate.engine.file_size.map(|size| size.0),
    }
}

fn prompt_count(runs: &[RunRecord], samples: &Samples<'_>) -> PromptCount {
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
