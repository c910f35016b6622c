//! Sentences about metered boards.

use super::Fact;
use crate::board::CrossCheck;
use crate::record::IdlePhase;
use crate::text::{count, percent, printable};

/// What metered boards showed at both ends of a run.
pub(super) fn of_board(fact: &Fact) -> String {
    match fact {
        Fact::BoardThrottled { name, uuid, seen, reasons, clock_mhz } => {
            let clock = clock_mhz.map_or_else(String::new, |clock| format!(", at {clock} MHz"));
            format!(
                "{} was held back {}: {}{clock}; speed and energy are those of a slowed board.",
                board(name, uuid),
                listed_times(seen),
                printable(&reasons.join(", "))
            )
        }

        Fact::BoardShared { name, uuid, seen, processes } => {
            let processes = match processes {
                1 => "1 other process".to_owned(),
                many => format!("{many} other processes"),
            };
            format!(
                "{} was shared with {processes} {}: its joules are theirs too.",
                board(name, uuid),
                listed_times(seen)
            )
        }

        Fact::BoardWarmed { name, uuid, first, last } => format!(
            "{} was at {} °C {} and at {} °C {}; its power follows its heat.",
            board(name, uuid),
            first.1,
            when(first.0),
            last.1,
            when(last.0)
        ),

        Fact::CounterDoubtful(check) => disagreement(check),
        _ => String::new(),
    }
}

fn board(name: &str, uuid: &str) -> String {
    format!("{} ({})", printable(name), printable(uuid))
}

fn when(phase: IdlePhase) -> &'static str {
    match phase {
        IdlePhase::BeforeLoad => "before models were loaded",
        IdlePhase::Resident => "before the first window",
        IdlePhase::After => "after the last window",
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed_times(phases: &[IdlePhase]) -> String {
    let words: Vec<&str> = phases.iter().copied().map(when).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
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
