//! What metered boards showed at both ends of a run, and where their counters and their power disagree.

use infercost_core::{BoardState, CrossCheck, IdlePhase, RunRecord};

use infercost_core::text::{count, percent, printable};

/// Degrees between both ends that are worth a note.
const WARMED: u32 = 15;

/// Doubts about the boards of all runs, each once.
pub(crate) fn notes(runs: &[RunRecord]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for note in runs.iter().flat_map(of_run) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

fn of_run(run: &RunRecord) -> Vec<String> {
    let mut notes = Vec::new();
    let seen: Vec<(&str, &BoardState)> = run
        .idles
        .iter()
        .flat_map(|idle| idle.boards.iter().map(move |board| (when(idle.phase), board)))
        .collect();
    let mut boards: Vec<&str> = Vec::new();
    for (_, board) in &seen {
        if !boards.contains(&board.uuid.as_str()) {
            boards.push(&board.uuid);
        }
    }
    for uuid in boards {
        let states: Vec<(&str, &BoardState)> =
            seen.iter().filter(|(_, board)| board.uuid == uuid).copied().collect();
        notes.extend(throttled(&states));
        notes.extend(shared(&states));
        notes.extend(warmed(&states));
    }
    // the last stretch has the checks of the whole run
    let checks = run.idles.iter().rev().map(|idle| &idle.cross_checks).find(|checks| !checks.is_empty());
    notes.extend(checks.into_iter().flatten().filter(|check| !check.agrees()).map(disagreement));
    notes
}

fn when(phase: IdlePhase) -> &'static str {
    match phase {
        IdlePhase::BeforeLoad => "before models were loaded",
        IdlePhase::Resident => "before the first window",
        IdlePhase::After => "after the last window",
    }
}

fn name(board: &BoardState) -> String {
    format!("{} ({})", printable(&board.name), printable(&board.uuid))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn throttled(states: &[(&str, &BoardState)]) -> Option<String> {
    let held: Vec<_> = states.iter().filter(|(_, board)| !board.throttle_reasons.is_empty()).collect();
    let mut reasons: Vec<&str> = Vec::new();
    for reason in held.iter().flat_map(|(_, board)| &board.throttle_reasons) {
        if !reasons.contains(&reason.as_str()) {
            reasons.push(reason);
        }
    }
    let (_, board) = held.last()?;
    let times: Vec<&str> = held.iter().map(|(when, _)| *when).collect();
    let clock = board.graphics_clock_mhz.map_or_else(String::new, |clock| format!(", at {clock} MHz"));
    Some(format!(
        "{} was held back {}: {}{clock}; speed and energy are those of a slowed board.",
        name(board),
        listed(&times),
        printable(&reasons.join(", "))
    ))
}

fn shared(states: &[(&str, &BoardState)]) -> Option<String> {
    let others = |board: &BoardState| board.other_processes.filter(|others| *others > 0);
    let busy: Vec<_> = states.iter().filter(|(_, board)| others(board).is_some()).collect();
    let (_, board) = busy.first()?;
    let most = busy.iter().filter_map(|(_, board)| others(board)).max()?;
    let times: Vec<&str> = busy.iter().map(|(when, _)| *when).collect();
    let processes = if most == 1 { "1 other process".to_owned() } else { format!("{most} other processes") };
    Some(format!(
        "{} was shared with {processes} {}: its joules are theirs too.",
        name(board),
        listed(&times)
    ))
}

fn warmed(states: &[(&str, &BoardState)]) -> Option<String> {
    let known: Vec<(&str, &BoardState, u32)> =
        states.iter().filter_map(|(when, board)| Some((*when, *board, board.temperature_c?))).collect();
    let ((earlier, board, first), (later, _, last)) = (known.first()?, known.last()?);
    (first.abs_diff(*last) >= WARMED).then(|| {
        format!(
            "{} was at {first} °C {earlier} and at {last} °C {later}; its power follows its heat.",
            name(board)
        )
    })
}

fn disagreement(check: &CrossCheck) -> String {
    let difference = check.difference();
    let sign = if difference < 0.0 { "below" } else { "above" };
    format!(
        "The integral of {}'s power is {} {sign} its energy counter ({:.1} J against {:.1} J over {}); joules are the \
         counter's, and doubtful.",
        printable(&check.name),
        percent(difference.abs()),
        check.integrated.get(),
        check.counted.get(),
        count(u64::from(check.windows), "window")
    )
}
