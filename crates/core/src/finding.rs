//! What must be known with the numbers: a code for programs, how much it weighs, a sentence, and what to do.

use serde::{Deserialize, Serialize};

/// One thing that a reader must know with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing.
    pub code: FindingCode,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about, where it is about one thing: a variant, a price, a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// One or two plain sentences, with the numbers.
    pub message: String,
    /// What to do about it: a command, a flag or a setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The answer may be another one once this is mended.
    Warning,
    /// The answer holds within this bound.
    Limitation,
    /// How the numbers came to be.
    Info,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingCode {
    /// Prices are the shipped example's.
    PricesAssumed,
    /// The utilization is assumed.
    UtilizationAssumed,
    /// A price is old.
    PricesOld,
    /// The baseline is an expansion of a quantized file.
    BaselineExpanded,
    /// Energy is unavailable.
    EnergyUnavailable,
    /// Energy is estimated.
    EnergyEstimated,
    /// Energy is missing in some windows, or windows are too short for the meter.
    EnergyGaps,
    /// The idle power drifted.
    IdleDrift,
    /// A board was throttled, shared, or otherwise not at its own.
    Board,
    /// Wall energy follows from a fitted factor.
    WallFactor,
    /// The non-inferiority margin that was applied.
    Margin,
    /// The smallest loss that would have been found.
    DetectableLoss,
    /// What a divergence or a choice was computed from.
    QualityBasis,
    /// The machine was busy with something else.
    MachineBusy,
    /// The run was cut off.
    Interrupted,
    /// Candidates were stopped early.
    StoppedEarly,
    /// Only part of the prompt set was run.
    PartOfSet,
    /// A candidate costs more than the baseline, and why.
    Costlier,
    /// What the second copy of the baseline shows.
    NoiseFloor,
    /// Costs are compared over the parts that all of them have.
    CommonParts,
    /// A question that the data leave open.
    OpenQuestion,
    /// Inferences failed.
    Failures,
    /// What servers do that bears on the numbers.
    Server,
    /// Thinking used up the limit of output tokens.
    Thinking,
    /// How energy is shared among inferences.
    Attribution,
    /// Runs of several machines are joined.
    SeveralMachines,
    /// What load tests found.
    LoadTest,
}
