//! What is remembered of one device, and of all of them together.

use std::time::Duration;

use infercost_energy::devices::{DeviceProcess, DeviceReading, DrawnEnergy};

use super::Happening;
use crate::snapshot::{DeviceView, Presence, ProcessView, Shown};

/// One device since it was first seen.
#[derive(Debug)]
pub(super) struct DeviceState {
    reading: DeviceReading,
    /// True once its meter has moved.
    metered: bool,
    /// What it drew since the last observation, where it is known by now.
    step: Step,
    watts: Shown<f64>,
    estimated: bool,
    energy_j: f64,
    unmeasured_s: f64,
    gone: Option<Gone>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Joules(f64),
    Pending,
    Missing,
}

#[derive(Debug)]
struct Gone {
    since: Duration,
    why: String,
}

impl DeviceState {
    pub(super) fn new(reading: &DeviceReading, at: Duration) -> Self {
        let mut device = Self {
            reading: reading.clone(),
            metered: false,
            step: Step::Pending,
            watts: Shown::missing("it has been asked once only"),
            estimated: false,
            energy_j: 0.0,
            unmeasured_s: 0.0,
            gone: None,
        };
        // What a first reading drew was drawn before the monitor began.
        if let DrawnEnergy::Missing(why) = &reading.energy {
            device.step = Step::Missing;
            device.watts = Shown::missing(why.as_str());
        }
        if reading.is_gone() {
            device.gone = Some(Gone { since: at, why: why(reading) });
        }
        device
    }

    pub(super) fn id(&self) -> &str {
        &self.reading.id
    }

    /// Whether its joules are part of the sum: its meter has moved, or is awaited.
    fn counts(&self) -> bool {
        self.gone.is_none() && (self.metered || matches!(self.step, Step::Pending))
    }

    /// Takes in what it shows now.
    pub(super) fn take(
        &mut self,
        reading: &DeviceReading,
        at: Duration,
        elapsed: Option<Duration>,
    ) -> Option<Happening> {
        // A board that answers nothing has fallen off the bus; a package that shows little never showed more.
        if reading.is_gone() && !self.reading.is_gone() {
            return self.vanish(at, &why(reading));
        }
        if reading.is_gone() && self.gone.is_some() {
            return None;
        }

        self.reading = reading.clone();
        match &reading.energy {
            DrawnEnergy::Drawn { joules, over, estimated } => {
                self.metered = true;
                self.estimated = *estimated;
                self.energy_j += joules.get();
                self.step = Step::Joules(joules.get());
                self.watts = Shown::Value(joules.get() / over.as_secs_f64().max(1e-9));
            }
            DrawnEnergy::Pending => self.step = Step::Pending,
            DrawnEnergy::Missing(why) => {
                self.step = Step::Missing;
                self.watts = Shown::missing(why.as_str());
                self.unmeasured_s += elapsed.unwrap_or_default().as_secs_f64();
            }
        }

        self.gone.take().map(|_| Happening { text: format!("{} is back", reading.name), warning: false })
    }

    /// Remembers that it is no longer there.
    pub(super) fn vanish(&mut self, at: Duration, why: &str) -> Option<Happening> {
        if self.gone.is_some() {
            return None;
        }
        self.gone = Some(Gone { since: at, why: why.to_owned() });
        Some(Happening { text: format!("{} is gone: {why}", self.reading.name), warning: true })
    }

    pub(super) fn view(&self, now: Duration) -> DeviceView {
        let reading = &self.reading;
        let view = DeviceView {
            id: reading.id.clone(),
            name: reading.name.clone(),
            kind: reading.kind.name().to_owned(),
            presence: Presence::Here,
            power_w: self.watts.clone(),
            estimated: self.estimated,
            energy_j: match (self.metered, self.watts.why()) {
                (true, _) => Shown::Value(self.energy_j),
                (false, why) => Shown::missing(why.unwrap_or("it has not been metered yet")),
            },
            unmeasured_s: self.unmeasured_s,
            temperature_c: reading.temperature.clone().into(),
            utilization: reading.utilization.clone().into(),
            memory_used_b: reading.memory_used.clone().map(|bytes| bytes.0).into(),
            memory_total_b: reading.memory_total.clone().map(|bytes| bytes.0).into(),
            clock_mhz: reading.clock.clone().into(),
            memory_clock_mhz: reading.memory_clock.clone().into(),
            power_limit_w: reading.power_limit.clone().map(|limit| limit.get()).into(),
            throttling: reading.throttling.clone().into(),
            processes: reading.processes.clone().map(processes).into(),
        };

        match &self.gone {
            None => view,
            // What a device showed before it went is nothing that holds now.
            Some(gone) => DeviceView {
                presence: Presence::Away {
                    for_s: now.saturating_sub(gone.since).as_secs_f64(),
                    why: gone.why.clone(),
                },
                power_w: Shown::missing("it is gone"),
                temperature_c: Shown::missing("it is gone"),
                utilization: Shown::missing("it is gone"),
                memory_used_b: Shown::missing("it is gone"),
                clock_mhz: Shown::missing("it is gone"),
                memory_clock_mhz: Shown::missing("it is gone"),
                power_limit_w: Shown::missing("it is gone"),
                throttling: Shown::missing("it is gone"),
                processes: Shown::missing("it is gone"),
                ..view
            },
        }
    }
}

/// Why a device answers nothing.
fn why(reading: &DeviceReading) -> String {
    let said = [reading.temperature.as_ref().err(), reading.utilization.as_ref().err()];
    said.into_iter().flatten().next().cloned().unwrap_or_else(|| "it answers nothing".to_owned())
}

fn processes(all: Vec<DeviceProcess>) -> Vec<ProcessView> {
    let mut views = Vec::new();
    for process in all {
        let memory_b = process.memory.map(|bytes| bytes.0);
        views.push(ProcessView { pid: process.pid, name: process.name, memory_b });
    }
    views
}

/// How the meters of all devices stand after an observation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meter {
    /// All have moved.
    Moved {
        /// Joules of those that moved now.
        joules: f64,
    },
    /// Some have not refreshed yet.
    Waiting {
        /// Joules of those that moved now.
        joules: f64,
    },
    /// There is none, or one of them has failed.
    Missing,
}

impl Meter {
    pub(super) fn of(devices: &[DeviceState]) -> Self {
        let (mut joules, mut any, mut waiting) = (0.0, false, false);
        for device in devices.iter().filter(|device| device.counts()) {
            any = true;
            match device.step {
                Step::Joules(drawn) => joules += drawn,
                Step::Pending => waiting = true,
                Step::Missing => return Self::Missing,
            }
        }
        match (any, waiting) {
            (false, _) => Self::Missing,
            (true, true) => Self::Waiting { joules },
            (true, false) => Self::Moved { joules },
        }
    }
}

/// Power of all devices together.
pub(super) struct TotalPower {
    pub(super) watts: Shown<f64>,
    pub(super) estimated: bool,
    pub(super) covers: String,
}

/// The power of all devices that have a meter. One whose meter has failed makes the sum unknown; one that is gone is
/// named in what the sum covers.
pub(super) fn total_power(devices: &[DeviceState]) -> TotalPower {
    let mut total = TotalPower { watts: Shown::missing(""), estimated: false, covers: String::new() };
    let (mut sum, mut failed) = (0.0, None);
    let (mut kinds, mut gone) = (Vec::new(), Vec::new());
    for device in devices.iter().filter(|device| device.metered) {
        if device.gone.is_some() {
            gone.push(device.reading.name.as_str());
            continue;
        }
        let kind = device.reading.kind.name();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        total.estimated |= device.estimated;
        match &device.watts {
            Shown::Value(watts) => sum += watts,
            Shown::Missing(why) => failed = Some(format!("{}: {why}", device.reading.name)),
        }
    }

    total.covers = kinds.join(" + ");
    if !gone.is_empty() {
        total.covers.push_str(&format!(", without {}, which is gone", gone.join(", ")));
    }
    total.watts = match (failed, kinds.is_empty()) {
        (Some(why), _) => Shown::Missing(why),
        (None, false) => Shown::Value(sum),
        (None, true) if !gone.is_empty() => Shown::missing("every metered device is gone"),
        (None, true) => {
            let why = devices.iter().find_map(|device| device.watts.why());
            Shown::missing(why.unwrap_or("no device was found"))
        }
    };
    total
}
