//! One measurement of one setting: opened, warmed up, asked, closed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use infercost_core::{
    EnergyMeter, EnergyReading, Engine, FailureKind, InferenceRecord, LatencyTargets, Outcome, Prompt,
    Sampling,
};
use infercost_harness::HarnessError;
use infercost_harness::load::{Arrivals, Load, put_under_load};
use infercost_harness::timed::infer;
use infercost_sprint::answers::AnswerMark;
use infercost_sprint::failure::FailureKind as WhyNot;
use infercost_sprint::journal::{Measured, Shown};
use infercost_sprint::{Failure, Setting};
use infercost_stats::quantile::quantile;
use sha2::{Digest as _, Sha256};

use super::bench::Bench;
use super::workload::{Pace, Work};

/// Bytes of a fingerprint that are kept, in hexadecimal digits.
const DIGITS: usize = 16;
/// Longest answer of a warm-up, in tokens: caches and pages are warm long before an answer ends.
const WARM_UP_TOKENS: u32 = 16;
/// Failures in a row after which a setting is asked no more.
const FAILURES_IN_A_ROW: usize = 5;

/// What all measurements of a sprint share.
pub(super) struct Instruments<'a> {
    pub(super) work: &'a Work,
    pub(super) meter: &'a mut dyn EnergyMeter,
    /// Why the meter says nothing of these settings; `None` where it does.
    pub(super) unmetered: Option<String>,
    pub(super) sampling: Sampling,
    pub(super) targets: Option<LatencyTargets>,
    pub(super) warm_ups: u32,
    /// Longest time of one measurement.
    pub(super) limit: Duration,
    pub(super) stop: &'a AtomicBool,
}

/// What is asked in one measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    /// Which part of the workload: the same for all settings of a round.
    pub(super) number: u32,
    /// How many requests.
    pub(super) requests: usize,
}

/// Measures a setting on the prompts of that number.
///
/// # Errors
/// Where the run is interrupted, or the meter is gone; what goes wrong with the setting is what it shows.
pub(super) fn visit(
    bench: &mut Bench,
    setting: &Setting,
    batch: Batch,
    with: &mut Instruments<'_>,
) -> anyhow::Result<Shown> {
    let prompts = with.work.batch(batch.number, batch.requests);
    let starting = Instant::now();
    let mut engine = match bench.open(setting)? {
        Ok(engine) => engine,
        Err(failure) => return stopped(with.stop).map(|()| Shown::Failed(failure)),
    };
    let start_s = starting.elapsed().as_secs_f64();

    let mut lone_ttft_s = None;
    for prompt in prompts.iter().cycle().take(usize::try_from(with.warm_ups).unwrap_or(1)) {
        stopped(with.stop)?;
        let mut short = prompt.clone();
        short.max_tokens = short.max_tokens.min(WARM_UP_TOKENS);
        let (record, _) = infer(engine.as_mut(), &short, 0, &with.sampling);
        lone_ttft_s = record.outcome.time_to_first_token().map(|time| time.as_secs_f64());
    }

    let asked = ask(engine.as_mut(), &prompts, with)?;
    let weight_bytes = engine.identity().weight_bytes_per_token.map(|bytes| bytes.0);
    bench.close(setting, engine);

    if asked.records.iter().all(|record| !record.outcome.is_answered()) {
        return Ok(Shown::Failed(no_answer(&asked.records)));
    }
    let mut measured = measured(&asked, &prompts, with.targets.as_ref());
    measured.start_s = start_s;
    measured.lone_ttft_s = lone_ttft_s.filter(|_| with.work.pace.overlaps());
    measured.weight_bytes_per_token = weight_bytes;
    Ok(Shown::Measured(Box::new(measured)))
}

fn stopped(stop: &AtomicBool) -> anyhow::Result<()> {
    if stop.load(Ordering::Relaxed) { Err(HarnessError::Interrupted.into()) } else { Ok(()) }
}

/// What came of asking.
struct Asked {
    records: Vec<InferenceRecord>,
    energy: EnergyReading,
    wall: Duration,
    disturbed: bool,
}

fn ask(engine: &mut dyn Engine, prompts: &[Prompt], with: &mut Instruments<'_>) -> anyhow::Result<Asked> {
    let reading = with.meter.start()?;
    let clock = Instant::now();
    let mut records = Vec::with_capacity(prompts.len());

    let handle = engine.concurrent().filter(|_| !matches!(with.work.pace, Pace::OneByOne));
    let disturbed = match handle {
        Some(handle) => {
            let load = load(prompts.len(), with);
            let mut keep = |made: Vec<InferenceRecord>| {
                records.extend(made);
                Ok(())
            };
            let driven = put_under_load(handle, prompts, &load, &mut keep, with.stop)?;
            driven.client_limit.is_some() || driven.held_up.is_some()
        }
        None => {
            one_by_one(engine, prompts, with, &mut records)?;
            false
        }
    };

    let wall = clock.elapsed();
    let energy = with.meter.stop(reading)?;
    let energy = match &with.unmetered {
        Some(reason) => EnergyReading::Unavailable { reason: reason.clone() },
        None => energy,
    };
    Ok(Asked { records, energy, wall, disturbed })
}

fn load(requests: usize, with: &Instruments<'_>) -> Load {
    let schedule = match &with.work.pace {
        Pace::AtTimes(times) => Some(times.clone()),
        _ => None,
    };
    Load {
        point: with.work.pace.point(),
        arrivals: Arrivals::Poisson,
        schedule,
        warm_up: Duration::ZERO,
        duration: with.limit,
        most_requests: u64::try_from(requests).unwrap_or(u64::MAX),
        seed: with.sampling.seed,
        sampling: with.sampling.clone(),
    }
}

/// One request after the other; of a trace, none before its time.
fn one_by_one(
    engine: &mut dyn Engine,
    prompts: &[Prompt],
    with: &Instruments<'_>,
    records: &mut Vec<InferenceRecord>,
) -> anyhow::Result<()> {
    let clock = Instant::now();
    let mut failures = 0;
    for (index, prompt) in prompts.iter().enumerate() {
        if let Pace::AtTimes(times) = &with.work.pace
            && let Some(due) = times.get(index)
        {
            std::thread::sleep(due.saturating_sub(clock.elapsed()));
        }
        stopped(with.stop)?;
        if clock.elapsed() >= with.limit || failures >= FAILURES_IN_A_ROW {
            break;
        }
        let (record, answer) = infer(engine, prompt, 0, &with.sampling);
        failures = if answer.is_some() { 0 } else { failures + 1 };
        records.push(record);
    }
    Ok(())
}

/// Why nothing was answered, by the first that failed.
fn no_answer(records: &[InferenceRecord]) -> Failure {
    let first = records.iter().find_map(|record| match &record.outcome {
        Outcome::Failed { kind, message, .. } => Some((*kind, message.clone())),
        Outcome::Completed { .. } => None,
    });
    match first {
        Some((FailureKind::Timeout, said)) => Failure { kind: WhyNot::Timeout, said },
        Some((_, said)) => {
            let read = Failure::of_start(&said);
            let kind = if read.kind == WhyNot::OutOfMemory { read.kind } else { WhyNot::Requests };
            Failure { kind, said }
        }
        None => Failure { kind: WhyNot::Requests, said: "every answer was empty".to_owned() },
    }
}

fn measured(asked: &Asked, prompts: &[Prompt], targets: Option<&LatencyTargets>) -> Measured {
    let mut found = Measured {
        wall_s: asked.wall.as_secs_f64(),
        input_tokens: Some(0),
        cached_tokens: Some(0),
        joules: asked.energy.joules().map(|joules| joules.get()),
        energy_source: asked.energy.source(),
        within_targets: targets.map(|_| 0),
        disturbed: asked.disturbed,
        ..Measured::default()
    };
    let (mut first_tokens, mut per_token) = (Vec::new(), Vec::new());
    let mut spans = Vec::with_capacity(asked.records.len());

    for record in &asked.records {
        let latency = record.outcome.latency();
        spans.push((record.issued_at, latency));
        found.in_flight_s += latency.as_secs_f64();
        if !record.outcome.is_answered() {
            found.failures += 1;
            *found.failure_kinds.entry(kind_of(record)).or_default() += 1;
            continue;
        }

        found.answers += 1;
        found.output_tokens += u64::from(record.outcome.output_tokens());
        found.input_tokens = add(found.input_tokens, record.input_tokens);
        found.cached_tokens = add(found.cached_tokens, record.cached_input_tokens);
        let ttft = record.outcome.time_to_first_token().unwrap_or(latency);
        // where thinking is hidden, most of the time before the first token was decode
        let before_decode = if record.outcome.hides_thinking() { Duration::ZERO } else { ttft };
        found.ttft_s += before_decode.as_secs_f64();
        found.decode_s += latency.saturating_sub(before_decode).as_secs_f64();
        first_tokens.push(ttft.as_secs_f64());
        let tpot = record.outcome.time_per_output_token().map(|time| time.as_secs_f64());
        per_token.extend(tpot);
        if let (Some(targets), Some(within)) = (targets, &mut found.within_targets) {
            *within += u64::from(is_within(targets, ttft.as_secs_f64(), tpot));
        }
    }

    found.busy_s = busy(&mut spans).as_secs_f64();
    found.ttft = percentiles(first_tokens);
    found.tpot = percentiles(per_token);
    found.marks = marks(&asked.records, prompts);
    found
}

fn is_within(targets: &LatencyTargets, ttft_s: f64, tpot_s: Option<f64>) -> bool {
    let first = targets.ttft_s.is_none_or(|most| ttft_s <= most);
    let each = targets.tpot_s.is_none_or(|most| tpot_s.is_none_or(|tpot| tpot <= most));
    first && each
}

fn add(sum: Option<u64>, part: Option<u32>) -> Option<u64> {
    Some(sum?.saturating_add(u64::from(part?)))
}

fn kind_of(record: &InferenceRecord) -> String {
    match &record.outcome {
        Outcome::Failed { kind, .. } => kind.name().to_owned(),
        Outcome::Completed { .. } => "empty".to_owned(),
    }
}

/// Time in which at least one of the requests was in flight.
fn busy(spans: &mut [(std::time::SystemTime, Duration)]) -> Duration {
    spans.sort_by_key(|span| span.0);
    let mut total = Duration::ZERO;
    let mut open: Option<(std::time::SystemTime, std::time::SystemTime)> = None;
    for (from, length) in spans.iter() {
        let until = from.checked_add(*length).unwrap_or(*from);
        open = match open {
            Some((start, end)) if *from <= end => Some((start, end.max(until))),
            Some((start, end)) => {
                total += end.duration_since(start).unwrap_or_default();
                Some((*from, until))
            }
            None => Some((*from, until)),
        };
    }
    total + open.map_or(Duration::ZERO, |(start, end)| end.duration_since(start).unwrap_or_default())
}

fn percentiles(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    Some((quantile(&values, 0.5)?, quantile(&values, 0.9)?))
}

/// The first answer to each prompt, as a fingerprint and a grade.
fn marks(records: &[InferenceRecord], prompts: &[Prompt]) -> Vec<AnswerMark> {
    let mut first: BTreeMap<&str, &InferenceRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| record.outcome.is_answered()) {
        first.entry(record.prompt.as_str()).or_insert(record);
    }

    let mut marks = Vec::with_capacity(first.len());
    for (id, record) in first {
        let Outcome::Completed { text: Some(text), .. } = &record.outcome else { continue };
        let prompt = prompts.iter().find(|prompt| prompt.id.as_str() == id);
        let grader = prompt.and_then(|prompt| prompt.grader.as_deref());
        // multiple choice is judged by likelihoods where there are any, so words alone would say something else
        let score =
            grader.filter(|grader| grader.choices().is_empty()).map(|grader| grader.score(text).score);
        let hash: String = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .take(DIGITS / 2)
            .collect();
        marks.push(AnswerMark { prompt: id.to_owned(), sha256: hash, score });
    }
    marks
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use infercost_core::testing::made_up_run::inference;
    use infercost_core::{PromptId, Thinking};

    use super::*;

    #[test]
    fn thinking_that_is_hidden_is_time_of_decode() {
        let shown = inference(&PromptId::from("shown"), SystemTime::UNIX_EPOCH);
        let mut hiding = shown.clone();
        let Outcome::Completed { thinking, .. } = &mut hiding.outcome else { return };
        *thinking = Some(Box::new(Thinking { tokens: Some(2), is_hidden: true, ..Thinking::default() }));

        let energy = EnergyReading::Unavailable { reason: "made up".to_owned() };
        let records = vec![shown.clone(), hiding];
        let asked = Asked { records, energy, wall: Duration::from_secs(1), disturbed: false };
        let found = measured(&asked, &[], None);

        let (latency, ttft) =
            (shown.outcome.latency(), shown.outcome.time_to_first_token().unwrap_or_default());
        assert!(ttft > Duration::ZERO && ttft < latency);
        assert!((found.ttft_s - ttft.as_secs_f64()).abs() < 1e-9, "{found:?}");
        assert!((found.decode_s - (2 * latency - ttft).as_secs_f64()).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn overlapping_requests_count_once() {
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let seconds = Duration::from_secs;
        let mut spans = [(at(10), seconds(5)), (at(0), seconds(4)), (at(2), seconds(4)), (at(3), seconds(1))];
        assert_eq!(busy(&mut spans), seconds(11));
        assert_eq!(busy(&mut []), Duration::ZERO);
    }
}
