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

/// Starts the job at the first stretch of work. At a pause with the model loaded the process is stopped and goes on
/// later; where the plan switches off, it is ended and started again. `command` is one shell line.
pub fn timers(blocks: &[Block], zone: &TimeZone, command: &str) -> Timers {
    let mut timers = Timers { cron: Vec::new(), systemd: Vec::new() };
    let (mut started, mut paused) = (0_u32, false);
    let unit = |number: u32| format!("infercost-job-{number}");
    for block in blocks {
        match block.action {
            Action::Work | Action::Start if paused => {
                timers.add(
                    block.start,
                    zone,
                    &format!("systemctl --user kill -s CONT {}", unit(started)),
                    None,
                );
                paused = false;
            }
            Action::Work | Action::Start => {
                started += 1;
                timers.add(block.start, zone, command, Some(&unit(started)));
            }
            Action::Idle => {
                timers.add(
                    block.start,
                    zone,
                    &format!("systemctl --user kill -s STOP {}", unit(started)),
                    None,
                );
                paused = true;
            }
            Action::Off if started > 0 => {
                timers.add(block.start, zone, &format!("systemctl --user stop {}", unit(started)), None);
                paused = false;
            }
            Action::Off => {}
        }
    }
    timers
}

impl Timers {
    fn add(&mut self, at: jiff::Timestamp, zone: &TimeZone, command: &str, unit: Option<&str>) {
        let local = at.to_zoned(zone.clone());
        // A command that cron starts runs in a unit too, so that the other lines find it.
        let by_cron = unit
            .map_or_else(|| command.to_owned(), |unit| format!("systemd-run --user --unit={unit} {command}"));
        // % ends a command in a crontab unless it is escaped.
        self.cron.push(format!(
            "{} {} {} {} * {}",
            local.minute(),
            local.hour(),
            local.day(),
            local.month(),
            by_cron.replace('%', "\\%")
        ));
        let unit = unit.map_or_else(String::new, |unit| format!(" --unit={unit}"));
        // In UTC, so that a clock change between now and then moves nothing.
        let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        self.systemd.push(format!("systemd-run --user{unit} --on-calendar='{utc}' {command}"));
    }
}
