//! The run itself: blocks of prompts, variants taking turns, a meter around each window.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::{
    EnergyMeter, Engine, Generation, IdlePhase, OperatingPoint, Prompt, PromptId, RecordSink, VariantId,
    WindowRecord,
};

use crate::error::HarnessError;
use crate::load_phase;
use crate::order::turn_order;
use crate::plan::Plan;
use crate::preparation::Prepared;
use crate::remeasure::{DisturbedWindow, Remeasure};
use crate::session::{Session, measure_idle};
use crate::timed::infer;
use crate::window_length::prompts_per_window;

/// Takes every variant through the plan.
///
/// `stop` is looked at between inferences. The first engine is the baseline.
///
/// # Errors
/// [`HarnessError`]; facts handed to the sink before it are kept.
pub fn run(
    prepared: Prepared,
    plan: &Plan,
    meter: &mut dyn EnergyMeter,
    sink: &mut dyn RecordSink,
    stop: &AtomicBool,
) -> Result<(), HarnessError> {
    let Prepared { mut engines, loads, idle_before } = prepared;

    for load in &loads {
        sink.load(load)?;
    }
    if let Some(idle) = idle_before {
        sink.idle(&idle)?;
    }
    if let Some(idle) = measure_idle(meter, IdlePhase::Resident, plan.idle_time)? {
        sink.idle(&idle)?;
    }

    // Warm-up tells how long a prompt takes, and that how many prompts a window must hold.
    let period = meter.update_period();
    let fastest = warm_up(&mut engines, plan, !period.is_zero(), stop)?;
    let window_prompts = prompts_per_window(plan.window_prompts, plan.prompts.len(), fastest, period);

    let windows = plan.prompts.len().div_ceil(window_prompts) * engines.len();
    let windows = windows.saturating_mul(plan.repetitions as usize);
    let done = &plan.completed.remeasured;
    let remeasure = Remeasure::new(plan.max_remeasure, windows, plan.repetitions, done);
    let next_window = plan.completed.next_window;
    let mut session = Session { plan, meter, sink, stop, next_window, remeasure };

    session.single_requests(&mut engines, window_prompts)?;
    if let Some(load) = &plan.load {
        load_phase::run(&mut session, &mut engines, load)?;
    }

    if let Some(idle) = measure_idle(session.meter, IdlePhase::After, plan.idle_time)? {
        session.sink.idle(&idle)?;
    }
    Ok(())
}

/// Answer tokens of a warm-up that is cut short: enough to touch all weights, in prefill and in decode.
const COLD_TOKENS: u32 = 8;

/// Inferences that are thrown away. A failing prompt fails again, and is counted, later.
///
/// All are cut short but the last one of each variant where `is_timed`; the fastest of those gives its time.
fn warm_up(
    engines: &mut [(VariantId, Box<dyn Engine>)],
    plan: &Plan,
    is_timed: bool,
    stop: &AtomicBool,
) -> Result<Option<Duration>, HarnessError> {
    let warm_ups = usize::try_from(plan.warm_ups).unwrap_or(usize::MAX);
    let mut fastest: Option<Duration> = None;

    for (_, engine) in engines {
        for (number, prompt) in plan.prompts.iter().cycle().take(warm_ups).enumerate() {
            HarnessError::check(stop)?;
            let is_whole = is_timed && number + 1 == warm_ups;
            let short = Prompt { max_tokens: prompt.max_tokens.min(COLD_TOKENS), ..prompt.clone() };
            let asked = if is_whole { prompt } else { &short };
            let (record, answer) = infer(engine.as_mut(), asked, 0, &plan.sampling);

            if is_whole && answer.is_some() {
                let latency = record.outcome.latency();
                fastest = Some(fastest.map_or(latency, |fastest| fastest.min(latency)));
            }
        }
    }
    Ok(fastest)
}

/// What a window asks.
struct Ask<'p> {
    prompts: Vec<&'p Prompt>,
    repetition: u32,
    /// The disturbed window in whose place it stands.
    remeasures: Option<u32>,
}

/// What came of a window.
#[derive(Default)]
struct Answered {
    answers: HashMap<PromptId, Generation>,
    /// True where something disturbed its times.
    disturbed: bool,
}

impl Session<'_> {
    /// Block after block: each variant's window, those windows again that were disturbed, then the scores.
    fn single_requests(
        &mut self,
        engines: &mut [(VariantId, Box<dyn Engine>)],
        window_prompts: usize,
    ) -> Result<(), HarnessError> {
        let plan = self.plan;
        let mut active = vec![true; engines.len()];
        let mut block_number = 0;

        for repetition in 0..plan.repetitions {
            for block in plan.prompts.chunks(window_prompts) {
                let order = turn_order(engines.len(), block_number, plan.seed);
                block_number += 1;

                let mut answers = HashMap::new();
                for turn in order {
                    let is_active = active.get(turn).copied().unwrap_or(false);
                    let Some((variant, engine)) = engines.get_mut(turn).filter(|_| is_active) else {
                        continue;
                    };
                    let prompts = block.iter().collect();
                    let ask = Ask { prompts, repetition, remeasures: None };
                    let answered = self.window(variant, engine.as_mut(), &ask)?;
                    if turn == 0 {
                        answers = answered.answers;
                    }
                }

                // Near to the block's other windows, so that what drifts cancels in the comparison.
                self.measure_again(engines)?;

                if repetition == 0 {
                    self.score_block(engines, &active, block, &mut answers)?;
                }

                let settled = self.sink.settled()?;
                self.remeasure.forget(&settled);
                for (is_active, (variant, _)) in active.iter_mut().zip(engines.iter()).skip(1) {
                    *is_active &= !settled.contains(variant);
                }

                // A baseline alone would be compared with nothing.
                if engines.len() > 1 && !active.iter().skip(1).any(|active| *active) {
                    return Ok(());
                }
            }
        }

        // What was disturbed in the last blocks has one more chance.
        self.measure_again(engines)
    }

    /// Measures windows again that something disturbed, the oldest first, until one is disturbed again: the machine is
    /// still busy then, and the next try waits for the end of the next block.
    fn measure_again(&mut self, engines: &mut [(VariantId, Box<dyn Engine>)]) -> Result<(), HarnessError> {
        while let Some(DisturbedWindow { variant, index, prompts, repetition }) = self.remeasure.next() {
            let Some((_, engine)) = engines.iter_mut().find(|(id, _)| *id == variant) else { continue };
            self.sink.remeasuring(&variant)?;

            let prompts = self.plan.prompts.iter().filter(|prompt| prompts.contains(&prompt.id)).collect();
            let ask = Ask { prompts, repetition, remeasures: Some(index) };
            if self.window(&variant, engine.as_mut(), &ask)?.disturbed {
                break;
            }
        }
        Ok(())
    }

    /// One window: the meter around a block of prompts.
    fn window(
        &mut self,
        variant: &VariantId,
        engine: &mut dyn Engine,
        ask: &Ask<'_>,
    ) -> Result<Answered, HarnessError> {
        let repetition = ask.repetition;
        let mut todo = ask.prompts.clone();
        todo.retain(|prompt| {
            let key = (variant.clone(), prompt.id.clone(), repetition);
            !self.plan.completed.inferences.contains(&key)
        });
        if todo.is_empty() {
            return Ok(Answered::default());
        }

        let id = self.window_id(variant);
        let mut answers = HashMap::new();
        let mut inferences = Vec::with_capacity(todo.len());
        let open = self.open(variant)?;
        let started_at = open.started_at;

        for prompt in todo {
            HarnessError::check(self.stop)?;
            let (record, generation) = infer(engine, prompt, repetition, &self.plan.sampling);
            self.sink.inference(&id, prompt, &record)?;
            inferences.push(record);
            if let Some(generation) = generation {
                answers.insert(prompt.id.clone(), generation);
            }
        }

        let closed = self.close(open)?;
        let record = WindowRecord {
            id,
            started_at,
            wall_time: closed.wall_time,
            operating_point: OperatingPoint::SEQUENTIAL,
            load: None,
            energy: closed.energy,
            interrupted: false,
            interference: Some(Box::new(closed.interference)),
            remeasures: ask.remeasures,
            inferences,
        };
        self.sink.window(&record)?;

        let disturbed = self.remeasure.note(&record);
        Ok(Answered { answers, disturbed })
    }
}

#[cfg(test)]
mod tests;
