//! Puts a run together piece by piece; time passes as it is recorded, and a script says what everything takes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::chunk_arrivals::ChunkArrival;
use crate::energy::{EnergyDomain, EnergyReading, EnergyScope, MeterKind, MeterSource};
use crate::evaluation::{Evaluation, EvaluationRecord};
use crate::identity::{PromptId, VariantId, WindowId};
use crate::record::{
    FailureKind, FinishReason, IdlePhase, IdleRecord, InferenceRecord, LoadRecord, OperatingPoint, Outcome,
    WindowRecord,
};
use crate::run::{RunHeader, RunRecord};
use crate::units::Watts;

/// An inference as a script has it: the first token after a while, the others evenly after it.
#[derive(Debug, Clone)]
pub struct ScriptedInference {
    /// Which prompt.
    pub prompt: PromptId,
    /// The prompt's text.
    pub input_text: Option<String>,
    /// Prompt tokens; `None` where nobody counts them.
    pub input_tokens: Option<u32>,
    /// Prompt tokens from a prefix cache; `None` where nobody counts them.
    pub cached_input_tokens: Option<u32>,
    /// The output limit.
    pub max_tokens: u32,
    /// The answer's text.
    pub text: Option<String>,
    /// Tokens of the answer, at least one.
    pub tokens: u32,
    /// Until the first of them.
    pub first: Duration,
    /// Between two of them.
    pub step: Duration,
    /// Takes as long and answers nothing.
    pub failure: Option<ScriptedFailure>,
    /// Time after it that belongs to no inference.
    pub pause: Duration,
}

/// How an inference of a script fails.
#[derive(Debug, Clone)]
pub struct ScriptedFailure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What the server said.
    pub message: String,
}

impl ScriptedInference {
    fn latency(&self) -> Duration {
        self.first + self.step * self.tokens.saturating_sub(1)
    }

    fn record(self, issued_at: SystemTime) -> InferenceRecord {
        let latency = self.latency();
        let (first, step) = (self.first, self.step);
        let outcome = match self.failure {
            Some(ScriptedFailure { kind, message }) => Outcome::Failed { kind, message, latency },
            None => Outcome::Completed {
                text: self.text,
                finish: FinishReason::Stop,
                output_tokens: self.tokens,
                thinking: None,
                arrivals: (0..self.tokens)
                    .map(|token| ChunkArrival { at: first + step * token, tokens: 1 })
                    .collect(),
                latency,
            },
        };

        InferenceRecord {
            prompt: self.prompt,
            repetition: 0,
            issued_at,
            input_text: self.input_text,
            input_tokens: self.input_tokens,
            cached_input_tokens: self.cached_input_tokens,
            max_tokens: self.max_tokens,
            sampling: Arc::default(),
            served: None,
            outcome,
        }
    }
}

/// A run that is being put together. Windows are numbered in the order in which they are added.
#[derive(Debug, Clone)]
pub struct RunBuilder {
    record: RunRecord,
    now: SystemTime,
}

impl RunBuilder {
    /// A run in which nothing has happened yet.
    pub fn new(header: RunHeader) -> Self {
        let now = SystemTime::from(header.started_at);
        let record = RunRecord {
            header,
            loads: Vec::new(),
            idles: Vec::new(),
            windows: Vec::new(),
            evaluations: Vec::new(),
            finished_at: None,
        };
        Self { record, now }
    }

    /// Nothing is asked for a while.
    pub fn idle(&mut self, phase: IdlePhase, watts: Option<f64>, wall_time: Duration) {
        self.record.idles.push(IdleRecord {
            phase,
            started_at: self.now,
            wall_time,
            energy: reading(watts, wall_time),
            boards: Vec::new(),
            cross_checks: Vec::new(),
        });
        self.now += wall_time;
    }

    /// A model is loaded.
    pub fn load(&mut self, variant: &VariantId, load_time: Duration) {
        self.record.loads.push(LoadRecord { variant: variant.clone(), started_at: self.now, load_time });
        self.now += load_time;
    }

    /// Inferences one after the other, at constant power; `None` for no meter.
    pub fn window(
        &mut self,
        variant: &VariantId,
        watts: Option<f64>,
        inferences: impl IntoIterator<Item = ScriptedInference>,
    ) -> &mut WindowRecord {
        let started_at = self.now;
        let mut records = Vec::new();
        for inference in inferences {
            let lasts = inference.latency() + inference.pause;
            records.push(inference.record(self.now));
            self.now += lasts;
        }

        let wall_time = self.now.duration_since(started_at).unwrap_or_default();
        let index = u32::try_from(self.record.windows.len()).unwrap_or(u32::MAX);
        self.record.windows.push_mut(WindowRecord {
            id: WindowId { variant: variant.clone(), index },
            started_at,
            wall_time,
            operating_point: OperatingPoint::SEQUENTIAL,
            load: None,
            energy: reading(watts, wall_time),
            interrupted: false,
            interference: None,
            remeasures: None,
            inferences: records,
        })
    }

    /// An answer is judged, in no time.
    pub fn evaluation(&mut self, variant: &VariantId, prompt: &PromptId, result: Evaluation) {
        self.record.evaluations.push(EvaluationRecord {
            variant: variant.clone(),
            prompt: prompt.clone(),
            repetition: 0,
            evaluated_at: self.now,
            duration: Duration::ZERO,
            result,
        });
    }

    /// The run, which goes no further and was not finished.
    pub fn unfinished(self) -> RunRecord {
        self.record
    }

    /// The run, finished now.
    pub fn finished(self) -> RunRecord {
        RunRecord { finished_at: Some(self.now), ..self.record }
    }
}

/// What a meter of the processor's package reads; `None` for no meter.
pub fn reading(watts: Option<f64>, time: Duration) -> EnergyReading {
    match watts {
        None => EnergyReading::Unavailable { reason: "this machine has no meter".to_owned() },
        Some(watts) => EnergyReading::Measured {
            energy: Watts::new(watts) * time,
            scope: EnergyScope::of([EnergyDomain::CpuPackage]),
            source: MeterSource { kind: MeterKind::Counter, name: "rapl".to_owned() },
            updates: 100,
        },
    }
}
