//! Calls of models as other programs recorded them, and what of their traces was not understood.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::money::Currency;

/// A cost that a trace itself states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatedCost {
    /// How much.
    pub amount: f64,
    /// Of what; `None` where a currency is named that is none.
    pub currency: Option<Currency>,
}

impl StatedCost {
    /// Most that an inference is believed to cost, in units of any currency.
    pub const MOST: f64 = 1e9;

    /// True for what an inference can cost: not less than nothing, and at most [`StatedCost::MOST`].
    pub fn is_possible(amount: f64) -> bool {
        (0.0..=Self::MOST).contains(&amount)
    }
}

/// A call of a model that another program recorded. `None` is what its trace does not say.
///
/// Names are shared: millions of calls name a handful of models.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignCall {
    /// The model that answered, or else the one that was asked for.
    pub model: Option<Arc<str>>,
    /// The user it was for.
    pub user: Option<Arc<str>>,
    /// The conversation or session it belongs to.
    pub session: Option<Arc<str>>,
    /// When it began.
    pub started_at: Option<SystemTime>,
    /// How long it took; `None` where the span has no end, or ends before it begins.
    pub latency: Option<Duration>,
    /// Time to the first token or chunk.
    pub time_to_first_token: Option<Duration>,
    /// All tokens of the prompt, those that a cache served and those that were written to it included.
    pub input_tokens: Option<u32>,
    /// Of those, tokens that a cache served.
    pub cached_input_tokens: Option<u32>,
    /// Of those, tokens that were written to a cache.
    pub cache_write_tokens: Option<u32>,
    /// All tokens of the answer, those of its reasoning included.
    pub output_tokens: Option<u32>,
    /// A cost that the trace states.
    pub cost: Option<StatedCost>,
    /// True where the call failed.
    pub failed: bool,
}

/// What a trace may leave unsaid of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unsaid {
    /// No model is named.
    Model,
    /// The prompt's tokens are not counted.
    InputTokens,
    /// The answer's tokens are not counted.
    OutputTokens,
    /// Start or end is missing.
    Latency,
    /// When the first token came.
    TimeToFirstToken,
    /// No cost is stated.
    Cost,
}

impl Unsaid {
    /// In words, as the end of "n calls do not say …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Model => "which model answered",
            Self::InputTokens => "how many tokens the prompt had",
            Self::OutputTokens => "how many tokens the answer had",
            Self::Latency => "how long they took",
            Self::TimeToFirstToken => "when the first token came",
            Self::Cost => "what they cost",
        }
    }
}

impl ForeignCall {
    /// What the trace leaves unsaid of this call. A failure owes no answer and no first token.
    pub fn unsaid(&self) -> impl Iterator<Item = Unsaid> {
        let gaps = [
            (self.model.is_none(), Unsaid::Model),
            (self.input_tokens.is_none(), Unsaid::InputTokens),
            (self.output_tokens.is_none() && !self.failed, Unsaid::OutputTokens),
            (self.latency.is_none(), Unsaid::Latency),
            (self.time_to_first_token.is_none() && !self.failed, Unsaid::TimeToFirstToken),
            (self.cost.is_none(), Unsaid::Cost),
        ];
        gaps.into_iter().filter_map(|(is_unsaid, what)| is_unsaid.then_some(what))
    }
}

/// What about another program's traces is not in the numbers, or was not taken as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IrregularityKind {
    /// Metrics, logs or profiles, which the Collector writes into the same files.
    OtherSignal,
    /// A line or object that cannot be read.
    Damaged,
    /// A last line that was cut off.
    CutOff,
    /// JSON of a shape that is not known.
    UnknownShape,
    /// A span of generative AI whose operation is not known.
    UnknownOperation,
    /// A count or an amount that is negative, fractional or impossibly large.
    ImpossibleNumber,
    /// Counts of tokens that do not add up to the total beside them.
    TotalMismatch,
    /// A cost of 0 beside tokens that were used: programs that do not know a model's price write that.
    ZeroCost,
    /// A currency that is none.
    UnknownCurrency,
    /// Cached tokens of which the trace does not show whether they are a part of the prompt's.
    CacheConvention,
    /// A second span of one call.
    SeenTwice,
    /// A span around another call, which is counted once.
    Wrapper,
}

/// How often, and what the first of them looked like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Irregularity {
    /// How many.
    pub count: u64,
    /// The first: a place, a name or a value; control characters are escaped, and it is cut.
    pub example: String,
}

/// Calls, and what is to be known beside them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignTrace {
    /// In the order in which they were read.
    pub calls: Vec<ForeignCall>,
    /// Spans read, of any kind.
    pub spans: u64,
    /// By kind.
    pub irregularities: BTreeMap<IrregularityKind, Irregularity>,
}

impl ForeignTrace {
    /// Adds what another file holds.
    pub fn append(&mut self, other: Self) {
        self.calls.extend(other.calls);
        self.spans += other.spans;
        for (kind, more) in other.irregularities {
            let known =
                self.irregularities.entry(kind).or_insert_with(|| Irregularity { count: 0, ..more.clone() });
            known.count += more.count;
        }
    }
}
