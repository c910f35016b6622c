//! Processor packages: how busy, how hot, how fast, and whether heat holds them down.
//!
//! Which processor sits on which package is read once (Linux, admin-guide/cputopology.rst); the rest each time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Known;
use crate::sysfs_file;

/// Larger than `/proc/stat` of any machine.
const MAX_STAT: u64 = 4 << 20;
/// Processors of a package whose clock is asked for: the file of each costs a system call, and the mean of a few says
/// the same.
const CLOCKS: usize = 4;

/// The packages of this machine.
pub(super) struct Packages {
    proc_root: PathBuf,
    packages: Vec<Package>,
}

struct Package {
    number: u32,
    processors: Vec<u32>,
    clocks: Vec<PathBuf>,
    temperature: Known<PathBuf>,
    throttled: PathBuf,
    /// Busy and all ticks when last asked.
    ticks: Option<Ticks>,
    throttle_count: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

/// What a package shows.
pub(super) struct PackageReading {
    pub(super) number: u32,
    pub(super) utilization: Known<f64>,
    pub(super) temperature: Known<f64>,
    pub(super) clock: Known<f64>,
    pub(super) throttling: Known<Vec<String>>,
}

impl Packages {
    /// The packages that `/sys` names; one without a number where it names none.
    pub(super) fn open(sysfs_root: &Path, proc_root: &Path) -> Self {
        let folder = sysfs_root.join("devices/system/cpu");
        let mut processors: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for entry in sysfs_file::entries(&folder) {
            let Some(processor) = entry.strip_prefix("cpu").and_then(|number| number.parse().ok()) else {
                continue;
            };
            let file = folder.join(&entry).join("topology/physical_package_id");
            // A virtual machine may say -1, which is one package.
            let package = sysfs_file::read_number(&file).ok().and_then(|number| u32::try_from(number).ok());
            processors.entry(package.unwrap_or(0)).or_default().push(processor);
        }
        if processors.is_empty() {
            processors.insert(0, Vec::new());
        }

        let sensors = temperature_files(sysfs_root);
        let mut packages = Vec::new();
        for (place, (number, processors)) in processors.into_iter().enumerate() {
            let of_processor =
                |processor: &u32, file: &str| folder.join(format!("cpu{processor}")).join(file);
            let first = processors.first().copied().unwrap_or(0);
            let temperature = sensors.get(place).cloned().ok_or_else(|| {
                format!("no sensor below {} is a processor's", sysfs_root.join("class/hwmon").display())
            });

            packages.push(Package {
                number,
                clocks: processors
                    .iter()
                    .step_by((processors.len() / CLOCKS).max(1))
                    .take(CLOCKS)
                    .map(|processor| of_processor(processor, "cpufreq/scaling_cur_freq"))
                    .collect(),
                throttled: of_processor(&first, "thermal_throttle/package_throttle_count"),
                temperature,
                processors,
                ticks: None,
                throttle_count: None,
            });
        }
        Self { proc_root: proc_root.to_owned(), packages }
    }

    /// What each package shows now.
    pub(super) fn read(&mut self) -> Vec<PackageReading> {
        let stat = read_stat(&self.proc_root);
        self.packages.iter_mut().map(|package| package.read(&stat)).collect()
    }
}

impl Package {
    fn read(&mut self, stat: &Known<BTreeMap<u32, Ticks>>) -> PackageReading {
        PackageReading {
            number: self.number,
            utilization: self.utilization(stat),
            temperature: self.temperature.clone().and_then(|file| {
                let millidegrees = sysfs_file::read_number(&file).map_err(|fault| fault.reason())?;
                Ok(millidegrees as f64 / 1e3)
            }),
            clock: self.clock(),
            throttling: self.throttling(),
        }
    }

    fn utilization(&mut self, stat: &Known<BTreeMap<u32, Ticks>>) -> Known<f64> {
        let stat = stat.as_ref().map_err(String::clone)?;
        let mut now = Ticks { busy: 0, all: 0 };
        for (processor, ticks) in stat {
            if self.processors.is_empty() || self.processors.contains(processor) {
                now.busy = now.busy.saturating_add(ticks.busy);
                now.all = now.all.saturating_add(ticks.all);
            }
        }

        let before = self.ticks.replace(now).ok_or("it has been asked once only")?;
        // A processor that was switched off takes its ticks with it.
        let all = now.all.checked_sub(before.all).filter(|all| *all > 0);
        let all = all.ok_or("no time has passed on its processors")?;
        Ok((now.busy.saturating_sub(before.busy) as f64 / all as f64).min(1.0))
    }

    fn clock(&self) -> Known<f64> {
        let mut sum = 0.0;
        for file in &self.clocks {
            sum += sysfs_file::read_number(file).map_err(|fault| fault.reason())? as f64 / 1e3;
        }
        if self.clocks.is_empty() {
            return Err("the kernel names no processors".to_owned());
        }
        Ok(sum / self.clocks.len() as f64)
    }

    fn throttling(&mut self) -> Known<Vec<String>> {
        let count = sysfs_file::read_number(&self.throttled).map_err(|fault| fault.reason())?;
        let before = self.throttle_count.replace(count);
        let grew = before.is_some_and(|before| count > before);
        Ok(if grew { vec!["heat".to_owned()] } else { Vec::new() })
    }
}

/// Ticks of each processor (proc_stat(5)).
fn read_stat(proc_root: &Path) -> Known<BTreeMap<u32, Ticks>> {
    let file = proc_root.join("stat");
    let mut text = String::new();
    File::open(&file)
        .and_then(|file| file.take(MAX_STAT).read_to_string(&mut text))
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;

    // The lines of processors stand first; what follows them may be long.
    let mut all = BTreeMap::new();
    for line in text.lines().take_while(|line| line.starts_with("cpu")) {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next().unwrap_or_default();
        let Some(processor) = name.strip_prefix("cpu").and_then(|number| number.parse().ok()) else {
            continue;
        };
        let times: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
        let sum = times.iter().fold(0, |sum: u64, time| sum.saturating_add(*time));
        // user nice system idle iowait irq softirq steal
        let idle = times.iter().skip(3).take(2).fold(0, |sum: u64, time| sum.saturating_add(*time));
        all.insert(processor, Ticks { busy: sum.saturating_sub(idle), all: sum });
    }

    if all.is_empty() { Err(format!("{} names no processor", file.display())) } else { Ok(all) }
}

/// The file with each package's temperature, in the order of the packages.
fn temperature_files(sysfs_root: &Path) -> Vec<PathBuf> {
    /// Labels of what covers a whole package, best first: Intel's, then AMD's die and control temperatures.
    const LABELS: [&str; 3] = ["package id", "tdie", "tctl"];

    let folder = sysfs_root.join("class/hwmon");
    let mut files = Vec::new();
    for entry in sysfs_file::entries(&folder) {
        let chip = folder.join(&entry);
        let name = sysfs_file::read_text(&chip.join("name")).unwrap_or_default();
        if !matches!(name.as_str(), "coretemp" | "k10temp" | "zenpower") {
            continue;
        }

        let mut best: Option<(usize, PathBuf)> = None;
        for file in sysfs_file::entries(&chip) {
            let Some(stem) = file.strip_suffix("_label").filter(|stem| stem.starts_with("temp")) else {
                continue;
            };
            let label = sysfs_file::read_text(&chip.join(&file)).unwrap_or_default().to_ascii_lowercase();
            let Some(rank) = LABELS.iter().position(|known| label.starts_with(known)) else { continue };
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, chip.join(format!("{stem}_input"))));
            }
        }
        files.extend(best.map(|(_, file)| file));
    }
    files
}
