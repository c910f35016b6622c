//! `infercost doctor`: this machine, its meters and what they cover.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use infercost_core::{EnergyMeter, MachineFacts, MeterError, MeterKind, Watts};
use infercost_energy::{
    Discovery, EstimateChoice, GpuFacts, MeterBasis, MeterChoice, MeterOptions, WatchedProcesses,
};
use infercost_engine::candle::build_flags;
use infercost_harness::noise::{Repeatability, power_while, repeatability};
use infercost_harness::{bandwidth, machine};

use crate::arguments::doctor::DoctorArguments;
use crate::arguments::meter::MeterArguments;
use crate::commands::calibrate;
use crate::coverage::{Boundary, Place};
use crate::output::doctor::{Build, Diagnosis, Found, Gpu, Missing, Noise, SCHEMA, render, share_of_core};
use crate::{calibration, guards, output};

/// How long the machine is left alone to see its power at rest.
const REST: Duration = Duration::from_secs(1);
/// Where the operating system tells about itself.
const PROC: &str = "/proc";

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    if let Some(wall) = &arguments.wall {
        return calibrate::run(arguments, wall);
    }
    let diagnosis = diagnose(discover(&arguments.meter)?, &arguments.meter.meter)?;
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&diagnosis)?);
    } else {
        output::block(&render(&diagnosis));
    }
    Ok(ExitCode::SUCCESS)
}

fn diagnose(discovery: Discovery, choice: &MeterChoice) -> anyhow::Result<Diagnosis> {
    let gpus = gpus();
    let mut machine = facts(&gpus);
    let boundary = Boundary::of(&discovery, choice);
    let Discovery { mut meter, basis, found, missing } = discovery;
    let meter = meter.as_mut();
    let threads = threads(&machine);
    let left_out = boundary.gap(&Place::Cpu);
    let mut noise: Option<Repeatability> = None;
    let mut time_it = || noise = repeatability(threads, Path::new(PROC));
    let (mut rest, mut work, mut power_unknown) = (None, None, None);
    if basis == MeterBasis::Nothing {
        time_it();
    } else {
        let patience = REST.max(meter_patience(meter.update_period()));
        let at_rest = power_while(meter, || sleep(patience))?;
        let at_work = power_while(meter, time_it)?;
        power_unknown = at_work.as_ref().err().cloned();
        (rest, work) = (at_rest.ok().map(Watts::get), at_work.ok().map(Watts::get));
    }
    machine.wall_factor = calibration::matching(&meter.describe());
    machine.steal_share = noise.and_then(|noise| noise.steal_share);
    let mut doubts = guards::doubts(&machine, &gpus);
    doubts.extend(meter.sampler_overhead().and_then(guards::sampling));
    doubts
        .extend(left_out.map(|gap| format!("energy of models on the CPU would be unknown: {}", gap.text())));
    Ok(Diagnosis {
        schema: SCHEMA,
        doubts,
        machine,
        gpus: gpus.into_iter().map(gpu).collect(),
        build: Build {
            version: env!("CARGO_PKG_VERSION"),
            flags: build_flags::describe(),
            quantized_kernels: build_flags::quantized_kernels(),
        },
        noise: noise.map(|noise| Noise {
            difference: noise.difference,
            spread: noise.spread,
            runs: noise.runs,
        }),
        meter: meter.describe(),
        basis: match basis {
            MeterBasis::Measured => "measured",
            MeterBasis::Mixed => "mixed",
            MeterBasis::Estimated => "estimated",
            MeterBasis::Nothing => "nothing",
        },
        covers: meter.scope(),
        update_period_s: Some(meter.update_period())
            .filter(|period| !period.is_zero())
            .map(|p| p.as_secs_f64()),
        rest_w: rest,
        work_w: work,
        power_unknown,
        sampler_overhead: meter.sampler_overhead(),
        found: found
            .into_iter()
            .map(|meter| Found {
                instrument: meter.instrument,
                name: meter.name,
                covers: meter.domain.to_string(),
                kind: match meter.kind {
                    MeterKind::Counter => "counter",
                    MeterKind::Integrated => "integrated",
                },
                update_period_s: meter.update_period.as_secs_f64(),
                used: meter.used,
                note: meter.note,
            })
            .collect(),
        missing: missing
            .into_iter()
            .map(|meter| Missing { name: meter.name, reason: meter.reason, fix: meter.fix })
            .collect(),
    })
}

/// A slow meter needs a few of its updates to show anything.
fn meter_patience(period: Duration) -> Duration {
    period.saturating_mul(3)
}

fn gpu(facts: GpuFacts) -> Gpu {
    Gpu {
        name: facts.name,
        uuid: facts.uuid,
        energy_counter: facts.has_energy_counter,
        power_w: facts.power.map(Watts::get),
        power_limit_w: facts.power_limit.map(Watts::get),
        temperature_c: facts.temperature,
        graphics_clock_mhz: facts.graphics_clock,
        memory_clock_mhz: facts.memory_clock,
        mig: facts.mig,
    }
}

/// The GPUs that NVML shows; none where it cannot be loaded, which the list of missing meters tells.
pub(crate) fn gpus() -> Vec<GpuFacts> {
    let library = MeterOptions::from_environment().nvml_library;
    infercost_energy::gpu_facts(library.as_deref()).unwrap_or_default()
}

/// What this machine tells of itself, its memory bandwidth measured.
pub(crate) fn facts(gpus: &[GpuFacts]) -> MachineFacts {
    let mut facts = machine::facts(Path::new(PROC), &sysfs_root());
    facts.memory_bandwidth = bandwidth::read_bandwidth(threads(&facts));
    facts.gpus = gpus.iter().map(|gpu| gpu.name.clone()).collect();
    facts
}

pub(crate) fn threads(machine: &MachineFacts) -> usize {
    machine.cores.and_then(|cores| usize::try_from(cores).ok()).unwrap_or(1)
}

/// The meter in words, with what sampling it costs.
pub(crate) fn described(meter: &dyn EnergyMeter) -> String {
    match meter.sampler_overhead() {
        Some(share) => format!("{}; sampling costs {} of one core", meter.describe(), share_of_core(share)),
        None => meter.describe(),
    }
}

/// Finds the meters that the user wants.
pub(crate) fn discover(arguments: &MeterArguments) -> anyhow::Result<Discovery> {
    discover_watching(arguments, &WatchedProcesses::default())
}

/// The same, with estimates that count the CPU time of `watched` too.
pub(crate) fn discover_watching(
    arguments: &MeterArguments,
    watched: &WatchedProcesses,
) -> anyhow::Result<Discovery> {
    let mut options = MeterOptions::from_environment();
    options.watched = watched.clone();
    options.choice = arguments.meter.clone();
    options.estimate = match arguments.assume_watts {
        Some(watts) => EstimateChoice::Watts(Watts::new(watts)),
        None if arguments.estimate => EstimateChoice::FromTable,
        None => EstimateChoice::Refuse,
    };
    let discovery = infercost_energy::discover(&options)?;
    if arguments.require_measured && discovery.basis != MeterBasis::Measured {
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
