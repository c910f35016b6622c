//! Several machines, each with a monitor of its own that is asked for its snapshot. One that does not answer is away,
//! and is part of no sum.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use infercost_core::without_secrets;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::asking::Asking;
use crate::client::Client;
use crate::snapshot::{EventView, Presence, SCHEMA, Shown, Snapshot};

/// The name and version of the JSON form.
pub const FARM_SCHEMA: &str = "infercost.farm/1";
/// Machines in one view.
pub const MOST_MACHINES: usize = 64;
/// How long a machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A machine whose answers are this much older than they should be is away, whatever is said.
const STALE_S: f64 = 90.0;
/// How many events are kept.
const MOST_EVENTS: usize = 50;

/// All machines at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FarmView {
    /// [`FARM_SCHEMA`].
    pub schema: String,
    /// The wall clock.
    pub at: Timestamp,
    /// Every machine, in the order in which they were given.
    pub machines: Vec<MachineView>,
    /// Power of all machines that answer and know theirs.
    pub power_w: Shown<f64>,
    /// Output tokens a second of the same, over the last minute.
    pub output_tokens_per_s: Shown<f64>,
    /// What happened, newest last.
    pub events: Vec<EventView>,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineView {
    /// Its monitor's address, without credentials.
    pub address: String,
    /// What it calls itself, once it has answered.
    pub name: Option<String>,
    /// Whether it answers.
    pub presence: Presence,
    /// Watts of all its metered devices.
    pub power_w: Shown<f64>,
    /// True where a part of them is an estimate.
    pub power_estimated: bool,
    /// Output tokens a second over the last minute.
    pub output_tokens_per_s: Shown<f64>,
    /// Joules of a million output tokens over the last hour.
    pub joules_per_million: Shown<f64>,
    /// Cost an hour.
    pub cost_per_hour: Shown<f64>,
    /// What it is in.
    pub currency: String,
    /// Share of the last hour in which nothing was served.
    pub idle_share: Shown<f64>,
    /// Degrees Celsius of its hottest device.
    pub hottest_c: Shown<f64>,
    /// Alerts that are raised there.
    pub alerts: usize,
}

/// Asks the monitors of several machines.
pub struct Farm {
    machines: Vec<Machine>,
    events: VecDeque<EventView>,
    began: Instant,
}

struct Machine {
    address: String,
    asking: Asking<Box<Snapshot>>,
    snapshot: Option<Box<Snapshot>>,
    answered_at: Option<Instant>,
    away: Option<Away>,
}

struct Away {
    since: Instant,
    why: String,
}

impl Farm {
    /// Begins to ask the monitors at these addresses, as [`base_address`](crate::servers::base_address) gives them;
    /// `token` is shown to each of them.
    ///
    /// # Errors
    /// What the system says where a thread cannot be started.
    pub fn start(addresses: &[String], token: Option<&str>) -> std::io::Result<Self> {
        let began = Instant::now();
        let mut machines = Vec::new();
        for address in addresses {
            let client = Client::new(address, PATIENCE, token);
            machines.push(Machine {
                address: without_secrets(address),
                asking: Asking::start("infercost-machine", move || ask(&client))?,
                snapshot: None,
                answered_at: None,
                away: Some(Away { since: began, why: "it has not answered yet".to_owned() }),
            });
        }
        Ok(Self { machines, events: VecDeque::new(), began })
    }

    /// Time since the beginning.
    pub fn running(&self) -> Duration {
        self.began.elapsed()
    }

    /// Asks all, waits at most `patience` for those that answer quickly, and says how all stand.
    pub fn read(&mut self, patience: Duration) -> FarmView {
        for machine in &self.machines {
            machine.asking.want();
        }

        let until = Instant::now() + patience;
        let at = Timestamp::now();
        for machine in &mut self.machines {
            let Some(happened) = machine.take(until) else { continue };
            if self.events.len() >= MOST_EVENTS {
                self.events.pop_front();
            }
            let warning = machine.away.is_some();
            self.events.push_back(EventView { at, text: happened, warning });
        }

        let views: Vec<MachineView> = self.machines.iter().map(Machine::view).collect();
        FarmView {
            schema: FARM_SCHEMA.to_owned(),
            at,
            power_w: sum(&views, |view| &view.power_w),
            output_tokens_per_s: sum(&views, |view| &view.output_tokens_per_s),
            machines: views,
            events: self.events.iter().cloned().collect(),
        }
    }
}

impl Machine {
    /// Takes in an answer, where there is one; says what changed.
    fn take(&mut self, until: Instant) -> Option<String> {
        match self.asking.answer_by(until) {
            Some(Ok(snapshot)) => {
                self.snapshot = Some(snapshot);
                let was_away = self.away.take().is_some();
                let answered_before = self.answered_at.replace(Instant::now()).is_some();
                (was_away && answered_before).then(|| format!("{} answers again", self.address))
            }
            Some(Err(why)) => self.is_away(why),
            None => {
                let silent = self.answered_at.is_some_and(|at| at.elapsed().as_secs_f64() > STALE_S);
                if silent { self.is_away("its answers take too long".to_owned()) } else { None }
            }
        }
    }

    fn is_away(&mut self, why: String) -> Option<String> {
        match &mut self.away {
            Some(away) => {
                away.why = why;
                None
            }
            None => {
                let text = format!("{} is away: {why}", self.address);
                self.away = Some(Away { since: Instant::now(), why });
                Some(text)
            }
        }
    }

    fn view(&self) -> MachineView {
        let here = self.snapshot.as_deref().filter(|_| self.away.is_none());
        let why = self.away.as_ref().map_or("it has not answered yet", |away| away.why.as_str());
        let minute = here.and_then(|snapshot| snapshot.window("minute"));
        let hour = here.and_then(|snapshot| snapshot.window("hour"));

        MachineView {
            address: self.address.clone(),
            name: self.snapshot.as_ref().map(|snapshot| shown_name(&snapshot.machine)),
            presence: match &self.away {
                None => Presence::Here,
                Some(away) => {
                    Presence::Away { for_s: away.since.elapsed().as_secs_f64(), why: away.why.clone() }
                }
            },
            power_w: shown(here.map(|snapshot| &snapshot.power_w), why),
            power_estimated: here.is_some_and(|snapshot| snapshot.power_estimated),
            output_tokens_per_s: shown(minute.map(|minute| &minute.output_tokens_per_s), why),
            joules_per_million: shown(hour.map(|hour| &hour.joules_per_million), why),
            idle_share: shown(hour.map(|hour| &hour.idle_share), why),
            cost_per_hour: shown(here.map(|snapshot| &snapshot.money.cost_per_hour), why),
            currency: here.map(|snapshot| shown_name(&snapshot.money.currency)).unwrap_or_default(),
            hottest_c: here.map_or_else(|| Shown::missing(why), hottest),
            alerts: here.map_or(0, |snapshot| snapshot.alerts.len()),
        }
    }
}

/// A reading of a machine that is here; for one that is not, why.
fn shown(known: Option<&Shown<f64>>, why: &str) -> Shown<f64> {
    known.map_or_else(|| Shown::missing(why), Shown::clone)
}

/// Asks a monitor for its snapshot.
fn ask(client: &Client) -> Result<Box<Snapshot>, String> {
    let page = client.get("/api/snapshot")?;
    match page.status {
        200 => {}
        401 => return Err("status 401: it wants its token; give it with --token".to_owned()),
        503 => return Err("it has observed nothing yet".to_owned()),
        status => return Err(format!("status {status}: is this the address of a monitor?")),
    }

    let snapshot: Snapshot =
        serde_json::from_str(&page.text()?).map_err(|_| "its answer is not a monitor's".to_owned())?;
    if snapshot.schema != SCHEMA {
        return Err("its monitor speaks another version".to_owned());
    }
    Ok(Box::new(snapshot))
}

/// A name that another machine gave itself, in bounds.
fn shown_name(name: &str) -> String {
    infercost_core::text::printable_up_to(name, 80).into_owned()
}

fn hottest(snapshot: &Snapshot) -> Shown<f64> {
    let known = snapshot.devices.iter().filter_map(|device| device.temperature_c.value().copied());
    known.reduce(f64::max).map_or_else(|| Shown::missing("no device shows a temperature"), Shown::Value)
}

/// The sum over machines that know theirs; not known where none does.
fn sum(views: &[MachineView], pick: fn(&MachineView) -> &Shown<f64>) -> Shown<f64> {
    let known = views.iter().filter_map(|view| pick(view).value().copied());
    known.reduce(|sum, one| sum + one).map_or_else(|| Shown::missing("no machine knows it"), Shown::Value)
}

#[cfg(test)]
mod tests;
