//! The second part of a run: every variant at every operating point, each in a window of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use infercost_core::{
    Engine, InferenceRecord, LoadFacts, OperatingPoint, Outcome, SinkError, SteadyState, VariantId,
    WindowRecord,
};

use crate::ladder::{End, Ladder, Reached};
use crate::load::{Arrivals, Driven, Load, Steady, drive};
use crate::order::turn_order;
use crate::plan::Plan;
use crate::run::{HarnessError, Session};
use crate::timed::infer;

/// A window with more failures than this share of its requests is the end of the way up.
const MOST_FAILURES: f64 = 0.5;
/// More than any run sends, so that a server that refuses at once cannot fill the disk.
const MOST_REQUESTS: u64 = 2_000_000;
/// Failures in a row after which a model in process is given up.
const FAILURES_IN_A_ROW: u32 = 20;

/// What is driven after the single requests.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPlan {
    /// Operating points, for every variant that can take them.
    pub points: Vec<OperatingPoint>,
    /// Search for the knee up to this many requests in flight; `None` does not search.
    pub sweep: Option<u32>,
    /// How requests of open loops are spaced.
    pub arrivals: Arrivals,
    /// Load before what is counted.
    pub warm_up: Duration,
    /// How long each point is held behind the warm-up.
    pub duration: Duration,
}

/// What of the load an earlier, interrupted run has already done.
#[derive(Debug, Clone, Default)]
pub struct LoadDone {
    points: Vec<(VariantId, OperatingPoint, Reached)>,
    /// The first repetition that no inference of a variant has.
    next_repetition: HashMap<VariantId, u32>,
}

impl LoadDone {
    /// Takes note of a window of that run. An interrupted one is driven again, under fresh repetitions.
    pub fn note(&mut self, window: &WindowRecord) {
        let next = self.next_repetition.entry(window.id.variant.clone()).or_default();
        for inference in &window.inferences {
            *next = (*next).max(inference.repetition.saturating_add(1));
        }
        let Some(load) = window.load.filter(|_| !window.interrupted) else { return };
        let mut tally = Tally::default();
        for inference in &window.inferences {
            let issued = inference.issued_at.duration_since(window.started_at).unwrap_or_default();
            tally.add(issued, inference);
        }
        let reached = tally.reached(&load);
        self.points.push((window.id.variant.clone(), window.operating_point, reached));
    }
}

/// Drives every variant up its ladder; variants take turns, point by point. A point at which this program was the limit is
/// driven once more, in a window of its own; the first window stays, marked as [`LoadFacts::client_limited`].
pub(crate) fn run(
    session: &mut Session<'_>,
    engines: &mut [(VariantId, Box<dyn Engine>)],
    plan: &LoadPlan,
) -> Result<(), HarnessError> {
    let done = session.plan.completed.load.clone();
    let mut next_repetition = done.next_repetition;
    let mut ladders: Vec<Ladder> = engines.iter().map(|(_, engine)| ladder(engine.as_ref(), plan)).collect();
    for ((variant, _), ladder) in engines.iter().zip(&mut ladders) {
        for (_, point, reached) in done.points.iter().filter(|(of, ..)| of == variant) {
            ladder.reached(*point, *reached);
        }
    }
    let mut block = 0;
    while ladders.iter().any(|ladder| ladder.next().is_some()) {
        for turn in turn_order(engines.len(), block, session.plan.seed) {
            let (Some((variant, engine)), Some(ladder)) = (engines.get_mut(turn), ladders.get_mut(turn))
            else {
                continue;
            };
            let Some(point) = ladder.next() else { continue };
            let first = next_repetition.entry(variant.clone()).or_default();
            *first = (*first).max(session.plan.repetitions);
            let window = Window { variant: variant.clone(), point, plan, first: *first };
            let (reached, beyond) = window.drive(session, engine.as_mut())?;
            *first = beyond;
            let decided = ladder.reached(point, reached);
            if decided && reached.throughput.is_none() && reached.end.is_some() {
                ladder.give_up();
            }
        }
        block += 1;
    }
    Ok(())
}

/// A model in this process answers one request at a time: of all loads it can take that one.
fn ladder(engine: &dyn Engine, plan: &LoadPlan) -> Ladder {
    if engine.concurrent().is_some() {
        return Ladder::new(&plan.points, plan.sweep);
    }
    let closed = |point: &OperatingPoint| matches!(point, OperatingPoint::Closed { .. });
    let any = plan.sweep.is_some() || plan.points.iter().any(closed);
    Ladder::new(if any { &[OperatingPoint::SEQUENTIAL] } else { &[] }, None)
}

/// One window under load.
struct Window<'a> {
    variant: VariantId,
    point: OperatingPoint,
    plan: &'a LoadPlan,
    /// The repetition that its first inferences get.
    first: u32,
}

impl Window<'_> {
    /// Drives the window; gives what it reached and the first repetition beyond it.
    fn drive(
        &self,
        session: &mut Session<'_>,
        engine: &mut dyn Engine,
    ) -> Result<(Reached, u32), HarnessError> {
        session.sink.driving(&self.variant, self.point)?;
        let id = session.window_id(&self.variant);
        let started_at = SystemTime::now();
        let clock = Instant::now();
        let reading = session.open_meter(&self.variant)?;
        let mut tally = Tally::default();
        let mut beyond = self.first;
        let sink = &mut *session.sink;
        let mut keep = |mut records: Vec<InferenceRecord>| {
            for record in &mut records {
                record.repetition = record.repetition.saturating_add(self.first);
                beyond = beyond.max(record.repetition.saturating_add(1));
                tally.add(record.issued_at.duration_since(started_at).unwrap_or_default(), record);
            }
            sink.under_load(&id, &records)
        };
        let facts = match engine.concurrent() {
            Some(handle) => {
                let driven =
                    drive(handle, &session.plan.prompts, &self.load(session.plan), &mut keep, session.stop)?;
                tell(&self.variant, self.point, &driven);
                facts(&driven, started_at)
            }
            None => self.one_by_one(engine, session.plan, session.stop, &clock, &mut keep)?,
        };
        let energy = session.close_meter(reading)?;
        let record = WindowRecord {
            id,
            started_at,
            wall_time: clock.elapsed(),
            operating_point: self.point,
            load: Some(facts),
            energy,
            interrupted: false,
            // they went to the sink as they ended, and there may be any number of them
            inferences: Vec::new(),
        };
        session.sink.window(&record)?;
        Ok((tally.reached(&facts), beyond))
    }

    fn load(&self, plan: &Plan) -> Load {
        Load {
            point: self.point,
            arrivals: self.plan.arrivals,
            warm_up: self.plan.warm_up,
            duration: self.plan.duration,
            most_requests: MOST_REQUESTS,
            seed: plan.seed,
            sampling: plan.sampling.clone(),
        }
    }

    /// A closed loop of one: each request follows the last. The steady state begins with the first token behind the
    /// warm-up and ends with the last answer.
    fn one_by_one(
        &self,
        engine: &mut dyn Engine,
        plan: &Plan,
        stop: &AtomicBool,
        clock: &Instant,
        keep: &mut dyn FnMut(Vec<InferenceRecord>) -> Result<(), SinkError>,
    ) -> Result<LoadFacts, HarnessError> {
        let end = self.plan.warm_up.saturating_add(self.plan.duration);
        let (mut from, mut until) = (None, Duration::ZERO);
        let mut failures = 0;
        let prompts = plan.prompts.len().max(1);
        for (index, prompt) in plan.prompts.iter().cycle().enumerate() {
            let begun = clock.elapsed();
            if begun >= end || failures >= FAILURES_IN_A_ROW {
                break;
            }
            if stop.load(Ordering::Relaxed) {
                return Err(HarnessError::Interrupted);
            }
            let repetition = u32::try_from(index / prompts).unwrap_or(u32::MAX);
            let (record, answer) = infer(engine, prompt, repetition, &plan.sampling);
            if begun >= self.plan.warm_up
                && from.is_none()
                && let Some(first) = record.outcome.time_to_first_token()
            {
                from = Some(begun.saturating_add(first));
            }
            until = clock.elapsed();
            failures = if answer.is_some() { 0 } else { failures + 1 };
            keep(vec![record])?;
        }
        let steady = from.filter(|from| until > *from).map(|from| SteadyState { from, until });
        Ok(LoadFacts { steady, client_limited: false, over_saturated: false })
    }
}

/// Says what only the log has room for.
fn tell(variant: &VariantId, point: OperatingPoint, driven: &Driven) {
    if let Some(limit) = &driven.client_limit {
        tracing::warn!(
            %variant, ?point, limit,
            "infercost itself was the limit: close other programs, or drive the server from another machine"
        );
    }
    if driven.issued >= MOST_REQUESTS {
        tracing::warn!(%variant, ?point, "ended early, after {MOST_REQUESTS} requests");
    }
}

/// What the load generator found, in time since the window began.
fn facts(driven: &Driven, started_at: SystemTime) -> LoadFacts {
    let late = driven.started_at.duration_since(started_at).unwrap_or_default();
    let steady = driven.steady.map(|Steady { from, to }| SteadyState {
        from: from.saturating_add(late),
        until: to.saturating_add(late),
    });
    LoadFacts { steady, client_limited: driven.client_limit.is_some(), over_saturated: driven.over_saturated }
}

/// When requests were answered, in bounded memory: two bins become one when there are too many.
#[derive(Debug)]
struct Tally {
    width: Duration,
    /// Answers that ended in each stretch of `width`, since the window began.
    bins: Vec<u64>,
    answered: u64,
    requests: u64,
}

/// Most bins. A steady state of a tenth of the time is then known to one part in eight hundred at least.
const MOST_BINS: usize = 1 << 14;

impl Default for Tally {
    fn default() -> Self {
        Self { width: Duration::from_millis(1), bins: Vec::new(), answered: 0, requests: 0 }
    }
}

impl Tally {
    fn add(&mut self, issued: Duration, record: &InferenceRecord) {
        self.requests += 1;
        let Outcome::Completed { latency, .. } = &record.outcome else { return };
        self.answered += 1;
        let end = issued.saturating_add(*latency);
        while self.bin(end) >= MOST_BINS {
            self.width = self.width.saturating_mul(2);
            self.bins = self.bins.chunks(2).map(|two| two.iter().sum()).collect();
        }
        let bin = self.bin(end);
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, 0);
        }
        if let Some(count) = self.bins.get_mut(bin) {
            *count += 1;
        }
    }

    fn bin(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.width.as_nanos()).unwrap_or(usize::MAX)
    }

    /// Answers that ended in a stretch.
    fn between(&self, from: Duration, until: Duration) -> u64 {
        let (first, last) = (self.bin(from), self.bin(until));
        let places = self.bins.iter().enumerate();
        places.filter(|(place, _)| (first..=last).contains(place)).map(|(_, count)| count).sum()
    }

    fn reached(&self, facts: &LoadFacts) -> Reached {
        let failed = self.requests.saturating_sub(self.answered);
        let throughput = facts
            .steady
            .filter(|steady| !steady.length().is_zero())
            .map(|steady| self.between(steady.from, steady.until) as f64 / steady.length().as_secs_f64());
        let mostly_failing = failed as f64 > MOST_FAILURES * self.requests as f64;
        let end = if facts.over_saturated || mostly_failing || self.answered == 0 {
            Some(End::Server)
        } else {
            facts.client_limited.then_some(End::Client)
        };
        Reached { throughput: throughput.filter(|_| self.answered > 0), end }
    }
}

#[cfg(test)]
mod tests;
