//! Watches counters before they are trusted: whether they move, and how often.

use std::thread;
use std::time::{Duration, Instant};

use infercost_core::{EnergyDomain, MeterKind};

use crate::instrument::{Candidate, MissingMeter};
use crate::remote;
use crate::sensor::{Channel, Raw};

/// A counter that stands still for this long is taken as dead.
const LONGEST_WAIT: Duration = Duration::from_millis(1_000);
/// So many gaps between movements are enough to name a period.
const ENOUGH_GAPS: usize = 5;

struct Watched<'a> {
    channel: &'a mut Channel,
    last: Option<u64>,
    moved_at: Option<Instant>,
    gaps: Vec<Duration>,
}

impl Watched<'_> {
    fn look(&mut self) {
        let Ok(Raw::Counter(value)) = self.channel.sensor.read() else { return };
        let now = Instant::now();
        if self.last.is_some_and(|last| last != value) {
            if let Some(before) = self.moved_at {
                self.gaps.push(now.duration_since(before));
            }
            self.moved_at = Some(now);
        }
        self.last = Some(value);
    }

    fn settled(&self) -> bool {
        self.gaps.len() >= ENOUGH_GAPS
    }
}

/// Sets each counter's update period as seen, and takes out candidates with a counter that stands still.
///
/// Some machines list a memory zone whose counter never moves; summing it would pass for a measured zero.
pub(crate) fn watch(candidates: &mut Vec<Candidate>) -> Vec<MissingMeter> {
    let mut watched: Vec<Watched<'_>> = candidates
        .iter_mut()
        .filter(|candidate| {
            candidate.domain != EnergyDomain::Gpu && candidate.instrument != remote::INSTRUMENT
        })
        .flat_map(|candidate| candidate.channels.iter_mut())
        .filter(|channel| channel.kind == MeterKind::Counter)
        .map(|channel| Watched { channel, last: None, moved_at: None, gaps: Vec::new() })
        .collect();

    let begun = Instant::now();
    while begun.elapsed() < LONGEST_WAIT && !watched.iter().all(Watched::settled) {
        watched.iter_mut().filter(|counter| !counter.settled()).for_each(Watched::look);
        thread::sleep(Duration::from_micros(200));
    }

    let mut still = Vec::new();
    for counter in &mut watched {
        if counter.moved_at.is_none() {
            still.push(counter.channel.name.clone());
        }
        counter.gaps.sort();
        // A counter that moved once or not at all in that time may take all of it.
        let seen = counter.gaps.get(counter.gaps.len() / 2).copied().unwrap_or(LONGEST_WAIT);
        counter.channel.update_period = counter.channel.update_period.max(seen);
    }

    let mut missing = Vec::new();
    candidates.retain(|candidate| {
        let Some(dead) = candidate.channels.iter().find(|channel| still.contains(&channel.name)) else {
            return true;
        };
        missing.push(MissingMeter {
            name: format!("{} {}", candidate.instrument, dead.name),
            reason: format!("the energy counter of {} {} stands still", candidate.instrument, dead.name),
            fix: "nothing: this machine lists a counter that it does not drive".to_owned(),
        });
        false
    });
    missing
}
