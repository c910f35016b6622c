//! The run itself: blocks of prompts, variants taking turns, a meter around each window.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use infercost_core::{
    Continuation, EnergyMeter, Engine, Generation, IdlePhase, OperatingPoint, Prompt, PromptId, RecordSink,
    Scored, Unscored, VariantId, WindowRecord,
};

use crate::error::HarnessError;
use crate::load_phase;
use crate::order::turn_order;
use crate::plan::Plan;
use crate::preparation::Prepared;
use crate::scoring::{Tokens, choices, likeliest, numbered, score};
use crate::session::{Session, measure_idle};
use crate::timed::infer;
use crate::window_length::prompts_per_window;

/// Drives every variant through the plan.
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
    let mut session = Session { plan, meter, sink, stop, next_window: plan.completed.next_window };
    let fastest = session.warm_up(&mut engines)?;
    let window_prompts =
        prompts_per_window(plan.window_prompts, plan.prompts.len(), fastest, session.meter.update_period());
    let mut active = vec![true; engines.len()];
    let mut block_number = 0;
    'run: for repetition in 0..plan.repetitions {
        for block in plan.prompts.chunks(window_prompts) {
            let mut answers = HashMap::new();
            for turn in turn_order(engines.len(), block_number, plan.seed) {
                if active[turn] {
                    let generations = session.window(&mut engines[turn], block, repetition)?;
                    if turn == 0 {
                        answers = generations;
                    }
                }
            }
            if repetition == 0 {
                session.score_block(&mut engines, &active, block, &mut answers)?;
            }
            let settled = session.sink.settled()?;
            for (index, (variant, _)) in engines.iter().enumerate().skip(1) {
                active[index] &= !settled.contains(variant);
            }
            // A baseline alone would be compared with nothing.
            if engines.len() > 1 && !active.iter().skip(1).any(|active| *active) {
                break 'run;
            }
            block_number += 1;
        }
    }
    if let Some(load) = &plan.load {
        load_phase::run(&mut session, &mut engines, load)?;
    }
    if let Some(idle) = measure_idle(session.meter, IdlePhase::After, plan.idle_time)? {
        session.sink.idle(&idle)?;
    }
    Ok(())
}

impl Session<'_> {
    fn check_stop(&self) -> Result<(), HarnessError> {
        if self.stop.load(Ordering::Relaxed) { Err(HarnessError::Interrupted) } else { Ok(()) }
    }

    /// Full-shape inferences that are thrown away. A failing prompt fails again, and is counted, later.
    ///
    /// Gives the time of the fastest that was answered.
    fn warm_up(
        &mut self,
        engines: &mut [(VariantId, Box<dyn Engine>)],
    ) -> Result<Option<Duration>, HarnessError> {
        let warm_ups = usize::try_from(self.plan.warm_ups).unwrap_or(usize::MAX);
        let mut fastest: Option<Duration> = None;
        for (_, engine) in engines {
            for prompt in self.plan.prompts.iter().cycle().take(warm_ups) {
                self.check_stop()?;
                let (record, answer) = infer(engine.as_mut(), prompt, 0, &self.plan.sampling);
                if answer.is_some() {
                    let latency = record.outcome.latency();
                    fastest = Some(fastest.map_or(latency, |fastest| fastest.min(latency)));
                }
            }
        }
        Ok(fastest)
    }

    /// One window: the meter around a block of prompts. Returns the answers by prompt.
    fn window(
        &mut self,
        (variant, engine): &mut (VariantId, Box<dyn Engine>),
        block: &[Prompt],
        repetition: u32,
    ) -> Result<HashMap<PromptId, Generation>, HarnessError> {
        let done = &self.plan.completed.inferences;
        let key = |prompt: &Prompt| (variant.clone(), prompt.id.clone(), repetition);
        let todo: Vec<&Prompt> = block.iter().filter(|prompt| !done.contains(&key(prompt))).collect();
        let mut generations = HashMap::new();
        if todo.is_empty() {
            return Ok(generations);
        }
        let id = self.window_id(variant);
        let mut inferences = Vec::with_capacity(todo.len());
        let open = self.open(variant)?;
        let started_at = open.started_at;
        for prompt in todo {
            self.check_stop()?;
            let (record, generation) = infer(engine.as_mut(), prompt, repetition, &self.plan.sampling);
            self.sink.inference(&id, prompt, &record)?;
            inferences.push(record);
            if let Some(generation) = generation {
                generations.insert(prompt.id.clone(), generation);
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
            interference: Some(closed.interference),
            remeasures: None,
            inferences,
        };
        self.sink.window(&record)?;
        Ok(generations)
    }

    /// Scores each prompt of a block with every variant, baseline first, so that one baseline distribution is in
    /// memory at a time.
    fn score_block(
        &mut self,
        engines: &mut [(VariantId, Box<dyn Engine>)],
        active: &[bool],
        block: &[Prompt],
        answers: &mut HashMap<PromptId, Generation>,
    ) -> Result<(), HarnessError> {
        let done = &self.plan.completed.scorings;
        for prompt in block {
            let missing = |index: usize, variant: &VariantId| {
                active[index] && !done.contains(&(variant.clone(), prompt.id.clone()))
            };
            if !engines.iter().enumerate().any(|(index, (variant, _))| missing(index, variant)) {
                continue;
            }
            let reference = self.reference(engines, prompt, answers);
            let baseline = engines.first_mut().map(|(_, engine)| Tokens::of(engine.as_mut(), prompt));
            for index in 0..engines.len() {
                let Some((variant, engine)) = engines.get_mut(index) else { continue };
                // The baseline is scored again even where that is done: the others need its distribution.
                if index > 0 && !missing(index, variant) {
                    continue;
                }
                self.check_stop()?;
                let started_at = SystemTime::now();
                let clock = Instant::now();
                let own = Tokens::of(engine.as_mut(), prompt);
                // a server does not show its vocabulary; what it calls the tokens tells whether it is the same
                let is_shown = own.tokenizer.is_some() || index == 0;
                let continuation = match &reference {
                    Err(reason) => Err(reason.clone()),
                    Ok(_) if !is_shown => Err("it gives no whole distributions".into()),
                    Ok(answer) => match baseline.as_ref().and_then(|baseline| own.refusal(baseline)) {
                        Some(reason) => Err(reason.into()),
                        None => {
                            let tokens = Continuation::Tokens(&answer.token_ids);
                            score(engine.as_mut(), prompt, tokens, true)
                        }
                    },
                };
                let likeliest = match &reference {
                    Ok(answer) if !is_shown => {
                        Some(likeliest(engine.as_mut(), prompt, &answer.text, &self.plan.sampling))
                    }
                    _ => None,
                };
                let choices = choices(engine.as_mut(), prompt);
                let duration = clock.elapsed();
                let is_baseline = index == 0;
                let likeliest = likeliest.map(|found| Ok(numbered(found?, engines.first())));
                let Some((variant, _)) = engines.get(index) else { continue };
                let scored = Scored {
                    variant,
                    is_baseline,
                    prompt,
                    started_at,
                    duration,
                    continuation,
                    likeliest,
                    choices,
                };
                self.sink.scored(scored)?;
            }
        }
        Ok(())
    }

    /// The baseline's answer to a prompt; generated once more where it stems from an earlier run.
    fn reference(
        &self,
        engines: &mut [(VariantId, Box<dyn Engine>)],
        prompt: &Prompt,
        answers: &mut HashMap<PromptId, Generation>,
    ) -> Result<Generation, Unscored> {
        let generation = match answers.remove(&prompt.id) {
            Some(generation) => generation,
            None => {
                let (_, engine) = engines.first_mut().ok_or("there is no baseline")?;
                let (_, generation) = infer(engine.as_mut(), prompt, 0, &self.plan.sampling);
                generation.ok_or("the baseline gave no answer to compare with")?
            }
        };
        if generation.token_ids.is_empty() {
            return Err("the baseline's answer holds no tokens to compare".into());
        }
        Ok(generation)
    }
}
