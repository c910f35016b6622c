//! NVIDIA GPUs through NVML, loaded at run time (NVIDIA Management Library API reference).
//!
//! A board's own energy counter is read where it has one (Volta and later), and watched by the integral of
//! its power, since the two have been seen to differ; where it has none, the integral is the reading. Boards
//! are found by UUID each time, so that a reading never moves to another board. A board that is cut up by
//! MIG is refused: its sensor cannot tell the instances apart.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use infercost_core::{BoardState, EnergyDomain, MeterError, MeterKind, Watts};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::{Device, Nvml};

use crate::instrument::{
    Candidate, ChoiceError, Finder, FoundMeter, Instrument, MissingMeter, Offer, Places, nothing_follows,
};
use crate::sensor::{Channel, Raw, Role, Sensor};
use crate::visible_gpus::{BoardIdentity, VisibleGpus};

/// Energy counters refresh every 20 to 100 ms, depending on the board.
const UPDATE_PERIOD: Duration = Duration::from_millis(100);
/// A little under 100 ms, so that no second has fewer than ten samples.
const POLL_PERIOD: Duration = Duration::from_millis(80);
const RANK: u8 = 15;
/// The family's name.
pub(crate) const INSTRUMENT: &str = "nvml";
/// `NVML_FI_DEV_POWER_INSTANT`: power now, in milliwatts; plain power usage is an average over a second on
/// many boards.
const INSTANT_POWER: FieldId = FieldId(186);
/// More boards than any machine has.
const MAX_BOARDS: u32 = 256;

/// Facts about one GPU that bear on speed and energy; `None` is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuFacts {
    /// Product name.
    pub name: String,
    /// The board's identity, which stays when indices move.
    pub uuid: String,
    /// Whether it has an energy counter of its own.
    pub has_energy_counter: bool,
    /// Power now.
    pub power: Option<Watts>,
    /// The power limit in force.
    pub power_limit: Option<Watts>,
    /// Degrees Celsius at the die.
    pub temperature: Option<u32>,
    /// Graphics clock in MHz.
    pub graphics_clock: Option<u32>,
    /// Memory clock in MHz.
    pub memory_clock: Option<u32>,
    /// What holds the clocks down, as NVML names it; idleness is not counted.
    pub throttle_reasons: Vec<String>,
    /// Compute processes on the board other than this one.
    pub other_processes: Option<u32>,
    /// Whether the board is cut up by MIG.
    pub mig: Option<bool>,
}

impl GpuFacts {
    /// What tells the board from others.
    pub(crate) fn identity(&self) -> BoardIdentity {
        BoardIdentity { name: self.name.clone(), uuid: self.uuid.clone() }
    }
}

impl From<GpuFacts> for BoardState {
    /// What changes while a run lasts.
    fn from(facts: GpuFacts) -> Self {
        Self {
            name: facts.name,
            uuid: facts.uuid,
            temperature_c: facts.temperature,
            power_limit_w: facts.power_limit,
            graphics_clock_mhz: facts.graphics_clock,
            memory_clock_mhz: facts.memory_clock,
            throttle_reasons: facts.throttle_reasons,
            other_processes: facts.other_processes,
        }
    }
}

/// NVIDIA's boards as an instrument; it takes no settings.
pub(crate) struct Nvidia;

impl Instrument for Nvidia {
    fn name(&self) -> &'static str {
        INSTRUMENT
    }

    fn usage(&self) -> &'static str {
        INSTRUMENT
    }

    fn automatic(&self) -> Option<Box<dyn Finder>> {
        Some(Box::new(Self))
    }

    fn choose(&self, rest: Option<&str>) -> Result<Box<dyn Finder>, ChoiceError> {
        nothing_follows(INSTRUMENT, rest)?;
        Ok(Box::new(Self))
    }
}

impl Finder for Nvidia {
    fn find(&self, places: &Places) -> Result<Offer, MeterError> {
        Ok(match load(places.nvml_library.as_deref()) {
            Ok(nvml) => boards_of(&Arc::new(nvml), &places.visible_gpus),
            Err(missing) => Offer { absent: vec![missing], ..Offer::default() },
        })
    }
}

/// The boards that NVML shows and this process may use.
///
/// One board of two is not the machine's GPU energy: all that the process may use, or none.
fn boards_of(nvml: &Arc<Nvml>, visible: &VisibleGpus) -> Offer {
    let mut offer = Offer::default();
    let mut boards = Vec::new();
    for uuid in uuids(nvml) {
        match uuid.and_then(|uuid| identity(nvml, uuid)) {
            Ok(board) => boards.push(board),
            Err(missing) => offer.closed.push(missing),
        }
    }
    if boards.is_empty() && offer.closed.is_empty() {
        offer.absent.push(MissingMeter {
            name: INSTRUMENT.to_owned(),
            reason: "NVML shows no GPU".to_owned(),
            fix: "check that the GPU is visible here with nvidia-smi".to_owned(),
        });
        return offer;
    }

    let usable = match visible.among(&boards) {
        Ok(usable) => usable,
        Err(reason) => {
            offer.closed.push(indistinct(reason));
            return offer;
        }
    };

    let mut channels = Vec::new();
    for (board, usable) in boards.iter().zip(usable) {
        if !usable {
            offer.set_aside.push(of_others(board, visible));
            continue;
        }
        match board_channels(nvml, &board.uuid) {
            Ok(board) => channels.extend(board),
            Err(missing) => offer.closed.push(missing),
        }
    }
    if channels.is_empty() && offer.closed.is_empty() {
        offer.absent.push(no_board_left(visible));
    } else if offer.closed.is_empty() {
        let remark = match offer.set_aside.len() {
            0 => String::new(),
            left_out => format!("{left_out} of {} GPUs left out by {}", boards.len(), visible.shown()),
        };
        offer.candidates.push(Candidate {
            instrument: INSTRUMENT,
            domain: EnergyDomain::Gpu,
            rank: RANK,
            channels,
            remark,
        });
    }
    offer
}

/// Name and UUID of a board.
fn identity(nvml: &Nvml, uuid: String) -> Result<BoardIdentity, MissingMeter> {
    let device = nvml.device_by_uuid(uuid.as_str()).map_err(|error| missing(&uuid, &error))?;
    Ok(BoardIdentity { name: name(&device), uuid })
}

/// A board that works for other processes.
fn of_others(board: &BoardIdentity, visible: &VisibleGpus) -> FoundMeter {
    FoundMeter {
        instrument: INSTRUMENT.to_owned(),
        name: format!("{} {}", board.name, board.uuid.escape_debug()),
        domain: EnergyDomain::Gpu,
        kind: MeterKind::Counter,
        update_period: UPDATE_PERIOD,
        used: false,
        note: format!("not used: {} leaves it to others", visible.shown()),
    }
}

fn indistinct(reason: String) -> MissingMeter {
    MissingMeter {
        name: INSTRUMENT.to_owned(),
        reason,
        fix: "name whole boards by UUID in CUDA_VISIBLE_DEVICES (`nvidia-smi -L` lists them)".to_owned(),
    }
}

fn no_board_left(visible: &VisibleGpus) -> MissingMeter {
    MissingMeter {
        name: INSTRUMENT.to_owned(),
        reason: format!("{} leaves this process no GPU", visible.shown()),
        fix: "unset CUDA_VISIBLE_DEVICES, or name a board that is there".to_owned(),
    }
}

/// Reads what NVML tells about each board.
///
/// # Errors
/// The reason and the fix where NVML cannot be loaded or a board cannot be reached.
pub fn gpu_facts(library: Option<&Path>) -> Result<Vec<GpuFacts>, MissingMeter> {
    let nvml = load(library)?;
    uuids(&nvml)
        .into_iter()
        .map(|uuid| {
            let uuid = uuid?;
            let device = nvml.device_by_uuid(uuid.as_str()).map_err(|error| missing(&uuid, &error))?;
            Ok(facts(&device, uuid))
        })
        .collect()
}

fn facts(device: &Device<'_>, uuid: String) -> GpuFacts {
    let own = std::process::id();
    let throttle = device.current_throttle_reasons().unwrap_or(ThrottleReasons::empty());

    GpuFacts {
        name: name(device),
        uuid,
        has_energy_counter: device.total_energy_consumption().is_ok(),
        power: power_microwatts(device).ok().map(Watts::from_microwatts),
        power_limit: device.enforced_power_limit().ok().map(|limit| Watts::from_milliwatts(u64::from(limit))),
        temperature: device.temperature(TemperatureSensor::Gpu).ok(),
        graphics_clock: device.clock_info(Clock::Graphics).ok(),
        memory_clock: device.clock_info(Clock::Memory).ok(),
        throttle_reasons: throttle
            .difference(ThrottleReasons::GPU_IDLE | ThrottleReasons::NONE)
            .iter_names()
            .map(|(name, _)| name.to_ascii_lowercase().replace('_', " "))
            .collect(),
        other_processes: device.running_compute_processes().ok().map(|processes| {
            let others = processes.iter().filter(|process| process.pid != own).count();
            u32::try_from(others).unwrap_or(u32::MAX)
        }),
        mig: device.mig_mode().ok().map(|mode| mode.current == 1),
    }
}

pub(crate) fn load(library: Option<&Path>) -> Result<Nvml, MissingMeter> {
    let loaded = match library {
        Some(path) => Nvml::builder().lib_path(OsStr::new(path)).init(),
        None => Nvml::init(),
    };
    loaded.map_err(|error| MissingMeter {
        name: "nvml".to_owned(),
        reason: match (&error, library) {
            (NvmlError::LibloadingError(_), Some(path)) => {
                format!("the NVML library {} cannot be loaded", path.display())
            }
            (NvmlError::LibloadingError(_), None) => "no NVML library is installed".to_owned(),
            _ => format!("NVML does not start: {}", plain(&error)),
        },
        fix: "install NVIDIA's driver, or name its libnvidia-ml library".to_owned(),
    })
}

/// Each board once.
pub(crate) fn uuids(nvml: &Nvml) -> Vec<Result<String, MissingMeter>> {
    let count = match nvml.device_count() {
        Ok(count) => count.min(MAX_BOARDS),
        Err(error) => return vec![Err(missing("device count", &error))],
    };
    let mut seen = BTreeSet::new();
    (0..count)
        .map(|index| {
            nvml.device_by_index(index)
                .and_then(|device| device.uuid())
                .map_err(|error| missing(&format!("GPU {index}"), &error))
        })
        .filter(|uuid| uuid.as_ref().map_or(true, |uuid| seen.insert(uuid.clone())))
        .collect()
}

fn board_channels(nvml: &Arc<Nvml>, uuid: &str) -> Result<Vec<Channel>, MissingMeter> {
    let device = nvml.device_by_uuid(uuid).map_err(|error| missing(uuid, &error))?;
    let name = format!("{} {}", name(&device), uuid.escape_debug());
    if device.mig_mode().is_ok_and(|mode| mode.current == 1) {
        return Err(MissingMeter {
            name: format!("nvml {name}"),
            reason: format!("{name} is cut up by MIG, and its sensor cannot tell the instances apart"),
            fix: "turn MIG off with `sudo nvidia-smi -mig 0` to meter this board".to_owned(),
        });
    }

    let energy = device.total_energy_consumption();
    let power = power_microwatts(&device);
    let board = |what| Board { nvml: Arc::clone(nvml), uuid: uuid.to_owned(), what };
    match (energy, power) {
        (Ok(_), Ok(_)) => Ok(vec![
            board(Quantity::Energy).channel(&name, Role::Counted),
            board(Quantity::Power).channel(&name, Role::CrossCheck),
        ]),
        (Ok(_), Err(_)) => Ok(vec![board(Quantity::Energy).channel(&name, Role::Counted)]),
        (Err(_), Ok(_)) => Ok(vec![board(Quantity::Power).channel(&name, Role::Counted)]),
        (Err(error), Err(_)) => Err(missing(&name, &error)),
    }
}

#[derive(Clone, Copy)]
enum Quantity {
    Energy,
    Power,
}

impl Board {
    fn channel(self, name: &str, role: Role) -> Channel {
        Channel {
            name: name.to_owned(),
            domain: EnergyDomain::Gpu,
            kind: match self.what {
                Quantity::Energy => MeterKind::Counter,
                Quantity::Power => MeterKind::Integrated,
            },
            role,
            update_period: UPDATE_PERIOD,
            wraps_after: None,
            poll_period: POLL_PERIOD,
            sensor: Box::new(self),
        }
    }
}

struct Board {
    nvml: Arc<Nvml>,
    uuid: String,
    what: Quantity,
}

impl Sensor for Board {
    fn read(&mut self) -> Result<Raw, String> {
        let device = self.nvml.device_by_uuid(self.uuid.as_str()).map_err(|error| plain(&error))?;
        match self.what {
            Quantity::Energy => device
                .total_energy_consumption()
                .map(|millijoules| Raw::Counter(millijoules.saturating_mul(1_000))),
            Quantity::Power => power_microwatts(&device).map(Raw::Gauge),
        }
        .map_err(|error| plain(&error))
    }
}

/// Power now where the board tells it apart, else its usual average.
fn power_microwatts(device: &Device<'_>) -> Result<u64, NvmlError> {
    let instant = device.field_values_for(&[INSTANT_POWER]).ok().and_then(|values| {
        match values.into_iter().next()?.ok()?.value.ok()? {
            SampleValue::U32(milliwatts) => Some(u64::from(milliwatts)),
            SampleValue::U64(milliwatts) => Some(milliwatts),
            SampleValue::F64(_) | SampleValue::I64(_) => None,
        }
    });
    let milliwatts = match instant {
        Some(milliwatts) => milliwatts,
        None => u64::from(device.power_usage()?),
    };
    Ok(milliwatts.saturating_mul(1_000))
}

/// The product's name, control characters escaped.
pub(crate) fn name(device: &Device<'_>) -> String {
    match device.name() {
        Ok(name) => name.escape_debug().to_string(),
        Err(_) => "GPU".to_owned(),
    }
}

fn missing(what: &str, error: &NvmlError) -> MissingMeter {
    MissingMeter {
        name: format!("nvml {}", what.escape_debug()),
        reason: format!("{}: {}", what.escape_debug(), plain(error)),
        fix: "check the GPU with nvidia-smi".to_owned(),
    }
}

/// An error in one plain line.
pub(crate) fn plain(error: &NvmlError) -> String {
    format!("NVML says: {}", error.to_string().escape_debug())
}
