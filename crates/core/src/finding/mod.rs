//! What must be known with the numbers: a code for programs, how much it weighs, the numbers themselves, and what to do.
//!
//! Whoever computes names facts ([`Fact`], [`PointFact`]); the sentences are made where a finding is shown or written as
//! JSON, by one `Display` for table, page and programs (`words.rs` and its neighbors).

mod board_words;
mod comparison;
mod disturbance_words;
mod economics;
mod energy_words;
mod fact;
mod list;
mod point;
mod server;
mod unbilled;
mod words;

use serde::{Deserialize, Serialize};

pub use comparison::ComparisonFact;
pub use economics::EconomicsFact;
pub use fact::{Fact, LimitedMargin, StoppedVariant, VariantShare, Weighting};
pub use list::Findings;
pub use point::PointFact;
pub use server::ServerFact;
pub use unbilled::Unbilled;

/// One thing that a reader must know with the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "FindingJson", into = "FindingJson")]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What was found, with its numbers.
    pub fact: Fact,
    /// What to do about it: a command, a flag or a setting.
    pub fix: Option<String>,
}

impl Finding {
    /// What kind of thing it is.
    pub fn code(&self) -> FindingCode {
        self.fact.code()
    }

    /// What it is about, where it is about one thing: a variant, a price, a machine.
    pub fn subject(&self) -> Option<&str> {
        self.fact.subject()
    }

    /// One or two plain sentences, with the numbers.
    pub fn sentence(&self) -> String {
        self.fact.to_string()
    }
}

/// A finding as JSON holds it. Findings of older reports have a sentence and no facts.
#[derive(Serialize, Deserialize)]
struct FindingJson {
    code: FindingCode,
    severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts: Option<Fact>,
}

impl From<Finding> for FindingJson {
    fn from(finding: Finding) -> Self {
        Self {
            code: finding.code(),
            severity: finding.severity,
            subject: finding.subject().map(str::to_owned),
            message: finding.sentence(),
            fix: finding.fix,
            facts: Some(finding.fact),
        }
    }
}

impl From<FindingJson> for Finding {
    fn from(json: FindingJson) -> Self {
        let stated = Fact::Stated { code: json.code, sentence: json.message };
        Self { severity: json.severity, fact: json.facts.unwrap_or(stated), fix: json.fix }
    }
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
    /// The utilization that is stated is not the one that follows from the load.
    UtilizationContradicted,
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
    /// What a saving holds for.
    SavingBasis,
    /// A hosted model is paid by its tokens.
    Hosted,
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
    /// Runs come from several machines.
    SeveralMachines,
    /// What load tests found.
    LoadTest,
    /// What the machine in use costs is unknown.
    MachineUnpriced,
    /// Offers to host are the shipped example's, or missing.
    OffersAssumed,
    /// Two runs are not of the same inferences.
    RunsDiffer,
    /// A trace says something of a part of its inferences only.
    TraceIncomplete,
    /// Savings that cannot be added.
    SavingsOverlap,
    /// Idle power that is not known.
    IdlePowerUnknown,
    /// Prices without fees and taxes.
    ExchangePrices,
    /// Times without a known price.
    CurveGaps,
    /// A deadline that may be missed.
    Deadline,
}

#[cfg(test)]
mod tests;
