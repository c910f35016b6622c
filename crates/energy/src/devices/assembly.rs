//! Which instrument belongs to which device, and one reading of all.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use infercost_core::{EnergyDomain, Joules, MeterError, MeterKind};

use super::boards::{ChipBoard, NvidiaBoards};
use super::packages::Packages;
use super::{DeviceKind, DeviceReading, DrawnEnergy, memory};
use crate::accumulate::Difference;
use crate::discovery::{offered, without_overlap};
use crate::estimate::{EstimateMark, Estimator};
use crate::instrument::MissingMeter;
use crate::options::{EstimateChoice, MeterOptions};
use crate::probe;
use crate::sampler::{Marks, Sampler};
use crate::sensor::{Channel, Role};

/// A counter is read with every reading of the devices; in between only as often as it may wrap.
const COUNTER_POLL: Duration = Duration::from_secs(10);
/// An instrument that stands still for so long, and for this many of its own periods, has failed.
const LONGEST_PENDING: Duration = Duration::from_secs(30);
const PENDING_PERIODS: u32 = 10;

/// All devices of the machine, each with its instruments.
pub struct Devices {
    packages: Packages,
    nvidia: Option<NvidiaBoards>,
    chips: Vec<ChipBoard>,
    proc_root: PathBuf,
    meters: Option<Meters>,
    estimate: Option<Estimate>,
    /// Why a device without an instrument has none.
    unmetered: String,
}

/// The instruments in use, read by one thread.
struct Meters {
    sampler: Sampler,
    marks: Marks,
    sensors: Vec<MeteredPart>,
}

/// One instrument and what it covers.
struct MeteredPart {
    name: String,
    domain: EnergyDomain,
    update_period: Duration,
    pending_since: Option<Instant>,
}

/// What stands in where nothing measures.
struct Estimate {
    estimator: Estimator,
    mark: EstimateMark,
    last: Instant,
}

impl Devices {
    /// Finds the devices and starts the instruments that `options` choose, without overlap.
    ///
    /// # Errors
    /// [`MeterError`] where an instrument that was named is not there, no thread can be started, or the watts to
    /// assume are none.
    pub fn open(options: &MeterOptions) -> Result<Self, MeterError> {
        let mut offer = offered(options)?;
        offer.closed.extend(probe::watch(&mut offer.candidates));
        let selection = without_overlap(offer.candidates);

        let mut channels: Vec<Channel> = Vec::new();
        for candidate in selection.used {
            channels.extend(candidate.channels.into_iter().filter(|channel| channel.role == Role::Counted));
        }
        let why = if offer.closed.is_empty() { &offer.absent } else { &offer.closed };
        let unmetered = unmetered(why, options);
        if channels.is_empty() && options.choice.is_named() {
            let fix = "name another meter, or none".to_owned();
            let meter = options.choice.name().to_owned();
            return Err(MeterError::RequiredMeterMissing { meter, reason: unmetered, fix });
        }

        // An assumption is for machines that nothing measures: next to a meter it would be a second opinion.
        let estimate = if channels.is_empty() { Estimate::from_options(options)? } else { None };
        let meters = if channels.is_empty() { None } else { Some(Meters::start(channels)?) };

        Ok(Self {
            packages: Packages::open(&options.sysfs_root, &options.proc_root),
            nvidia: NvidiaBoards::open(options.nvml_library.as_deref(), &options.proc_root),
            chips: ChipBoard::all(&options.sysfs_root),
            proc_root: options.proc_root.clone(),
            meters,
            estimate,
            unmetered,
        })
    }

    /// What every device shows now. The first reading begins the counting of energy, so that its energy is pending.
    pub fn read(&mut self) -> Vec<DeviceReading> {
        let mut devices = self.facts();
        let mut energies = self.meters.as_mut().map(Meters::read).unwrap_or_default();

        for device in &mut devices {
            let own = match device.kind {
                DeviceKind::Cpu => energies.take(|part| part.is_package(&device.id)),
                DeviceKind::Memory => energies.take(|part| part.domain == EnergyDomain::Dram),
                DeviceKind::Gpu => energies.take_board(&device.id),
                DeviceKind::Machine => None,
            };
            device.energy = own.unwrap_or_else(|| DrawnEnergy::Missing(self.unmetered.clone()));
        }

        // Whatever names no part of its own covers the machine, or a part that only the meter knows.
        devices.extend(energies.rest());
        devices.extend(self.estimate.as_mut().map(Estimate::read));
        devices
    }

    /// Whether any instrument measures.
    pub fn is_metered(&self) -> bool {
        self.meters.is_some()
    }

    /// Why a device without an instrument has none.
    pub fn unmetered(&self) -> &str {
        &self.unmetered
    }

    /// The thread's share of one core since the beginning; `None` where nothing samples or the system does not tell.
    pub fn sampler_overhead(&self) -> Option<f64> {
        self.meters.as_ref()?.sampler.overhead()
    }

    /// Everything but energy.
    fn facts(&mut self) -> Vec<DeviceReading> {
        let mut devices = Vec::new();
        for package in self.packages.read() {
            let id = format!("package-{}", package.number);
            let why = "a package shows none";
            devices.push(DeviceReading {
                utilization: package.utilization,
                temperature: package.temperature,
                clock: package.clock,
                throttling: package.throttling,
                ..DeviceReading::of_energy(&id, &id, DeviceKind::Cpu, DrawnEnergy::Pending, why)
            });
        }

        let memory = memory::read(&self.proc_root);
        devices.push(DeviceReading {
            memory_used: memory.used,
            memory_total: memory.total,
            ..DeviceReading::of_energy(
                "memory",
                "memory",
                DeviceKind::Memory,
                DrawnEnergy::Pending,
                "memory shows none",
            )
        });

        devices.extend(self.nvidia.iter().flat_map(NvidiaBoards::read));
        let known: Vec<&str> = self.nvidia.iter().flat_map(NvidiaBoards::ids).collect();
        // nouveau shows boards that NVML shows too, where both are loaded
        let chips = self.chips.iter().map(ChipBoard::read);
        devices.extend(chips.filter(|chip| !known.contains(&chip.id.as_str())));
        devices
    }
}

impl Meters {
    fn start(mut channels: Vec<Channel>) -> Result<Self, MeterError> {
        let mut sensors = Vec::new();
        for channel in &mut channels {
            if channel.kind == MeterKind::Counter && channel.wraps_after.is_none() {
                channel.poll_period = COUNTER_POLL;
            }
            sensors.push(MeteredPart {
                name: channel.name.clone(),
                domain: channel.domain.clone(),
                update_period: channel.update_period,
                pending_since: None,
            });
        }

        let sampler = Sampler::start(channels)?;
        let marks = sampler.marks();
        Ok(Self { sampler, marks, sensors })
    }

    fn read(&mut self) -> Energies<'_> {
        let differences = self.sampler.advance(&mut self.marks);
        let mut energies = Vec::new();
        for (part, difference) in self.sensors.iter_mut().zip(differences) {
            energies.push(Some(part.drawn(difference)));
        }
        Energies { parts: &self.sensors, energies }
    }
}

impl MeteredPart {
    fn drawn(&mut self, difference: Result<Difference, String>) -> DrawnEnergy {
        let difference = match difference {
            Ok(difference) => difference,
            Err(reason) => return DrawnEnergy::Missing(format!("{}: {reason}", self.name)),
        };
        if difference.updates > 0 {
            self.pending_since = None;
            let joules = Joules::new(difference.microjoules * 1e-6);
            return DrawnEnergy::Drawn { joules, over: difference.elapsed, estimated: false };
        }

        let since = *self.pending_since.get_or_insert_with(Instant::now);
        if since.elapsed() > LONGEST_PENDING.max(self.update_period * PENDING_PERIODS) {
            let seconds = since.elapsed().as_secs();
            return DrawnEnergy::Missing(format!("{} has not moved for {seconds} s", self.name));
        }
        DrawnEnergy::Pending
    }

    /// Whether it covers that package: `package-0`, a die of it, or the only package there is.
    fn is_package(&self, id: &str) -> bool {
        let of_rapl = self.name.starts_with("package");
        let named = self.name.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        self.domain == EnergyDomain::CpuPackage && (named || (!of_rapl && id == "package-0"))
    }
}

/// What the instruments counted, to be given to devices; what is given is gone.
#[derive(Default)]
struct Energies<'m> {
    parts: &'m [MeteredPart],
    energies: Vec<Option<DrawnEnergy>>,
}

impl Energies<'_> {
    /// The sum of the parts that `belongs` names; `None` where it names none that is left.
    fn take(&mut self, belongs: impl Fn(&MeteredPart) -> bool) -> Option<DrawnEnergy> {
        let mut sum: Option<DrawnEnergy> = None;
        for (part, energy) in self.parts.iter().zip(&mut self.energies) {
            if !belongs(part) {
                continue;
            }
            let Some(energy) = energy.take() else { continue };
            sum = Some(match sum {
                None => energy,
                Some(known) => together(known, energy),
            });
        }
        sum
    }

    /// A board's own: by its UUID, else the next gauge of a board of that driver.
    fn take_board(&mut self, id: &str) -> Option<DrawnEnergy> {
        if let Some(own) = self.take(|part| part.domain == EnergyDomain::Gpu && part.name.ends_with(id)) {
            return Some(own);
        }

        let driver = id.split('-').next().filter(|driver| *driver != "GPU")?;
        for (part, energy) in self.parts.iter().zip(&mut self.energies) {
            let of_gpu = matches!(part.domain, EnergyDomain::Gpu | EnergyDomain::CpuPackage);
            if of_gpu && part.name.starts_with(driver) && energy.is_some() {
                return energy.take();
            }
        }
        None
    }

    /// Devices for what nothing took.
    fn rest(self) -> Vec<DeviceReading> {
        let mut devices = Vec::new();
        for (part, energy) in self.parts.iter().zip(self.energies) {
            let Some(energy) = energy else { continue };
            let why = "a meter shows energy alone";
            devices.push(DeviceReading::of_energy(&part.name, &part.name, DeviceKind::Machine, energy, why));
        }
        devices
    }
}

/// The sum of two parts of one device: known only where both are.
fn together(one: DrawnEnergy, other: DrawnEnergy) -> DrawnEnergy {
    use DrawnEnergy::{Drawn, Missing, Pending};
    match (one, other) {
        (Missing(reason), _) | (_, Missing(reason)) => Missing(reason),
        (Pending, other) | (other, Pending) => other,
        (Drawn { joules, over, estimated }, Drawn { joules: more, over: longer, estimated: also }) => {
            Drawn { joules: joules + more, over: over.max(longer), estimated: estimated || also }
        }
    }
}

impl Estimate {
    fn from_options(options: &MeterOptions) -> Result<Option<Self>, MeterError> {
        let estimator = match Estimator::from_options(options)? {
            Ok(estimator) => estimator,
            Err(reason) => {
                tracing::warn!(reason, "no estimate of power can be made");
                None
            }
        };
        Ok(estimator.map(|estimator| Self { mark: estimator.mark(), estimator, last: Instant::now() }))
    }

    fn read(&mut self) -> DeviceReading {
        let over = self.last.elapsed();
        let now = self.estimator.mark();
        let energy = match self.estimator.since(self.mark.clone()) {
            Ok((joules, _)) => DrawnEnergy::Drawn { joules, over, estimated: true },
            // So little CPU time was used that it shows as none yet; it counts from where it was.
            Err(_) if over < LONGEST_PENDING => DrawnEnergy::Pending,
            Err(reason) => DrawnEnergy::Missing(reason),
        };
        if energy != DrawnEnergy::Pending {
            self.mark = now;
            self.last = Instant::now();
        }

        let name = self.estimator.describe();
        DeviceReading::of_energy(
            "estimated",
            &name,
            DeviceKind::Machine,
            energy,
            "an estimate shows energy alone",
        )
    }
}

/// Why nothing is metered, and what would change that.
fn unmetered(missing: &[MissingMeter], options: &MeterOptions) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for one in missing {
        if !reasons.contains(&one.reason.as_str()) {
            reasons.push(&one.reason);
        }
    }

    match (reasons.is_empty(), options.estimate) {
        (false, EstimateChoice::Refuse) => format!("{}; see `infercost doctor`", reasons.join("; ")),
        (false, _) => reasons.join("; "),
        (true, _) => "no meter covers it".to_owned(),
    }
}
