//! What can be found about a server that answers for a variant.

use serde::{Deserialize, Serialize};

use crate::served::{ParameterChange, UsageFault};

/// What a server claimed that cannot be, what it does not tell, and what it refused to be asked. Counts are answers to
/// single requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerFact {
    /// Token counts that cannot be, and are not believed.
    ClaimsDisbelieved {
        /// In how many answers.
        answers: u64,
        /// Of how many.
        of: u64,
        /// The first of them.
        first: UsageFault,
    },
    /// Thinking that is reported beside the completion's tokens.
    ThinkingBeside {
        /// In how many answers.
        answers: u64,
        /// Of how many.
        of: u64,
        /// Tokens added to the output.
        tokens: u64,
    },
    /// Totals that are not the sum of their parts.
    TotalsOff {
        /// In how many answers.
        answers: u64,
        /// Of how many.
        of: u64,
        /// The first difference, in tokens.
        first: i64,
    },
    /// Parameters that it refuses by name.
    ParametersRefused {
        /// Which ones, and what is sent instead.
        changes: Vec<ParameterChange>,
    },
    /// No `usage`, so that output tokens are the stream's chunks.
    CountedByChunks {
        /// In how many answers.
        answers: u64,
        /// Of how many.
        of: u64,
    },
    /// Prompt tokens that it did not report.
    PromptTokensUnreported {
        /// In how many answers.
        answers: u64,
        /// Of how many.
        of: u64,
    },
    /// A trial answer that its own tokenizer counts otherwise.
    TokenizerDisagrees {
        /// Tokens counted.
        counted: u32,
        /// True where `usage` counted them, else the stream.
        by_usage: bool,
        /// Tokens that the tokenizer finds.
        tokenized: u32,
    },
    /// Several tokens in a chunk, or some that were not shown.
    SeveralInAChunk {
        /// In how many answers.
        answers: u64,
        /// Of how many.
        of: u64,
    },
    /// Prompt tokens that came from a cache in single requests.
    FromCache {
        /// Their share.
        share: f64,
    },
    /// What it takes from a cache is not told, and prompts were asked more than once.
    CacheUnknown {
        /// In warm-ups.
        warm_ups: bool,
        /// In repetitions.
        repetitions: bool,
        /// Under load.
        under_load: bool,
    },
}
