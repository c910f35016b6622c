//! Where to look for instruments, and which to use.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use infercost_core::Watts;

use crate::instrument::{Finder, Instrument, Places};
use crate::visible_gpus::VisibleGpus;
use crate::watched::WatchedProcesses;

/// Where to look for instruments, and which to use.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterOptions {
    /// What stands below `/sys` stands below it: `class/powercap`, `class/hwmon`.
    pub sysfs_root: PathBuf,
    /// What stands below `/proc` stands below it; read for estimates only.
    pub proc_root: PathBuf,
    /// The NVML library to load; `None` looks in the usual place.
    pub nvml_library: Option<PathBuf>,
    /// The NVIDIA boards that this process may use; the joules of others are somebody else's.
    pub visible_gpus: VisibleGpus,
    /// Which instruments to use.
    pub choice: MeterChoice,
    /// What to do about parts that no instrument covers.
    pub estimate: EstimateChoice,
    /// Processes other than infercost's own, whose CPU time an estimate counts.
    pub watched: WatchedProcesses,
}

impl Default for MeterOptions {
    /// This machine's own sensors, best set without overlap, no estimate.
    fn default() -> Self {
        Self {
            sysfs_root: PathBuf::from("/sys"),
            proc_root: PathBuf::from("/proc"),
            nvml_library: None,
            visible_gpus: VisibleGpus::default(),
            choice: MeterChoice::Auto,
            estimate: EstimateChoice::Refuse,
            watched: WatchedProcesses::default(),
        }
    }
}

impl MeterOptions {
    /// The defaults, with `INFERCOST_SYSFS_ROOT`, `INFERCOST_PROC_ROOT` and `INFERCOST_NVML_LIBRARY` applied where they are
    /// set and not empty, and the boards that `CUDA_VISIBLE_DEVICES` leaves.
    pub fn from_environment() -> Self {
        let usual = Self::default();
        Self {
            sysfs_root: path("INFERCOST_SYSFS_ROOT").unwrap_or(usual.sysfs_root),
            proc_root: path("INFERCOST_PROC_ROOT").unwrap_or(usual.proc_root),
            nvml_library: path("INFERCOST_NVML_LIBRARY"),
            visible_gpus: VisibleGpus::from_environment(),
            ..Self::default()
        }
    }

    /// Where instruments look.
    pub(crate) fn places(&self) -> Places {
        Places {
            sysfs_root: self.sysfs_root.clone(),
            nvml_library: self.nvml_library.clone(),
            visible_gpus: self.visible_gpus.clone(),
        }
    }
}

/// The path in a variable that is set and not empty.
fn path(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Which instruments to use. Read from text, as the command line writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum MeterChoice {
    /// The best set without overlap.
    #[default]
    Auto,
    /// No instrument: every reading is unavailable, or an estimate where one is allowed.
    None,
    /// One instrument, and nothing else.
    Named(NamedMeter),
}

/// An instrument that was chosen by name, with its settings.
#[derive(Clone)]
pub struct NamedMeter {
    pub(crate) instrument: &'static dyn Instrument,
    /// As it was written.
    pub(crate) text: String,
    pub(crate) finder: Arc<dyn Finder>,
}

impl MeterChoice {
    /// The choice in one word, as the command line writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Named(named) => named.instrument.name(),
        }
    }

    /// Whether one instrument was asked for by name, which says that it is the right one.
    pub fn is_named(&self) -> bool {
        matches!(self, Self::Named(_))
    }

    /// Whether it reads whatever it is plugged into, and not this machine.
    pub fn is_pointed(&self) -> bool {
        matches!(self, Self::Named(named) if named.instrument.automatic().is_none())
    }
}

impl fmt::Debug for NamedMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for NamedMeter {
    /// Choices are the same where the same was written.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for NamedMeter {}

/// What to do about the part of the machine that no instrument covers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum EstimateChoice {
    /// Leave it out of the boundary; where nothing is covered at all, readings are unavailable.
    #[default]
    Refuse,
    /// The CPU's thermal design power from the shipped table × the share of it that this process used.
    FromTable,
    /// Constant watts that the user gives.
    Watts(Watts),
}
