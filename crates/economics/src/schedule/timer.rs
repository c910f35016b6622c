//! Lines that make another program start the job in time.

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::schedule::{Action, Block};

/// What to put where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timers {
    /// Lines of a crontab, in the plan's time zone. cron repeats them each year; remove them afterwards.
    pub cron: Vec<String>,
    /// Commands that make transient systemd timers, which fire once.
    pub systemd: Vec<String>,
}

/// Starts at the first stretch of work, stops the process at the end of each but the last, resumes at the next.
/// `command` is one shell line.
pub fn timers(blocks: &[Block], zone: &TimeZone, command: &str) -> Timers {
    let work: Vec<&Block> = blocks.iter().filter(|block| block.action == Action::Work).collect();
    let mut timers = Timers { cron: Vec::new(), systemd: Vec::new() };
    let unit = "infercost-job";
    for (index, block) in work.iter().enumerate() {
        let first = index == 0;
        let begin = if first { command.to_owned() } else { format!("systemctl --user kill -s CONT {unit}") };
        timers.add(block.start, zone, &begin, first.then_some(unit));
        if index + 1 < work.len() {
            timers.add(block.stop, zone, &format!("systemctl --user kill -s STOP {unit}"), None);
        }
    }
    timers
}

impl Timers {
    fn add(&mut self, at: jiff::Timestamp, zone: &TimeZone, command: &str, unit: Option<&str>) {
        let local = at.to_zoned(zone.clone());
        // % ends a command in a crontab unless it is escaped.
        self.cron.push(format!(
            "{} {} {} {} * {}",
            local.minute(),
            local.hour(),
            local.day(),
            local.month(),
            command.replace('%', "\\%")
        ));
        let unit = unit.map_or_else(String::new, |unit| format!(" --unit={unit}"));
        // In UTC, so that a clock change between now and then moves nothing.
        let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        self.systemd.push(format!("systemd-run --user{unit} --on-calendar='{utc}' {command}"));
    }
}
