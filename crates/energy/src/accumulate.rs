//! Turns a sensor's raw values into energy that only grows, and remembers every doubt.
//!
//! Pure: time is given, so that every rule is tested without waiting.

use std::time::Duration;

use crate::sensor::Raw;

/// No part that one counter covers draws more than this; faster growth is a fault of the counter.
const CEILING_WATTS: f64 = 10_000.0;
/// A counter may catch up on this much time in one step, since it refreshes at intervals of its own.
const REFRESH_SLACK: Duration = Duration::from_millis(250);
/// A gauge that was not sampled for this long cannot be integrated across the gap.
const MAX_GAUGE_GAP: Duration = Duration::from_secs(2);
/// Intervals shorter than this say nothing about power, since a counter moves in steps.
const MIN_POWER_INTERVAL: Duration = Duration::from_millis(5);

/// Energy and doubts since the sensor was first read.
#[derive(Debug, Clone)]
pub(crate) struct Accumulator {
    wraps_after: Option<u64>,
    last: Option<(Duration, Raw)>,
    /// When the sensor was last read; `last` keeps the time at which a counter last moved.
    last_read: Duration,
    /// Microjoules; a counter's steps are added exactly below 2^53 µJ (285 days at 365 W).
    microjoules: f64,
    updates: u64,
    faults: u64,
    last_fault: String,
    peak_watts: f64,
}

/// Where an accumulator stood at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    at: Duration,
    microjoules: f64,
    updates: u64,
    faults: u64,
    readable: bool,
}

/// What happened between two marks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Difference {
    pub(crate) microjoules: f64,
    pub(crate) updates: u64,
    pub(crate) elapsed: Duration,
}

/// Shorter windows hold too few updates for a counter and an integral to agree.
const SHORTEST_CROSS_CHECK: Duration = Duration::from_secs(1);
/// Fewer updates leave too much to the edges of a window.
const FEWEST_UPDATES: u64 = 5;

impl Difference {
    /// Whether it is long enough to be compared with another sensor's.
    pub(crate) fn is_enough(&self) -> bool {
        self.elapsed >= SHORTEST_CROSS_CHECK && self.updates >= FEWEST_UPDATES && self.microjoules > 0.0
    }
}

impl Accumulator {
    /// Nothing read yet; `wraps_after` is the counter's largest value, if it has one.
    pub(crate) fn new(wraps_after: Option<u64>) -> Self {
        Self {
            wraps_after,
            last: None,
            last_read: Duration::ZERO,
            microjoules: 0.0,
            updates: 0,
            faults: 0,
            last_fault: "it has not been read yet".to_owned(),
            peak_watts: 0.0,
        }
    }

    /// Takes in one read at time `at`, which never goes back.
    pub(crate) fn record(&mut self, at: Duration, read: Result<Raw, String>) {
        let raw = match read {
            Ok(raw) => raw,
            Err(reason) => return self.fault(reason),
        };

        let unread = at.saturating_sub(self.last_read);
        self.last_read = at;
        if let Some((before, previous)) = self.last {
            let elapsed = at.saturating_sub(before);
            match (previous, raw) {
                (Raw::Counter(old), Raw::Counter(new)) => {
                    if old == new {
                        // `last` stays, so that the next step is judged over the whole time it took.
                        return;
                    }
                    match self.counted(old, new, elapsed, unread) {
                        Ok(step) => self.add_step(step, elapsed),
                        Err(reason) => self.fault(reason),
                    }
                }
                (Raw::Gauge(old), Raw::Gauge(new)) => {
                    if elapsed > MAX_GAUGE_GAP {
                        self.fault(format!("it was not sampled for {:.1} s", elapsed.as_secs_f64()));
                    } else {
                        // Trapezoid rule: power is taken as linear between two samples.
                        self.microjoules += (old as f64 + new as f64) / 2.0 * elapsed.as_secs_f64();
                        self.updates += 1;
                    }
                }
                _ => self.fault("it changed from a counter to a gauge".to_owned()),
            }
        }

        self.last = Some((at, raw));
    }

    /// Where the accumulator stands at `at`.
    pub(crate) fn mark(&self, at: Duration) -> Mark {
        Mark {
            at,
            microjoules: self.microjoules,
            updates: self.updates,
            faults: self.faults,
            readable: self.last.is_some(),
        }
    }

    /// What happened since `begun`; an error where any read since then was in doubt.
    pub(crate) fn since(&self, begun: Mark, at: Duration) -> Result<Difference, String> {
        if self.faults != begun.faults || !begun.readable || self.last.is_none() {
            return Err(self.last_fault.clone());
        }
        Ok(Difference {
            microjoules: self.microjoules - begun.microjoules,
            updates: self.updates.saturating_sub(begun.updates),
            elapsed: at.saturating_sub(begun.at),
        })
    }

    fn fault(&mut self, reason: String) {
        self.faults += 1;
        self.last_fault = reason;
        self.last = None;
    }

    fn add_step(&mut self, step: u64, elapsed: Duration) {
        self.microjoules += step as f64;
        self.updates += 1;
        if elapsed >= MIN_POWER_INTERVAL {
            self.peak_watts = self.peak_watts.max(step as f64 * 1e-6 / elapsed.as_secs_f64());
        }
    }

    /// The microjoules between two values of a counter.
    ///
    /// A counter that went back has either wrapped or been reset. It is taken as a wrap where the energy
    /// that a wrap implies, `largest - old + new`, could have been drawn in the time that passed; a reset
    /// from the middle of a counter's range implies megawatts.
    fn counted(&self, old: u64, new: u64, elapsed: Duration, unread: Duration) -> Result<u64, String> {
        let possible = CEILING_WATTS * 1e6 * (elapsed + REFRESH_SLACK).as_secs_f64();
        if let Some(largest) = self.wraps_after {
            if old > largest || new > largest {
                return Err(format!(
                    "its counter shows {}, beyond its own largest value {largest}",
                    old.max(new)
                ));
            }
            let unseen = 2.0 * self.peak_watts * 1e6 * unread.as_secs_f64();
            if self.peak_watts > 0.0 && unseen > largest as f64 {
                return Err(format!(
                    "it was not read for {:.1} s, in which it may have wrapped more than once",
                    unread.as_secs_f64()
                ));
            }
        }

        if new >= old {
            let step = new - old;
            if step as f64 > possible {
                return Err(format!(
                    "its counter jumped forward by {:.3} J in {:.3} s",
                    step as f64 * 1e-6,
                    elapsed.as_secs_f64()
                ));
            }
            return Ok(step);
        }

        let went_back = format!("its counter went back from {old} to {new} µJ");
        let Some(largest) = self.wraps_after else {
            return Err(format!("{went_back}, and it is not one that wraps"));
        };

        let step = (largest - old).saturating_add(new);
        if step as f64 > possible {
            return Err(format!(
                "{went_back}; a wrap at {largest} would mean {:.3} J in {:.3} s, so it was reset",
                step as f64 * 1e-6,
                elapsed.as_secs_f64()
            ));
        }
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANGE: u64 = 262_143_328_850;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// The joules and updates after reading `values`, 100 ms apart, from the first on.
    fn counted(wraps_after: Option<u64>, values: &[u64]) -> Result<(f64, u64), String> {
        let mut accumulator = Accumulator::new(wraps_after);
        let mut begun = None;
        let mut now = at(0);
        for (index, value) in values.iter().enumerate() {
            now = at(index as u64 * 100);
            accumulator.record(now, Ok(Raw::Counter(*value)));
            begun.get_or_insert_with(|| accumulator.mark(now));
        }
        let difference = accumulator.since(begun.ok_or("no values")?, now)?;
        Ok((difference.microjoules * 1e-6, difference.updates))
    }

    /// A name, the value that the counter wraps after, what it shows, and the joules and updates of that or
    /// a part of the reason why there are none.
    type Case = (&'static str, Option<u64>, &'static [u64], Result<(f64, u64), &'static str>);

    #[test]
    fn counters() {
        const J: u64 = 1_000_000;
        let cases: &[Case] = &[
            ("grows", Some(RANGE), &[5 * J, 7 * J, 9 * J], Ok((4.0, 2))),
            ("stands still", Some(RANGE), &[5 * J, 5 * J, 6 * J], Ok((1.0, 1))),
            ("wraps", Some(RANGE), &[RANGE - 2 * J, RANGE - J, J], Ok((3.0, 2))),
            ("wraps twice", Some(10 * J), &[9 * J, J, 4 * J, 7 * J, J], Ok((12.0, 4))),
            ("was reset", Some(RANGE), &[9_000 * J, 9_001 * J, 0], Err("went back")),
            ("is not one that wraps", None, &[9 * J, 10 * J, J], Err("not one that wraps")),
            ("leaves its range", Some(10 * J), &[9 * J, 11 * J], Err("beyond")),
            ("leaps", Some(RANGE), &[0, 9_000 * J], Err("jumped forward")),
        ];
        for (name, wraps_after, values, expected) in cases {
            match (counted(*wraps_after, values), expected) {
                (Ok((joules, updates)), Ok((right, right_updates))) => {
                    assert!((joules - right).abs() < 1e-9, "{name}: {joules}");
                    assert_eq!(updates, *right_updates, "{name}");
                }
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{name}: {reason}"),
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_gauge_is_integrated_by_trapezoids() {
        let mut accumulator = Accumulator::new(None);
        let mut begun = None;
        // A ramp from 0 to 10 W in 1 s holds 5 J; trapezoids are exact on it.
        for step in 0..=10 {
            accumulator.record(at(step * 100), Ok(Raw::Gauge(step * 1_000_000)));
            begun.get_or_insert_with(|| accumulator.mark(at(0)));
        }
        let difference = begun.map(|begun| accumulator.since(begun, at(1000)));
        assert!(
            matches!(difference, Some(Ok(d)) if (d.microjoules - 5e6).abs() < 1.0 && d.updates == 10),
            "{difference:?}"
        );
    }

    #[test]
    fn doubts_last_exactly_as_long_as_the_windows_they_touch() {
        let mut accumulator = Accumulator::new(Some(RANGE));
        accumulator.record(at(0), Ok(Raw::Counter(0)));
        let before = accumulator.mark(at(0));
        accumulator.record(at(100), Err("gone".to_owned()));
        let during = accumulator.mark(at(100));
        accumulator.record(at(200), Ok(Raw::Counter(2_000_000)));
        let after = accumulator.mark(at(200));
        accumulator.record(at(300), Ok(Raw::Counter(3_000_000)));
        assert_eq!(accumulator.since(before, at(300)), Err("gone".to_owned()));
        assert_eq!(accumulator.since(during, at(300)), Err("gone".to_owned()));
        assert!(matches!(accumulator.since(after, at(300)), Ok(d) if (d.microjoules - 1e6).abs() < 1e-6));
    }

    #[test]
    fn a_held_up_sampler_is_noticed() {
        let mut counter = Accumulator::new(Some(10_000_000));
        counter.record(at(0), Ok(Raw::Counter(0)));
        counter.record(at(100), Ok(Raw::Counter(5_000_000)));
        let begun = counter.mark(at(100));
        counter.record(at(5_000), Ok(Raw::Counter(6_000_000)));
        assert!(matches!(counter.since(begun, at(5_000)), Err(reason) if reason.contains("more than once")));

        let mut gauge = Accumulator::new(None);
        gauge.record(at(0), Ok(Raw::Gauge(1)));
        let begun = gauge.mark(at(0));
        gauge.record(at(5_000), Ok(Raw::Gauge(1)));
        assert!(matches!(gauge.since(begun, at(5_000)), Err(reason) if reason.contains("not sampled")));
    }

    proptest! {
        /// However a counter that wraps is sampled, the sum is what was drawn, or a doubt.
        #[test]
        fn any_walk_is_summed_exactly(
            first in 0..10_000_000u64,
            steps in prop::collection::vec(1..2_000_000u64, 1..50),
        ) {
            let largest = 10_000_000u64;
            let mut value = first;
            let mut values = vec![value];
            for step in &steps {
                value = if value + step > largest { value + step - largest } else { value + step };
                values.push(value);
            }
            let drawn: u64 = steps.iter().sum();
            let (joules, updates) = counted(Some(largest), &values).map_err(TestCaseError::fail)?;
            prop_assert!((joules - drawn as f64 * 1e-6).abs() < 1e-6);
            prop_assert_eq!(updates, steps.len() as u64);
        }

        /// From a good read on, any sequence of values and failures gives a sum of what was drawn, or a reason: a
        /// failure anywhere in it is never passed over, and nothing is zero joules but a counter that was read and
        /// stood still.
        #[test]
        fn never_a_silent_zero(
            first in 0..1_000_000u64,
            reads in prop::collection::vec(prop::option::weighted(0.9, 0..300u64), 1..20),
        ) {
            let mut accumulator = Accumulator::new(Some(RANGE));
            accumulator.record(at(0), Ok(Raw::Counter(first)));
            let begun = accumulator.mark(at(0));
            let (mut now, mut value) = (0, first);

            for step in &reads {
                now += 10;
                let read = step.map(|step| {
                    value += step;
                    Raw::Counter(value)
                });
                accumulator.record(at(now), read.ok_or_else(|| "failed".to_owned()));
            }

            let failed = reads.iter().any(Option::is_none);
            match accumulator.since(begun, at(now)) {
                Ok(difference) => {
                    prop_assert!(!failed, "a failure was passed over: {difference:?}");
                    prop_assert!((difference.microjoules - (value - first) as f64).abs() < 1e-6);
                    let moved = reads.iter().flatten().filter(|step| **step > 0).count() as u64;
                    prop_assert_eq!(difference.updates, moved);
                }
                Err(reason) => prop_assert!(failed && reason == "failed", "{reason}"),
            }

            // What comes after the last failure is whole again, and what began during one is not.
            let during = accumulator.mark(at(now));
            accumulator.record(at(now + 10), Ok(Raw::Counter(value)));
            let lost_at_its_edge = reads.last().is_some_and(Option::is_none);
            prop_assert_eq!(accumulator.since(during, at(now + 10)).is_err(), lost_at_its_edge);
            let after = accumulator.mark(at(now + 10));
            accumulator.record(at(now + 20), Ok(Raw::Counter(value + 7)));
            prop_assert_eq!(accumulator.since(after, at(now + 20)).map(|difference| difference.updates), Ok(1));
        }

        /// Whatever a counter shows, the sum is not negative, and a window that was never begun well has none.
        #[test]
        fn no_value_makes_negative_energy(reads in prop::collection::vec(any::<u64>(), 2..40)) {
            let mut accumulator = Accumulator::new(Some(RANGE));
            let unread = accumulator.mark(at(0));
            let mut begun = None;
            for (index, value) in reads.iter().enumerate() {
                accumulator.record(at(index as u64 * 10), Ok(Raw::Counter(*value)));
                begun.get_or_insert_with(|| accumulator.mark(at(0)));
            }
            prop_assert!(accumulator.since(unread, at(1_000)).is_err());
            match begun.map(|begun| accumulator.since(begun, at(1_000))) {
                Some(Ok(difference)) => prop_assert!(difference.microjoules >= 0.0),
                Some(Err(reason)) => prop_assert!(!reason.is_empty()),
                None => prop_assert!(false, "no value was read"),
            }
        }
    }
}
