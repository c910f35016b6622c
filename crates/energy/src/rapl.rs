//! RAPL through the powercap interface (Linux, power/powercap/powercap.rst).
//!
//! Packages (or their dies) are summed, and so is memory where it has a zone of its own. `core` and
//! `uncore` lie inside a package and are left out. `psys` overlaps everything and is offered as an
//! alternative. `intel-rapl-mmio` shows the same package through another door and is dropped where the
//! first door is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infercost_core::{EnergyDomain, MeterKind};

use crate::instrument::{Candidate, MissingMeter, Offer};
use crate::sensor::{Channel, Raw, Role, Sensor};
use crate::sysfs_file::{self, FileFault};
use crate::sysfs_instrument::SysfsInstrument;

/// The family's name.
const NAME: &str = "rapl";
/// RAPL counters refresh about once a millisecond (Intel SDM vol. 3B, "Package RAPL Domain").
const UPDATE_PERIOD: Duration = Duration::from_millis(1);
/// What a zone is taken to draw at most where it does not say.
const DEFAULT_MAX_WATTS: f64 = 1_000.0;
/// A zone's stated limit may be passed for a moment by about this factor.
const BURST_FACTOR: f64 = 2.0;
const LONGEST_POLL: Duration = Duration::from_secs(1);
const SHORTEST_POLL: Duration = Duration::from_millis(10);
/// No zone's counter begins again after less than a joule.
const SMALLEST_RANGE: u64 = 1_000_000;

/// The order in which sources are preferred; lower is better.
mod rank {
    pub(super) const PACKAGE: u8 = 10;
    pub(super) const DRAM: u8 = 11;
    pub(super) const PSYS: u8 = 40;
}

/// RAPL as an instrument.
pub(crate) const RAPL: SysfsInstrument = SysfsInstrument { name: NAME, below: zones_below };

/// What the zones below `sysfs_root/class/powercap` offer.
fn zones_below(sysfs_root: &Path) -> Offer {
    let folder = sysfs_root.join("class/powercap");
    let mut zones = zones_of(&folder, "intel-rapl");
    if zones.is_empty() {
        zones = zones_of(&folder, "intel-rapl-mmio");
    }
    if zones.is_empty() {
        return Offer { absent: vec![no_zones(&folder)], ..Offer::default() };
    }
    drop_dies_of_listed_packages(&mut zones);

    let mut offer = Offer::default();
    for (rank, group) in by_part(&zones) {
        offer.extend(group.offer(rank));
    }
    offer
}

/// Zones that together cover one part of the machine.
struct Group<'a> {
    domain: EnergyDomain,
    zones: Vec<&'a Zone>,
}

/// The zones by rank; those inside another are left out.
fn by_part(zones: &[Zone]) -> BTreeMap<u8, Group<'_>> {
    let mut groups: BTreeMap<u8, Group<'_>> = BTreeMap::new();
    for zone in zones {
        let (rank, domain) = match zone.part() {
            Some(Part::Package) => (rank::PACKAGE, EnergyDomain::CpuPackage),
            Some(Part::Dram) => (rank::DRAM, EnergyDomain::Dram),
            Some(Part::Psys) => (rank::PSYS, EnergyDomain::Platform),
            None => continue,
        };
        groups.entry(rank).or_insert_with(|| Group { domain, zones: Vec::new() }).zones.push(zone);
    }
    groups
}

impl Group<'_> {
    /// One candidate, where all its zones can be read and can be distinguished.
    ///
    /// One socket of two is not the machine's CPU energy: all of a part, or none of it.
    fn offer(&self, rank: u8) -> Offer {
        let mut offer = Offer::default();
        let mut channels = Vec::new();

        for (index, zone) in self.zones.iter().enumerate() {
            if self.zones.iter().take(index).any(|before| before.label == zone.label) {
                offer.closed.push(twice(zone));
                continue;
            }
            match zone.open(self.domain.clone()) {
                Ok(channel) => channels.push(channel),
                Err(fault) => offer.closed.push(missing(zone, &fault)),
            }
        }

        if offer.closed.is_empty() {
            offer.candidates.push(Candidate {
                instrument: NAME,
                domain: self.domain.clone(),
                rank,
                channels,
                remark: String::new(),
            });
        }
        offer
    }
}

struct Zone {
    folder: PathBuf,
    /// What the kernel calls it: `package-0`, `dram`.
    name: String,
    /// With the package's number where the kernel leaves it out: `dram-1`.
    label: String,
}

enum Part {
    Package,
    Dram,
    Psys,
}

impl Zone {
    fn part(&self) -> Option<Part> {
        if self.name == "package" || self.name.starts_with("package-") {
            Some(Part::Package)
        } else if self.name == "dram" || self.name.starts_with("dram-") {
            Some(Part::Dram)
        } else if self.name.starts_with("psys") || self.name.starts_with("platform") {
            Some(Part::Psys)
        } else {
            None
        }
    }

    fn open(&self, domain: EnergyDomain) -> Result<Channel, FileFault> {
        let counter = self.folder.join("energy_uj");
        let shown = sysfs_file::read_number(&counter)?;
        let range = self.range(shown);

        Ok(Channel {
            name: self.label.clone(),
            domain,
            kind: MeterKind::Counter,
            role: Role::Counted,
            update_period: UPDATE_PERIOD,
            wraps_after: range,
            poll_period: range.map_or(LONGEST_POLL, |range| poll_period(range, self.max_watts())),
            sensor: Box::new(CounterFile(counter)),
        })
    }

    /// The value after which the counter begins again; `None` where the zone names none that can be right: nothing, 0,
    /// next to nothing, or less than the counter shows already. A counter that goes back is then a fault.
    fn range(&self, shown: u64) -> Option<u64> {
        let stated = sysfs_file::read_number(&self.folder.join("max_energy_range_uj")).ok()?;
        let possible = stated >= SMALLEST_RANGE && stated >= shown;
        if !possible {
            tracing::warn!(zone = self.label, stated, shown, "this zone's stated range cannot be right");
        }
        possible.then_some(stated)
    }

    /// The largest power that the zone's constraints name; a default where they name none.
    fn max_watts(&self) -> f64 {
        let stated = (0..3)
            .filter_map(|index| {
                let file = self.folder.join(format!("constraint_{index}_max_power_uw"));
                sysfs_file::read_number(&file).ok()
            })
            .max()
            .unwrap_or(0);
        (stated as f64 * 1e-6 * BURST_FACTOR).max(DEFAULT_MAX_WATTS)
    }
}

/// Four reads in the shortest time in which the counter can wrap, within reason.
fn poll_period(range_microjoules: u64, max_watts: f64) -> Duration {
    let seconds = range_microjoules as f64 * 1e-6 / max_watts / 4.0;
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_POLL).clamp(SHORTEST_POLL, LONGEST_POLL)
}

struct CounterFile(PathBuf);

impl Sensor for CounterFile {
    fn read(&mut self) -> Result<Raw, String> {
        sysfs_file::read_number(&self.0).map(Raw::Counter).map_err(|fault| fault.reason())
    }
}

/// The zones of one control type, each once, whether they are listed flat, nested or both.
fn zones_of(folder: &Path, control_type: &str) -> Vec<Zone> {
    let mut by_id: BTreeMap<String, PathBuf> = BTreeMap::new();
    collect(folder, control_type, 0, &mut by_id);

    let mut zones = Vec::new();
    for (id, folder) in &by_id {
        let Ok(name) = sysfs_file::read_text(&folder.join("name")) else { continue };
        let parent = id.rsplit_once(':').and_then(|(parent, _)| by_id.get(parent));
        let package = parent.and_then(|parent| sysfs_file::read_text(&parent.join("name")).ok());
        let label = match package.as_deref().and_then(|package| package.strip_prefix("package-")) {
            Some(number) if !name.starts_with("package-") => format!("{name}-{number}"),
            _ => name.clone(),
        };
        zones.push(Zone { folder: folder.clone(), name, label });
    }
    zones
}

/// Finds folders named `TYPE:a` or `TYPE:a:b`, the shallowest of each name.
fn collect(folder: &Path, control_type: &str, depth: u8, by_id: &mut BTreeMap<String, PathBuf>) {
    /// class/powercap / control type / package / subzone
    const DEEPEST: u8 = 3;

    let mut deeper = Vec::new();
    for entry in sysfs_file::entries(folder) {
        let Some(rest) = entry.strip_prefix(control_type) else { continue };
        let path = folder.join(&entry);
        if !path.is_dir() {
            continue;
        }

        let is_zone = rest.strip_prefix(':').is_some_and(|numbers| {
            numbers.split(':').all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        });
        if is_zone {
            by_id.entry(entry.clone()).or_insert_with(|| path.clone());
        }
        if is_zone || rest.is_empty() {
            deeper.push(path);
        }
    }

    if depth < DEEPEST {
        for path in deeper {
            collect(&path, control_type, depth + 1, by_id);
        }
    }
}

/// A die is part of its package: `package-0-die-1` is left out where `package-0` is there.
fn drop_dies_of_listed_packages(zones: &mut Vec<Zone>) {
    let whole: Vec<String> =
        zones.iter().map(|zone| zone.name.clone()).filter(|name| !name.contains("-die-")).collect();
    zones.retain(|zone| match zone.name.split_once("-die-") {
        Some((package, _)) => !whole.iter().any(|name| name == package),
        None => true,
    });
}

fn no_zones(folder: &Path) -> MissingMeter {
    let fix = "load the intel_rapl_common and intel_rapl_msr modules; virtual machines and containers usually have none";
    MissingMeter {
        name: NAME.to_owned(),
        reason: format!("no RAPL zones in {}", folder.display()),
        fix: fix.to_owned(),
    }
}

fn twice(zone: &Zone) -> MissingMeter {
    let Zone { folder, label, .. } = zone;
    MissingMeter {
        name: format!("{NAME} {label}"),
        reason: format!(
            "two zones are called {label}, and nothing says whether {} shows the same energy again",
            folder.display()
        ),
        fix: "use a meter whose boundary is known".to_owned(),
    }
}

fn missing(zone: &Zone, fault: &FileFault) -> MissingMeter {
    let file = fault.path().display();
    let fix = if fault.is_permission() {
        format!("allow reading until the next boot with `sudo chmod a+r {file}`, or run as root")
    } else if fault.is_absent() {
        "the zone went away; load the intel_rapl_msr module again".to_owned()
    } else {
        "the file is not what powercap writes; check the sysfs root".to_owned()
    };
    MissingMeter { name: format!("{NAME} {}", zone.label), reason: fault.reason(), fix }
}
