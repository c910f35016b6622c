//! What a rule can look at, and where it stands in a snapshot.

use crate::snapshot::{DeviceView, Presence, ServerView, Shown, Snapshot};

/// What one subject shows of a quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// A device's, a server's or the machine's name.
    pub subject: String,
    /// `None` where it is not known.
    pub value: Option<f64>,
}

/// Something that a rule can look at.
#[derive(Debug)]
pub(super) struct Quantity {
    pub(super) name: &'static str,
    /// Units of a limit, the first one of which is the quantity's own; none is a plain number.
    pub(super) units: &'static [Unit],
    place: Place,
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A unit, and what one of it is in the quantity's own.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: &'static str,
    factor: f64,
}

#[derive(Debug)]
enum Place {
    /// Of each device of that kind; of every device where it is empty.
    Devices { kind: &'static str, of: fn(&DeviceView) -> Option<f64> },
    /// Of each server.
    Servers(fn(&ServerView) -> Option<f64>),
    /// Of the machine.
    Machine(fn(&Snapshot) -> Option<f64>),
    /// The same, in money an hour.
    Money(fn(&Snapshot) -> Option<f64>),
}

const CELSIUS: &[Unit] = &[Unit { name: "C", factor: 1.0 }, Unit { name: "°C", factor: 1.0 }];
const WATTS: &[Unit] = &[Unit { name: "W", factor: 1.0 }, Unit { name: "kW", factor: 1000.0 }];
const SHARE: &[Unit] = &[Unit { name: "%", factor: 0.01 }];
const SECONDS: &[Unit] = &[Unit { name: "s", factor: 1.0 }, Unit { name: "ms", factor: 1e-3 }];
const MINUTES: &[Unit] =
    &[Unit { name: "s", factor: 1.0 }, Unit { name: "m", factor: 60.0 }, Unit { name: "h", factor: 3600.0 }];
const NONE: &[Unit] = &[];

/// All of them.
pub(super) static QUANTITIES: &[Quantity] = &[
    of_device("gpu.temperature", CELSIUS, "gpu", |device| known(&device.temperature_c)),
    of_device("gpu.power", WATTS, "gpu", |device| known(&device.power_w)),
    of_device("gpu.utilization", SHARE, "gpu", |device| known(&device.utilization)),
    of_device("gpu.memory", SHARE, "gpu", memory_share),
    of_device("gpu.throttled", NONE, "gpu", throttled),
    of_device("cpu.temperature", CELSIUS, "cpu", |device| known(&device.temperature_c)),
    of_device("cpu.power", WATTS, "cpu", |device| known(&device.power_w)),
    of_device("cpu.utilization", SHARE, "cpu", |device| known(&device.utilization)),
    of_device("memory", SHARE, "memory", memory_share),
    of_device("device.gone", MINUTES, "", |device| away_for(&device.presence)),
    of_server("server.away", MINUTES, |server| away_for(&server.presence)),
    of_server("server.waiting", NONE, |server| known(&server.waiting)),
    of_server("server.running", NONE, |server| known(&server.running)),
    of_server("server.cache", SHARE, |server| known(&server.cache)),
    of_server("server.ttft", SECONDS, |server| known(&server.first_token_s)),
    of_server("server.tokens_per_second", NONE, |server| known(&server.output_tokens_per_s)),
    Quantity { name: "power", units: WATTS, place: Place::Machine(|snapshot| known(&snapshot.power_w)) },
    Quantity {
        name: "idle",
        units: SHARE,
        place: Place::Machine(|snapshot| known(&snapshot.window("hour")?.idle_share)),
    },
    Quantity {
        name: "loss",
        units: SHARE,
        place: Place::Machine(|snapshot| known(&snapshot.money.cost_share)),
    },
    Quantity {
        name: "idle_waste",
        units: NONE,
        place: Place::Money(|snapshot| known(&snapshot.money.idle_waste_per_hour)),
    },
    Quantity {
        name: "cost",
        units: NONE,
        place: Place::Money(|snapshot| known(&snapshot.money.cost_per_hour)),
    },
];

const fn of_device(
    name: &'static str,
    units: &'static [Unit],
    kind: &'static str,
    of: fn(&DeviceView) -> Option<f64>,
) -> Quantity {
    Quantity { name, units, place: Place::Devices { kind, of } }
}

const fn of_server(
    name: &'static str,
    units: &'static [Unit],
    of: fn(&ServerView) -> Option<f64>,
) -> Quantity {
    Quantity { name, units, place: Place::Servers(of) }
}

impl Quantity {
    /// What one of a unit is in the quantity's own; `None` where it has no such unit. Shares are given in percent where
    /// nothing is said, all others in their own unit.
    pub(super) fn factor(&self, unit: Option<&str>) -> Option<f64> {
        match unit {
            None => Some(self.units.first().filter(|unit| unit.name == "%").map_or(1.0, |unit| unit.factor)),
            Some(unit) if self.is_money() => {
                let code = unit.strip_suffix("/h")?;
                (code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(1.0)
            }
            Some(unit) => self.units.iter().find(|known| known.name == unit).map(|known| known.factor),
        }
    }

    pub(super) fn is_money(&self) -> bool {
        matches!(self.place, Place::Money(_))
    }

    /// Which unit would do.
    pub(super) fn unit_wanted(&self) -> String {
        if self.is_money() {
            return format!("{} is in money an hour, such as USD/h", self.name);
        }
        let names: Vec<&str> = self.units.iter().map(|unit| unit.name).collect();
        match names.as_slice() {
            [] => format!("{} has no unit", self.name),
            names => format!("{} is in {}", self.name, names.join(" or ")),
        }
    }
}

/// What a snapshot shows of a quantity.
pub(super) fn readings(quantity: &Quantity, snapshot: &Snapshot) -> Vec<Reading> {
    match quantity.place {
        Place::Devices { kind, of } => {
            let devices = snapshot.devices.iter().filter(|device| kind.is_empty() || device.kind == kind);
            devices.map(|device| Reading { subject: subject(device), value: of(device) }).collect()
        }
        Place::Servers(of) => {
            let servers = snapshot.servers.iter();
            servers.map(|server| Reading { subject: server.address.clone(), value: of(server) }).collect()
        }
        Place::Machine(of) | Place::Money(of) => {
            vec![Reading { subject: snapshot.machine.clone(), value: of(snapshot) }]
        }
    }
}

/// Boards are often alike in name.
fn subject(device: &DeviceView) -> String {
    match device.kind.as_str() {
        "gpu" => format!("{} {}", device.name, device.id),
        _ => device.name.clone(),
    }
}

fn known(shown: &Shown<f64>) -> Option<f64> {
    shown.value().copied()
}

fn memory_share(device: &DeviceView) -> Option<f64> {
    let (used, total) = (*device.memory_used_b.value()?, *device.memory_total_b.value()?);
    (total > 0).then(|| used as f64 / total as f64)
}

fn throttled(device: &DeviceView) -> Option<f64> {
    device.throttling.value().map(|reasons| if reasons.is_empty() { 0.0 } else { 1.0 })
}

/// Seconds for which something is away; 0 where it is here.
fn away_for(presence: &Presence) -> Option<f64> {
    match presence {
        Presence::Here => Some(0.0),
        Presence::Away { for_s, .. } => Some(*for_s),
    }
}
