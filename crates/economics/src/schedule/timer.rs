//! Lines that make another program start the job in time.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::schedule::{Action, Block};

/// What to put where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timers {
    /// The time zone of the crontab's lines: cron's, not the plan's.
    pub cron_zone: String,
    /// Lines of a crontab. cron repeats them each year; remove them afterwards.
    pub cron: Vec<String>,
    /// Commands that make transient systemd timers, which fire once.
    pub systemd: Vec<String>,
}

/// What is done to the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Start,
    Pause,
    Resume,
    /// Ended, to be started again later; a paused process hears of it when it goes on.
    End {
        paused: bool,
    },
}

/// Starts the job at the first stretch of work. At a pause with the model loaded the process is stopped and goes on
/// later; where the plan switches off, it is ended and started again. `command` is one shell line, `cron_zone` the zone
/// of the machine: not every cron knows another (`CRON_TZ`).
pub fn timers(blocks: &[Block], cron_zone: &TimeZone, command: &str) -> Timers {
    let turns = turns(blocks);
    let whole = turns.len() == 1;
    let first = blocks.first().map_or(Timestamp::UNIX_EPOCH, |block| block.start);
    let mut timers = Timers { cron_zone: name(cron_zone, first), cron: Vec::new(), systemd: Vec::new() };
    let mut number = 0_u32;
    for (at, turn) in turns {
        number += u32::from(turn == Turn::Start);
        let line = if whole { command.to_owned() } else { by_cron(turn, number, command) };
        timers.cron.push(crontab(at, cron_zone, &line));
        timers.systemd.push(by_systemd(at, turn, number, command));
    }

    timers
}

fn turns(blocks: &[Block]) -> Vec<(Timestamp, Turn)> {
    let (mut turns, mut running, mut paused) = (Vec::new(), false, false);

    for block in blocks {
        let turn = match block.action {
            Action::Work | Action::Start if paused => Turn::Resume,
            Action::Work | Action::Start => Turn::Start,
            Action::Idle => Turn::Pause,
            Action::Off if running => Turn::End { paused },
            Action::Off => continue,
        };

        running = !matches!(turn, Turn::End { .. });
        paused = turn == Turn::Pause;
        turns.push((block.start, turn));
    }

    turns
}

/// Name of the zone, or its distance from UTC.
fn name(zone: &TimeZone, at: Timestamp) -> String {
    match zone.iana_name() {
        Some(name) if name != "Etc/Unknown" => name.to_owned(),
        _ => at.to_zoned(zone.clone()).strftime("UTC%:z").to_string(),
    }
}

fn crontab(at: Timestamp, zone: &TimeZone, line: &str) -> String {
    let local = at.to_zoned(zone.clone());
    // % ends a command in a crontab unless it is escaped.
    let line = line.replace('%', "\\%");
    format!("{} {} {} {} * {line}", local.minute(), local.hour(), local.day(), local.month())
}

/// What a shell does: the other lines find the process by its number in a file, which is gone when the process is. cron
/// gives its commands no session, so a user's systemd is out of reach.
fn by_cron(turn: Turn, number: u32, command: &str) -> String {
    let file = format!("\"$HOME/.infercost-job-{number}\"");
    match turn {
        Turn::Start => format!("{command} & echo $! > {file}; wait $!; rm -f {file}"),
        Turn::Pause => format!("kill -s STOP $(cat {file})"),
        Turn::Resume => format!("kill -s CONT $(cat {file})"),
        Turn::End { paused: false } => format!("kill -s TERM $(cat {file})"),
        Turn::End { paused: true } => format!("job=$(cat {file}); kill -s TERM $job; kill -s CONT $job"),
    }
}

fn by_systemd(at: Timestamp, turn: Turn, number: u32, command: &str) -> String {
    let unit = format!("infercost-job-{number}");
    let (named, line) = match turn {
        Turn::Start => (format!(" --unit={unit}"), command.to_owned()),
        Turn::Pause => (String::new(), format!("systemctl --user kill -s STOP {unit}")),
        Turn::Resume => (String::new(), format!("systemctl --user kill -s CONT {unit}")),
        Turn::End { .. } => (String::new(), format!("systemctl --user stop {unit}")),
    };

    // In UTC, so that a clock change between now and then moves nothing.
    let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!("systemd-run --user{named} --on-calendar='{utc}' {line}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use jiff::SignedDuration;

    use super::*;

    /// The lines without their five fields of time, for an hour of each action.
    fn lines(actions: &[Action]) -> Vec<String> {
        let at = |hour: usize| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour as i64);
        let block =
            |(hour, action): (usize, &Action)| Block { start: at(hour), stop: at(hour + 1), action: *action };
        let blocks: Vec<Block> = actions.iter().enumerate().map(block).collect();
        let found = timers(&blocks, &TimeZone::UTC, "job 5%");
        assert_eq!(found.cron.len(), found.systemd.len());
        found.cron.iter().map(|line| line.splitn(6, ' ').last().unwrap().to_owned()).collect()
    }

    #[test]
    fn only_a_job_that_pauses_is_found_again() {
        use Action::{Idle, Off, Work};
        let (one, two) = ("\"$HOME/.infercost-job-1\"", "\"$HOME/.infercost-job-2\"");
        let start = |file| format!("job 5\\% & echo $! > {file}; wait $!; rm -f {file}");
        let send = |signal, file| format!("kill -s {signal} $(cat {file})");
        for (actions, wanted) in [
            (vec![Work], vec!["job 5\\%".to_owned()]),
            (vec![Off, Work], vec!["job 5\\%".to_owned()]),
            (vec![Work, Idle, Work], vec![start(one), send("STOP", one), send("CONT", one)]),
            (vec![Off, Work, Off, Work], vec![start(one), send("TERM", one), start(two)]),
            (
                vec![Work, Idle, Off, Work],
                vec![
                    start(one),
                    send("STOP", one),
                    format!("job=$(cat {one}); kill -s TERM $job; kill -s CONT $job"),
                    start(two),
                ],
            ),
        ] {
            assert_eq!(lines(&actions), wanted, "{actions:?}");
        }
    }

    #[test]
    fn the_lines_say_whose_clock_they_are_by() {
        let block = Block {
            start: "2026-11-23T02:30:00Z".parse().unwrap(),
            stop: "2026-11-23T03:00:00Z".parse().unwrap(),
            action: Action::Work,
        };
        let check = |zone: &TimeZone, name: &str, line: &str| {
            let found = timers(std::slice::from_ref(&block), zone, "job");
            assert_eq!((found.cron_zone.as_str(), found.cron[0].as_str()), (name, line));
            assert!(found.systemd[0].contains("'2026-11-23 02:30:00 UTC' job"), "{}", found.systemd[0]);
        };
        check(&TimeZone::UTC, "UTC", "30 2 23 11 * job");
        check(&TimeZone::unknown(), "UTC+00:00", "30 2 23 11 * job");
        check(&TimeZone::posix("EST5").unwrap(), "UTC-05:00", "30 21 22 11 * job");
    }
}
