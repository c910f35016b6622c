//! Energy where nobody measured it: power that the user assumes, and that is called assumed.

use infercost_core::{EnergyNote, EnergySource, Estimate, Workload};

/// Power that is assumed, in watts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AssumedPower {
    /// While the machine works.
    pub work: f64,
    /// While it waits; `None` stays unknown.
    pub idle: Option<f64>,
}

/// The workload with joules = watts × busy seconds, where none were measured. A measured workload stays as it is.
pub fn assume(workload: Workload, power: AssumedPower) -> Workload {
    if workload.joules.is_some() {
        return workload;
    }
    let joules: Estimate = workload.busy_s.map(|busy| busy * power.work);

    Workload {
        joules: Some(joules),
        idle_w: power.idle.or(workload.idle_w),
        energy_source: EnergySource::Assumed,
        energy_note: Some(EnergyNote::Assumed { watts: power.work }),
        per_output_token: workload.per_output_token.map(|taken| taken.at_watts(power.work)),
        per_right_answer: workload.per_right_answer.map(|taken| taken.at_watts(power.work)),
        ..workload
    }
}
