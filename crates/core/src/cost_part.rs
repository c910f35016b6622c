//! The parts of a cost.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Part of a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostPart {
    /// Electricity while requests were answered.
    Energy,
    /// The machine: depreciation, interest.
    Hardware,
    /// The machine's rent.
    Rent,
    /// Electricity of unused hours.
    Idle,
    /// People, licenses, space.
    Operation,
    /// Storage and egress of a rented machine.
    #[serde(rename = "storage and egress")]
    StorageAndEgress,
    /// Interruptible machines.
    Spot,
    /// Loading a model again after an interruption.
    Restarts,
    /// On-demand machines where interruptible ones are gone.
    Fallback,
    /// Serverless execution.
    Execution,
    /// Loading a model for a request that finds none.
    #[serde(rename = "cold starts")]
    ColdStarts,
    /// Serverless workers that wait for the next request.
    Waiting,
    /// Tokens by their price.
    Tokens,
    /// Prompt tokens.
    #[serde(rename = "input tokens")]
    InputTokens,
    /// Output tokens.
    #[serde(rename = "output tokens")]
    OutputTokens,
    /// What a trace states that a call cost.
    Stated,
    /// The price itself, where what is listed is a claim.
    Price,
    /// The machine that an accelerator is attached to, where the listed price is the accelerator's alone.
    #[serde(rename = "host machine")]
    HostMachine,
}

impl CostPart {
    /// The name, as bills print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Hardware => "hardware",
            Self::Rent => "rent",
            Self::Idle => "idle",
            Self::Operation => "operation",
            Self::StorageAndEgress => "storage and egress",
            Self::Spot => "spot",
            Self::Restarts => "restarts",
            Self::Fallback => "fallback",
            Self::Execution => "execution",
            Self::ColdStarts => "cold starts",
            Self::Waiting => "waiting",
            Self::Tokens => "tokens",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::Stated => "stated",
            Self::Price => "price",
            Self::HostMachine => "host machine",
        }
    }
}

impl fmt::Display for CostPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
