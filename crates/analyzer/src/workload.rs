//! What one inference takes, as unit economics need it: busy seconds, joules, tokens, load time, with intervals.

use infercost_core::{
    EnergyNote, EnergySource, Estimate, InferenceRecord, OperatingPoint, PromptId, Reason, RunRecord, Taken,
    VariantId, Workload,
};
use infercost_cost::Wall;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::analysis::shared_wall_factor;
use crate::idle_power::{idle_of, idle_watts};
use crate::machines::Machines;
use crate::sample::{Own, OwnTotals, Samples, VariantSample};
use infercost_stats::bootstrap::{Resampled, Table};
use infercost_stats::quantile::quantile;

/// Why a variant's workload cannot be told.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum WorkloadError {
    /// No run.
    #[error("no run is given; name one that `infercost compare` has made")]
    NoRun,
    /// Runs of several machines: what an inference takes is one machine's.
    #[error("{variant} ran on several machines; name the runs of one")]
    SeveralMachines {
        /// The variant.
        variant: String,
    },
    /// The variant is not there.
    #[error("variant {variant} is not in run {run}; it has {known}")]
    UnknownVariant {
        /// What was asked for.
        variant: String,
        /// Where it was looked for.
        run: String,
        /// What is there.
        known: String,
    },
    /// Too little was measured for an interval.
    #[error(
        "variant {variant} answered fewer than two prompts in run {run}; nothing can be said of its mean"
    )]
    TooFew {
        /// The variant.
        variant: String,
        /// The run.
        run: String,
    },
    /// Nothing was answered.
    #[error(
        "variant {variant} answered none of {requests} requests of run {run}; what an answer costs is unknown"
    )]
    NoAnswer {
        /// The variant.
        variant: String,
        /// The run.
        run: String,
        /// Requests that it was asked.
        requests: u64,
    },
    /// It was measured, and the interval says nothing.
    #[error("what an answer of variant {variant} takes in run {run} is unknown: {why}")]
    TimeUnknown {
        /// The variant.
        variant: String,
        /// The run.
        run: String,
        /// Why its time is unknown.
        why: Reason,
    },
    /// Its answers begin and end at the same time.
    #[error(
        "the answers of variant {variant} in run {run} took no time; their spans say nothing of a duration"
    )]
    NoTime {
        /// The variant.
        variant: String,
        /// The run.
        run: String,
    },
    /// All was measured in one go, so that nothing is known of how that varies.
    #[error(
        "variant {variant} answered all prompts of run {run} in one window; how windows differ, and with it an \
         interval, is unknown: measure more prompts, or with a smaller --window-prompts"
    )]
    OneBlock {
        /// The variant.
        variant: String,
        /// The run.
        run: String,
    },
}

/// Mean quantities of one inference of `variant` over the runs, joined; intervals are two-sided at
/// `confidence`, by prompts and by blocks as in reports.
///
/// # Errors
/// [`WorkloadError`] where the variant is not there, answered fewer than two prompts or all in one window, or where its
/// answers took no time or the interval of that time says nothing.
pub fn workload(runs: &[RunRecord], variant: &VariantId, confidence: f64) -> Result<Workload, WorkloadError> {
    let first = runs.first().ok_or(WorkloadError::NoRun)?;
    let run = first.header.id.clone();
    let too_few = || WorkloadError::TooFew { variant: variant.to_string(), run: run.to_string() };

    if !runs.iter().flat_map(|run| &run.header.variants).any(|known| known.id == *variant) {
        let known: Vec<&str> = first.header.variants.iter().map(|known| known.id.as_str()).collect();
        let known = known.join(", ");
        return Err(WorkloadError::UnknownVariant {
            variant: variant.to_string(),
            run: run.to_string(),
            known,
        });
    }

    let machines = Machines::of(runs);
    if machines.are_several() {
        return Err(WorkloadError::SeveralMachines { variant: variant.to_string() });
    }

    let samples = Samples::gather(runs, &machines, variant, first.header.seed);
    let sample = samples.variants.first().ok_or_else(too_few)?;
    if sample.answered.is_empty() {
        return Err(WorkloadError::NoAnswer {
            variant: variant.to_string(),
            run: run.to_string(),
            requests: sample.inferences().count() as u64,
        });
    }

    let source = energy_source(sample);
    let means = Means { samples: &samples, wall: Wall::of(shared_wall_factor(runs)), confidence };

    let busy_s = means.measured(Own::Asked, |own| own.busy_per_answer()).map_err(|why| {
        let (variant, run) = (variant.to_string(), run.to_string());
        match why {
            Reason::TooFewPrompts { .. } => too_few(),
            Reason::TooFewBlocks => WorkloadError::OneBlock { variant, run },
            why => WorkloadError::TimeUnknown { variant, run, why },
        }
    })?;
    if busy_s.point <= 0.0 {
        return Err(WorkloadError::NoTime { variant: variant.to_string(), run: run.to_string() });
    }

    let joules = means.measured(Own::Asked, |own| means.joules_at_the_wall(own)).ok();
    let joules = joules.filter(|_| source != EnergySource::Unavailable);
    let prefill_share = means.measured(Own::Prefilled, |own| own.prefill_share()).ok();

    let at_the_wall = shared_wall_factor(runs).is_some() && joules.is_some();
    let idles: Vec<_> = runs.iter().map(idle_of).collect();
    let idle = idle_watts(&idles, sample.windows_by_run()).ok();
    let failures = sample.inferences().filter(|one| !one.outcome.is_answered()).count();

    Ok(Workload {
        variant: variant.clone(),
        run: run.clone(),
        date: first.header.started_at.to_zoned(TimeZone::UTC).date(),
        machine: machine(first),
        prompts_sha256: first.header.prompts.sha256.clone(),
        inferences: sample.inferences().count() as u64,
        failures: failures as u64,
        threads: sample.header.engine.threads,
        concurrency: concurrency(sample),
        busy_s,
        prefill_share: prefill_share.map(|share| share.within(0.0, 1.0)),
        joules,
        energy_source: source,
        energy_note: energy_note(sample, source, at_the_wall),
        idle_w: idle.map(|watts| means.wall.watts(watts)),
        load_s: load_time(sample, confidence),
        input_tokens: input_tokens(sample, first.header.seed, confidence),
        output_tokens: means.by_prompt(Own::Asked, |own| own.output_per_answer()),
        correct: means
            .by_prompt(Own::Scored, |own| own.right_per_answer())
            .map(|share| share.within(0.0, 1.0)),
        per_output_token: means.taken(joules.is_some(), |own| own.output_per_answer()),
        per_right_answer: means.taken(joules.is_some(), |own| own.right_per_answer()),
    })
}

/// Means over the answers of a variant.
struct Means<'a> {
    samples: &'a Samples<'a>,
    wall: Wall,
    confidence: f64,
}

impl Means<'_> {
    /// By prompts alone: what the machine did not do.
    fn by_prompt(&self, presence: Own, statistic: impl Fn(OwnTotals<'_>) -> f64) -> Option<Estimate> {
        let presence = self.samples.layout.own(0, presence);
        self.samples.distribution(presence, |totals| statistic(totals.of(0)))?.estimate(self.confidence)
    }

    /// By prompts and by blocks.
    fn measured(&self, presence: Own, statistic: impl Fn(OwnTotals<'_>) -> f64) -> Result<Estimate, Reason> {
        let presence = self.samples.layout.own(0, presence);
        let too_few = Reason::TooFewPrompts { needed: 2 };
        let measured = self.samples.measured(presence, too_few, |totals| statistic(totals.of(0)))?;
        measured.estimate(self.confidence).ok_or(Reason::TooWide)
    }

    /// What one unit takes, of which an answer has so many; `None` where that says too little, or its joules do, although
    /// those of an answer are known.
    fn taken(&self, is_metered: bool, units: impl Fn(OwnTotals<'_>) -> f64) -> Option<Taken> {
        let busy_s = self.measured(Own::Asked, |own| own.busy_per_answer() / units(own)).ok()?;
        let joules = self.measured(Own::Asked, |own| self.joules_at_the_wall(own) / units(own)).ok();
        let joules = joules.filter(|_| is_metered);
        (joules.is_some() == is_metered).then_some(Taken { busy_s, joules })
    }

    fn joules_at_the_wall(&self, own: OwnTotals<'_>) -> f64 {
        self.wall.joules(own.joules_per_answer(), own.busy_per_answer())
    }
}

/// The ratio of two sums over inferences, resampled by prompt; `None` where fewer than two prompts bear on it.
pub(crate) fn ratio_by_prompt(
    inferences: &[&InferenceRecord],
    seed: u64,
    confidence: f64,
    of: impl Fn(usize, &InferenceRecord) -> (f64, f64),
) -> Option<Estimate> {
    let mut prompts: Vec<&PromptId> = inferences.iter().map(|inference| &inference.prompt).collect();
    prompts.sort_unstable();
    prompts.dedup();
    let mut table = Table::new(prompts.len(), 3);
    for (index, inference) in inferences.iter().enumerate() {
        let Ok(prompt) = prompts.binary_search(&&inference.prompt) else { continue };
        let (over, under) = of(index, inference);
        table.add(prompt, 0, 1.0);
        table.add(prompt, 1, over);
        table.add(prompt, 2, under);
    }

    Resampled::draw(table, seed)
        .distribution(0, |totals| match totals {
            [_, over, under] => over / under,
            _ => f64::NAN,
        })?
        .estimate(confidence)
}

/// Mean prompt tokens of an answer; `None` where an answer's are unknown.
fn input_tokens(sample: &VariantSample<'_>, seed: u64, confidence: f64) -> Option<Estimate> {
    let answers: Vec<&InferenceRecord> =
        sample.inferences().filter(|one| one.outcome.is_answered()).collect();
    if answers.iter().any(|one| one.input_tokens.is_none()) {
        return None;
    }

    ratio_by_prompt(&answers, seed, confidence, |_, one| (one.input_tokens.map_or(0.0, f64::from), 1.0))
}

fn concurrency(sample: &VariantSample<'_>) -> Option<u32> {
    let mut points = sample.windows.iter().map(|window| window.operating_point);
    let first = points.next()?;
    match first {
        OperatingPoint::Closed { concurrency } if points.all(|point| point == first) => Some(concurrency),
        _ => None,
    }
}

fn energy_source(sample: &VariantSample<'_>) -> EnergySource {
    let readable = sample.windows.iter().filter(|window| !window.interrupted);
    crate::energy_source::of(readable.map(|window| &window.energy))
}

fn energy_note(sample: &VariantSample<'_>, source: EnergySource, at_the_wall: bool) -> Option<EnergyNote> {
    match source {
        EnergySource::Unavailable => Some(EnergyNote::Unavailable(crate::notes::no_energy(sample))),
        EnergySource::Estimated => Some(EnergyNote::Estimated { at_the_wall }),
        _ => at_the_wall.then_some(EnergyNote::AtTheWall),
    }
}

fn load_time(sample: &VariantSample<'_>, confidence: f64) -> Option<Estimate> {
    let mut seconds: Vec<f64> = sample.loads.iter().map(|load| load.load_time.as_secs_f64()).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    let (lower, upper) = (*seconds.first()?, *seconds.last()?);
    Some(Estimate { point: quantile(&seconds, 0.5)?, lower, upper, confidence, n: seconds.len() })
}

fn machine(run: &RunRecord) -> String {
    let facts = &run.header.machine;
    let gpus = if facts.gpus.is_empty() { String::new() } else { format!(" + {}", facts.gpus.join(" + ")) };
    format!("{}{gpus}", facts.processor())
}
