//! The meter of a machine without one.

use std::time::Duration;

use crate::{EnergyReading, EnergyScope};

use crate::MeterError;
use crate::{EnergyMeter, MeterId, OpenReading};

/// Answers every reading with the reason why there is none.
#[derive(Debug, Clone)]
pub struct UnavailableMeter {
    id: MeterId,
    reason: String,
}

impl UnavailableMeter {
    /// A meter that gives `reason`, one plain line, for every reading.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { id: MeterId::unique(), reason: reason.into() }
    }
}

impl EnergyMeter for UnavailableMeter {
    fn describe(&self) -> String {
        format!("no energy meter: {}", self.reason)
    }

    fn scope(&self) -> EnergyScope {
        EnergyScope::default()
    }

    fn update_period(&self) -> Duration {
        Duration::ZERO
    }

    fn start(&mut self) -> Result<OpenReading, MeterError> {
        Ok(OpenReading::new(self.id, ()))
    }

    fn stop(&mut self, reading: OpenReading) -> Result<EnergyReading, MeterError> {
        reading.into_state::<()>(self.id)?;
        Ok(EnergyReading::Unavailable { reason: self.reason.clone() })
    }
}
