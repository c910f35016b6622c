//! This machine: what it tells of itself, its GPUs, and the meters that a user wants.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use infercost_core::{EnergyMeter, MachineFacts, MeterError, Watts};
use infercost_energy::{Discovery, EstimateChoice, GpuFacts, MeterBasis, MeterOptions, WatchedProcesses};
use infercost_harness::machine::CpuTicks;
use infercost_harness::{bandwidth, machine};

use crate::number::share_of_core;
use crate::request::MeterRequest;

/// Where the operating system tells about itself.
const PROC: &str = "/proc";
/// How long the processors are watched for the work of others.
const WATCHED: Duration = Duration::from_millis(300);

/// The GPUs that NVML shows; none where it cannot be loaded, which the list of missing meters tells.
pub fn gpus() -> Vec<GpuFacts> {
    let library = MeterOptions::from_environment().nvml_library;
    infercost_energy::gpu_facts(library.as_deref()).unwrap_or_default()
}

/// What this machine tells of itself, its memory bandwidth measured.
pub fn facts(gpus: &[GpuFacts]) -> MachineFacts {
    let facts = unmeasured_facts(gpus);
    MachineFacts { memory_bandwidth: memory_bandwidth(&facts), ..facts }
}

/// Bytes a second that the machine's memory gives to all its cores together; `None` where it cannot be measured.
pub(crate) fn memory_bandwidth(facts: &MachineFacts) -> Option<f64> {
    bandwidth::read_bandwidth(threads(facts), &sysfs_root(), infercost_engine::evict)
}

/// What this machine tells of itself, for runs whose models work elsewhere: its memory is nothing to them.
pub fn unmeasured_facts(gpus: &[GpuFacts]) -> MachineFacts {
    let mut facts = machine::facts(Path::new(PROC), &sysfs_root());
    facts.gpus = gpus.iter().map(|gpu| gpu.name.clone()).collect();
    facts
}

/// Share of all processors' time that programs take now, while this one waits; `None` where the system does not tell.
pub fn busy_share() -> Option<f64> {
    let before = CpuTicks::now(Path::new(PROC))?;
    thread::sleep(WATCHED);
    CpuTicks::now(Path::new(PROC))?.busy_share_since(before)
}

/// This machine's host name.
pub(crate) fn host_name() -> Option<String> {
    machine::host_name(Path::new(PROC))
}

/// Worker threads that fill the machine: one a core.
pub fn threads(machine: &MachineFacts) -> usize {
    machine.cores.and_then(|cores| usize::try_from(cores).ok()).unwrap_or(1)
}

/// The meter in words, with what sampling it costs.
pub fn described(meter: &dyn EnergyMeter) -> String {
    match meter.sampler_overhead() {
        Some(share) => format!("{}; sampling costs {} of one core", meter.describe(), share_of_core(share)),
        None => meter.describe(),
    }
}

/// Finds the meters that the user wants.
///
/// # Errors
/// [`MeterError`], where an instrument was named and is not there, or energy must be measured and cannot be.
pub fn discover(wanted: &MeterRequest) -> anyhow::Result<Discovery> {
    discover_watching(wanted, &WatchedProcesses::default())
}

/// Where the instruments that the user wants are looked for; estimates count the CPU time of `watched` too.
pub fn meter_options(wanted: &MeterRequest, watched: &WatchedProcesses) -> MeterOptions {
    let mut options = MeterOptions::from_environment();
    options.watched = watched.clone();
    options.choice = wanted.choice.clone();
    options.estimate = match wanted.assume_watts {
        Some(watts) => EstimateChoice::Watts(Watts::new(watts)),
        None if wanted.estimate => EstimateChoice::FromTable,
        None => EstimateChoice::Refuse,
    };
    options
}

/// The same, with estimates that count the CPU time of `watched` too.
pub(crate) fn discover_watching(
    wanted: &MeterRequest,
    watched: &WatchedProcesses,
) -> anyhow::Result<Discovery> {
    let discovery = infercost_energy::discover(&meter_options(wanted, watched))?;

    if wanted.require_measured && discovery.basis != MeterBasis::Measured {
        return Err(MeterError::RequiredMeterMissing {
            meter: "measuring".into(),
            reason: discovery.meter.describe(),
            fix: "`infercost doctor` names each meter and what would make it readable".into(),
        }
        .into());
    }

    Ok(discovery)
}

/// Where `/sys` is looked for.
fn sysfs_root() -> PathBuf {
    env::var_os("INFERCOST_SYSFS_ROOT")
        .filter(|root| !root.is_empty())
        .map_or_else(|| "/sys".into(), PathBuf::from)
}
