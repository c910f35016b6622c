//! The second part of a run: every variant at every operating point, each in a window of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use infercost_core::interference::first_repetition_under_load;
use infercost_core::{
    Engine, InferenceRecord, LoadFacts, OperatingPoint, SinkError, SteadyState, VariantId, WindowRecord,
};

use crate::answer_counts::AnswerCounts;
use crate::error::HarnessError;
use crate::ladder::{Ladder, Reached};
use crate::load::{Load, LoadOutcome, Steady, put_under_load};
use crate::load_plan::LoadPlan;
use crate::order::turn_order;
use crate::plan::Plan;
use crate::session::Session;
use crate::timed::infer;

/// More than any run sends, so that a server that refuses at once cannot fill the disk.
const MOST_REQUESTS: u64 = 2_000_000;
/// Failures in a row after which a model in process is given up.
const FAILURES_IN_A_ROW: u32 = 20;

/// Takes every variant up its ladder; variants take turns, point by point. A point at which this program was the limit is
/// tested once more, in a window of its own; the first window stays, marked as [`LoadFacts::client_limited`].
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
            *first = (*first).max(first_repetition_under_load(session.plan.repetitions));
            let window = Window { variant: variant.clone(), point, plan, first: *first };
            let (reached, beyond) = window.put_under_load(session, engine.as_mut())?;
            *first = beyond;
            let decided = ladder.reached(point, reached);
            if decided && reached.throughput.is_none() && reached.end.is_some() {
                ladder.give_up();
            }
        }
        block += 1;
    }

    for ((variant, _), ladder) in engines.iter().zip(&ladders) {
        if !ladder.left_out().is_empty() {
            let points: Vec<String> = ladder.left_out().iter().copied().map(words).collect();
            tracing::warn!(
                "{variant}: not measured at {}: an easier load was already the end of the way up",
                points.join(", ")
            );
        }
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
    /// Runs the load test; gives what it reached and the first repetition beyond it.
    fn put_under_load(
        &self,
        session: &mut Session<'_>,
        engine: &mut dyn Engine,
    ) -> Result<(Reached, u32), HarnessError> {
        session.sink.load_testing(&self.variant, self.point)?;
        let id = session.window_id(&self.variant);
        let open = session.open(&self.variant)?;
        let started_at = open.started_at;
        let mut counts = AnswerCounts::default();
        let mut beyond = self.first;
        let sink = &mut *session.sink;
        let mut keep = |mut records: Vec<InferenceRecord>| {
            for record in &mut records {
                record.repetition = record.repetition.saturating_add(self.first);
                beyond = beyond.max(record.repetition.saturating_add(1));
                counts.add(record.issued_at.duration_since(started_at).unwrap_or_default(), record);
            }
            sink.under_load(&id, &records)
        };
        let facts = match engine.concurrent() {
            Some(handle) => {
                let outcome = put_under_load(
                    handle,
                    &session.plan.prompts,
                    &self.load(session.plan),
                    &mut keep,
                    session.stop,
                )?;
                tell(&self.variant, self.point, &outcome);
                facts(&outcome, started_at)
            }
            None => self.one_by_one(engine, session.plan, session.stop, &open.clock, &mut keep)?,
        };

        let closed = session.close(open)?;
        let record = WindowRecord {
            id,
            started_at,
            wall_time: closed.wall_time,
            operating_point: self.point,
            load: Some(facts),
            energy: closed.energy,
            interrupted: false,
            interference: Some(Box::new(closed.interference)),
            remeasures: None,
            // they went to the sink as they ended, and there may be any number of them
            inferences: Vec::new(),
        };
        session.sink.window(&record)?;
        Ok((counts.reached(&facts), beyond))
    }

    fn load(&self, plan: &Plan) -> Load {
        Load {
            point: self.point,
            arrivals: self.plan.arrivals,
            schedule: None,
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
        Ok(LoadFacts { steady, ..LoadFacts::default() })
    }
}

/// Says what only the log has room for.
fn tell(variant: &VariantId, point: OperatingPoint, outcome: &LoadOutcome) {
    let at = words(point);
    if let Some(limit) = &outcome.client_limit {
        tracing::warn!(
            "{variant} at {at}: infercost itself was the limit: {limit}; run the load test from another machine"
        );
    }
    if let Some(held_up) = &outcome.held_up {
        tracing::warn!(
            "{variant} at {at}: other programs keep this machine busy: {held_up}; latencies may be too long"
        );
    }
    if outcome.issued >= MOST_REQUESTS {
        tracing::warn!("{variant} at {at}: ended early, after {MOST_REQUESTS} requests");
    }
}

/// An operating point as a person reads it.
fn words(point: OperatingPoint) -> String {
    match point {
        OperatingPoint::Closed { concurrency } => format!("concurrency {concurrency}"),
        OperatingPoint::Open { rate } => format!("{rate} requests/s"),
    }
}

/// What the load generator found, in time since the window began.
fn facts(outcome: &LoadOutcome, started_at: SystemTime) -> LoadFacts {
    let late = outcome.started_at.duration_since(started_at).unwrap_or_default();
    let steady = outcome.steady.map(|Steady { from, to }| SteadyState {
        from: from.saturating_add(late),
        until: to.saturating_add(late),
    });
    LoadFacts {
        steady,
        client_limited: outcome.client_limit.is_some(),
        machine_busy: outcome.held_up.is_some(),
        over_saturated: outcome.over_saturated,
    }
}

#[cfg(test)]
mod tests;
