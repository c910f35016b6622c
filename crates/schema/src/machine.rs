//! The machine a run was made on.

use serde::{Deserialize, Serialize};

use crate::units::Bytes;

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
}
