//! What the meter read over whole runs, and the idle power around them.

use infercost_core::report::{CandidateReport, EnergyReport, EnergyTotals, IdlePower};
use infercost_core::{EnergyReading, EnergyScope, Fact, IdlePhase, RunRecord};

use crate::energy_source;
use crate::machines::Machines;

/// A drift beyond this share is worth a note.
const TOLERATED_DRIFT: f64 = 0.10;

/// The totals of the candidates' windows; `None` where none has a reading.
///
/// Joules of several machines add up; their idle power does not, and is each machine's own.
pub(crate) fn totals(
    runs: &[RunRecord],
    machines: &Machines,
    candidates: &[CandidateReport],
) -> Option<EnergyTotals> {
    let metered: Vec<&EnergyReport> =
        candidates.iter().map(|candidate| &candidate.energy).filter(|one| one.gross_j.is_some()).collect();
    if metered.is_empty() {
        return None;
    }

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
        gross_j: metered.iter().map(|one| one.gross_j).sum::<Option<f64>>()?,
        net_j: metered.iter().map(|one| one.net_j).sum::<Option<f64>>(),
        unattributed_j: metered.iter().map(|one| one.unattributed_j).sum::<Option<f64>>()?,
        idle: if machines.are_several() { IdlePower::default() } else { idle(runs) },
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
    let phases = [IdlePhase::BeforeLoad, IdlePhase::Resident, IdlePhase::After];
    let [before, resident, after] = phases.map(|phase| PhasePower::of(runs, phase));

    let first = resident.as_ref().or(before.as_ref());
    let drift = first.zip(after.as_ref()).and_then(|(first, last)| first.drift_to(last));
    IdlePower {
        before_load_w: before.map(|power| power.watts),
        resident_w: resident.map(|power| power.watts),
        after_w: after.map(|power| power.watts),
        drift,
    }
}

/// Mean power of the idle stretches of one phase, and what was read.
struct PhasePower {
    watts: f64,
    scopes: Vec<EnergyScope>,
}

impl PhasePower {
    /// `None` where nothing was read.
    fn of(runs: &[RunRecord], phase: IdlePhase) -> Option<Self> {
        let (mut joules, mut seconds, mut scopes) = (0.0, 0.0, Vec::new());

        for idle in runs.iter().flat_map(|run| &run.idles).filter(|idle| idle.phase == phase) {
            if let Some(energy) = idle.energy.joules() {
                joules += energy.get();
                seconds += idle.wall_time.as_secs_f64();
                scopes.push(idle.energy.scope());
            }
        }

        (seconds > 0.0).then(|| Self { watts: joules / seconds, scopes: distinct(scopes.into_iter()) })
    }

    /// The change as a share; `None` where the two did not read the same.
    fn drift_to(&self, last: &Self) -> Option<f64> {
        let one_boundary = self.scopes.len() == 1 && self.scopes == last.scopes;
        (one_boundary && self.watts > 0.0).then(|| last.watts / self.watts - 1.0)
    }
}

/// Idle power that was not the same at both ends puts net energy and the cost of idle hours in doubt.
pub(crate) fn drifted(totals: Option<&EnergyTotals>) -> Option<Fact> {
    let idle = &totals?.idle;
    let drift = idle.drift.filter(|drift| drift.abs() > TOLERATED_DRIFT)?;
    let (first_w, last_w) = (idle.resident_w.or(idle.before_load_w)?, idle.after_w?);
    Some(Fact::IdleDrift { first_w, last_w, drift })
}
