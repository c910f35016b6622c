//! A whole run: its header, written first, and its records.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::evaluation::EvaluationRecord;
use crate::identity::{EngineIdentity, RunId, VariantId};
use crate::machine::MachineFacts;
use crate::manifest::Provenance;
use crate::policy::Policy;
use crate::price::PriceBook;
use crate::price_per_million::PricePerMillion;
use crate::record::{IdleRecord, LoadRecord, WindowRecord};
use crate::run_spec::RunSpec;
use crate::sampling::Sampling;

/// Version of the on-disk format, checked before a run is read.
pub const RUN_SCHEMA: &str = "infercost.run/1";

/// What a run set out to do and on what, known before the first measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// [`RUN_SCHEMA`].
    pub schema: String,
    /// The run's name.
    pub id: RunId,
    /// Random text from which the ids of the run's spans follow, beside its name: runs that began in one second on two
    /// machines have the same name. `None` in runs that were recorded before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// Version of infercost that recorded it.
    pub infercost_version: String,
    /// What it was asked to do: what `--resume` goes by. `None` in runs of versions that recorded their command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<RunSpec>,
    /// The command line of a run that was recorded before there was a specification; no run writes it any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Where it ran.
    pub machine: MachineFacts,
    /// The variants, baseline first.
    pub variants: Vec<VariantHeader>,
    /// What every other variant is compared with.
    pub baseline: VariantId,
    /// Which prompts.
    pub prompts: PromptSelection,
    /// When candidates may stop early; `None` where every variant answers every prompt.
    #[serde(default)]
    pub looks: Option<Looks>,
    /// Inferences of each prompt by each variant.
    pub repetitions: u32,
    /// Inferences before the first counted one, per variant.
    pub warm_ups: u32,
    /// Seed of order and selection.
    pub seed: u64,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// False where prompts and answers are kept out of the trace.
    pub content: bool,
    /// Thresholds in force when it was recorded; a report may apply others.
    pub policy: Policy,
    /// Prices in force when it was recorded; a report may apply others.
    pub prices: PriceBook,
    /// Hosted models that stand beside the variants by the price of their tokens alone; nothing was asked of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosted: Vec<PricePerMillion>,
    /// What the meter covers, or why there is none, in words.
    pub meter: String,
}

/// One variant of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantHeader {
    /// Its name.
    pub id: VariantId,
    /// What runs it.
    pub engine: EngineIdentity,
    /// How its weights came to be: published, expanded, quantized here.
    pub provenance: Provenance,
    /// SPDX expression or name of the weights' license, where known.
    #[serde(alias = "licence")]
    pub license: Option<String>,
    /// True for the second copy of the baseline that measures noise.
    pub noise_floor: bool,
    /// What its tokens cost, where a hosted API is paid by them; `None` where the machine is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_price: Option<PricePerMillion>,
}

impl VariantHeader {
    /// True where a server answers, whether infercost started it or not.
    pub fn is_served(&self) -> bool {
        self.served_at().is_some()
    }

    /// The server's address; `None` for a model in process.
    pub fn served_at(&self) -> Option<&str> {
        match &self.provenance {
            Provenance::Served { url } => Some(url),
            // an engine that asks a server names it last: `server at http://127.0.0.1:8080/v1`
            _ => self.engine.device.rsplit(' ').next().filter(|device| device.starts_with("http")),
        }
    }
}

/// The looks at growing data at which a candidate may stop, known before the first measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    /// Prompts answered at each look, ascending; the last is every chosen prompt.
    pub after: Vec<u32>,
    /// Chosen prompts that have a grader: what the margin is chosen for, however early a candidate stops.
    pub graded: u32,
}

/// Which part of which prompt set was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptSelection {
    /// The set's name: its file name without the ending.
    pub set: String,
    /// SHA-256 over the file, hex.
    pub sha256: String,
    /// Prompts in the set.
    pub total: u32,
    /// Prompts chosen, in running order.
    pub chosen: Vec<crate::identity::PromptId>,
    /// The kinds of prompts that were chosen; empty in runs of before they were noted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<PromptKind>,
}

/// One kind of prompts in a set, and what was chosen of it. A part of a set is drawn so that each kind, and each length
/// of it, has its share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptKind {
    /// Its name, the first tag of its prompts; empty for those without any.
    pub name: String,
    /// Prompts of this kind in the set.
    pub total: u32,
    /// Those that were chosen.
    pub chosen: Vec<crate::identity::PromptId>,
}

/// A run as read back from disk.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// What was planned.
    pub header: RunHeader,
    /// Model loads.
    pub loads: Vec<LoadRecord>,
    /// Idle measurements.
    pub idles: Vec<IdleRecord>,
    /// Windows with their inferences, in order of time.
    pub windows: Vec<WindowRecord>,
    /// Evaluations.
    pub evaluations: Vec<EvaluationRecord>,
    /// When the run ended; `None` where it was cut off.
    pub finished_at: Option<SystemTime>,
}
