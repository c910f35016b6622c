//! Why a gate decided as it did, and the sentence of it.

use super::{Gate, GateResult, Verdict};
use crate::estimate::Estimate;
use crate::number::{plain, plains};
use crate::reason::Reason;
use crate::text::{about_prompts, percent, percents};

/// What a gate's verdict rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum GateBasis {
    /// Nothing was measured; `None` where nobody knows why.
    Unmeasured(Option<Reason>),
    /// No interval can be given.
    NoInterval(Reason),
    /// Too few prompts to decide anything on.
    TooFewPrompts {
        /// How many it takes.
        needed: u64,
    },
    /// An interval against the threshold.
    Interval {
        /// True where the interval lies within the threshold.
        inside: bool,
        /// What is missing of the evidence.
        missing: Option<Reason>,
    },
}

impl GateResult {
    /// A result with its sentence. `measured` is the interval that `basis` speaks of.
    pub fn new(
        gate: Gate,
        threshold: f64,
        measured: Option<Estimate>,
        verdict: Verdict,
        prompts_needed: Option<usize>,
        basis: &GateBasis,
    ) -> Self {
        let mut result = Self { gate, threshold, measured, verdict, prompts_needed, why: String::new() };
        result.why = result.sentence(basis);
        result
    }

    fn sentence(&self, basis: &GateBasis) -> String {
        let name = self.gate.subject();
        match basis {
            GateBasis::Unmeasured(None) => format!("{name} is unknown: nothing was measured"),
            GateBasis::Unmeasured(Some(reason)) => format!("{name} is unknown: {reason}"),
            GateBasis::NoInterval(reason) => format!("{name} is not known: {reason}"),
            GateBasis::TooFewPrompts { needed } => {
                format!("{name} is not settled: {}", Reason::TooFewPrompts { needed: *needed })
            }
            GateBasis::Interval { inside, missing } => self.against_limit(*inside, missing.as_ref()),
        }
    }

    fn against_limit(&self, inside: bool, missing: Option<&Reason>) -> String {
        let Some(measured) = &self.measured else {
            return format!("{} is unknown: nothing was measured", self.gate.subject());
        };

        let value = match self.gate {
            Gate::KlDivergence => format!("{} {}", plain(measured.point), plains(measured)),
            _ => format!("{} {}", percent(measured.point), percents(measured)),
        };
        let limit = match self.gate {
            Gate::FailureRate => format!("an increase of at most {}", percent(self.threshold)),
            Gate::TaskScore => format!("a loss of at most {}", percent(-self.threshold)),
            Gate::KlDivergence => format!("at most {}", plain(self.threshold)),
            Gate::MinimumScore | Gate::Top1Agreement | Gate::Latency => {
                format!("at least {}", percent(self.threshold))
            }
        };

        let head = format!("{} is {value}", self.gate.subject());
        match (self.verdict, missing) {
            (Verdict::Pass, _) => format!("{head}, within the limit of {limit}"),
            (Verdict::Fail, _) => format!("{head}, outside the limit of {limit}"),
            (Verdict::Inconclusive, Some(missing)) => {
                format!("{head}, which says too little about the limit of {limit}: {missing}")
            }
            (Verdict::Inconclusive, None) => {
                let open = if inside {
                    "which, corrected for several candidates or looks, is not surely within"
                } else {
                    "which may lie on either side of"
                };
                let more = self.prompts_needed.map_or_else(
                    || "no sensible number of prompts would settle it".to_owned(),
                    |needed| format!("{} would settle it", about_prompts(needed)),
                );
                format!("{head}, {open} the limit of {limit}; {more}")
            }
        }
    }
}

impl Gate {
    /// What it is about, as a sentence begins.
    fn subject(self) -> &'static str {
        match self {
            Self::FailureRate => "the change in failure rate",
            Self::TaskScore => "the change in task score",
            Self::MinimumScore => "the task score",
            Self::KlDivergence => "the mean KL divergence",
            Self::Top1Agreement => "the top-1 agreement",
            Self::Latency => "the share of single requests within the latency targets",
        }
    }
}
