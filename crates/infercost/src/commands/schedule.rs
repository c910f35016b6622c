//! `infercost schedule`: when to run a job, and running it then.

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use infercost_core::market::{Curve, CurveUnit};
use infercost_economics::bill;
use infercost_economics::chart;
use infercost_economics::schedule::{Action, Job, Machine, Schedule, Window, schedule, timers};
use infercost_prices::sections::exchange::convert_curve;
use infercost_prices::sections::tariff::time_zone;
use infercost_prices::{PriceError, Prices, Query};
use infercost_run::economics_inputs::{self, EconomicsInputs, Measured};
use infercost_run::price_store;
use infercost_run::{shell, usage};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::economics::{ChartFlag, EconomicsFlags};
use crate::flags::load::{time, time_or_zero};
use crate::flags::numbers::{at_least_zero, count};
use crate::output::answer::delivery::{self, deliver};
use crate::{exit, output};

/// When to run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost schedule --inferences 20000 --deadline +12h --curve prices.csv
  infercost schedule --inferences 20000 --deadline 2026-11-24T07:00 \\
    --interruptible --chart curve.svg
  infercost schedule --inferences 20000 --deadline +1d --carbon
  infercost schedule --inferences 20000 --deadline +12h --run -- ./nightly.sh

The curve is --curve, else the newest fetched one that reaches beyond now (`infercost prices fetch \
energy-charts`), else [tariff.time_of_use] of infercost.toml.

Exit codes: 0 when to run it is settled; 3 it is not: what waiting saves is within measurement error; with --run \
the command's own")]
pub(crate) struct ScheduleCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) measured: Option<String>,

    /// Inferences to be done
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) inferences: f64,

    /// When the last must be answered: 2026-11-24T07:00, 08:00 (the next, by --time-zone), or +12h
    #[arg(long, value_name = "TIME")]
    pub(crate) deadline: String,

    /// Table of prices or carbon: start,end,price,currency,unit
    #[arg(long, value_name = "FILE")]
    pub(crate) curve: Option<PathBuf>,

    /// Save carbon instead of money
    #[arg(long)]
    pub(crate) carbon: bool,

    /// The job may be paused: its process is stopped and goes on later, with the model loaded
    #[arg(long)]
    pub(crate) interruptible: bool,

    /// The command may be ended, and started again later to go on with its work; the machine is off meanwhile
    #[arg(long)]
    pub(crate) restartable: bool,

    /// The machine idles until the job starts, and is off after it [default: on for the job alone]
    #[arg(long, conflicts_with = "always_on")]
    pub(crate) stays_on: bool,

    /// The machine is on whether there is a job or not: the job costs what it takes above idling
    #[arg(long)]
    pub(crate) always_on: bool,

    /// Energy of one start in joules [default: power at work × the measured load time]
    #[arg(long, value_name = "JOULES", value_parser = at_least_zero)]
    pub(crate) start_joules: Option<f64>,

    /// Time from a start to the first inference [default: the measured load time]
    #[arg(long, alias = "start-seconds", value_name = "TIME", value_parser = time_or_zero)]
    pub(crate) start_time: Option<Duration>,

    /// Time zone of clock times [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,

    /// Pretend that it is this time
    #[arg(long, value_name = "TIME", conflicts_with = "run")]
    pub(crate) now: Option<String>,

    /// Length of a step of the plan, in whole seconds [default: the finest of 1, 5 and 15 minutes that fits]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) step: Option<Duration>,

    /// Wait for the planned times, and run the command after `--`
    #[arg(long, requires = "command")]
    pub(crate) run: bool,

    #[command(flatten)]
    pub(crate) economics: EconomicsFlags,

    #[command(flatten)]
    pub(crate) chart: ChartFlag,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,

    /// The command to run, or to print timers for
    #[arg(last = true, value_name = "COMMAND", help_heading = None)]
    pub(crate) command: Vec<String>,
}

/// How often a waiting process looks at the clock and at its child.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: &ScheduleCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, true)?;
    let business = EconomicsInputs::read(arguments.economics.request(global))?;
    let Measured { run, workload } =
        economics_inputs::measured(&business.request, arguments.measured.as_deref())?;
    let zone = arguments.time_zone.as_deref().map(time_zone).transpose().map_err(wrong)?;
    let zone = zone.unwrap_or_else(TimeZone::system);
    let now = match &arguments.now {
        Some(text) => moment(text, &zone, Timestamp::now())?,
        None => Timestamp::now(),
    };
    let deadline = moment(&arguments.deadline, &zone, now)?;
    let curve = curve(arguments, &business, now, deadline, &zone)?;
    let retail = business.retail(&curve)?;
    let job = Job {
        pue: business.pue(&run.header)?,
        machine: machine(arguments),
        interruptible: arguments.interruptible || arguments.restartable,
        restartable: arguments.restartable,
        startup_joules: arguments.start_joules,
        startup_s: arguments.start_time.map_or(Job::of(&workload, 1.0).startup_s, |time| time.as_secs_f64()),
        ..Job::of(&workload, arguments.inferences)
    };
    let window = Window { now, deadline, step_s: arguments.step.map(whole_seconds), zone: zone.clone() };
    let mut plan = schedule(&job, &curve, retail, &window).map_err(|error| usage(error.to_string()))?;
    plan.findings.precede(bill::stale(&plan.assumptions, business.today));
    economics_inputs::write_chart(arguments.chart.chart.as_deref(), || chart::curve::curve(&plan, &zone))?;
    let command = if arguments.command.is_empty() {
        "COMMAND".to_owned()
    } else {
        shell::line(arguments.command.iter().map(String::as_str))
    };

    // cron goes by this machine's clock, whatever zone the answer is in.
    let timers = timers(&plan.blocks, &TimeZone::system(), &command);
    let mut object = serde_json::to_value(&plan)?;
    if let Some(object) = object.as_object_mut() {
        object.insert("timers".to_owned(), serde_json::to_value(&timers)?);
    }
    let answer = output::economics::schedule::answer(&plan, &timers, &zone);
    deliver(&answer, &object, Some(&|| Ok(chart::curve::curve(&plan, &zone))), &arguments.answer, global)?;

    if arguments.run {
        return wait_and_run(&plan, &arguments.command);
    }
    Ok(ExitCode::from(if plan.why.0.is_settled() { 0 } else { exit::INCONCLUSIVE }))
}

fn machine(arguments: &ScheduleCommand) -> Machine {
    if arguments.always_on {
        Machine::AlwaysOn
    } else if arguments.stays_on {
        Machine::OnUntilJob
    } else {
        Machine::OnForJob
    }
}

/// A time with offset, a day and time of the zone, the next time that its clocks show, or a span from `now` on.
fn moment(text: &str, zone: &TimeZone, now: Timestamp) -> anyhow::Result<Timestamp> {
    let shown = text.escape_debug();
    if let Some(span) = text.strip_prefix('+') {
        let span: Span =
            span.parse().map_err(|_| usage(format!("`{shown}` is not a span of time: write +12h or +1d")))?;
        let later = now.to_zoned(zone.clone()).checked_add(span);
        return Ok(later.map_err(|_| usage(format!("`{shown}` is out of range")))?.timestamp());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(clock) = text.parse::<DateTime>() {
        return at(clock, zone).ok_or_else(|| usage(format!("`{shown}` is out of range")));
    }

    let clock: Time = text.parse().map_err(|_| {
        usage(format!(
            "`{shown}` is not a time: write 08:00, 2026-11-24T07:00 with or without an offset, or +12h"
        ))
    })?;
    next(clock, zone, now).ok_or_else(|| usage(format!("`{shown}` is out of range")))
}

/// When the clocks of a zone show that.
fn at(clock: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_zoned(clock).compatible().ok().map(|zoned| zoned.timestamp())
}

/// When the clocks of a zone show that for the first time after `now`.
fn next(clock: Time, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    let days = [today, today.tomorrow().ok()?];
    days.into_iter().filter_map(|day| at(day.to_datetime(clock), zone)).find(|moment| *moment > now)
}

/// The curve of the flag, of the store, or of the tariff by time of use.
fn curve(
    arguments: &ScheduleCommand,
    business: &EconomicsInputs,
    now: Timestamp,
    deadline: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<Curve> {
    let found = match &arguments.curve {
        Some(file) => {
            let query = Query { time_zone: arguments.time_zone.clone(), ..Query::default() };
            let table = infercost_prices::source("csv").context("this build reads no tables")?;
            match table.read(file, &query, now).map_err(|error| usage(error.to_string()))?.prices {
                Prices::Curve(curve) => Some(Curve { source: file.display().to_string(), ..curve }),
                _ => None,
            }
        }
        None => price_store::curve(business.request.price_store.as_deref(), arguments.carbon, now)?,
    };
    let found = match (found, &business.tariff) {
        (None, Some(tariff)) if !arguments.carbon => {
            let first = now.to_zoned(zone.clone()).date().saturating_sub(1.day());
            let last = deadline.to_zoned(zone.clone()).date().saturating_add(1.day());
            tariff.time_of_use(first, last, now).map_err(wrong)?
        }
        (found, _) => found,
    };
    let found = found.ok_or_else(|| usage(nothing_known(arguments.carbon)))?;

    if arguments.carbon && found.unit != CurveUnit::GramsPerKilowattHour {
        return Err(usage(format!("--carbon: {} holds prices in {}, not carbon", found.source, found.unit)));
    }
    match &business.request.currency {
        None => Ok(found),
        Some(code) => {
            let wanted = code.parse().map_err(|error| usage(format!("--currency: {error}")))?;
            convert_curve(&found, wanted, &business.rates).map_err(wrong)
        }
    }
}

/// What to do where no curve reaches beyond now.
fn nothing_known(carbon: bool) -> &'static str {
    if carbon {
        "no carbon intensities after now are known; give --curve FILE, or run `infercost prices fetch \
         electricity-maps-carbon --zone DE`"
    } else {
        "no prices after now are known; give --curve FILE, run `infercost prices fetch energy-charts --zone DE-LU`, or \
         write [tariff.time_of_use]: with a flat price every hour costs the same"
    }
}

fn wrong(error: PriceError) -> anyhow::Error {
    usage(error.to_string())
}

/// A step has whole seconds, one at least.
fn whole_seconds(step: Duration) -> i64 {
    i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1)
}

/// Starts the command at the first stretch of work; at a pause its process is stopped, or ended where the plan
/// switches off. Gives the command's exit code.
fn wait_and_run(plan: &Schedule, command: &[String]) -> anyhow::Result<ExitCode> {
    let (program, rest) = command.split_first().context("no command is given")?;
    let interrupted = on_interrupt();
    let mut child: Option<Child> = None;
    for (index, block) in plan.blocks.iter().enumerate() {
        let next = plan.blocks.iter().skip(index).find(|later| later.start > block.start);
        match (block.action, &mut child) {
            (Action::Work | Action::Start, None) => {
                let started = Command::new(program).args(rest).spawn();
                child = Some(started.with_context(|| format!("cannot run {}", program.escape_debug()))?);
            }
            (Action::Work | Action::Start, Some(child)) => signal("-CONT", child)?,
            (Action::Idle, Some(child)) => signal("-STOP", child)?,
            (Action::Off, Some(running)) => {
                signal("-TERM", running)?;
                running.wait().context("cannot wait for the command")?;
                child = None;
            }
            (Action::Off | Action::Idle, None) => {}
        }
        if let Some(next) = next
            && child.is_none()
        {
            output::note(&format!("waiting until {}", next.start));
        }
        if let Some(code) = wait(&mut child, next.map(|next| next.start), &interrupted)? {
            return Ok(code);
        }
    }

    Ok(ExitCode::SUCCESS)
}

/// Waits until a time, or for ever; gives the child's exit code where it ends before.
fn wait(
    child: &mut Option<Child>,
    until: Option<Timestamp>,
    interrupted: &AtomicBool,
) -> anyhow::Result<Option<ExitCode>> {
    loop {
        if interrupted.load(Ordering::Relaxed) {
            // A stopped process hears of Ctrl-C only when it goes on.
            if let Some(child) = child {
                signal("-CONT", child)?;
                child.wait().context("cannot wait for the command")?;
            }
            return Ok(Some(ExitCode::from(infercost_run::INTERRUPTED)));
        }

        if let Some(child) = child
            && let Some(status) = child.try_wait().context("cannot wait for the command")?
        {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(crate::exit::FAILURE);
            return Ok(Some(ExitCode::from(code)));
        }

        let left = until.map(|until| Timestamp::now().duration_until(until));
        match left.map(Duration::try_from) {
            Some(Ok(left)) if !left.is_zero() => sleep(left.min(LOOK_EVERY)),
            Some(_) => return Ok(None),
            None => sleep(LOOK_EVERY),
        }
    }
}

/// A flag that Ctrl-C sets.
fn on_interrupt() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    });
    flag
}

fn signal(kind: &str, child: &Child) -> anyhow::Result<()> {
    let sent = Command::new("kill").args([kind, &child.id().to_string()]).status();
    let sent = sent.context("cannot run `kill`, which stops and resumes the command")?;
    anyhow::ensure!(sent.success(), "`kill {kind}` could not reach the command");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let zone = time_zone("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-11-23T14:00:00Z".parse().unwrap();
        for (text, wanted) in [
            // 15:00 in Berlin: the clock has shown 08:00 today, and will show 18:30
            ("08:00", Some("2026-11-24T07:00:00Z")),
            ("18:30", Some("2026-11-23T17:30:00Z")),
            ("15:00", Some("2026-11-24T14:00:00Z")),
            ("2026-11-24T07:00", Some("2026-11-24T06:00:00Z")),
            ("2026-11-24T07:00+00:00", Some("2026-11-24T07:00:00Z")),
            ("+12h", Some("2026-11-24T02:00:00Z")),
            ("8 o'clock", None),
            ("25:00", None),
        ] {
            let wanted = wanted.map(|wanted| wanted.parse::<Timestamp>().unwrap());
            assert_eq!(moment(text, &zone, now).ok(), wanted, "{text}");
        }
    }
}
