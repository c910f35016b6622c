//! What one inference takes, as unit economics need it: busy seconds, joules, tokens, load time, with intervals.

use infercost_core::{Estimate, InferenceRecord, OperatingPoint, PromptId, RunRecord, VariantId, Workload};
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::report::{idle, idle_behind, wall_factor};
use crate::sample::{Samples, TOO_FEW_BLOCKS, VariantSample, at, own};
use infercost_stats::bootstrap::{Resampled, Table};
use infercost_stats::quantile::quantile;

/// Why a variant's workload cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorkloadError {
    /// No run.
    #[error("no run is given; name one that `infercost compare` has made")]
    NoRun,
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
/// [`WorkloadError`] where the variant is not there, or answered fewer than two prompts or all in one window.
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
    let samples = Samples::gather(runs, variant, first.header.seed);
    let sample = samples.variants.first().ok_or_else(too_few)?;
    let base = samples.own(0);
    let ratio = |presence: usize, over: usize, under: usize| -> Option<Estimate> {
        let statistic = |totals: &[f64]| at(totals, base + over) / at(totals, base + under);
        samples.resampled.distribution(base + presence, statistic)?.estimate(confidence)
    };
    let measured = |presence: usize, statistic: &dyn Fn(&[f64]) -> f64| -> Option<Estimate> {
        samples.measured(base + presence, "", statistic).ok()?.estimate(confidence)
    };
    let seconds = |totals: &[f64]| at(totals, base + own::BUSY) / at(totals, base + own::INFERENCES);
    let busy_s = match samples.measured(base + own::ANSWERED, "", seconds) {
        Err(TOO_FEW_BLOCKS) => {
            return Err(WorkloadError::OneBlock { variant: variant.to_string(), run: run.to_string() });
        }
        found => found.ok().and_then(|found| found.estimate(confidence)).filter(|busy| busy.point > 0.0),
    };
    let wall = wall_factor(runs).map(|wall| (wall.factor, wall.offset.get()));
    let (factor, offset) = wall.unwrap_or((1.0, 0.0));
    let at_the_wall = |totals: &[f64]| {
        let joules = at(totals, base + own::JOULES) / at(totals, base + own::METERED);
        let busy = at(totals, base + own::BUSY) / at(totals, base + own::INFERENCES);
        factor * joules + offset * busy
    };
    let joules = measured(own::METERED, &at_the_wall);
    let prefill = |totals: &[f64]| {
        let (prefill, decode) = (at(totals, base + own::PREFILL_TIME), at(totals, base + own::DECODE_TIME));
        prefill / (prefill + decode)
    };
    let prefill_share =
        measured(own::PREFILLED, &prefill).map(|share| Estimate { upper: share.upper.min(1.0), ..share });
    let source = energy_source(sample);
    let mut energy_note = energy_note(sample, source);
    if wall.is_some() && joules.is_some() {
        energy_note.push_str(" Energy is at the wall, by the fitted factor.");
    }
    let idles: Vec<_> = runs.iter().map(idle).collect();
    let idle = idle_behind(&idles, sample.windows_by_run()).ok();
    Ok(Workload {
        variant: variant.clone(),
        run: run.clone(),
        date: first.header.started_at.to_zoned(TimeZone::UTC).date(),
        machine: machine(first),
        prompts_sha256: first.header.prompts.sha256.clone(),
        inferences: sample.inferences().count() as u64,
        failures: sample.inferences().filter(|one| is_failure(one)).count() as u64,
        threads: sample.header.engine.threads,
        concurrency: concurrency(sample),
        busy_s: busy_s.ok_or_else(too_few)?,
        prefill_share,
        joules,
        energy_source: source.to_owned(),
        energy_note: energy_note.trim().to_owned(),
        idle_w: idle.map(|watts| factor * watts + offset),
        load_s: load_time(sample, confidence),
        input_tokens: input_tokens(sample, first.header.seed, confidence),
        output_tokens: ratio(own::ANSWERED, own::OUTPUT, own::INFERENCES),
        correct: ratio(own::SCORED, own::SCORE, own::SCORED),
    })
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
    Resampled::draw(table, seed).distribution(0, |totals| at(totals, 1) / at(totals, 2))?.estimate(confidence)
}

/// Mean prompt tokens of an answer; `None` where an answer's are unknown.
fn input_tokens(sample: &VariantSample<'_>, seed: u64, confidence: f64) -> Option<Estimate> {
    let answers: Vec<&InferenceRecord> = sample.inferences().filter(|one| !is_failure(one)).collect();
    if answers.iter().any(|one| one.input_tokens.is_none()) {
        return None;
    }
    let tokens = |_, one: &InferenceRecord| (one.input_tokens.map_or(0.0, f64::from), 1.0);
    ratio_by_prompt(&answers, seed, confidence, tokens)
}

fn is_failure(inference: &InferenceRecord) -> bool {
    matches!(inference.outcome, infercost_core::Outcome::Failed { .. })
}

fn concurrency(sample: &VariantSample<'_>) -> Option<u32> {
    let mut points = sample.windows.iter().map(|window| window.operating_point);
    let first = points.next()?;
    match first {
        OperatingPoint::Closed { concurrency } if points.all(|point| point == first) => Some(concurrency),
        _ => None,
    }
}

fn energy_source(sample: &VariantSample<'_>) -> &'static str {
    let readable = sample.windows.iter().filter(|window| !window.interrupted);
    crate::energy_source::of(readable.map(|window| &window.energy))
}

fn energy_note(sample: &VariantSample<'_>, source: &str) -> String {
    match source {
        "unavailable" => crate::notes::no_energy(sample),
        "estimated" => "Energy is estimated, not measured.".to_owned(),
        _ => String::new(),
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
    let cpu = facts.cpu.as_deref().unwrap_or("unknown CPU");
    let cores = facts.cores.map_or_else(String::new, |cores| format!("{cores} × "));
    let gpus = if facts.gpus.is_empty() { String::new() } else { format!(" + {}", facts.gpus.join(" + ")) };
    format!("{cores}{cpu}{gpus}")
}
