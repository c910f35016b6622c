//! What can be found about a server that answers for a variant.

use serde::{Deserialize, Serialize};

use crate::served::{ParameterChange, UsageFault};
use crate::text::{count, percent};

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
    /// Answers that ended neither by the model's own stop nor at the limit.
    OtherEnds {
        /// Those that called a tool.
        tool_calls: u64,
        /// Those that a content filter cut off.
        filtered: u64,
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

impl ServerFact {
    /// One or two sentences about the server that answers for the variant of that name.
    pub(super) fn sentence(&self, name: &str) -> String {
        match self {
            Self::ClaimsDisbelieved { answers, of, first } => format!(
                "{name} claimed token counts that cannot be in {answers} of {}, such as {}: they are not believed. Output tokens \
                 are counted from the stream there, and other counts are unknown.",
                count(*of, "answer"),
                fault_words(*first)
            ),

            Self::ThinkingBeside { answers, of, tokens } => format!(
                "{name} reports thinking apart from its completion tokens and not among them in {answers} of {}: {} were added to the \
                 output.",
                count(*of, "answer"),
                count(*tokens, "reasoning token")
            ),

            Self::TotalsOff { answers, of, first } => format!(
                "{name}'s total tokens are not the sum of prompt and completion in {answers} of {} (by {first:+}, for instance): \
                 tokens may be billed that it does not name.",
                count(*of, "answer")
            ),

            Self::ParametersRefused { changes } => {
                let is_drawn = changes.iter().any(|change| change.refused == "temperature");
                let drawn = if is_drawn {
                    " Without `temperature` it draws tokens as it likes, and its answers may differ from time to time."
                } else {
                    ""
                };
                let changes: Vec<String> = changes.iter().map(change_words).collect();
                format!("{name} refuses parameters by name: {}.{drawn}", changes.join(", "))
            }

            Self::CountedByChunks { answers, of } => format!(
                "{name} sent no `usage` with {answers} of {}: output tokens are the chunks of the stream there, and a chunk may hold \
                 several.",
                count(*of, "answer")
            ),

            Self::PromptTokensUnreported { answers, of } => format!(
                "{name} did not report the prompt tokens of {answers} of {}: they are unknown, and so are speed and cost by the prompt \
                 token.",
                count(*of, "answer")
            ),

            Self::TokenizerDisagrees { counted, by_usage, tokenized } => {
                let by = if *by_usage { "`usage`" } else { "the stream" };
                format!(
                    "{name} counted {counted} tokens of a trial answer by {by}, and its own tokenizer finds {tokenized} in the \
                     text: speed and cost by the token may be off as much."
                )
            }

            Self::SeveralInAChunk { answers, of } => format!(
                "{name} sent several tokens in a chunk, or some that were not shown, in {answers} of {}: gaps between chunks are not \
                 gaps between tokens.",
                count(*of, "answer")
            ),

            Self::OtherEnds { tool_calls, filtered, of } => {
                let called = (*tool_calls > 0).then(|| format!("{tool_calls} ended in the call of a tool"));
                let cut = (*filtered > 0).then(|| format!("{filtered} ended in its content filter"));
                let ends: Vec<String> = called.into_iter().chain(cut).collect();
                format!(
                    "Of {} of {name}, {}: they are graded by the text that came before.",
                    count(*of, "answer"),
                    ends.join(" and ")
                )
            }

            Self::FromCache { share } => format!(
                "{} of the prompt tokens of {name} came from a prompt cache in single requests: TTFT and cost are \
                 those of prompts that it had seen.",
                percent(*share)
            ),

            Self::CacheUnknown { warm_ups, repetitions, under_load } => {
                let asked = [
                    (*warm_ups, "in warm-ups"),
                    (*repetitions, "in repetitions"),
                    (*under_load, "under load"),
                ];
                let again: Vec<&str> =
                    asked.into_iter().filter(|(is_so, _)| *is_so).map(|(_, when)| when).collect();
                format!(
                    "{name} does not tell what it takes from a prompt cache, and infercost knows no switch for it: prompts \
                     that were asked more than once ({}) may look faster and cheaper than new ones. Start it without \
                     one, where it can.",
                    again.join(", ")
                )
            }
        }
    }
}

fn change_words(change: &ParameterChange) -> String {
    match &change.replacement {
        Some(replacement) => format!("`{}` (`{replacement}` is sent instead)", change.refused),
        None => format!("`{}` (left out)", change.refused),
    }
}

fn fault_words(fault: UsageFault) -> String {
    match fault {
        UsageFault::NotACount => "a negative or fractional number".to_owned(),
        UsageFault::OutputBeyondLimit { claimed } => format!("{claimed} output tokens, beyond max_tokens"),
        UsageFault::OutputBeyondText { claimed } => {
            format!("{claimed} output tokens, more than the text that came can hold")
        }
        UsageFault::PromptBeyondText { claimed } => {
            format!("{claimed} prompt tokens, more than the prompt can hold")
        }
        UsageFault::CachedBeyondPrompt { claimed } => {
            format!("{claimed} cached tokens, more than the prompt has")
        }
        UsageFault::ThinkingBeyondContext { claimed } => {
            format!("{claimed} reasoning tokens, more than any context holds")
        }
        UsageFault::ThinkingOutsideCompletion { added } => {
            format!("{added} reasoning tokens apart from the completion")
        }
        UsageFault::TotalDoesNotAddUp { difference } => format!("a total that is off by {difference:+}"),
    }
}
