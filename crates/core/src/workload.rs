//! What one inference takes: the measured quantities that unit economics start from.

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use crate::energy::EnergySource;
use crate::energy_note::EnergyNote;
use crate::estimate::Estimate;
use crate::identity::{RunId, VariantId};

/// Mean quantities of one answered request of one variant on one machine: what failures took is shared among the
/// answers.
///
/// All are per answered request. What was not measured is `None` and has its reason in `energy_note`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// What ran.
    pub variant: VariantId,
    /// The run that measured it; the first of several.
    pub run: RunId,
    /// The day of that run, in UTC.
    pub date: Date,
    /// The machine, in words.
    pub machine: String,
    /// SHA-256 of the prompt set, hex: quantities of different sets cannot be compared one to one.
    pub prompts_sha256: String,
    /// Inferences behind the numbers, failures included.
    pub inferences: u64,
    /// Failures among them.
    pub failures: u64,
    /// Worker threads of the engine, where known.
    pub threads: Option<u32>,
    /// Requests in flight while it was measured; `None` where windows differ or requests came at a rate.
    pub concurrency: Option<u32>,
    /// Seconds in which one inference keeps the machine busy: wall time shared among those in flight.
    pub busy_s: Estimate,
    /// Share of the busy time before the first token, 0 to 1; `None` where nothing was timed.
    pub prefill_share: Option<Estimate>,
    /// Gross joules, at the wall where a wall factor is known.
    pub joules: Option<Estimate>,
    /// What the joules rest on.
    pub energy_source: EnergySource,
    /// Why energy is unknown, or what must be said of it; `None` where there is nothing to say.
    #[serde(serialize_with = "sentence")]
    pub energy_note: Option<EnergyNote>,
    /// Watts of the idle machine with the model resident.
    pub idle_w: Option<f64>,
    /// Seconds to load the model: the median, between the fastest and the slowest load.
    pub load_s: Option<Estimate>,
    /// Prompt tokens.
    pub input_tokens: Option<Estimate>,
    /// Output tokens.
    pub output_tokens: Option<Estimate>,
    /// Share of graded answers that are right, 0 to 1; failures are no answers.
    pub correct: Option<Estimate>,
    /// What one output token takes; `None` where no answer has any.
    #[serde(skip)]
    pub per_output_token: Option<Taken>,
    /// What one right answer takes; `None` where none is right.
    #[serde(skip)]
    pub per_right_answer: Option<Taken>,
}

/// What one unit of output takes: an output token, or a right answer.
///
/// Its intervals are those of quotients of sums over the same prompts. A longer answer takes more seconds and has more
/// tokens, and two means that were divided as if they were independent would not know that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// Seconds in which one unit keeps the machine busy.
    pub busy_s: Estimate,
    /// Gross joules, at the wall where a wall factor is known; `None` where they were not measured.
    pub joules: Option<Estimate>,
}

impl Taken {
    /// The same of a machine that answers so many requests an hour, each of so many units: its seconds a request are
    /// then given, and joules stay as they are. `None` changes nothing.
    #[must_use]
    pub fn at_capacity(self, per_hour: Option<f64>, units: Estimate) -> Self {
        match per_hour {
            Some(per_hour) => Self { busy_s: units.map(|units| 3600.0 / per_hour / units), ..self },
            None => self,
        }
    }

    /// The same with joules = watts × busy seconds.
    #[must_use]
    pub fn at_watts(self, watts: f64) -> Self {
        Self { joules: Some(self.busy_s.map(|busy| busy * watts)), ..self }
    }
}

/// The sentence of a note; empty where there is none.
fn sentence<S: Serializer>(note: &Option<EnergyNote>, serializer: S) -> Result<S::Ok, S::Error> {
    match note {
        Some(note) => serializer.collect_str(note),
        None => serializer.serialize_str(""),
    }
}

impl Workload {
    /// Inferences an hour of a machine that never waits: 3600 ÷ busy seconds.
    pub fn capacity_per_hour(&self) -> Estimate {
        self.busy_s.map(|busy| 3600.0 / busy)
    }
}
