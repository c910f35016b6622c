//! hwmon sensors (Linux, hwmon/sysfs-interface.rst): energy counters, and power gauges that are integrated.
//!
//! A chip's driver says what its sensors cover. Where it does not, a chip with one power sensor is offered
//! last, and one with several is not used: which of them holds which is unknown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infercost_core::{EnergyDomain, MeterKind};

use crate::instrument::{Candidate, MissingMeter, Offer};
use crate::sensor::{Channel, Raw, Role, Sensor};
use crate::sysfs_file::{self, FileFault};
use crate::sysfs_instrument::SysfsInstrument;

/// The family's name.
const NAME: &str = "hwmon";
/// Drivers of power sensors refresh within about this time.
const GAUGE_PERIOD: Duration = Duration::from_millis(100);
/// A little under 100 ms, so that no second has fewer than ten samples.
const GAUGE_POLL: Duration = Duration::from_millis(80);
const COUNTER_PERIOD: Duration = Duration::from_millis(1);
const COUNTER_POLL: Duration = Duration::from_millis(500);

/// hwmon as an instrument.
pub(crate) const HWMON: SysfsInstrument = SysfsInstrument { name: NAME, below: chips_below };

/// Readings that together cover one part of the machine.
struct Group {
    domain: EnergyDomain,
    readings: Vec<Reading>,
}

/// What the chips below `sysfs_root/class/hwmon` offer.
fn chips_below(sysfs_root: &Path) -> Offer {
    let folder = sysfs_root.join("class/hwmon");
    let mut offer = Offer::default();

    let mut groups: BTreeMap<(u8, String), Group> = BTreeMap::new();
    for entry in sysfs_file::entries(&folder) {
        let Some(chip) = Chip::at(&folder.join(&entry)) else { continue };
        if chip.readings.is_empty() {
            continue;
        }
        match chip.part() {
            Part::Known { rank, domain, readings } => {
                let key = (rank, domain_key(&domain, &chip.name));
                let group = groups.entry(key).or_insert_with(|| Group { domain, readings: Vec::new() });
                group.readings.extend(readings);
            }
            Part::Unclear => offer.closed.push(unclear(&chip)),
            Part::Ignored => {}
        }
    }

    for ((rank, _), group) in groups {
        offer.extend(group.offer(rank));
    }
    if offer.candidates.is_empty() && offer.closed.is_empty() {
        offer.absent.push(no_sensors(&folder));
    }
    offer
}

impl Group {
    /// One candidate, where all its readings can be had: all of a part, or none of it.
    fn offer(self, rank: u8) -> Offer {
        let mut offer = Offer::default();
        let mut channels = Vec::new();
        for reading in self.readings {
            match reading.open(&self.domain) {
                Ok(channel) => channels.push(channel),
                Err((name, fault)) => offer.closed.push(missing(&name, &fault)),
            }
        }

        if self.domain == EnergyDomain::Gpu
            && channels.len() > 1
            && let Some(limit) = gpus_are_limited()
        {
            offer.closed.push(limited(&channels, &limit));
        }
        if offer.closed.is_empty() {
            offer.candidates.push(Candidate {
                instrument: NAME,
                domain: self.domain,
                rank,
                channels,
                remark: String::new(),
            });
        }
        offer
    }
}

/// The variable that leaves this process some of the machine's AMD or Intel GPUs. hwmon does not number boards as the
/// runtimes do, so which of them are left is not known.
fn gpus_are_limited() -> Option<String> {
    const VARIABLES: [&str; 3] = ["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"];
    VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some()).map(str::to_owned)
}

fn limited(channels: &[Channel], variable: &str) -> MissingMeter {
    let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
    MissingMeter {
        name: format!("{NAME} {}", names.join(", ")),
        reason: format!(
            "{variable} leaves this process some of {} GPUs, and hwmon does not tell which",
            names.len()
        ),
        fix: format!("unset {variable} where the process may use all of them, or name another meter"),
    }
}

fn unclear(chip: &Chip) -> MissingMeter {
    MissingMeter {
        name: format!("{NAME} {}", chip.name),
        reason: format!(
            "{} has {} power sensors and nothing says which holds which",
            chip.folder.display(),
            chip.readings.len()
        ),
        fix: "use a meter whose boundary is known".to_owned(),
    }
}

fn no_sensors(folder: &Path) -> MissingMeter {
    MissingMeter {
        name: NAME.to_owned(),
        reason: format!("no power or energy sensor in {}", folder.display()),
        fix: "load the driver of the board's power sensor, where it has one".to_owned(),
    }
}

/// The order in which sources are preferred; lower is better.
mod rank {
    pub(super) const GPU: u8 = 20;
    pub(super) const CPU_COUNTER: u8 = 30;
    pub(super) const CPU_GAUGE: u8 = 31;
    pub(super) const APU_GAUGE: u8 = 32;
    pub(super) const PLATFORM: u8 = 45;
    pub(super) const RAILS: u8 = 50;
    pub(super) const GENERIC: u8 = 60;
}

struct Chip {
    folder: PathBuf,
    name: String,
    readings: Vec<Reading>,
}

#[derive(Clone)]
struct Reading {
    chip: String,
    label: String,
    file: Source,
}

#[derive(Clone)]
enum Source {
    Energy(PathBuf),
    Power(PathBuf),
    /// Millivolts and milliamperes, whose product is microwatts.
    VoltageCurrent(PathBuf, PathBuf),
}

enum Part {
    Known { rank: u8, domain: EnergyDomain, readings: Vec<Reading> },
    Unclear,
    Ignored,
}

/// A chip whose readings are known to cover one part.
fn known(rank: u8, domain: EnergyDomain, readings: Vec<Reading>) -> Part {
    Part::Known { rank, domain, readings }
}

impl Chip {
    fn at(folder: &Path) -> Option<Self> {
        let name = sysfs_file::read_text(&folder.join("name"))
            .or_else(|_| sysfs_file::read_text(&folder.join("device/name")))
            .ok()?;
        let mut chip = Self { folder: folder.to_owned(), name, readings: Vec::new() };
        chip.readings = chip.list();
        Some(chip)
    }

    fn list(&self) -> Vec<Reading> {
        let mut energies = Vec::new();
        let mut powers: BTreeMap<u32, Reading> = BTreeMap::new();
        let mut currents = Vec::new();

        for entry in sysfs_file::entries(&self.folder) {
            let path = self.folder.join(&entry);
            if let Some(index) = numbered(&entry, "energy", "_input") {
                energies.push(self.reading("energy", index, Source::Energy(path)));
            } else if let Some(index) = numbered(&entry, "power", "_average") {
                // The driver's own average misses nothing between two samples, so it wins.
                powers.insert(index, self.reading("power", index, Source::Power(path)));
            } else if let Some(index) = numbered(&entry, "power", "_input") {
                let reading = self.reading("power", index, Source::Power(path));
                powers.entry(index).or_insert(reading);
            } else if let Some(index) = numbered(&entry, "curr", "_input") {
                let voltage = self.folder.join(format!("in{index}_input"));
                if voltage.is_file() {
                    currents.push(self.reading("in", index, Source::VoltageCurrent(voltage, path)));
                }
            }
        }

        if !energies.is_empty() {
            energies
        } else if !powers.is_empty() {
            powers.into_values().collect()
        } else if self.is_rail_monitor() {
            currents
        } else {
            Vec::new()
        }
    }

    fn reading(&self, kind: &str, index: u32, file: Source) -> Reading {
        let label = sysfs_file::read_text(&self.folder.join(format!("{kind}{index}_label")))
            .ok()
            .filter(|label| !label.is_empty())
            .unwrap_or_else(|| format!("{kind}{index}"));
        Reading { chip: self.name.clone(), label, file }
    }

    /// Shunt monitors: what they measure is named by the board's labels.
    fn is_rail_monitor(&self) -> bool {
        self.name.starts_with("ina2") || self.name.starts_with("ina3")
    }

    fn part(&self) -> Part {
        match self.name.as_str() {
            "amdgpu" if self.is_apu() => known(rank::APU_GAUGE, EnergyDomain::CpuPackage, self.first()),
            "amdgpu" | "radeon" | "nouveau" => known(rank::GPU, EnergyDomain::Gpu, self.first()),

            // Intel's driver labels the whole card and the package on it.
            "xe" | "i915" => {
                let readings = self.labeled(&["card"]).unwrap_or_else(|| self.first());
                known(rank::GPU, EnergyDomain::Gpu, readings)
            }

            // One counter a core and one a socket, which holds the cores.
            "amd_energy" => match self.prefixed("Esocket") {
                Some(readings) => known(rank::CPU_COUNTER, EnergyDomain::CpuPackage, readings),
                None => Part::Unclear,
            },
            "zenpower" => {
                let whole = self.labeled(&["rapl_p_package"]);
                match whole.or_else(|| self.labeled(&["svi2_p_core", "svi2_p_soc"])) {
                    Some(readings) => known(rank::CPU_GAUGE, EnergyDomain::CpuPackage, readings),
                    None if self.readings.len() <= 2 => {
                        known(rank::CPU_GAUGE, EnergyDomain::CpuPackage, self.readings.clone())
                    }
                    None => Part::Unclear,
                }
            }
            "fam15h_power" => known(rank::CPU_GAUGE, EnergyDomain::CpuPackage, self.first()),
            "power_meter" | "acpi_power_meter" => known(rank::PLATFORM, EnergyDomain::Platform, self.first()),

            // A battery shows its discharge, which is nothing while the mains feed the machine.
            name if name.starts_with("BAT") || name.starts_with("AC") || name.starts_with("ADP") => {
                Part::Ignored
            }
            _ if self.is_rail_monitor() => {
                // Jetson boards name their input rail so; it feeds all the others.
                const INPUTS: &[&str] = &["vdd_in", "pom_5v_in", "vin_sys_5v0", "5v_in"];
                let readings = self.labeled(INPUTS).unwrap_or_else(|| self.readings.clone());
                known(rank::RAILS, EnergyDomain::Other("board rails".to_owned()), readings)
            }
            _ if self.readings.len() == 1 => {
                known(rank::GENERIC, EnergyDomain::Other(self.name.clone()), self.readings.clone())
            }
            _ => match self.labeled(&["total", "power total"]) {
                Some(readings) => known(rank::GENERIC, EnergyDomain::Other(self.name.clone()), readings),
                None => Part::Unclear,
            },
        }
    }

    /// An APU's sensor shows the whole socket, CPU included: it has slow and fast limits, or no limit at all
    /// while it does show a clock.
    fn is_apu(&self) -> bool {
        let limits = self.labeled(&["slowppt", "fastppt"]).is_some();
        let clock = self.folder.join("freq1_input").exists();
        let cap = self.folder.join("power1_cap").exists();
        limits || clock && !cap
    }

    fn first(&self) -> Vec<Reading> {
        self.readings.iter().take(1).cloned().collect()
    }

    fn labeled(&self, labels: &[&str]) -> Option<Vec<Reading>> {
        self.matching(|label| labels.contains(&label.to_ascii_lowercase().as_str()))
    }

    fn prefixed(&self, prefix: &str) -> Option<Vec<Reading>> {
        self.matching(|label| label.starts_with(prefix))
    }

    fn matching(&self, keep: impl Fn(&str) -> bool) -> Option<Vec<Reading>> {
        let kept: Vec<Reading> =
            self.readings.iter().filter(|reading| keep(&reading.label)).cloned().collect();
        (!kept.is_empty()).then_some(kept)
    }
}

impl Reading {
    fn open(self, domain: &EnergyDomain) -> Result<Channel, (String, FileFault)> {
        let name = format!("{} {}", self.chip, self.label);
        let counter = matches!(self.file, Source::Energy(_));

        if let Err(fault) = self.file.value() {
            return Err((name, fault));
        }

        let domain = match domain {
            EnergyDomain::Other(_) => EnergyDomain::Other(name.clone()),
            known => known.clone(),
        };

        Ok(Channel {
            name,
            domain,
            kind: if counter { MeterKind::Counter } else { MeterKind::Integrated },
            role: Role::Counted,
            update_period: if counter { COUNTER_PERIOD } else { GAUGE_PERIOD },
            wraps_after: None,
            poll_period: if counter { COUNTER_POLL } else { GAUGE_POLL },
            sensor: Box::new(self.file),
        })
    }
}

impl Source {
    fn value(&self) -> Result<Raw, FileFault> {
        match self {
            Self::Energy(file) => sysfs_file::read_number(file).map(Raw::Counter),
            Self::Power(file) => sysfs_file::read_number(file).map(Raw::Gauge),
            Self::VoltageCurrent(voltage, current) => {
                let millivolts = sysfs_file::read_number(voltage)?;
                Ok(Raw::Gauge(millivolts.saturating_mul(sysfs_file::read_number(current)?)))
            }
        }
    }
}

impl Sensor for Source {
    fn read(&mut self) -> Result<Raw, String> {
        self.value().map_err(|fault| fault.reason())
    }
}

/// The index of `energy12_input`, given `energy` and `_input`.
fn numbered(file: &str, kind: &str, suffix: &str) -> Option<u32> {
    file.strip_prefix(kind)?.strip_suffix(suffix)?.parse().ok()
}

/// Chips of one driver are summed; chips of different drivers may show the same thing.
fn domain_key(domain: &EnergyDomain, chip: &str) -> String {
    match domain {
        EnergyDomain::Gpu => "gpu".to_owned(),
        EnergyDomain::Other(name) if name == "board rails" => name.clone(),
        _ => chip.to_owned(),
    }
}

fn missing(name: &str, fault: &FileFault) -> MissingMeter {
    let fix = if fault.is_permission() {
        format!(
            "allow reading until the next boot with `sudo chmod a+r {}`, or run as root",
            fault.path().display()
        )
    } else {
        "wake the device, or check its driver".to_owned()
    };
    MissingMeter { name: format!("{NAME} {name}"), reason: fault.reason(), fix }
}
