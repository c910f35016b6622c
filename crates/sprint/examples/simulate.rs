//! Prints the table of docs/optimize.md: 1000 sprints in each of the worlds that the test samples.

#[path = "../tests/world/mod.rs"]
mod world;

use std::io::Write as _;

use world::{Tally, worlds};

fn main() -> std::io::Result<()> {
    let sprints = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| world (24 settings, {sprints} sprints) | finds the best, within 2 % | claims a saving that is not there | interval misses | not settled | measurements of the grid |"
    )?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|")?;
    for world in worlds() {
        let tally = world.tally(sprints);
        let Tally { found, false_claims, bad_claims, interval_misses, unsettled, visits, grid } = tally;
        let share = |count: u32| format!("{:.1} %", 100.0 * f64::from(count) / f64::from(sprints));
        let best = world.savings.iter().copied().fold(0.0, f64::max);
        let found = if best >= 0.1 { share(found) } else { "–".to_owned() };
        writeln!(
            out,
            "| {} | {found} | {} | {} | {} | {:.0} % |",
            world.name,
            share(false_claims + bad_claims),
            share(interval_misses),
            share(unsettled),
            100.0 * visits as f64 / grid as f64
        )?;
    }
    Ok(())
}
