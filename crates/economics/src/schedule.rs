//! When a job should run: a number of inferences by a deadline, over a curve of prices or of carbon.
//!
//! Time is cut into equal steps, and the best plan over these steps is exact ([`optimum`]), not a heuristic: a
//! test compares it with every plan that there is.

mod evaluation;
mod grid;
mod job;
pub mod optimum;
mod rests_on;
mod retail;
mod timer;

use infercost_core::economics::ScheduleGrounds;
use infercost_core::market::{Curve, CurveUnit, Slot};
use infercost_core::number::plain;
use infercost_core::{EconomicsFact, Estimate, Findings, Severity, Why};
use jiff::Timestamp;
use serde::Serialize;

use crate::bill::Assumption;

use evaluation::{At, Evaluation};
use rests_on::{Found, assumptions, doubts, grounds};

pub use grid::Grid;
pub use job::{Job, Machine, Window};
pub use optimum::Action;
pub use retail::Retail;
pub(crate) use retail::paid;
pub use timer::{Timers, timers};

/// Version of the object.
pub const SCHEDULE_SCHEMA: &str = "infercost.schedule/1";
/// Steps behind the deadline that a slow job is followed over.
const MOST_LATE: usize = 100_000;

/// A stretch of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub stop: Timestamp,
    /// What happens.
    pub action: Action,
}

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// The deadline leaves too little time.
    #[error(
        "the job takes {} h and only {} h are left before the deadline; move the deadline, or ask for fewer inferences",
        plain(*needed_h),
        plain(*available_h)
    )]
    TooLate {
        /// Hours that it takes.
        needed_h: f64,
        /// Hours that there are.
        available_h: f64,
    },
    /// The curve does not reach far enough.
    #[error(
        "the job takes {} h, and the curve has a known value for only {} h before the deadline; fetch newer prices, or give a curve that covers the time",
        plain(*needed_h),
        plain(*known_h)
    )]
    Unpriced {
        /// Hours that it takes.
        needed_h: f64,
        /// Hours that are priced.
        known_h: f64,
    },
    /// Something is out of range.
    #[error("{0}")]
    Range(String),
}

impl ScheduleError {
    fn range(reason: &str) -> Self {
        Self::Range(reason.to_owned())
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// [`SCHEDULE_SCHEMA`].
    pub schema: &'static str,
    /// `EUR/kWh` or `g CO2eq/kWh`.
    pub unit: String,
    /// What the totals are in: a currency, or grams.
    pub total_unit: String,
    /// Zone of the times shown.
    pub time_zone: String,
    /// When the machine works, waits with the model loaded, or is off, from the earliest start on.
    pub blocks: Vec<Block>,
    /// When the last inference is answered.
    pub ends: Timestamp,
    /// Seconds of work.
    pub work_s: Estimate,
    /// Energy of the whole plan, in kWh.
    pub kilowatt_hours: Option<Estimate>,
    /// What the plan costs or emits.
    pub total: Option<Estimate>,
    /// What running now costs or emits.
    pub total_now: Option<Estimate>,
    /// The difference.
    pub saving: Option<Estimate>,
    /// The difference as a share of running now; `None` where running now costs nothing or less.
    pub saving_share: Option<Estimate>,
    /// True where the saving is larger than what the measured energy and speed leave open; `None` where it is unknown,
    /// or a job at the slow end of its speed runs into time without a known price.
    pub more_than_noise: Option<bool>,
    /// Mean of the curve over the work of the plan, per kWh.
    pub mean_at_work: f64,
    /// The same when running now; `None` where there is no value now.
    pub mean_now: Option<f64>,
    /// What the plan rests on.
    #[serde(flatten)]
    pub why: Why<ScheduleGrounds>,
    /// What the numbers rest on.
    pub assumptions: Vec<Assumption>,
    /// What must be known with them.
    #[serde(flatten)]
    pub findings: Findings,
    /// What is paid or emitted per kWh over the time in question.
    pub curve: Vec<Slot>,
}

/// Finds the plan.
///
/// # Errors
/// [`ScheduleError`] where the job does not fit before the deadline or into what is priced.
pub fn schedule(
    job: &Job,
    curve: &Curve,
    retail: Option<Retail>,
    window: &Window,
) -> Result<Schedule, ScheduleError> {
    let work_s = job.busy_s.map(|busy| busy * job.inferences);
    if !(work_s.point > 0.0 && work_s.point < 3.2e8) {
        return Err(ScheduleError::Range("the job must take between nothing and ten years".to_owned()));
    }
    let grid = Grid::cut(curve, retail, window, work_s.point)?;
    let problem = problem(job, &grid, At::point(job));
    let plan = optimum::best(&problem, job.interruptible).ok_or_else(|| unplannable(&grid, &problem))?;
    let now = optimum::run_now(&problem);

    let mean_at_work = grid.mean_at_work(&plan);
    let mean_now = now.as_deref().map(|now| grid.mean_at_work(now));
    let priced = job.joules.is_some();
    let slow = grid.longer(curve, retail, late_steps(&grid, work_s));
    let evaluation = Evaluation { job, grid: &slow };

    let (saving, saving_share) = match now.as_deref() {
        None => ((None, false), (None, false)),
        Some(now) => (
            evaluation.range(&|at| evaluation.amount(now, at) - evaluation.amount(&plan, at)),
            evaluation.range(&|at| {
                let now = evaluation.amount(now, at);
                if now > 0.0 { 1.0 - evaluation.amount(&plan, at) / now } else { f64::NAN }
            }),
        ),
    };

    let too_slow = saving.1;
    let (saving, saving_share) = (saving.0.filter(|_| priced), saving_share.0);
    let total_now = now.as_deref().and_then(|now| evaluation.total(now));
    let more_than_noise = saving.zip(total_now).filter(|_| !too_slow).map(|(saving, now)| {
        let half = f64::midpoint(now.upper, -now.lower);
        saving.lower > 0.0 && saving.point > half
    });

    let mut findings = doubts(job, &grid, curve, retail, &problem, &plan, work_s);
    if now.is_none() {
        findings.add(Severity::Limitation, EconomicsFact::NowNotPriced);
    }

    let total_unit = match curve.unit {
        CurveUnit::PerKilowattHour(currency) => currency.to_string(),
        CurveUnit::GramsPerKilowattHour => "g CO2eq".to_owned(),
    };
    let blocks = blocks(&grid, &plan);
    let ends = blocks
        .iter()
        .rev()
        .find(|block| block.action == Action::Work)
        .map_or(window.deadline, |block| block.stop);

    let found = Found { saving, share: saving_share, more_than_noise };
    let why = Why(grounds(&found, &total_unit, &plan, now.as_deref()));
    Ok(Schedule {
        schema: SCHEDULE_SCHEMA,
        unit: curve.unit.to_string(),
        total_unit,
        time_zone: window.zone.iana_name().unwrap_or("as given").to_owned(),
        ends,
        work_s,
        kilowatt_hours: evaluation.range(&|at| evaluation.kilowatt_hours(&plan, at)).0.filter(|_| priced),
        total: evaluation.total(&plan),
        total_now,
        saving,
        saving_share,
        more_than_noise,
        mean_at_work,
        mean_now,
        why,
        assumptions: assumptions(job, curve, retail, &grid),
        findings,
        curve: grid.shown(curve, retail),
        blocks,
    })
}

/// Without measured joules, power is 1 throughout: totals are then relative, and only their ratio is shown.
fn problem(job: &Job, grid: &Grid, at: At) -> optimum::Problem {
    let known = job.joules.is_some();
    let power = if known { at.joules / at.busy_s } else { 1.0 };
    let (work_s, step) = (at.busy_s * job.inferences, grid.step_s);
    let steps = (work_s / step - 1e-9).ceil().max(1.0);

    // A start shorter than a step takes energy, and no step of its own.
    let start_steps = (job.startup_s / step + 1e-9).floor() as usize;

    // Joules that are given cannot be set against a power that is unknown.
    let start = job.startup_joules.filter(|_| known).unwrap_or(power * job.startup_s);

    // A machine that idles anyway draws for the job what it takes above idling, and waits for nothing.
    let idle_w = job.idle_w.filter(|_| known).unwrap_or(0.0);
    let (base_w, waiting_w) = match job.machine {
        Machine::AlwaysOn => (idle_w.min(power), 0.0),
        Machine::OnForJob | Machine::OnUntilJob => (0.0, idle_w),
    };

    optimum::Problem {
        prices: grid.prices.clone(),
        steps: steps as usize,
        work: job.pue * (power - base_w) * work_s / steps,
        start: job.pue * (start - base_w * job.startup_s).max(0.0),
        start_steps,
        idle: job.pue * waiting_w * step,
        stays_on: job.machine == Machine::OnUntilJob,
        restartable: job.restartable,
    }
}

/// Steps that the job lasts longer at the slow end of its measured speed.
fn late_steps(grid: &Grid, work_s: Estimate) -> usize {
    let late = (work_s.upper - work_s.point) / grid.step_s;
    if late.is_finite() { (late.max(0.0).ceil() as usize).saturating_add(1).min(MOST_LATE) } else { 0 }
}

fn blocks(grid: &Grid, plan: &[Action]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (index, action) in plan.iter().enumerate() {
        let (start, stop) = (grid.at(index), grid.at(index + 1));

        // A start is part of the stretch of work that follows it.
        let action = if *action == Action::Start { Action::Work } else { *action };
        match blocks.last_mut() {
            Some(last) if last.action == action => last.stop = stop,
            _ => blocks.push(Block { start, stop, action }),
        }
    }

    blocks
}

fn unplannable(grid: &Grid, problem: &optimum::Problem) -> ScheduleError {
    let needed_h = grid.hours(problem.steps + problem.start_steps);
    let known_h = grid.hours(grid.prices.iter().flatten().count());

    if grid.prices.len() < problem.steps + problem.start_steps {
        return ScheduleError::TooLate { needed_h, available_h: grid.hours(grid.prices.len()) };
    }
    ScheduleError::Unpriced { needed_h, known_h }
}
