//! `infercost doctor`: this machine, its meters and what they cover.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use infercost_energy::{Discovery, EstimateChoice, MeterBasis, MeterError, MeterOptions};
use infercost_harness::{bandwidth, machine};
use infercost_schema::Watts;

use crate::arguments::{DoctorArguments, MeterArguments};
use crate::output;
use crate::output::number;

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    let discovery = discover(&arguments.meter)?;
    let mut facts = machine::facts(Path::new("/proc"), &sysfs_root());
    let cores = facts.cores.and_then(|cores| usize::try_from(cores).ok()).unwrap_or(1);
    facts.memory_bandwidth = bandwidth::read_bandwidth(cores);
    if arguments.json {
        let found = discovery.found.iter().map(|meter| {
            serde_json::json!({
                "instrument": meter.instrument, "name": meter.name, "covers": meter.domain.to_string(),
                "update_period_s": meter.update_period.as_secs_f64(), "used": meter.used, "note": meter.note,
            })
        });
        let missing = discovery
            .missing
            .iter()
            .map(|meter| serde_json::json!({"name": meter.name, "reason": meter.reason, "fix": meter.fix}));
        let object = serde_json::json!({
            "schema": "infercost.doctor/1",
            "machine": facts,
            "meter": discovery.meter.describe(),
            "found": found.collect::<Vec<_>>(),
            "missing": missing.collect::<Vec<_>>(),
        });
        output::line(&serde_json::to_string_pretty(&object)?);
        return Ok(ExitCode::SUCCESS);
    }
    let unknown = || "unknown".to_owned();
    let or_unknown = |value: Option<String>| value.unwrap_or_else(unknown);
    let rows = [
        ("cpu", or_unknown(facts.cpu.clone())),
        ("cores", or_unknown(facts.cores.map(|cores| cores.to_string()))),
        ("memory", or_unknown(facts.memory.map(|memory| number::bytes(memory.0)))),
        (
            "memory read",
            or_unknown(
                facts
                    .memory_bandwidth
                    .map(|rate| format!("{} GB/s, measured", number::significant(rate / 1e9))),
            ),
        ),
        ("system", or_unknown(facts.os.clone())),
        (
            "runs in",
            facts.virtualization.clone().unwrap_or_else(|| "no virtual machine that shows itself".into()),
        ),
        ("governor", or_unknown(facts.governor.clone())),
        ("load average", or_unknown(facts.load_average.map(|load| load.to_string()))),
        ("meter", discovery.meter.describe()),
    ];
    for (name, value) in rows {
        output::line(&format!("{name:<13} {}", output::terminal::plain(&value)));
    }
    for meter in &discovery.found {
        let used = if meter.used { "used" } else { "not used" };
        let text = format!("{} ({}), {used}: {}", meter.name, meter.domain, meter.note);
        output::line(&format!("  found       {}", output::terminal::plain(&text)));
    }
    for meter in &discovery.missing {
        let text = format!("{}: {}; {}", meter.name, meter.reason, meter.fix);
        output::line(&format!("  missing     {}", output::terminal::plain(&text)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Finds the meters that the user wants.
pub(crate) fn discover(arguments: &MeterArguments) -> anyhow::Result<Discovery> {
    let mut options = MeterOptions::from_environment();
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
pub(crate) fn sysfs_root() -> PathBuf {
    env::var_os("INFERCOST_SYSFS_ROOT")
        .filter(|root| !root.is_empty())
        .map_or_else(|| "/sys".into(), PathBuf::from)
}
