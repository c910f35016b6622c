//! `infercost doctor`: this machine, its meters and what they cover.

use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use infercost_core::{MeterKind, Watts};
use infercost_energy::{Discovery, GpuFacts, MeterBasis, MeterChoice};
use infercost_engine::Isa;
use infercost_engine::in_process::build_flags;
use infercost_harness::noise::{Repeatability, power_while, repeatability};
use infercost_run::MeterRequest;
use infercost_run::coverage::{Boundary, Place};
use infercost_run::machine::{busy_share, discover, facts, gpus, threads};
use infercost_run::{calibration, machine_checks};

use crate::commands::calibrate::{self, Calibration};
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::load::time;
use crate::flags::meter::{MeterFlags, instrument};
use crate::output;
use crate::output::answer::delivery::{self, deliver};
use crate::output::doctor::{Build, Diagnosis, Found, Gpu, Missing, Noise, SCHEMA};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost doctor
  infercost doctor --meter shelly:192.168.1.20
      what a plug shows
  infercost doctor --calibrate --wall shelly:192.168.1.20
      fit this machine's own meter to the plug, for later costs")]
pub(crate) struct DoctorCommand {
    #[command(flatten)]
    pub(crate) meter: MeterFlags,
    /// Fit --meter against a wall meter, at rest and at work in turn, and keep the factor for later costs
    #[arg(long, requires = "wall")]
    pub(crate) calibrate: bool,
    /// Wall meter to calibrate against, as for --meter: shelly:URL, tasmota:URL, prometheus:URL?…
    #[arg(long, value_name = "METER", requires = "calibrate", value_parser = instrument)]
    pub(crate) wall: Option<String>,
    /// Length of each window of the calibration [default: ten updates of the slower meter, at least 10s]
    #[arg(long, alias = "window-seconds", value_name = "TIME", requires = "calibrate", value_parser = time)]
    pub(crate) window: Option<Duration>,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

/// How long the machine is left alone to see its power at rest.
const REST: Duration = Duration::from_secs(1);
/// Where the operating system tells about itself.
const PROC: &str = "/proc";

pub(crate) fn run(arguments: &DoctorCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    if let Some(wall) = &arguments.wall {
        let host = &arguments.meter.meter;
        return calibrate::run(&Calibration { host, wall, window: arguments.window }, global);
    }
    let diagnosis = {
        let meter = MeterRequest::of(&arguments.meter.spec())?;
        diagnose(discover(&meter)?, &meter.choice)?
    };
    deliver(&output::doctor::answer(&diagnosis), &diagnosis, None, &arguments.answer, global)?;
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
    let mut doubts = machine_checks::doubts(&machine, &gpus, busy_share);
    doubts.extend(meter.sampler_overhead().and_then(machine_checks::sampling));
    doubts
        .extend(left_out.map(|gap| format!("energy of models on the CPU would be unknown: {}", gap.text())));

    Ok(Diagnosis {
        schema: SCHEMA,
        doubts,
        machine,
        gpus: gpus.into_iter().map(gpu).collect(),
        build: Build {
            version: env!("CARGO_PKG_VERSION"),
            flags: build_flags::build(),
            quantized_kernels: build_flags::kernel_level().ok().map(Isa::describe),
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
