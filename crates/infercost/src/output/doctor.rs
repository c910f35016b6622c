//! What `infercost doctor` shows.

use infercost_core::text::count;
use infercost_core::{EnergyDomain, EnergyScope, MachineFacts, WallFactor};
use infercost_run::number;
use serde::Serialize;

use crate::output::answer::{Answer, CAUTIONS, Caution, Cell, Section, Tone};
use crate::output::columns::Column;

/// Version of the JSON object.
pub(crate) const SCHEMA: &str = "infercost.doctor/1";

/// Where single runs of the same work differ by more than this, their means may agree by chance: something else takes time.
const RESTLESS: f64 = 0.1;

/// Everything that was found out about this machine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Diagnosis {
    pub(crate) schema: &'static str,
    pub(crate) machine: MachineFacts,
    pub(crate) gpus: Vec<Gpu>,
    pub(crate) build: Build,
    /// `None` where it could not be timed.
    pub(crate) noise: Option<Noise>,
    /// The meter in words, or why there is none.
    pub(crate) meter: String,
    /// `measured`, `mixed`, `estimated` or `nothing`.
    pub(crate) basis: &'static str,
    /// What readings cover.
    pub(crate) covers: EnergyScope,
    /// Seconds between two refreshes of the slowest instrument; `None` where there is none.
    pub(crate) update_period_s: Option<f64>,
    /// Watts with nothing asked of the machine; `None` where unknown.
    pub(crate) rest_w: Option<f64>,
    /// Watts with arithmetic on every core; `None` where unknown.
    pub(crate) work_w: Option<f64>,
    /// Why watts are unknown, where there is a meter all the same.
    pub(crate) power_unknown: Option<String>,
    /// Share of one core that sampling costs.
    pub(crate) sampler_overhead: Option<f64>,
    pub(crate) found: Vec<Found>,
    pub(crate) missing: Vec<Missing>,
    /// What puts measurements in doubt.
    pub(crate) doubts: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Gpu {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) energy_counter: bool,
    pub(crate) power_w: Option<f64>,
    pub(crate) power_limit_w: Option<f64>,
    pub(crate) temperature_c: Option<u32>,
    pub(crate) graphics_clock_mhz: Option<u32>,
    pub(crate) memory_clock_mhz: Option<u32>,
    pub(crate) mig: Option<bool>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Build {
    pub(crate) version: &'static str,
    pub(crate) flags: String,
    /// The level at which kernels run; `None` where it cannot be told.
    pub(crate) quantized_kernels: Option<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Noise {
    pub(crate) difference: f64,
    pub(crate) spread: f64,
    pub(crate) runs: usize,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Found {
    pub(crate) instrument: String,
    pub(crate) name: String,
    pub(crate) covers: String,
    /// `counter` or `integrated`.
    pub(crate) kind: &'static str,
    pub(crate) update_period_s: f64,
    pub(crate) used: bool,
    pub(crate) note: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Missing {
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) fix: String,
}

/// The answer: what can be measured here, and what is in doubt.
pub(crate) fn answer(diagnosis: &Diagnosis) -> Answer {
    let mut answer = Answer {
        tone: if diagnosis.basis == "measured" && diagnosis.doubts.is_empty() {
            Tone::Good
        } else {
            Tone::Doubt
        },
        headline: headline(diagnosis),
        table: facts(&summary(diagnosis)),
        ..Answer::default()
    };
    for doubt in &diagnosis.doubts {
        answer.cautions.push(Caution::of_note(doubt));
    }

    answer.explain(Section::table("machine", facts(&machine(diagnosis))));
    answer.explain(Section::table("build", facts(&build(&diagnosis.build))));
    answer.explain(Section::table("energy", facts(&energy(diagnosis))));
    if answer.cautions.len() > CAUTIONS {
        answer.explain(Section::lines("all doubts", diagnosis.doubts.clone()));
    }
    answer
}

/// Whether costs measured here would hold joules, and how far times can be trusted.
fn headline(diagnosis: &Diagnosis) -> String {
    let energy = match diagnosis.basis {
        "measured" => "energy is measured here",
        "mixed" => "energy is measured here in part, and estimated for the rest",
        "estimated" => "energy is only estimated here",
        _ => "energy cannot be measured here",
    };
    let times = diagnosis.noise.as_ref().map_or_else(
        || "times could not be tried".to_owned(),
        |noise| match noise.spread > RESTLESS {
            true => {
                format!("times do not repeat now: single runs differ by {}", number::percent(noise.spread))
            }
            false => format!("times repeat within {}", number::percent(noise.difference)),
        },
    );
    format!("{energy}; {times}")
}

type Rows = Vec<(&'static str, String)>;

/// The rows that decide what a measurement here is worth.
fn summary(diagnosis: &Diagnosis) -> Rows {
    let all = machine(diagnosis);
    let mut rows: Rows = all.into_iter().filter(|(name, _)| ["cpu", "gpu"].contains(name)).collect();
    rows.extend(build(&diagnosis.build).into_iter().filter(|(name, _)| *name == "kernels"));
    rows.push(("times", noise(diagnosis)));

    let decisive = ["meter", "boundary", "power", "at the wall"];
    rows.extend(energy(diagnosis).into_iter().filter(|(name, _)| decisive.contains(name)));
    rows.extend(diagnosis.missing.iter().map(|meter| ("to do", format!("{}: {}", meter.name, meter.fix))));
    rows
}

fn facts(rows: &[(&'static str, String)]) -> Vec<Column> {
    let names = rows.iter().map(|(name, _)| Cell::words(*name)).collect();
    let values = rows.iter().map(|(_, value)| Cell::words(value.clone())).collect();
    vec![Column::left("", 0, names), Column::left("found", 0, values)]
}

fn machine(diagnosis: &Diagnosis) -> Rows {
    let facts = &diagnosis.machine;
    let bandwidth = facts.memory_bandwidth.map(|rate| number::significant(rate / 1e9));
    let mut rows = vec![
        ("cpu", facts.processor()),
        ("memory", or_unknown(facts.memory.map(|memory| number::bytes(memory.0)))),
        ("memory read", or_unknown(bandwidth.map(|rate| format!("{rate} GB/s by all cores, measured")))),
    ];

    if diagnosis.gpus.is_empty() {
        rows.push(("gpu", "none that NVML shows".to_owned()));
    }

    rows.extend(diagnosis.gpus.iter().map(|gpu| ("gpu", gpu_line(gpu))));
    rows.push(("system", or_unknown(facts.os.clone())));
    let bare = "no container or virtual machine that shows itself";
    rows.push(("runs in", facts.virtualization.clone().unwrap_or_else(|| bare.to_owned())));
    rows.push(("governor", or_unknown(facts.governor.clone())));
    rows.push(("load average", or_unknown(facts.load_average.map(|load| load.to_string()))));
    rows.push(("stolen time", or_unknown(facts.steal_share.map(number::percent))));

    rows
}

fn or_unknown(value: Option<String>) -> String {
    value.unwrap_or_else(|| "unknown".to_owned())
}

fn gpu_line(gpu: &Gpu) -> String {
    let counter = if gpu.energy_counter { "energy counter" } else { "no energy counter" };
    let mut parts = vec![format!("{} ({})", gpu.name, gpu.uuid), counter.to_owned()];
    let [power, limit] =
        [gpu.power_w, gpu.power_limit_w].map(|watts| or_unknown(watts.map(number::significant)));
    parts.push(format!("{power} W of at most {limit} W"));
    parts.extend(gpu.temperature_c.map(|degrees| format!("{degrees} °C")));
    parts.extend(gpu.graphics_clock_mhz.map(|clock| format!("{clock} MHz")));
    parts.extend(gpu.memory_clock_mhz.map(|clock| format!("memory {clock} MHz")));
    parts.extend((gpu.mig == Some(true)).then(|| "cut up by MIG".to_owned()));
    parts.join(", ")
}

fn build(build: &Build) -> Rows {
    let kernels = match build.quantized_kernels {
        Some(level) => level.to_owned(),
        None => "unknown".to_owned(),
    };
    vec![("infercost", format!("{}, {}", build.version, build.flags)), ("kernels", kernels)]
}

fn noise(diagnosis: &Diagnosis) -> String {
    diagnosis.noise.as_ref().map_or_else(
        || "could not be timed".to_owned(),
        |noise| {
            format!(
                "the same work twice differs by {}, single runs by {} ({})",
                number::percent(noise.difference),
                number::percent(noise.spread),
                count(noise.runs as u64, "run")
            )
        },
    )
}

fn energy(diagnosis: &Diagnosis) -> Rows {
    let mut rows = vec![("meter", diagnosis.meter.clone())];
    if !diagnosis.covers.0.is_empty() {
        rows.push(("boundary", boundary(&diagnosis.covers)));
    }

    if let Some(period) = diagnosis.update_period_s {
        rows.push(("refreshes", format!("every {}", number::seconds(period))));
    }

    match (diagnosis.rest_w, diagnosis.work_w, &diagnosis.power_unknown) {
        (_, _, Some(reason)) => rows.push(("power", format!("unknown: {reason}"))),
        (None, None, None) => {}
        (rest, work, None) => {
            let estimated = if diagnosis.basis == "measured" { "" } else { ", estimated" };
            let watts = |watts: Option<f64>| {
                watts
                    .map_or_else(|| "unknown".to_owned(), |watts| format!("{} W", number::significant(watts)))
            };
            let (rest, work) = (watts(rest), watts(work));
            rows.push(("power", format!("{rest} at rest, {work} with all cores at work{estimated}")));
        }
    }

    rows.extend(
        diagnosis
            .sampler_overhead
            .map(|share| ("sampling", format!("costs {} of one core", number::share_of_core(share)))),
    );
    rows.extend(diagnosis.machine.wall_factor.as_ref().map(|factor| ("at the wall", wall_factor(factor))));
    rows.extend(diagnosis.found.iter().map(|meter| {
        let kind = if meter.kind == "counter" { "counter" } else { "power, integrated" };
        let period = number::seconds(meter.update_period_s);
        let Found { instrument, name, covers, note, .. } = meter;
        ("found", format!("{instrument} {name} ({covers}): {kind}, every {period}; {note}"))
    }));
    rows.extend(diagnosis.missing.iter().map(|meter| {
        let Missing { name, reason, fix } = meter;
        ("missing", format!("{name}: {reason}; {fix}"))
    }));

    rows
}

/// A fitted line, as doctor and calibration show it.
pub(crate) fn wall_factor(wall: &WallFactor) -> String {
    format!(
        "{:.3} × the meter {} {} W, fitted on {} over {}, residual {}",
        wall.factor,
        if wall.offset.get() < 0.0 { '−' } else { '+' },
        number::significant(wall.offset.get().abs()),
        wall.date,
        count(u64::from(wall.windows), "window"),
        number::percent(wall.residual)
    )
}

/// What readings hold and what they leave out.
pub(crate) fn boundary(covers: &EnergyScope) -> String {
    if covers.0.contains(&EnergyDomain::Wall) {
        return "everything behind the plug, power supply losses too".to_owned();
    }

    if covers.0.iter().any(|part| matches!(part, EnergyDomain::Other(_))) {
        return format!("{covers}; left out: what its maker's documents do not name");
    }

    let platform = covers.0.contains(&EnergyDomain::Platform);
    let parts = [EnergyDomain::CpuPackage, EnergyDomain::Dram, EnergyDomain::Gpu];
    let mut left_out: Vec<String> = parts
        .iter()
        .filter(|part| !(covers.0.contains(part) || platform && **part != EnergyDomain::Gpu))
        .map(ToString::to_string)
        .collect();
    left_out.push("losses of the power supply".to_owned());
    if !platform {
        left_out.push("disks, fans and the rest of the board".to_owned());
    }

    format!("{covers}; left out: {}", left_out.join(", "))
}

#[cfg(test)]
mod tests;
