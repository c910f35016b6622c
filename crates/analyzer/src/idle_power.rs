//! Idle power: what the machine draws while nothing is asked of it.

use infercost_core::{EnergyScope, IdlePhase, Reason, RunRecord, WindowRecord};

/// Idle power and what it covers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Idle {
    pub(crate) watts: f64,
    pub(crate) scope: EnergyScope,
}

/// Idle watts of one run, and so of one machine: with the models resident where that was measured, else before or after.
pub(crate) fn idle_of(run: &RunRecord) -> Option<Idle> {
    [IdlePhase::Resident, IdlePhase::BeforeLoad, IdlePhase::After].into_iter().find_map(|phase| {
        let (mut joules, mut seconds, mut scope) = (0.0, 0.0, EnergyScope::default());

        for record in run.idles.iter().filter(|idle| idle.phase == phase) {
            if let Some(energy) = record.energy.joules() {
                joules += energy.get();
                seconds += record.wall_time.as_secs_f64();
                scope = record.energy.scope();
            }
        }

        (seconds > 0.0).then(|| Idle { watts: joules / seconds, scope })
    })
}

/// Idle watts behind windows of several runs, each with the power of its own machine, weighted by the windows' time.
/// A run without idle power, or whose idle power covers other parts than its windows, leaves them unknown.
pub(crate) fn idle_watts<'a>(
    idles: &[Option<Idle>],
    windows: impl Iterator<Item = (usize, &'a WindowRecord)>,
) -> Result<f64, Reason> {
    let (mut joules, mut seconds) = (0.0, 0.0);

    for (run, window) in windows {
        let idle = idles.get(run).and_then(Option::as_ref).ok_or(Reason::NoIdlePower)?;
        if window.energy.joules().is_some() && window.energy.scope() != idle.scope {
            return Err(Reason::IdleOfOtherParts);
        }
        joules += idle.watts * window.wall_time.as_secs_f64();
        seconds += window.wall_time.as_secs_f64();
    }

    if seconds > 0.0 { Ok(joules / seconds) } else { Err(Reason::NoIdlePower) }
}
