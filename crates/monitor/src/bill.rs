//! The bill of what a monitor recorded: hours that served, hours that did not, and what they cost against what they
//! earned.

use infercost_core::Reason;
use serde::Serialize;

use crate::money::{Tariffs, known_sum};
use crate::recording::Recording;
use crate::snapshot::Shown;
use crate::tally::Tally;

/// The name and version of the JSON form.
pub const BILL_SCHEMA: &str = "infercost.monitored/1";
const SECONDS_PER_HOUR: f64 = 3600.0;
/// Energy that is known for less than this share of the time is said to be.
const NEARLY_ALL: f64 = 0.99;

/// What a recorded stretch of time cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MonitoredBill {
    /// [`BILL_SCHEMA`].
    pub schema: &'static str,
    /// The machine.
    pub machine: String,
    /// When the monitor began.
    pub started_at: jiff::Timestamp,
    /// ISO 4217 code of every amount.
    pub currency: String,
    /// True where prices are the shipped example's.
    pub prices_assumed: bool,
    /// True where energy rests on an assumption.
    pub energy_estimated: bool,
    /// Time in which something was served.
    pub serving: BilledTime,
    /// Time in which nothing was served.
    pub idle: BilledTime,
    /// Time of which it is not known.
    pub unclear: BilledTime,
    /// All of it.
    pub total: BilledTime,
    /// Output tokens, as far as servers counted them.
    pub output_tokens: Shown<f64>,
    /// Requests, as far as servers counted them.
    pub requests: Shown<f64>,
    /// Cost of a million output tokens, idle time included.
    pub per_million: Shown<f64>,
    /// Cost of a request, idle time included.
    pub per_request: Shown<f64>,
    /// What was earned.
    pub revenue: Shown<f64>,
    /// Cost ÷ revenue.
    pub cost_share: Shown<f64>,
    /// The share from which cost is in the loss zone.
    pub loss_zone: f64,
    /// True where it is.
    pub in_loss_zone: Shown<bool>,
    /// What must be read with the numbers.
    pub notes: Vec<String>,
}

/// A kind of time, and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BilledTime {
    /// Hours.
    pub hours: f64,
    /// Joules; where energy is known for a part of the time only, the rest is taken to draw as much.
    pub joules: Shown<f64>,
    /// Electricity.
    pub electricity: Shown<f64>,
    /// The machine, owned or rented, and operation.
    pub machine: Shown<f64>,
    /// All known parts.
    pub cost: Shown<f64>,
}

/// The bill of a recording.
pub fn bill(recording: &Recording, tariffs: &Tariffs) -> MonitoredBill {
    let sums = &recording.sums;
    let unclear_s = (sums.seen_s - sums.idle_s - sums.serving_s).max(0.0);

    // Joules that are neither idle nor of unclear time belong to serving; what is known of the rest is its mean.
    let rest = Mean { joules: sums.joules - sums.idle_joules, seconds: sums.metered_s - sums.idle_metered_s };
    let idle = Mean { joules: sums.idle_joules, seconds: sums.idle_metered_s };
    let serving = billed_time(tariffs, sums.serving_s, &rest);
    let idle = billed_time(tariffs, sums.idle_s, &idle);
    let unclear = billed_time(tariffs, unclear_s, &rest);
    let total = sum([&serving, &idle, &unclear]);

    let output_tokens = counted(sums.output_tokens, sums.counted_s, "tokens");
    let requests = counted(sums.requests, sums.requests_counted_s, "requests");
    let revenue = revenue(tariffs, &output_tokens, &requests);
    let cost_share = ratio(&total.cost, &revenue, "nothing was earned");
    let in_loss_zone = match (&cost_share, &revenue, &total.cost) {
        (Shown::Value(share), _, _) => Shown::Value(*share >= tariffs.loss_zone),
        (_, Shown::Value(_), Shown::Value(_)) => Shown::Value(true),
        (Shown::Missing(why), _, _) => Shown::missing(why.as_str()),
    };

    MonitoredBill {
        schema: BILL_SCHEMA,
        machine: recording.header.machine.clone(),
        started_at: recording.header.started_at,
        currency: tariffs.currency.clone(),
        prices_assumed: tariffs.assumed,
        energy_estimated: recording.estimated,
        per_million: match ratio(&total.cost, &output_tokens, "no token was generated") {
            Shown::Value(one) => Shown::Value(one * 1e6),
            missing => missing,
        },
        per_request: ratio(&total.cost, &requests, "no request was answered"),
        loss_zone: tariffs.loss_zone,
        notes: notes(recording, tariffs, sums),
        serving,
        idle,
        unclear,
        total,
        output_tokens,
        requests,
        revenue,
        cost_share,
        in_loss_zone,
    }
}

/// Joules over seconds, for a time of which only a part was metered.
struct Mean {
    joules: f64,
    seconds: f64,
}

impl Mean {
    fn over(&self, seconds: f64) -> Result<f64, Reason> {
        if seconds <= 0.0 {
            return Ok(0.0);
        }
        if self.seconds <= 0.0 { Err(Reason::NoEnergy) } else { Ok(self.joules / self.seconds * seconds) }
    }
}

/// What servers counted; not known where none did.
fn counted(amount: f64, seconds: f64, what: &str) -> Shown<f64> {
    match seconds > 0.0 {
        true => Shown::Value(amount),
        false => Shown::missing(format!("no server counted {what}")),
    }
}

/// A time at that mean power, billed.
fn billed_time(tariffs: &Tariffs, seconds: f64, mean: &Mean) -> BilledTime {
    let joules = mean.over(seconds);
    let amounts = tariffs.cost_of(seconds, joules.clone());
    let machine = match (&amounts.machine, &amounts.operation) {
        (Ok(machine), Ok(operation)) => Shown::Value(machine + operation),
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Shown::Value(*one),
        (Err(reason), Err(_)) => Shown::missing(reason.to_string()),
    };
    BilledTime {
        hours: seconds / SECONDS_PER_HOUR,
        joules: joules.map_err(|reason| reason.to_string()).into(),
        electricity: amounts.energy.clone().map_err(|reason| reason.to_string()).into(),
        machine,
        cost: known_sum(&amounts).map_or_else(|| Shown::missing("no price is known"), Shown::Value),
    }
}

/// All of them added up; an amount that is not known for one is not known for all.
fn sum(times: [&BilledTime; 3]) -> BilledTime {
    BilledTime {
        hours: times.iter().map(|time| time.hours).sum(),
        joules: added(times, |time| &time.joules),
        electricity: added(times, |time| &time.electricity),
        machine: added(times, |time| &time.machine),
        cost: added(times, |time| &time.cost),
    }
}

fn added(times: [&BilledTime; 3], pick: fn(&BilledTime) -> &Shown<f64>) -> Shown<f64> {
    let mut sum = 0.0;
    for time in times.iter().filter(|time| time.hours > 0.0) {
        match pick(time) {
            Shown::Value(amount) => sum += amount,
            Shown::Missing(why) => return Shown::missing(why.as_str()),
        }
    }
    Shown::Value(sum)
}

fn revenue(tariffs: &Tariffs, output_tokens: &Shown<f64>, requests: &Shown<f64>) -> Shown<f64> {
    match (tariffs.revenue_per_million, tariffs.revenue_per_request) {
        (Some(per_million), _) => match output_tokens {
            Shown::Value(tokens) => Shown::Value(tokens / 1e6 * per_million),
            Shown::Missing(why) => Shown::missing(why.as_str()),
        },
        (None, Some(per_request)) => match requests {
            Shown::Value(requests) => Shown::Value(requests * per_request),
            Shown::Missing(why) => Shown::missing(why.as_str()),
        },
        (None, None) => Shown::missing("no revenue is given"),
    }
}

fn ratio(above: &Shown<f64>, below: &Shown<f64>, where_zero: &str) -> Shown<f64> {
    match (above, below) {
        (Shown::Missing(why), _) | (_, Shown::Missing(why)) => Shown::missing(why.as_str()),
        (Shown::Value(above), Shown::Value(below)) if *below > 0.0 => Shown::Value(above / below),
        _ => Shown::missing(where_zero),
    }
}

fn notes(recording: &Recording, tariffs: &Tariffs, sums: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    if tariffs.assumed {
        notes.push("Prices are assumed: the shipped example, not yours.".to_owned());
    }
    if recording.estimated {
        notes.push("Energy is estimated from an assumption, and not measured.".to_owned());
    }
    if sums.metered_s <= 0.0 {
        notes.push("Energy was not measured, and is in no amount.".to_owned());
    } else if sums.metered_s < sums.seen_s * NEARLY_ALL {
        let share = infercost_core::text::percent(sums.metered_s / sums.seen_s);
        notes.push(format!("Energy is known for {share} of the time; the rest is taken to draw as much."));
    }
    if recording.broken_lines > 0 {
        let lines = infercost_core::text::count(recording.broken_lines, "line");
        notes.push(format!("{lines} of the recording could not be read."));
    }
    notes
}

#[cfg(test)]
mod tests {
    use infercost_core::CostPart;
    use infercost_cost::{MachineRate, Rates};
    use jiff::Timestamp;

    use super::*;
    use crate::recording::{RECORDING_SCHEMA, RecordingHeader};

    /// Two hours: one at 1 kW that served a million tokens, one idle at 500 W.
    fn recording(sums: Tally) -> Recording {
        let header = RecordingHeader {
            schema: RECORDING_SCHEMA.to_owned(),
            machine: "m".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            version: "0".to_owned(),
            servers: Vec::new(),
        };
        Recording { header, sums, estimated: false, broken_lines: 0 }
    }

    fn sums() -> Tally {
        Tally {
            seen_s: 7200.0,
            metered_s: 7200.0,
            joules: 5.4e6,
            idle_s: 3600.0,
            serving_s: 3600.0,
            idle_metered_s: 3600.0,
            idle_joules: 1.8e6,
            counted_s: 7200.0,
            output_tokens: 1e6,
            ..Tally::default()
        }
    }

    fn tariffs() -> Tariffs {
        Tariffs {
            rates: Rates {
                machine: Some(MachineRate { per_hour: 0.5, part: CostPart::Hardware }),
                operation_per_hour: None,
                per_kilowatt_hour: Some(0.2),
                pue: 1.0,
                electricity_in_rent: false,
            },
            revenue_per_million: Some(2.0),
            ..Tariffs::default()
        }
    }

    #[track_caller]
    fn close(shown: &Shown<f64>, wanted: f64) {
        assert!(shown.value().is_some_and(|value| (value - wanted).abs() < 1e-9), "{shown:?}, not {wanted}");
    }

    #[test]
    fn idle_hours_are_billed_by_hand() {
        let bill = bill(&recording(sums()), &tariffs());
        close(&bill.serving.electricity, 0.2);
        close(&bill.idle.electricity, 0.1);
        close(&bill.idle.cost, 0.6);
        close(&bill.total.cost, 1.3);
        close(&bill.per_million, 1.3);
        close(&bill.revenue, 2.0);
        close(&bill.cost_share, 0.65);
        assert_eq!(bill.in_loss_zone, Shown::Value(true));
        assert_eq!(bill.per_request.why(), Some("no server counted requests"));
        assert!(bill.notes.is_empty(), "{:?}", bill.notes);
    }

    #[test]
    fn what_is_not_known_is_said() {
        let half =
            Tally { metered_s: 3600.0, joules: 1.8e6, idle_metered_s: 1800.0, idle_joules: 0.6e6, ..sums() };
        let bill = bill(&recording(half), &tariffs());
        assert!(bill.notes[0].contains("50 % of the time"), "{:?}", bill.notes);

        let unmetered =
            Tally { metered_s: 0.0, joules: 0.0, idle_metered_s: 0.0, idle_joules: 0.0, ..sums() };
        let bill = super::bill(&recording(unmetered), &tariffs());
        assert!(bill.total.electricity.value().is_none());
        close(&bill.total.cost, 1.0);
        assert!(bill.notes[0].contains("was not measured"));
    }
}
