//! What the meter read over whole runs, and the idle power around them.

use infercost_core::report::{CandidateReport, EnergyReport, EnergyTotals, IdlePower};
use infercost_core::{EnergyReading, EnergyScope, IdlePhase, RunRecord};

use crate::energy_source;
use infercost_core::text::percent;

/// A drift beyond this share is worth a note.
const TOLERATED_DRIFT: f64 = 0.10;

/// The totals of the candidates' windows; `None` where none has a reading.
pub(crate) fn totals(runs: &[RunRecord], candidates: &[CandidateReport]) -> Option<EnergyTotals> {
    let metered = || candidates.iter().map(|candidate| &candidate.energy).filter(|one| one.gross_j.is_some());
    let sum = |of: fn(&EnergyReport) -> Option<f64>| metered().map(of).sum::<Option<f64>>();
    metered().next()?;
    let windows = runs.iter().flat_map(|run| &run.windows).filter(|window| !window.interrupted);
    let readings: Vec<&EnergyReading> =
        windows.map(|window| &window.energy).filter(|reading| reading.joules().is_some()).collect();
    let meters = readings.iter().filter_map(|reading| match reading {
        EnergyReading::Measured { source, .. } => Some(source.name.clone()),
        _ => None,
    });

    Some(EnergyTotals {
        source: energy_source::of(readings.iter().copied()),
        covers: distinct(readings.iter().map(|reading| reading.scope())),
        meters: distinct(meters),
        gross_j: sum(|one| one.gross_j)?,
        net_j: sum(|one| one.net_j),
        unattributed_j: sum(|one| one.unattributed_j)?,
        idle: idle(runs),
    })
}

/// Each once, in the order met.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut seen, one| {
        if !seen.contains(&one) {
            seen.push(one);
        }
        seen
    })
}

fn idle(runs: &[RunRecord]) -> IdlePower {
    let phase = |phase: IdlePhase| {
        let (mut joules, mut seconds, mut scopes) = (0.0, 0.0, Vec::new());

        for idle in runs.iter().flat_map(|run| &run.idles).filter(|idle| idle.phase == phase) {
            if let Some(energy) = idle.energy.joules() {
                joules += energy.get();
                seconds += idle.wall_time.as_secs_f64();
                scopes.push(idle.energy.scope());
            }
        }

        (seconds > 0.0).then(|| (joules / seconds, distinct(scopes.into_iter())))
    };

    let [before, resident, after] = [IdlePhase::BeforeLoad, IdlePhase::Resident, IdlePhase::After].map(phase);
    let watts = |of: &Option<(f64, Vec<EnergyScope>)>| of.as_ref().map(|(watts, _)| *watts);
    let drift = resident.as_ref().or(before.as_ref()).zip(after.as_ref()).and_then(|(first, last)| {
        let one_boundary = first.1.len() == 1 && first.1 == last.1;
        (one_boundary && first.0 > 0.0).then(|| last.0 / first.0 - 1.0)
    });
    IdlePower { before_load_w: watts(&before), resident_w: watts(&resident), after_w: watts(&after), drift }
}

/// Idle power that was not the same at both ends puts net energy and the cost of idle hours in doubt.
pub(crate) fn drifted(totals: Option<&EnergyTotals>) -> Option<String> {
    let idle = &totals?.idle;
    let drift = idle.drift.filter(|drift| drift.abs() > TOLERATED_DRIFT)?;
    let (first, last) = (idle.resident_w.or(idle.before_load_w)?, idle.after_w?);
    let sign = if drift > 0.0 { "+" } else { "−" };
    Some(format!(
        "Idle power drifted from {first:.1} W to {last:.1} W over the run ({sign}{}): net energy and the cost of idle \
         hours are uncertain by as much.",
        percent(drift.abs())
    ))
}
