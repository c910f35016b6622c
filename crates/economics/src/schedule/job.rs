//! The work, and the time that there is for it.

use infercost_core::{EnergyNote, Estimate, Workload};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// When the machine is on, and so what waiting costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Machine {
    /// It is switched on for the job: waiting costs nothing.
    #[default]
    OnForJob,
    /// It idles until the job starts, and is off after it: waiting costs idle power.
    OnUntilJob,
    /// It idles whenever it does not work, before the job and after it: the job costs what it takes above idling.
    AlwaysOn,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Inferences.
    pub inferences: f64,
    /// Seconds in which one keeps the machine busy.
    pub busy_s: Estimate,
    /// Joules of one.
    pub joules: Option<Estimate>,
    /// Seconds from a start to the first inference.
    pub startup_s: f64,
    /// Joules of a start; `None` is power at work × that time.
    pub startup_joules: Option<f64>,
    /// Watts while the model is loaded and nothing is asked.
    pub idle_w: Option<f64>,
    /// When the machine is on.
    pub machine: Machine,
    /// True where the job may be paused.
    pub interruptible: bool,
    /// True where it may be ended and started again, with the machine off meanwhile.
    pub restartable: bool,
    /// Facility energy ÷ IT energy; multiplies all of the job's energy once.
    pub pue: f64,
    /// What must be said of the energy; `None` where there is nothing to say.
    pub energy_note: Option<EnergyNote>,
}

impl Job {
    /// The job of a workload: `inferences` of them, one start being one load of the model.
    pub fn of(workload: &Workload, inferences: f64) -> Self {
        Self {
            inferences,
            busy_s: workload.busy_s,
            joules: workload.joules,
            startup_s: workload.load_s.map_or(0.0, |load| load.point),
            startup_joules: None,
            idle_w: workload.idle_w,
            machine: Machine::OnForJob,
            interruptible: false,
            restartable: false,
            pue: 1.0,
            energy_note: workload.energy_note.clone(),
        }
    }
}

/// Between when, and how finely.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The earliest start.
    pub now: Timestamp,
    /// When the last inference must be answered.
    pub deadline: Timestamp,
    /// Length of a step in seconds; `None` is the finest of 1, 5 and 15 minutes that stays within bounds.
    pub step_s: Option<i64>,
    /// The zone in which times are shown.
    pub zone: TimeZone,
}
