//! What a run was asked to do, as it is stored in its header and can be asked for again.
//!
//! The one design decision: **there is no place for a secret or a command**. The command of `--serve`, patterns of
//! `--redact`, headers, keys and the places that a run is sent to are given anew by whoever resumes it, so a file
//! that came from somewhere else can neither start a program nor hold what nobody meant to keep.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sampling::Sampling;

/// The specification of a run: what is measured, on what, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSpec {
    /// Models as they were named; files and folders as absolute paths, addresses without credentials.
    pub models: Vec<String>,
    /// Hosted models, paid by their tokens: addresses that stand among the models as well, and names that are not asked.
    pub hosted: Vec<String>,
    /// The prompt set's file, as an absolute path; `None` for the built-in set.
    pub prompts: Option<PathBuf>,
    /// The variant that the others are compared with; `None` for full precision, else the first model.
    pub baseline: Option<String>,
    /// At most this many prompts are chosen.
    pub max_prompts: Option<u32>,
    /// Inferences of each prompt by each variant.
    pub repetitions: u32,
    /// Inferences before the first counted one, per variant.
    pub warm_ups: u32,
    /// Prompts in one metered window; `None` where the run decides.
    pub window_prompts: Option<u32>,
    /// How tokens are chosen; its seed is that of the order and of the choice of prompts too.
    pub sampling: Sampling,
    /// What the machine is called; `None` for its hardware's name.
    pub label: Option<String>,
    /// Worker threads; `None` for one a core.
    pub threads: Option<u16>,
    /// Where models in process run: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Most windows that are measured again because something disturbed them; `None` for a quarter of all windows.
    pub max_remeasure: Option<u32>,
    /// True where no variant stops early.
    pub exhaustive: bool,
    /// True where the baseline runs a second time, to show the noise.
    pub noise_floor: bool,
    /// False where prompts and answers are kept out of the trace.
    pub content: bool,
    /// How many patterns took something out of every text. The patterns are not stored: what they find is what nobody
    /// wanted to keep.
    pub redactions: u32,
    /// How energy is read.
    pub meter: MeterSpec,
    /// Operating points under load; `None` for single requests alone.
    pub load: Option<LoadSpec>,
    /// How servers are started and asked.
    pub servers: ServerSpec,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            hosted: Vec::new(),
            prompts: None,
            baseline: None,
            max_prompts: None,
            repetitions: 1,
            warm_ups: 2,
            window_prompts: None,
            sampling: Sampling::default(),
            label: None,
            threads: None,
            device: "cpu".to_owned(),
            max_remeasure: None,
            exhaustive: false,
            noise_floor: false,
            content: true,
            redactions: 0,
            meter: MeterSpec::default(),
            load: None,
            servers: ServerSpec::default(),
        }
    }
}

/// Prompts in a window where nobody says how many: enough that a counter moves, few enough that there are many windows
/// to tell noise by.
const WINDOW_PROMPTS: usize = 5;
/// Windows of a variant in which prompts are asked at least: fewer do not show how windows differ.
const FEWEST_WINDOWS: usize = 3;

impl RunSpec {
    /// Prompts in one metered window of a run of so many.
    pub fn prompts_in_a_window(&self, prompts: usize) -> usize {
        match self.window_prompts {
            Some(given) => usize::try_from(given).unwrap_or(usize::MAX).max(1),
            None => WINDOW_PROMPTS.min(prompts / FEWEST_WINDOWS).max(1),
        }
    }
}

/// Which instruments read the energy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MeterSpec {
    /// The instrument as the command line names it: `auto`, `rapl`, `shelly:URL`, …; addresses hold no password.
    pub instrument: String,
    /// True where the run stops if energy cannot be measured.
    pub require_measured: bool,
    /// True where energy is estimated from the CPU's thermal design power if nothing measures it.
    pub estimate: bool,
    /// Constant power in watts that is assumed where nothing measures.
    pub assume_watts: Option<f64>,
}

impl Default for MeterSpec {
    fn default() -> Self {
        Self { instrument: "auto".to_owned(), require_measured: false, estimate: false, assume_watts: None }
    }
}

/// The operating points of a load test, and how long each is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadSpec {
    /// Requests kept in flight, a point each.
    pub concurrency: Vec<u32>,
    /// Requests per second, a point each.
    pub rate: Vec<f64>,
    /// How requests of an open loop are spaced.
    pub arrivals: ArrivalProcess,
    /// Search for the knee up to this many requests in flight; `None` does not search.
    pub sweep_limit: Option<u32>,
    /// How long each point is held, in seconds.
    pub duration_s: f64,
    /// Load before what is counted, in seconds; `None` for a tenth of the duration.
    pub warm_up_s: Option<f64>,
}

impl LoadSpec {
    /// Whether any point may have several requests in flight at once.
    pub fn is_concurrent(&self) -> bool {
        let is_closed_alone = self.rate.is_empty() && self.sweep_limit.is_none();
        !is_closed_alone || self.concurrency.iter().any(|requests| *requests > 1)
    }
}

impl Default for LoadSpec {
    fn default() -> Self {
        Self {
            concurrency: Vec::new(),
            rate: Vec::new(),
            arrivals: ArrivalProcess::default(),
            sweep_limit: None,
            duration_s: 20.0,
            warm_up_s: None,
        }
    }
}

/// How requests of an open loop are spaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalProcess {
    /// As independent users send them: exponential gaps.
    #[default]
    Poisson,
    /// At equal distances.
    Constant,
}

/// How servers are started and asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerSpec {
    /// True where a server was started for each model file. The command is not stored: whoever resumes the run gives it.
    pub started: bool,
    /// A request is given up after this many seconds.
    pub request_timeout_s: f64,
    /// True where servers may use their prompt caches.
    pub prompt_cache: bool,
}

impl Default for ServerSpec {
    fn default() -> Self {
        Self { started: false, request_timeout_s: 900.0, prompt_cache: false }
    }
}
