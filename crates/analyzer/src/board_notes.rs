//! What metered boards showed at both ends of a run, and where their counters and their power disagree.

use infercost_core::{BoardState, Fact, IdlePhase, RunRecord};

/// Degrees between both ends that are worth a note.
const WARMED: u32 = 15;

/// A board as it was at one end of a run.
type Seen<'r> = (IdlePhase, &'r BoardState);

/// Doubts about the boards of all runs, each once.
pub(crate) fn facts(runs: &[RunRecord]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for fact in runs.iter().flat_map(of_run) {
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts
}

fn of_run(run: &RunRecord) -> Vec<Fact> {
    let mut seen: Vec<Seen<'_>> = Vec::new();
    let mut boards: Vec<&str> = Vec::new();
    for idle in &run.idles {
        for board in &idle.boards {
            seen.push((idle.phase, board));
            if !boards.contains(&board.uuid.as_str()) {
                boards.push(&board.uuid);
            }
        }
    }

    let mut facts = Vec::new();
    for uuid in boards {
        let states: Vec<Seen<'_>> = seen.iter().filter(|(_, board)| board.uuid == uuid).copied().collect();
        facts.extend(throttled(&states));
        facts.extend(shared(&states));
        facts.extend(warmed(&states));
    }

    // the last stretch has the checks of the whole run
    let checks = run.idles.iter().rev().map(|idle| &idle.cross_checks).find(|checks| !checks.is_empty());
    for check in checks.into_iter().flatten().filter(|check| !check.agrees()) {
        facts.push(Fact::CounterDoubtful(check.clone()));
    }
    facts
}

fn throttled(states: &[Seen<'_>]) -> Option<Fact> {
    let held: Vec<_> = states.iter().filter(|(_, board)| !board.throttle_reasons.is_empty()).collect();
    let mut reasons: Vec<String> = Vec::new();
    for reason in held.iter().flat_map(|(_, board)| &board.throttle_reasons) {
        if !reasons.contains(reason) {
            reasons.push(reason.clone());
        }
    }

    let (_, board) = held.last()?;
    Some(Fact::BoardThrottled {
        name: board.name.clone(),
        uuid: board.uuid.clone(),
        seen: held.iter().map(|(phase, _)| *phase).collect(),
        reasons,
        clock_mhz: board.graphics_clock_mhz,
    })
}

fn shared(states: &[Seen<'_>]) -> Option<Fact> {
    let busy: Vec<_> =
        states.iter().filter(|(_, board)| board.other_processes.is_some_and(|others| others > 0)).collect();
    let (_, board) = busy.first()?;

    Some(Fact::BoardShared {
        name: board.name.clone(),
        uuid: board.uuid.clone(),
        seen: busy.iter().map(|(phase, _)| *phase).collect(),
        processes: busy.iter().filter_map(|(_, board)| board.other_processes).max()?,
    })
}

fn warmed(states: &[Seen<'_>]) -> Option<Fact> {
    let mut known = states.iter().filter_map(|(phase, board)| Some((*phase, board.temperature_c?)));
    let first = known.next()?;
    let last = known.next_back().unwrap_or(first);
    let (_, board) = states.iter().find(|(_, board)| board.temperature_c.is_some())?;

    let has_warmed = first.1.abs_diff(last.1) >= WARMED;
    has_warmed.then(|| Fact::BoardWarmed { name: board.name.clone(), uuid: board.uuid.clone(), first, last })
}
