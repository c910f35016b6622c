//! A run whose seconds and joules are known, written as any run is.

use std::path::Path;
use std::time::{Duration, SystemTime};

use infercost_core::run::VariantHeader;
use infercost_core::testing::made_up_run;
use infercost_core::{
    ChunkArrival, EnergyDomain, EnergyReading, EnergyScope, EngineIdentity, Evaluation, EvaluationRecord,
    FailureKind, FinishReason, IdlePhase, IdleRecord, InferenceRecord, LoadRecord, MachineFacts, MeterKind,
    MeterSource, OperatingPoint, Outcome, PromptId, RunHeader, RunId, Sampling, TaskScore, VariantId, Watts,
    WindowId, WindowRecord,
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
        let mut now = SystemTime::from(header.started_at);
        let mut store = RunStore::create(&folder.join("traces"), &header).unwrap();
        let wall_time = Duration::from_secs(10);
        store
            .idle(&IdleRecord {
                boards: Vec::new(),
                cross_checks: Vec::new(),
                phase: IdlePhase::Resident,
                started_at: now,
                wall_time,
                energy: reading(self.idle, wall_time),
            })
            .unwrap();
        now += wall_time;
        let load_time = Duration::from_secs(2);
        store.load(&LoadRecord { variant: VARIANT.into(), started_at: now, load_time }).unwrap();
        now += load_time;
        let latency = Duration::from_secs_f64(self.seconds);
        // Windows of a few prompts, so that how windows differ is known (not at all).
        for first in (0..PROMPTS).step_by(PER_WINDOW) {
            let prompts = first..PROMPTS.min(first + PER_WINDOW as u32);
            let inferences: Vec<InferenceRecord> = prompts
                .map(|index| self.inference(index, now + latency * (index - first), fails(index)))
                .collect();
            let wall_time = latency * u32::try_from(inferences.len()).unwrap();
            let window = WindowRecord {
                id: WindowId { variant: VARIANT.into(), index: first / PER_WINDOW as u32 },
                started_at: now,
                wall_time,
                operating_point: OperatingPoint::SEQUENTIAL,
                energy: reading(self.watts, wall_time),
                interrupted: false,
                interference: None,
                remeasures: None,
                load: None,
                inferences,
            };
            now += wall_time;
            store.window(&window).unwrap();
        }
        for index in 0..PROMPTS {
            let score = if index % 2 == 0 && !fails(index) { 1.0 } else { 0.0 };
            let result = Evaluation::Task(TaskScore {
                grader: "exact".into(),
                score,
                label: String::new(),
                choices: None,
            });
            store
                .evaluation(&EvaluationRecord {
                    variant: VARIANT.into(),
                    prompt: prompt(index),
                    repetition: 0,
                    evaluated_at: now,
                    duration: Duration::from_micros(10),
                    result,
                })
                .unwrap();
        }
        store.finish(now).unwrap();
    }

    fn inference(&self, index: u32, issued_at: SystemTime, fails: bool) -> InferenceRecord {
        let at = |share: f64| Duration::from_secs_f64(self.seconds * share);
        let failed =
            Outcome::Failed { kind: FailureKind::Status, message: "status 500".into(), latency: at(1.0) };
        let arrivals = (0..TOKENS).map(|token| {
            let share = 0.1 + 0.9 * f64::from(token) / f64::from(TOKENS - 1);
            ChunkArrival { at: at(share), tokens: 1 }
        });
        InferenceRecord {
            prompt: prompt(index),
            repetition: 0,
            issued_at,
            input_text: Some(format!("Question {index}")),
            input_tokens: Some(50),
            cached_input_tokens: Some(0),
            max_tokens: TOKENS,
            sampling: Sampling::default(),
            served: None,
            outcome: if fails {
                failed
            } else {
                Outcome::Completed {
                    text: Some("an answer".into()),
                    finish: FinishReason::Stop,
                    output_tokens: TOKENS,
                    thinking: None,
                    arrivals: arrivals.collect(),
                    latency: at(1.0),
                }
            },
        }
    }

    fn header(&self) -> RunHeader {
        let chosen: Vec<PromptId> = (0..PROMPTS).map(prompt).collect();
        RunHeader {
            id: RunId(self.id.into()),
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
    PromptId(format!("p{index}"))
}

fn reading(watts: Option<f64>, time: Duration) -> EnergyReading {
    match watts {
        None => EnergyReading::Unavailable { reason: "the script has no meter".into() },
        Some(watts) => EnergyReading::Measured {
            energy: Watts::new(watts) * time,
            scope: EnergyScope::of([EnergyDomain::CpuPackage]),
            source: MeterSource { kind: MeterKind::Counter, name: "a script".into() },
            updates: 100,
        },
    }
}
