#![expect(clippy::unwrap_used, reason = "a test may panic")]
use std::collections::HashMap;

use infercost_core::testing::{Script, ScriptedEngine};
use infercost_core::{
    EnergyReading, IdleRecord, LoadRecord, Message, Prompt, PromptBody, PromptId, RecordSink, Role, Sampling,
    Scored, UnavailableMeter, WindowId,
};

use super::*;
use crate::load::Arrivals;
use crate::machine_watch::MachineWatch;
use crate::plan::Completed;
use crate::preparation::Prepared;

/// Keeps what a run hands over; windows get their inferences back, as the trace's reader does it.
#[derive(Default)]
struct Kept {
    windows: Vec<WindowRecord>,
    under_load: Vec<(WindowId, InferenceRecord)>,
    single: usize,
    tested: Vec<(VariantId, OperatingPoint)>,
}

impl RecordSink for Kept {
    fn load(&mut self, _: &LoadRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn idle(&mut self, _: &IdleRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn inference(&mut self, _: &WindowId, _: &Prompt, _: &InferenceRecord) -> Result<(), SinkError> {
        self.single += 1;
        Ok(())
    }

    fn under_load(&mut self, id: &WindowId, records: &[InferenceRecord]) -> Result<(), SinkError> {
        self.under_load.extend(records.iter().map(|record| (id.clone(), record.clone())));
        Ok(())
    }

    fn load_testing(&mut self, variant: &VariantId, point: OperatingPoint) -> Result<(), SinkError> {
        self.tested.push((variant.clone(), point));
        Ok(())
    }

    fn window(&mut self, record: &WindowRecord) -> Result<(), SinkError> {
        self.windows.push(record.clone());
        Ok(())
    }

    fn scored(&mut self, _: Scored<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

fn prompt(id: &str) -> Prompt {
    Prompt {
        id: PromptId::from(id),
        body: PromptBody::Chat(vec![Message { role: Role::User, content: id.to_owned() }].into()),
        max_tokens: 8,
        grader: None,
        tags: Vec::new(),
    }
}

fn plan(load: LoadPlan, completed: Completed) -> Plan {
    Plan {
        prompts: vec![prompt("a"), prompt("b"), prompt("c")],
        repetitions: 2,
        warm_ups: 0,
        window_prompts: 10,
        seed: 1,
        sampling: Sampling::default(),
        idle_time: Duration::ZERO,
        unmetered: HashMap::from([(VariantId::from("v"), "it runs elsewhere".to_owned())]),
        watch: MachineWatch::default(),
        max_remeasure: Some(0),
        load: Some(load),
        completed,
    }
}

fn run_scripted(plan: &Plan) -> Kept {
    let script =
        Script { prefill: Duration::from_millis(2), decode: Duration::from_millis(1), ..Script::default() };
    let engine: Box<dyn Engine> = Box::new(ScriptedEngine::new(script));
    let prepared =
        Prepared { engines: vec![(VariantId::from("v"), engine)], loads: Vec::new(), idle_before: None };
    let mut kept = Kept::default();
    let mut meter = UnavailableMeter::new("none");
    crate::run(prepared, plan, &mut meter, &mut kept, &AtomicBool::new(false)).unwrap();
    kept
}

fn load_plan() -> LoadPlan {
    LoadPlan {
        points: vec![
            OperatingPoint::Open { rate: 5.0 },
            OperatingPoint::Closed { concurrency: 4 },
            OperatingPoint::Closed { concurrency: 1 },
        ],
        sweep: Some(64),
        arrivals: Arrivals::Poisson,
        warm_up: Duration::from_millis(10),
        duration: Duration::from_millis(100),
    }
}

#[test]
fn a_model_in_process_takes_part_at_concurrency_one() {
    let kept = run_scripted(&plan(load_plan(), Completed::default()));
    assert_eq!(kept.tested, [(VariantId::from("v"), OperatingPoint::SEQUENTIAL)]);
    assert_eq!(kept.single, 6);
    let window = kept.windows.last().unwrap();
    assert_eq!(window.operating_point, OperatingPoint::SEQUENTIAL);
    let steady = window.load.unwrap().steady.unwrap();
    assert!(steady.from >= Duration::from_millis(12) && steady.until <= window.wall_time, "{steady:?}");
    // two repetitions of each prompt came before
    let mut seen: Vec<(PromptId, u32)> =
        kept.under_load.iter().map(|(_, one)| (one.prompt.clone(), one.repetition)).collect();
    assert!(seen.len() > 5 && seen.iter().all(|(_, repetition)| *repetition >= 2), "{seen:?}");
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "an inference stands twice");
    let unavailable = |window: &WindowRecord| matches!(&window.energy, EnergyReading::Unavailable { reason } if reason.contains("elsewhere"));
    assert!(kept.windows.iter().all(unavailable));
}

/// The first run is taken up where its only window under load was done, and where it was cut off.
#[test]
fn a_point_is_done_or_done_again() {
    let first = run_scripted(&plan(load_plan(), Completed::default()));
    let mut window = first.windows.last().unwrap().clone();
    window.inferences = first.under_load.iter().map(|(_, one)| one.clone()).collect();
    let last = window.inferences.iter().map(|one| one.repetition).max().unwrap();
    for (interrupted, tested) in [(false, 0), (true, 1)] {
        let mut completed = Completed::default();
        completed.load.note(&WindowRecord { interrupted, ..window.clone() });
        let again = run_scripted(&plan(load_plan(), completed));
        assert_eq!(again.tested.len(), tested, "interrupted: {interrupted}");
        assert!(again.under_load.iter().all(|(_, one)| one.repetition > last));
    }
}

/// A point where this program was the limit is taken up where it was left: tested once more, and no more than that.
#[test]
fn a_limit_of_the_client_is_tested_once_more_after_a_break() {
    let first = run_scripted(&plan(load_plan(), Completed::default()));
    let mut window = first.windows.last().unwrap().clone();
    window.inferences = first.under_load.iter().map(|(_, one)| one.clone()).collect();
    let limited = LoadFacts { client_limited: true, ..window.load.unwrap() };
    let window = WindowRecord { load: Some(limited), ..window };
    for (windows, tested) in [(1, 1), (2, 0)] {
        let mut completed = Completed::default();
        (0..windows).for_each(|_| completed.load.note(&window));
        let again = run_scripted(&plan(load_plan(), completed));
        assert_eq!(again.tested.len(), tested, "{windows} limited windows");
    }
}
