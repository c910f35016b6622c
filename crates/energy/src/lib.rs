//! Reads joules: RAPL, hwmon, NVML, wall plugs, Prometheus exporters, and an estimate that is called one.
//!
//! [`discover`] finds the best set of instruments without overlap, behind one [`EnergyMeter`](infercost_core::EnergyMeter). The
//! one design decision: **a window that could not be metered says so**. A read that fails between
//! [`EnergyMeter::start`](infercost_core::EnergyMeter::start) and [`EnergyMeter::stop`](infercost_core::EnergyMeter::stop) makes that window [`EnergyReading::Unavailable`](infercost_core::EnergyReading::Unavailable) with
//! the reason, because a partial sum that looks like a total is worse than none.
//!
//! All instruments are read by one sampling thread, which accumulates counters (so that they may wrap) and
//! integrates gauges; `start` and `stop` take a fresh sample of their own, so that a window's edges do not
//! depend on when the thread last ran.
//!
//! This crate knows nothing of models, prompts or prices.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod accumulate;
mod address;
mod composed;
mod cpu_time;
pub mod devices;
mod discovery;
mod estimate;
mod exporter;
pub mod exposition;
#[doc(hidden)]
pub mod hostile;
mod hwmon;
mod instrument;
mod instruments;
mod meter_choice;
mod nvml;
mod options;
mod overlap;
mod plug;
mod plug_answers;
mod probe;
mod rapl;
mod remote;
mod sampler;
mod scripted;
mod sensor;
mod sysfs_file;
mod sysfs_instrument;
pub mod sysfs_twin;
mod tdp;
mod visible_gpus;
mod watched;

pub use composed::ComposedMeter;
pub use discovery::{Discovery, MeterBasis, discover};
pub use estimate::EstimatedMeter;
pub use instrument::{ChoiceError, FoundMeter, MissingMeter};
pub use nvml::{GpuFacts, gpu_facts};
pub use options::{EstimateChoice, MeterChoice, MeterOptions, NamedMeter};
pub use scripted::{ScriptedClock, ScriptedMeter};
pub use visible_gpus::VisibleGpus;
pub use watched::{WatchedProcesses, listeners};
