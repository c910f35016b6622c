//! A run whose seconds and joules are known, written as any run is.

use std::path::Path;
use std::time::Duration;

use infercost_core::run::VariantHeader;
use infercost_core::testing::{RunBuilder, ScriptedFailure, ScriptedInference, made_up_run};
use infercost_core::{
    EngineIdentity, Evaluation, FailureKind, IdlePhase, Judgment, MachineFacts, PromptId, RunHeader, RunId,
    RunRecord, TaskScore, VariantId,
};
use infercost_trace::RunStore;

const PROMPTS: u32 = 20;
const PER_WINDOW: usize = 5;
const TOKENS: u32 = 10;
const VARIANT: &str = "made-up/full";

/// Every inference takes the same; every second answer is right.
pub(crate) struct MadeUp {
    pub(crate) id: &'static str,
    /// Of one inference; a tenth of it before the first token.
    pub(crate) seconds: f64,
    /// While it runs; `None` for no meter.
    pub(crate) watts: Option<f64>,
    /// With the model resident.
    pub(crate) idle: Option<f64>,
    /// Worker threads, as the engine names them.
    pub(crate) threads: u32,
}

impl MadeUp {
    /// Writes the run below `folder/traces`.
    pub(crate) fn write(&self, folder: &Path) {
        self.write_failing(folder, |_| false);
    }

    /// The same as it would be on that machine.
    #[allow(dead_code, reason = "not every test has several machines")]
    pub(crate) fn write_on(&self, folder: &Path, machine: MachineFacts) {
        self.write_header(folder, RunHeader { machine, ..self.header() }, |_| false);
    }

    /// The same, where the server refuses some prompts: it takes as long, and answers nothing.
    pub(crate) fn write_failing(&self, folder: &Path, fails: fn(u32) -> bool) {
        self.write_header(folder, self.header(), fails);
    }

    fn write_header(&self, folder: &Path, header: RunHeader, fails: fn(u32) -> bool) {
        let variant = VariantId::from(VARIANT);
        let mut run = RunBuilder::new(header);
        run.idle(IdlePhase::Resident, self.idle, Duration::from_secs(10));
        run.load(&variant, Duration::from_secs(2));

        // Windows of a few prompts, so that how windows differ is known (not at all).
        for first in (0..PROMPTS).step_by(PER_WINDOW) {
            let prompts = first..PROMPTS.min(first + PER_WINDOW as u32);
            run.window(&variant, self.watts, prompts.map(|index| self.inference(index, fails(index))));
        }
        for index in 0..PROMPTS {
            let score = if index % 2 == 0 && !fails(index) { 1.0 } else { 0.0 };
            let result = TaskScore { score, ..TaskScore::of("exact", Judgment::of(score > 0.5)) };
            run.evaluation(&variant, &prompt(index), Evaluation::Task(result));
        }
        write(&folder.join("traces"), &run.finished());
    }

    fn inference(&self, index: u32, fails: bool) -> ScriptedInference {
        let share = |share: f64| Duration::from_secs_f64(self.seconds * share);
        let refusal = || ScriptedFailure { kind: FailureKind::Status, message: "status 500".into() };
        ScriptedInference {
            prompt: prompt(index),
            input_text: Some(format!("Question {index}")),
            input_tokens: Some(50),
            cached_input_tokens: Some(0),
            max_tokens: TOKENS,
            text: Some("an answer".into()),
            tokens: TOKENS,
            first: share(0.1),
            step: share(0.9 / f64::from(TOKENS - 1)),
            failure: fails.then(refusal),
            pause: Duration::ZERO,
        }
    }

    fn header(&self) -> RunHeader {
        let chosen: Vec<PromptId> = (0..PROMPTS).map(prompt).collect();
        RunHeader {
            id: RunId::from(self.id),
            started_at: "2026-11-01T00:00:00Z".parse().unwrap(),
            variants: vec![VariantHeader {
                engine: EngineIdentity { threads: Some(self.threads), ..EngineIdentity::default() },
                ..made_up_run::variant(VARIANT)
            }],
            baseline: VariantId::from(VARIANT),
            prompts: made_up_run::prompts(chosen),
            meter: "a script".into(),
            ..made_up_run::header(infercost_prices::example().unwrap())
        }
    }
}

fn prompt(index: u32) -> PromptId {
    PromptId::from(format!("p{index}"))
}

/// Writes a run as it is written while it is recorded.
fn write(traces: &Path, run: &RunRecord) {
    let mut store = RunStore::create(traces, &run.header).unwrap();
    for idle in &run.idles {
        store.idle(idle).unwrap();
    }
    for load in &run.loads {
        store.load(load).unwrap();
    }
    for window in &run.windows {
        store.window(window).unwrap();
    }
    for evaluation in &run.evaluations {
        store.evaluation(evaluation).unwrap();
    }
    store.finish(run.finished_at.unwrap()).unwrap();
}
