//! Serves a scripted sysfs tree at a path for some seconds, so that a whole program can be tried on known
//! watts: `INFERCOST_SYSFS_ROOT=ROOT infercost compare`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use infercost_core::Watts;
use infercost_energy::sysfs_twin::{Load, Mishap, SysfsTwin};

const USAGE: &str = "\
usage: infercost-sysfs-twin ROOT SECONDS SENSOR…

SENSOR is kind:watts[,setting…], each with constant watts or a ramp (10-90/20 is 10 W to 90 W in 20 s):
  package:35      a CPU package by RAPL; several are numbered      dram:6    memory of the last package
  core:20         inside the last package, not to be counted       psys:90   the platform
  mmio:35         the first package once more                      amdgpu:120  a GPU's power gauge
settings: wraps=12000000 (µJ)  begins=262143000000 (µJ)  then=SECONDS/vanish|unreadable|garbage|freeze|back";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(root), Some(seconds), Some(sensors)) =
        (arguments.first(), arguments.get(1), arguments.get(2..))
    else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match serve(root, seconds, sensors) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn serve(root: &str, seconds: &str, sensors: &[String]) -> Result<(), String> {
    let seconds: f64 = number(seconds)?;
    let length = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    let mut twin = SysfsTwin::new(root);
    let (mut packages, mut parts, mut gpus) = (0, 0, 0);

    for sensor in sensors {
        let (kind, settings) = sensor.split_once(':').ok_or_else(|| format!("{sensor}: no watts"))?;
        let mut settings = settings.split(',');
        let load = load(settings.next().unwrap_or_default())?;
        let mut script = match kind {
            "package" => {
                packages += 1;
                let index = packages - 1;
                twin.rapl_zone(&format!("intel-rapl:{index}"), &format!("package-{index}"), load)
            }
            "dram" | "core" => {
                parts += 1;
                let package = u32::saturating_sub(packages, 1);
                twin.rapl_zone(&format!("intel-rapl:{package}:{}", parts - 1), kind, load)
            }
            "psys" => twin.rapl_zone("intel-rapl:99", "psys", load),
            "mmio" => twin.rapl_zone("intel-rapl-mmio:0", "package-0", load),
            "amdgpu" => {
                gpus += 1;
                twin.hwmon_gauge(&format!("hwmon{gpus}"), "amdgpu", "power1_average", load)
            }
            _ => return Err(format!("{kind}: no such sensor")),
        };
        for setting in settings {
            let (name, value) = setting.split_once('=').ok_or_else(|| format!("{setting}: no value"))?;
            script = match name {
                "wraps" => script.wraps_after(number(value)?),
                "begins" => script.begins_at(number(value)?),
                "then" => {
                    let (when, what) = value.split_once('/').ok_or_else(|| format!("{value}: no mishap"))?;
                    let when =
                        Duration::try_from_secs_f64(number(when)?).map_err(|error| error.to_string())?;
                    script.then(when, mishap(what)?)
                }
                _ => return Err(format!("{name}: no such setting")),
            };
        }
    }

    let playing = twin.play().map_err(|error| format!("{root}: {error}"))?;
    println!("serving {root} for {seconds} s");
    sleep(length);
    drop(playing);
    Ok(())
}

fn load(text: &str) -> Result<Load, String> {
    let Some((ramp, over)) = text.split_once('/') else {
        return Ok(Load::Constant(Watts::new(number(text)?)));
    };
    let (from, to) = ramp.split_once('-').ok_or_else(|| format!("{text}: not a ramp"))?;
    let over = Duration::try_from_secs_f64(number(over)?).map_err(|error| error.to_string())?;
    Ok(Load::Ramp { from: Watts::new(number(from)?), to: Watts::new(number(to)?), over })
}

fn mishap(text: &str) -> Result<Mishap, String> {
    Ok(match text {
        "vanish" => Mishap::Vanish,
        "unreadable" => Mishap::Unreadable,
        "garbage" => Mishap::Garbage,
        "freeze" => Mishap::Freeze,
        "back" => Mishap::JumpBack(50_000_000),
        _ => return Err(format!("{text}: no such mishap")),
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text}: not a number"))
}
