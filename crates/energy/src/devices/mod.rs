//! What each device of the machine shows now: power, temperature, utilization, memory, clocks, what holds it down, and
//! who works on it.
//!
//! A meter adds up what it reads, because a window has one sum. A monitor must name the device that is hot, so
//! [`Devices`] keeps the same instruments apart: chosen by the same rules, read by the same sampling thread, so that
//! no joule is counted twice here either. The one design decision: **every reading is a value or a reason**, since a
//! zero in place of an unknown is the one fault that nobody notices.

mod assembly;
mod boards;
mod memory;
mod packages;

use std::time::Duration;

use infercost_core::{Bytes, Joules, Watts};

pub use assembly::Devices;

/// A reading, or one plain line that says why there is none.
pub type Known<T> = Result<T, String>;

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A processor package.
    Cpu,
    /// The machine's memory.
    Memory,
    /// An accelerator board.
    Gpu,
    /// The whole machine, or a part of it that only its meter names: a plug, a platform sensor, a rail.
    Machine,
}

impl DeviceKind {
    /// The word in alerts, metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
            Self::Machine => "machine",
        }
    }
}

/// What a device drew since it was last asked.
#[derive(Debug, Clone, PartialEq)]
pub enum DrawnEnergy {
    /// The instrument moved.
    Drawn {
        /// Energy since it last moved.
        joules: Joules,
        /// The time in which it was drawn.
        over: Duration,
        /// True where it rests on an assumption and no instrument.
        estimated: bool,
    },
    /// The instrument has not refreshed since; what was drawn comes with its next movement.
    Pending,
    /// Not known, in one plain line.
    Missing(String),
}

/// A process that holds a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProcess {
    /// Process id.
    pub pid: u32,
    /// The program's name; empty where the process belongs to somebody else.
    pub name: String,
    /// Memory of the device that it holds; `None` where the driver does not tell.
    pub memory: Option<Bytes>,
}

/// One device at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceReading {
    /// What stays when others come and go: `package-0`, a board's UUID.
    pub id: String,
    /// As a person would look it up.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// What it drew since it was last asked.
    pub energy: DrawnEnergy,
    /// Degrees Celsius.
    pub temperature: Known<f64>,
    /// Share of the time in which it worked since it was last asked, 0 to 1.
    pub utilization: Known<f64>,
    /// Memory in use.
    pub memory_used: Known<Bytes>,
    /// Memory that it has.
    pub memory_total: Known<Bytes>,
    /// MHz.
    pub clock: Known<f64>,
    /// MHz of its memory.
    pub memory_clock: Known<f64>,
    /// The power limit in force.
    pub power_limit: Known<Watts>,
    /// What holds its clocks down; empty where nothing does.
    pub throttling: Known<Vec<String>>,
    /// Who works on it.
    pub processes: Known<Vec<DeviceProcess>>,
}

impl DeviceReading {
    /// A device of which only the energy is known, and of all else `why` it is not.
    pub fn of_energy(id: &str, name: &str, kind: DeviceKind, energy: DrawnEnergy, why: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            energy,
            temperature: Err(why.to_owned()),
            utilization: Err(why.to_owned()),
            memory_used: Err(why.to_owned()),
            memory_total: Err(why.to_owned()),
            clock: Err(why.to_owned()),
            memory_clock: Err(why.to_owned()),
            power_limit: Err(why.to_owned()),
            throttling: Err(why.to_owned()),
            processes: Err(why.to_owned()),
        }
    }

    /// True where a board answers nothing at all any more: it fell off the bus, or its driver is gone. What is soldered in
    /// may show nothing, and is there all the same.
    pub fn is_gone(&self) -> bool {
        self.kind == DeviceKind::Gpu
            && matches!(self.energy, DrawnEnergy::Missing(_))
            && self.temperature.is_err()
            && self.utilization.is_err()
            && self.memory_used.is_err()
            && self.clock.is_err()
    }
}
