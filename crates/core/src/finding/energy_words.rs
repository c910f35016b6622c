//! Sentences about meters and their joules.

use super::{Fact, Weighting};
use crate::energy::EstimationMethod;
use crate::machine::WallFactor;
use crate::text::{count, percent, printable};

/// What meters did, and what became of their joules.
pub(super) fn of_energy(fact: &Fact) -> String {
    match fact {
        Fact::EnergyUnavailable { variants, reason } => {
            let whom =
                if variants.is_empty() { String::new() } else { format!(" for {}", variants.join(", ")) };
            format!("Energy is unavailable{whom}: {reason}. The cost leaves it out.")
        }

        // An estimate is called one, with the assumption that it rests on.
        Fact::EnergyEstimated { estimated, windows, method } => {
            let part = if estimated < windows {
                format!(" in {estimated} of {}", count(*windows, "window"))
            } else {
                String::new()
            };
            format!(
                "Energy is estimated, not measured{part}: {}. Costs hold the estimate; savings and the recommendation \
                 leave energy out.",
                method_words(method)
            )
        }

        Fact::EnergyGaps { without, windows } => format!(
            "{without} of {} {} no energy reading; energy per inference comes from the others.",
            count(*windows, "window"),
            if *without == 1 { "has" } else { "have" }
        ),

        Fact::ShortWindows { short, metered, wanted, fewest } => format!(
            "{short} of {} {} fewer than {wanted} updates of the meter (the shortest \
             {fewest}); their energy may be off by one update at each edge. Longer answers, or more prompts in a \
             window, sharpen it.",
            count(*metered, "metered window"),
            if *short == 1 { "holds" } else { "hold" }
        ),

        Fact::IdleDrift { first_w, last_w, drift } => {
            let sign = if *drift > 0.0 { "+" } else { "−" };
            format!(
                "Idle power drifted from {first_w:.1} W to {last_w:.1} W over the run ({sign}{}): net energy and the cost of idle \
                 hours are uncertain by as much.",
                percent(drift.abs())
            )
        }

        Fact::AtTheWall(wall) => wall_words(wall),

        Fact::NoSharedWallFactor => {
            "The runs do not share one sound wall factor, so costs take the meter's own joules.".to_owned()
        }

        Fact::Attribution { weighting } => {
            let how = match weighting {
                Weighting::Everywhere => {
                    "time in flight, prefill and decode weighted by a regression over windows"
                }
                Weighting::Nowhere => {
                    "time in flight (the windows differ too little to tell prefill from decode)"
                }
                Weighting::InPart => {
                    "time in flight, with prefill and decode weighted apart where the windows tell them apart"
                }
            };
            format!("Energy is metered by window and shared among inferences by {how}.")
        }
        _ => String::new(),
    }
}

fn method_words(method: &EstimationMethod) -> String {
    match method {
        EstimationMethod::GivenWatts { watts } => format!("{} W as given, × time", watts.get()),
        EstimationMethod::CpuTdp { model, tdp, source } => format!(
            "thermal design power of {} W of {} ({}) × CPU time used",
            tdp.get(),
            printable(model),
            printable(source)
        ),
        EstimationMethod::Mixed { parts } => printable(parts).into_owned(),
    }
}

/// Costs at the wall are no longer the meter's joules × tariff, so it must be said.
fn wall_words(wall: &WallFactor) -> String {
    format!(
        "Costs take energy at the wall: {:.3} × the meter {} {:.1} W, fitted on {} against {} over {} (residual \
         {}). Joules are the meter's own.",
        wall.factor,
        if wall.offset.get() < 0.0 { '−' } else { '+' },
        wall.offset.get().abs(),
        wall.date,
        printable(&wall.wall),
        count(u64::from(wall.windows), "window"),
        percent(wall.residual)
    )
}
