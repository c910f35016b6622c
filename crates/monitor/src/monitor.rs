//! The state of a machine: observations go in, a snapshot comes out. Pure but for what it is given, so that a day
//! passes in a test in a second.

mod device;
mod server;

use std::collections::VecDeque;
use std::time::Duration;

use infercost_energy::devices::DeviceReading;
use jiff::Timestamp;

use crate::money::{Tariffs, mean_watts};
use crate::observation::{Observation, ServerReading};
use crate::snapshot::{EventView, SCHEMA, Shown, Snapshot, WindowView};
use crate::tally::{Tallies, Tally};

use device::{DeviceState, Meter};
use server::ServerState;

/// More devices than any machine has: what calls itself differently each time must not fill the memory.
const MOST_DEVICES: usize = 256;
/// How many events are kept.
const MOST_EVENTS: usize = 50;
/// What "now" is where single observations say too little: a token may take a second.
const NOW: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
/// A wall clock that is off by more than this against the other one was set.
const CLOCK_JUMP_S: f64 = 5.0;
/// After so many intervals, and at least this long, the monitor itself was held up.
const HELD_UP_INTERVALS: u32 = 5;
const HELD_UP: Duration = Duration::from_secs(10);

/// What a monitor is told at its beginning.
#[derive(Debug, Clone)]
pub struct MonitorOptions {
    /// The machine's name.
    pub machine: String,
    /// Version of the program.
    pub version: String,
    /// Time between observations.
    pub interval: Duration,
    /// What joules, hours and answers are worth.
    pub tariffs: Tariffs,
}

/// Everything known of a machine, in memory that does not grow.
#[derive(Debug)]
pub struct Monitor {
    options: MonitorOptions,
    devices: Vec<DeviceState>,
    servers: Vec<ServerState>,
    tallies: Tallies,
    last: Option<Moment>,
    bundle: Bundle,
    sums: Tally,
    unmeasured_s: f64,
    events: VecDeque<EventView>,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Duration,
    wall: Timestamp,
}

/// What happened since all meters last moved together: a meter that refreshes slowly gives its joules later, and they
/// belong to this whole stretch.
#[derive(Debug, Clone, Copy, Default)]
struct Bundle {
    seconds: f64,
    joules: f64,
    idle_s: f64,
    serving_s: f64,
    counted_s: f64,
    output_tokens: f64,
}

impl Monitor {
    /// Nothing observed yet.
    pub fn new(options: MonitorOptions) -> Self {
        Self {
            options,
            devices: Vec::new(),
            servers: Vec::new(),
            tallies: Tallies::default(),
            last: None,
            bundle: Bundle::default(),
            sums: Tally::default(),
            unmeasured_s: 0.0,
            events: VecDeque::new(),
        }
    }

    /// Adds an observation. Its time never goes back; one that does is taken for no time at all.
    pub fn take(&mut self, observation: &Observation) {
        let now = Moment { at: observation.at, wall: observation.wall };
        let elapsed = self.last.map(|last| now.at.saturating_sub(last.at));
        let held_up = self.look_at_clocks(now, elapsed);
        self.last = Some(now);

        let meter = self.take_devices(&observation.devices, now, elapsed);
        let served = self.take_servers(&observation.servers, now);

        // The first observation is where counting begins.
        let Some(elapsed) = elapsed.filter(|elapsed| !elapsed.is_zero()) else { return };
        let serving = if held_up { None } else { served.serving };
        self.count(now, elapsed.as_secs_f64(), meter, &Served { serving, ..served });
    }

    /// Says something happened, as everything that shows events will show it.
    pub fn note(&mut self, at: Timestamp, text: String, warning: bool) {
        if self.events.len() >= MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(EventView { at, text, warning });
    }

    /// Notes a clock that was set and a monitor that was held up; true for the latter.
    fn look_at_clocks(&mut self, now: Moment, elapsed: Option<Duration>) -> bool {
        let (Some(last), Some(elapsed)) = (self.last, elapsed) else { return false };
        let walls = now.wall.duration_since(last.wall).as_secs_f64();
        let jump = walls - elapsed.as_secs_f64();
        if jump.abs() > CLOCK_JUMP_S {
            let way = if jump > 0.0 { "forward" } else { "back" };
            let text = format!("the clock was set {way} by {:.0} s; sums go by another one", jump.abs());
            self.note(now.wall, text, false);
        }

        let held_up = elapsed > HELD_UP.max(self.options.interval * HELD_UP_INTERVALS);
        if held_up {
            let seconds = elapsed.as_secs();
            self.note(
                now.wall,
                format!("nothing was observed for {seconds} s: the monitor was held up"),
                true,
            );
        }
        held_up
    }

    /// Takes in what devices show, and how the energy of all together stands.
    fn take_devices(&mut self, readings: &[DeviceReading], now: Moment, elapsed: Option<Duration>) -> Meter {
        let mut events = Vec::new();
        for reading in readings {
            if let Some(device) = self.devices.iter_mut().find(|device| device.id() == reading.id) {
                events.extend(device.take(reading, now.at, elapsed));
            } else if self.devices.len() < MOST_DEVICES {
                self.devices.push(DeviceState::new(reading, now.at));
            }
        }
        for device in &mut self.devices {
            if !readings.iter().any(|reading| reading.id == device.id()) {
                events.extend(device.vanish(now.at, "the machine shows it no more"));
            }
        }

        for event in events {
            self.note(now.wall, event.text, event.warning);
        }
        Meter::of(&self.devices)
    }

    fn take_servers(&mut self, readings: &[ServerReading], now: Moment) -> Served {
        let mut served = Served::default();
        let mut all_idle = !readings.is_empty();
        let mut events = Vec::new();

        for (place, reading) in readings.iter().enumerate() {
            if self.servers.len() <= place {
                self.servers.push(ServerState::new(&reading.address, now.at));
            }
            let Some(server) = self.servers.get_mut(place) else { continue };
            let step = server.take(reading, now.at);
            events.extend(step.events);

            served.output_tokens = sum(served.output_tokens, step.output_tokens);
            served.input_tokens = sum(served.input_tokens, step.input_tokens);
            served.requests = sum(served.requests, step.requests);
            match step.serving {
                Some(true) => served.serving = Some(true),
                Some(false) => {}
                None => all_idle = false,
            }
        }

        for event in events {
            self.note(now.wall, event.text, event.warning);
        }
        if served.serving.is_none() && all_idle {
            served.serving = Some(false);
        }
        served
    }

    /// Adds a stretch of time to the sums.
    fn count(&mut self, now: Moment, seconds: f64, meter: Meter, served: &Served) {
        let mut tally = Tally { seen_s: seconds, ..Tally::default() };
        match served.serving {
            Some(true) => tally.serving_s = seconds,
            Some(false) => tally.idle_s = seconds,
            None => {}
        }
        if let Some(tokens) = served.output_tokens {
            (tally.counted_s, tally.output_tokens) = (seconds, tokens);
        }
        if let Some(tokens) = served.input_tokens {
            (tally.input_counted_s, tally.input_tokens) = (seconds, tokens);
        }
        if let Some(requests) = served.requests {
            (tally.requests_counted_s, tally.requests) = (seconds, requests);
        }

        self.bundle.seconds += seconds;
        self.bundle.idle_s += tally.idle_s;
        self.bundle.serving_s += tally.serving_s;
        self.bundle.counted_s += tally.counted_s;
        self.bundle.output_tokens += tally.output_tokens;
        match meter {
            Meter::Moved { joules } => {
                self.bundle.joules += joules;
                let bundle = std::mem::take(&mut self.bundle);
                bundle.into_tally(&mut tally);
            }
            Meter::Waiting { joules } => self.bundle.joules += joules,
            Meter::Missing => {
                self.unmeasured_s += std::mem::take(&mut self.bundle).seconds;
            }
        }
        self.sums.add(&tally);
        self.tallies.add(now.at, tally);
    }

    /// What is known now.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.last.map_or(Duration::ZERO, |last| last.at);
        let at = self.last.map_or(Timestamp::UNIX_EPOCH, |last| last.wall);
        let span = self.options.interval.mul_f64(1.5);
        let recent = self.tallies.recent(now, NOW.max(span));
        let minute = self.tallies.recent(now, MINUTE.max(span));
        let (hour, day) = (self.tallies.minutes(now, 60), self.tallies.minutes(now, 1440));

        let power = device::total_power(&self.devices);
        Snapshot {
            schema: SCHEMA.to_owned(),
            version: self.options.version.clone(),
            machine: self.options.machine.clone(),
            at,
            running_s: now.as_secs_f64(),
            interval_s: self.options.interval.as_secs_f64(),
            devices: self.devices.iter().map(|device| device.view(now)).collect(),
            servers: self.servers.iter().map(|server| server.view(now)).collect(),
            power_w: power.watts,
            power_estimated: power.estimated,
            power_covers: power.covers,
            energy_j: self.sums.joules,
            unmeasured_s: self.unmeasured_s,
            sums: self.sums,
            windows: vec![
                self.window("now", &recent),
                self.window("minute", &minute),
                self.window("hour", &hour),
                self.window("day", &day),
            ],
            money: self.options.tariffs.view(&minute, &hour, &day),
            alerts: Vec::new(),
            events: self.events.iter().cloned().collect(),
        }
    }

    fn window(&self, name: &str, tally: &Tally) -> WindowView {
        let metered = mean_watts(tally);
        let classified = tally.classified_s();

        WindowView {
            name: name.to_owned(),
            seen_s: tally.seen_s,
            metered_s: tally.metered_s,
            joules: metered.map_or_else(unmetered, |_| Shown::Value(tally.joules)),
            power_w: metered.map_or_else(unmetered, Shown::Value),
            output_tokens: counted(tally.output_tokens, tally.counted_s, "tokens"),
            input_tokens: counted(tally.input_tokens, tally.input_counted_s, "input tokens"),
            output_tokens_per_s: counted(tally.output_tokens / tally.counted_s, tally.counted_s, "tokens"),
            joules_per_million: joules_per_million(tally),
            money_per_million: self.options.tariffs.per_million(tally),
            requests: counted(tally.requests, tally.requests_counted_s, "requests"),
            idle_share: match classified > 0.0 {
                true => Shown::Value(tally.idle_s / classified),
                false => Shown::missing("whether something is served is not known"),
            },
            idle_w: match tally.idle_metered_s > 0.0 {
                true => Shown::Value(tally.idle_joules / tally.idle_metered_s),
                false if tally.idle_s > 0.0 => unmetered(),
                false if classified > 0.0 => Shown::missing("something was served all the time"),
                false => Shown::missing("whether something is served is not known"),
            },
        }
    }
}

/// What servers counted; not known where none counts it.
fn counted(amount: f64, over_s: f64, what: &str) -> Shown<f64> {
    match over_s > 0.0 {
        true => Shown::Value(amount),
        false => Shown::missing(format!("no server counts {what}")),
    }
}

fn unmetered() -> Shown<f64> {
    Shown::missing("energy is not measured")
}

/// Joules of a million output tokens, over the time in which both were known.
fn joules_per_million(tally: &Tally) -> Shown<f64> {
    if tally.counted_s <= 0.0 {
        return Shown::missing("no server counts tokens");
    }
    if tally.paired_s <= 0.0 {
        return Shown::missing("energy is not measured");
    }
    if tally.paired_tokens <= 0.0 {
        return Shown::missing("no token was generated");
    }
    Shown::Value(tally.paired_joules / tally.paired_tokens * 1e6)
}

impl Bundle {
    /// Adds its energy to the sums; joules of a stretch that was partly idle are neither idle nor serving.
    fn into_tally(self, tally: &mut Tally) {
        tally.metered_s = self.seconds;
        tally.joules = self.joules;
        let whole = self.seconds * (1.0 - 1e-9);
        if self.idle_s >= whole {
            tally.idle_metered_s = self.seconds;
            tally.idle_joules = self.joules;
            tally.classified_metered_s = self.seconds;
        } else if self.serving_s >= whole {
            tally.classified_metered_s = self.seconds;
        }
        if self.counted_s >= whole {
            tally.paired_s = self.seconds;
            tally.paired_joules = self.joules;
            tally.paired_tokens = self.output_tokens;
        }
    }
}

/// What all servers together did since the last observation; `None` is not known.
#[derive(Debug, Clone, Copy, Default)]
struct Served {
    serving: Option<bool>,
    output_tokens: Option<f64>,
    input_tokens: Option<f64>,
    requests: Option<f64>,
}

/// Something worth a line.
#[derive(Debug, Clone, PartialEq)]
struct Happening {
    text: String,
    warning: bool,
}

/// The sum of what is known.
fn sum(known: Option<f64>, more: Option<f64>) -> Option<f64> {
    match (known, more) {
        (Some(known), Some(more)) => Some(known + more),
        (known, more) => known.or(more),
    }
}

#[cfg(test)]
mod tests;
