//! What is known now, as everything that shows it reads it. A reading is a value or says why there is none; that
//! holds in JSON too: `{"value": 61.2}` or `{"missing": "why"}`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tally::Tally;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "infercost.monitor/1";

/// A value, or one plain line that says why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown<T> {
    /// It is known.
    Value(T),
    /// It is not.
    Missing(String),
}

impl<T> Shown<T> {
    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing(_) => None,
        }
    }

    /// Why there is none.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Value(_) => None,
            Self::Missing(why) => Some(why),
        }
    }

    /// Not known, because of this.
    pub fn missing(why: impl Into<String>) -> Self {
        Self::Missing(why.into())
    }
}

impl<T> From<Result<T, String>> for Shown<T> {
    fn from(known: Result<T, String>) -> Self {
        match known {
            Ok(value) => Self::Value(value),
            Err(why) => Self::Missing(why),
        }
    }
}

/// What is known of a machine at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// The machine's name.
    pub machine: String,
    /// The wall clock.
    pub at: Timestamp,
    /// Seconds since the monitor began.
    pub running_s: f64,
    /// Seconds between observations.
    pub interval_s: f64,
    /// Every device that was ever seen; one that vanished says so.
    pub devices: Vec<DeviceView>,
    /// Every server that is watched.
    pub servers: Vec<ServerView>,
    /// Power of all devices that have a meter, in watts.
    pub power_w: Shown<f64>,
    /// True where a part of the power is an estimate.
    pub power_estimated: bool,
    /// What the power covers: `cpu + gpu`.
    pub power_covers: String,
    /// Energy since the monitor began, in joules.
    pub energy_j: f64,
    /// Seconds since then for which no energy is known; the joules hold nothing of them.
    pub unmeasured_s: f64,
    /// Sums since the monitor began.
    pub sums: Tally,
    /// Sums over the last 10 seconds, minute, hour and day, in this order.
    pub windows: Vec<WindowView>,
    /// What it costs.
    pub money: MoneyView,
    /// What is raised now.
    pub alerts: Vec<AlertView>,
    /// What happened, newest last: alerts, devices and servers that came and went, clocks that jumped.
    pub events: Vec<EventView>,
}

impl Snapshot {
    /// The window of that name: `now`, `minute`, `hour`, `day`.
    pub fn window(&self, name: &str) -> Option<&WindowView> {
        self.windows.iter().find(|window| window.name == name)
    }
}

/// Whether something answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Presence {
    /// It does.
    Here,
    /// It does not any more, or never did.
    Away {
        /// For how many seconds.
        for_s: f64,
        /// Why, in one plain line.
        why: String,
    },
}

impl Presence {
    /// True where it answers.
    pub fn is_here(&self) -> bool {
        matches!(self, Self::Here)
    }
}

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceView {
    /// What stays when others come and go.
    pub id: String,
    /// As a person would look it up.
    pub name: String,
    /// `cpu`, `memory`, `gpu` or `machine`.
    pub kind: String,
    /// Whether it is there.
    pub presence: Presence,
    /// Watts over the last reading.
    pub power_w: Shown<f64>,
    /// True where the power is an estimate.
    pub estimated: bool,
    /// Joules since the monitor began, without [`Self::unmeasured_s`].
    pub energy_j: Shown<f64>,
    /// Seconds for which nothing is known of its energy.
    pub unmeasured_s: f64,
    /// Degrees Celsius.
    pub temperature_c: Shown<f64>,
    /// Share of the time in which it worked, 0 to 1.
    pub utilization: Shown<f64>,
    /// Bytes in use.
    pub memory_used_b: Shown<u64>,
    /// Bytes that it has.
    pub memory_total_b: Shown<u64>,
    /// MHz.
    pub clock_mhz: Shown<f64>,
    /// MHz of its memory.
    pub memory_clock_mhz: Shown<f64>,
    /// Watts of the power limit.
    pub power_limit_w: Shown<f64>,
    /// What holds its clocks down.
    pub throttling: Shown<Vec<String>>,
    /// Who works on it.
    pub processes: Shown<Vec<ProcessView>>,
}

/// A process on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessView {
    /// Process id.
    pub pid: u32,
    /// Its program; empty where it cannot be seen.
    pub name: String,
    /// Bytes of the device's memory that it holds.
    pub memory_b: Option<u64>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerView {
    /// Its address, without credentials.
    pub address: String,
    /// Which program it is, once it has answered.
    pub kind: Option<String>,
    /// Whether it answers.
    pub presence: Presence,
    /// Its models.
    pub models: Vec<String>,
    /// Output tokens a second over the last 10 seconds.
    pub output_tokens_per_s: Shown<f64>,
    /// The same over the last minute.
    pub output_tokens_per_s_minute: Shown<f64>,
    /// Input tokens a second over the last 10 seconds.
    pub input_tokens_per_s: Shown<f64>,
    /// Output tokens since the monitor began.
    pub output_tokens: Shown<f64>,
    /// Input tokens since the monitor began.
    pub input_tokens: Shown<f64>,
    /// Requests answered since the monitor began.
    pub requests: Shown<f64>,
    /// Requests under way.
    pub running: Shown<f64>,
    /// Requests that wait.
    pub waiting: Shown<f64>,
    /// Share of the cache in use, 0 to 1.
    pub cache: Shown<f64>,
    /// Mean seconds to the first token over the last minute.
    pub first_token_s: Shown<f64>,
}

/// Sums over the last stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowView {
    /// `now`, `minute`, `hour` or `day`.
    pub name: String,
    /// Seconds of it that were observed: less than its length while the monitor is young, or where it was held up.
    pub seen_s: f64,
    /// Seconds for which energy is known.
    pub metered_s: f64,
    /// Joules in them.
    pub joules: Shown<f64>,
    /// Mean watts in them.
    pub power_w: Shown<f64>,
    /// Output tokens.
    pub output_tokens: Shown<f64>,
    /// Input tokens.
    pub input_tokens: Shown<f64>,
    /// Output tokens a second.
    pub output_tokens_per_s: Shown<f64>,
    /// Joules of a million output tokens, idle time included.
    pub joules_per_million: Shown<f64>,
    /// Money of a million output tokens: electricity, machine and operation, idle time included.
    pub money_per_million: Shown<f64>,
    /// Requests answered.
    pub requests: Shown<f64>,
    /// Share of the time in which nothing was served.
    pub idle_share: Shown<f64>,
    /// Mean watts while nothing was served.
    pub idle_w: Shown<f64>,
}

/// What it costs and earns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoneyView {
    /// ISO 4217 code of every amount.
    pub currency: String,
    /// True where prices are the shipped example's, and nobody's own.
    pub assumed: bool,
    /// Electricity an hour at the power of the last minute.
    pub electricity_per_hour: Shown<f64>,
    /// The machine an hour, owned or rented.
    pub machine_per_hour: Shown<f64>,
    /// People, licenses, space an hour.
    pub operation_per_hour: Shown<f64>,
    /// All known parts an hour.
    pub cost_per_hour: Shown<f64>,
    /// What the cost leaves out.
    pub left_out: Vec<String>,
    /// Revenue an hour over the last hour.
    pub revenue_per_hour: Shown<f64>,
    /// Cost ÷ revenue.
    pub cost_share: Shown<f64>,
    /// The share from which cost is in the loss zone.
    pub loss_zone: f64,
    /// True where cost is in the loss zone.
    pub in_loss_zone: Shown<bool>,
    /// Electricity an hour that is spent while nothing is served, over the last minute.
    pub idle_waste_per_hour: Shown<f64>,
    /// The same in a month of 730 hours, as the longest window that there is went.
    pub idle_waste_per_month: Shown<f64>,
}

/// An alert that is raised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertView {
    /// The rule as it was written.
    pub rule: String,
    /// What it is raised for: a device's, a server's or the machine's name.
    pub subject: String,
    /// The value now; `None` where it is not known any more.
    pub value: Option<f64>,
    /// For how many seconds it is raised.
    pub for_s: f64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// When.
    pub at: Timestamp,
    /// What, in one plain line.
    pub text: String,
    /// True where somebody should look.
    pub warning: bool,
}
