//! One thing that can be read: a counter of energy or a gauge of power.

use std::time::Duration;

use infercost_core::{EnergyDomain, MeterKind};

/// A counter or gauge; implemented per instrument, driven by the sampler.
pub(crate) trait Sensor: Send {
    /// Reads the sensor once; the error is one plain line that names the file or device.
    fn read(&mut self) -> Result<Raw, String>;
}

/// What a sensor shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Raw {
    /// Microjoules since some moment in the past.
    Counter(u64),
    /// Microwatts now.
    Gauge(u64),
}

/// What a channel is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its energy is part of the sum.
    Counted,
    /// Its energy is compared with that of the channel before it, and not summed.
    CrossCheck,
}

/// A sensor with what is known of it.
pub(crate) struct Channel {
    /// As a person would look it up: `package-0`, `amdgpu PPT`.
    pub(crate) name: String,
    pub(crate) domain: EnergyDomain,
    pub(crate) kind: MeterKind,
    pub(crate) role: Role,
    /// How often the hardware refreshes it.
    pub(crate) update_period: Duration,
    /// The value after which a counter begins again at zero; `None` where it never does.
    pub(crate) wraps_after: Option<u64>,
    /// How often it must be read.
    pub(crate) poll_period: Duration,
    pub(crate) sensor: Box<dyn Sensor>,
}
