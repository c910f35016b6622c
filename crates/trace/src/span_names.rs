//! What spans are called by: their kinds for infercost and for OpenInference, and the phases of idling.

use infercost_core::IdlePhase;

/// `infercost.record` of each kind of span.
pub(crate) mod record {
    pub(crate) const RUN: &str = "run";
    pub(crate) const VARIANT: &str = "variant";
    pub(crate) const WINDOW: &str = "window";
    pub(crate) const INFERENCE: &str = "inference";
    pub(crate) const EVALUATION: &str = "evaluation";
    pub(crate) const LOAD: &str = "load";
    pub(crate) const IDLE: &str = "idle";
}

/// OpenInference's span kinds.
pub(crate) const CHAIN: &str = "CHAIN";
pub(crate) const LLM: &str = "LLM";
pub(crate) const EVALUATOR: &str = "EVALUATOR";

/// The name of a phase in a span.
pub(crate) fn phase_name(phase: IdlePhase) -> &'static str {
    match phase {
        IdlePhase::BeforeLoad => "before_load",
        IdlePhase::Resident => "resident",
        IdlePhase::After => "after",
    }
}
