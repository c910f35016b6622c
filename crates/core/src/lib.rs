//! The vocabulary of infercost: units, money, prompt sets, model manifests, measured records and decisions, and the
//! ports through which the crates meet: [`Engine`], [`EnergyMeter`], [`RecordSink`].
//!
//! Everything that crosses a crate boundary is defined here, and nothing here does I/O, reads a clock or
//! knows OpenTelemetry. The one design decision: **every quantity is a type** ([`Joules`], [`Watts`],
//! [`Money`] …) and conversion happens once, where a number enters the program, so that a millijoule can
//! never be added to a joule.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod board;
pub mod chunk_arrivals;
pub mod coded;
pub mod conversation;
pub mod cost_part;
pub mod diff;
pub mod economics;
pub mod energy;
pub mod energy_meter;
pub mod energy_note;
pub mod engine;
pub mod estimate;
pub mod evaluation;
pub mod finding;
pub mod foreign;
pub mod grader;
pub mod hosting;
pub mod identity;
pub mod interference;
pub mod judgment;
pub mod load;
pub mod machine;
pub mod manifest;
pub mod market;
pub mod meter_error;
pub mod money;
pub mod near;
pub mod number;
pub mod policy;
pub mod price;
pub mod price_per_million;
pub mod prompt_set;
pub mod reason;
pub mod record;
pub mod record_sink;
pub mod report;
pub mod retry_after;
pub mod run;
pub mod run_spec;
pub mod sampling;
pub mod served;
pub mod server_place;
pub mod shown_address;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod thinking;
pub mod toml_text;
pub mod trace_cell;
pub mod unavailable_meter;
pub mod units;
pub mod verdict;
pub mod workload;

pub use board::{BoardState, CrossCheck};
pub use chunk_arrivals::{ChunkArrival, ChunkArrivals};
pub use coded::{Coded, ReasonGiven, What, Why, WhyNot};
pub use conversation::{Conversation, Effort, Message, Role, ThinkingAllowance};
pub use cost_part::CostPart;
pub use economics::EconomicsReason;
pub use energy::{
    EnergyDomain, EnergyReading, EnergyScope, EnergySource, EstimationMethod, MeterKind, MeterSource,
};
pub use energy_meter::{EnergyMeter, MeterId, OpenReading};
pub use energy_note::EnergyNote;
pub use engine::{
    Chunk, ConcurrentEngine, Continuation, Distribution, Engine, EngineError, Generation, GenerationRequest,
    PendingGeneration, PositionTop, ScoreRequest, ServedError, ServedFault, TokenName, TokenScores,
};
pub use estimate::Estimate;
pub use evaluation::{
    ChoiceLikelihoods, Divergence, Evaluation, EvaluationKind, EvaluationRecord, TaskScore,
};
pub use finding::{
    ComparisonFact, EconomicsFact, Fact, Finding, FindingCode, Findings, PointFact, ServerFact, Severity,
    Unbilled,
};
pub use foreign::{ForeignCall, ForeignTrace, Irregularity, IrregularityKind, StatedCost, Unsaid};
pub use grader::{Grader, SharedGrader};
pub use identity::{EngineIdentity, GraderName, PromptId, RunId, VariantId, WindowId};
pub use interference::{Disturbance, Interference};
pub use judgment::Judgment;
pub use load::{LatencyTargets, LoadFacts, SteadyState};
pub use machine::{MachineFacts, WallFactor};
pub use meter_error::MeterError;
pub use money::{Currency, Money};
pub use policy::Policy;
pub use prompt_set::{Prompt, PromptBody, PromptSet};
pub use reason::{LeftOut, Reason, Unknown};
pub use record::{
    FailureKind, FinishReason, IdlePhase, IdleRecord, InferenceRecord, LoadRecord, OperatingPoint, Outcome,
    WindowRecord,
};
pub use record_sink::{Likeliest, RecordSink, Scored, SinkError, Unscored};
pub use retry_after::retry_after;
pub use run::{RunHeader, RunRecord};
pub use run_spec::{ArrivalProcess, LoadSpec, MeterSpec, RunSpec, ServerSpec};
pub use sampling::Sampling;
pub use served::{
    OtherEnd, ParameterChange, ServedFacts, ServedHabits, ServedTrial, ServerTimings, TokenCount, UsageFault,
};
pub use server_place::ServerPlace;
pub use shown_address::without_secrets;
pub use thinking::Thinking;
pub use trace_cell::{TraceCell, TraceField};
pub use unavailable_meter::UnavailableMeter;
pub use units::{Bytes, Joules, TokensPerSecond, Watts};
pub use verdict::{Gate, GateResult, Recommendation, Verdict};
pub use workload::{Taken, Workload};
