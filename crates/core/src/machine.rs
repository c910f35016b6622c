//! The machine a run was made on.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Watts};

/// Facts about a machine that bear on speed and energy; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineFacts {
    /// CPU model as the machine names it.
    pub cpu: Option<String>,
    /// Logical cores that this process may use.
    pub cores: Option<u32>,
    /// Main memory.
    pub memory: Option<Bytes>,
    /// Bytes per second that all cores together read from main memory, measured.
    pub memory_bandwidth: Option<f64>,
    /// GPU names.
    pub gpus: Vec<String>,
    /// Operating system and kernel.
    pub os: Option<String>,
    /// `kvm`, `container`, … or `None` on bare metal or where unknown.
    pub virtualization: Option<String>,
    /// CPU frequency governor.
    pub governor: Option<String>,
    /// One-minute load average when the run began.
    pub load_average: Option<f64>,
    /// Share of CPU time that the hypervisor gave to others while the run lasted, 0 to 1.
    pub steal_share: Option<f64>,
    /// What this run's meter is to a wall meter, where that was fitted before.
    pub wall_factor: Option<WallFactor>,
}

/// A line fitted between the machine's own meter and a wall meter: wall = factor × host + offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WallFactor {
    /// Wall joules for each joule of the machine's own meter: losses of the power supply, and what follows the load.
    pub factor: f64,
    /// Power at the wall that the machine's own meter does not see.
    pub offset: Watts,
    /// Root mean square of what the line misses, as a share of the mean wall power.
    pub residual: f64,
    /// Windows behind the fit.
    pub windows: u32,
    /// When it was fitted.
    pub date: jiff::civil::Date,
    /// The machine's own meter, in its own words; the factor holds for no other.
    pub host: String,
    /// The wall meter, in its own words.
    pub wall: String,
}

impl WallFactor {
    /// True where the numbers can be those of a machine: they come from a file.
    pub fn is_sound(&self) -> bool {
        let watts = self.offset.get();
        (0.1..=10.0).contains(&self.factor) && watts.is_finite() && watts.abs() <= 1e5
    }
}
