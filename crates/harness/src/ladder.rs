//! Which operating point of a variant comes next: the ones that were asked for, and the search for the knee.

use std::collections::{BTreeMap, VecDeque};

use infercost_core::OperatingPoint;

/// Doubling the requests in flight must bring at least this much more throughput, or the server is saturated.
const GAIN: f64 = 1.05;
/// The knee is the least concurrency that reaches this share of the highest throughput.
const KNEE_SHARE: f64 = 0.95;

/// What the load test of a variant at one point came to, as far as the next point depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reached {
    /// Answers per second in the steady state; `None` where it was not reached.
    pub(crate) throughput: Option<f64>,
    /// Why a harder load makes no sense; `None` where it does.
    pub(crate) end: Option<End>,
}

/// Why the way up ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The server is over-saturated, or mostly fails.
    Server,
    /// This program itself was the limit. A neighbor on the machine can bring that about for a moment, so such a point
    /// is tested once more before it is believed.
    Client,
}

/// The points that one variant still has to be tested at, in order.
#[derive(Debug)]
pub(crate) struct Ladder {
    queue: VecDeque<OperatingPoint>,
    sweep: Option<Sweep>,
    /// The point that is tested once more.
    again: Option<OperatingPoint>,
    /// Points at which this program was the limit before.
    doubted: Vec<OperatingPoint>,
    /// Points that were asked for and are not measured, since an easier one was the end of the way up.
    left_out: Vec<OperatingPoint>,
}

impl Ladder {
    /// A ladder of these points, then a search up to `sweep` requests in flight.
    pub(crate) fn new(points: &[OperatingPoint], sweep: Option<u32>) -> Self {
        let mut points = points.to_vec();
        points.sort_by(|one, other| weight(*one).total_cmp(&weight(*other)));
        points.dedup();
        let queue = points.into();
        let sweep = sweep.map(|limit| Sweep { limit, ..Sweep::default() });
        Self { queue, sweep, again: None, doubted: Vec::new(), left_out: Vec::new() }
    }

    /// The next point; asked again before [`Self::reached`], it is the same one.
    pub(crate) fn next(&self) -> Option<OperatingPoint> {
        let asked = self.again.or_else(|| self.queue.front().copied());
        asked.or_else(|| Some(OperatingPoint::Closed { concurrency: self.sweep.as_ref()?.next()? }))
    }

    /// Takes note of a point that was tested, now or before a break. False where that decides nothing: the point is
    /// tested once more.
    pub(crate) fn reached(&mut self, point: OperatingPoint, reached: Reached) -> bool {
        if reached.end == Some(End::Client) && !self.doubted.contains(&point) {
            self.doubted.push(point);
            self.again = Some(point);
            return false;
        }
        self.again = self.again.filter(|again| *again != point);
        self.queue.retain(|waiting| *waiting != point);
        if reached.end.is_some() {
            let (harder, others): (Vec<_>, Vec<_>) =
                self.queue.drain(..).partition(|waiting| is_harder(*waiting, point));
            self.left_out.extend(harder);
            self.queue = others.into();
        }
        if let (Some(sweep), OperatingPoint::Closed { concurrency }) = (&mut self.sweep, point) {
            sweep.reached(concurrency, reached);
        }
        true
    }

    /// Nothing answers any more: there is no next point.
    pub(crate) fn give_up(&mut self) {
        self.left_out.extend(self.queue.drain(..));
        self.sweep = None;
        self.again = None;
    }

    /// Points that were asked for and are not measured.
    pub(crate) fn left_out(&self) -> &[OperatingPoint] {
        &self.left_out
    }
}

/// Closed loops first, each kind by how hard it is.
fn weight(point: OperatingPoint) -> f64 {
    match point {
        OperatingPoint::Closed { concurrency } => f64::from(concurrency),
        OperatingPoint::Open { rate } => f64::from(u32::MAX) + rate,
    }
}

fn is_harder(one: OperatingPoint, other: OperatingPoint) -> bool {
    match (one, other) {
        (OperatingPoint::Closed { concurrency: one }, OperatingPoint::Closed { concurrency: other }) => {
            one > other
        }
        (OperatingPoint::Open { rate: one }, OperatingPoint::Open { rate: other }) => one > other,
        _ => false,
    }
}

/// Doubles the concurrency until throughput grows no more, then bisects for the knee.
#[derive(Debug, Default)]
struct Sweep {
    limit: u32,
    /// Throughput by concurrency; `None` where it is not known, which is no sign of saturation.
    found: BTreeMap<u32, Option<f64>>,
    /// The least concurrency beyond which there is nothing to gain.
    end: Option<u32>,
}

impl Sweep {
    fn reached(&mut self, concurrency: u32, reached: Reached) {
        self.found.insert(concurrency, reached.throughput);
        if reached.end.is_some() {
            self.end = Some(self.end.map_or(concurrency, |end| end.min(concurrency)));
        }
    }

    fn next(&self) -> Option<u32> {
        let Some((&top, &highest)) = self.found.last_key_value() else { return Some(1) };
        let before = self.throughput_below(top);

        // A step of less than a doubling (the search itself, or a list that was asked for) says nothing of gain.
        let before_half = self.throughput_below(top / 2 + 1);
        let gain = before_half.or(before).zip(highest);
        let saturated = gain.is_some_and(|(before, highest)| highest < GAIN * before);
        let ended = self.end.is_some() || saturated || top >= self.limit;
        if !ended {
            return Some(top.saturating_mul(2).min(self.limit));
        }

        let peak = self.found.values().flatten().copied().fold(0.0, f64::max);
        if peak <= 0.0 {
            return None;
        }

        let (knee, _) = self
            .found
            .iter()
            .find(|(_, throughput)| throughput.is_some_and(|known| known >= KNEE_SHARE * peak))?;
        let below = self.found.range(..knee).next_back().map_or(0, |(below, _)| *below);

        // An eighth is finer than throughput can be told apart.
        let step = knee - below;

        (step > 1 && step > knee / 8).then(|| below + step / 2)
    }

    /// The throughput that is known of the highest concurrency below this one.
    fn throughput_below(&self, concurrency: u32) -> Option<f64> {
        self.found.range(..concurrency).rev().find_map(|(_, throughput)| *throughput)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: fn(u32) -> OperatingPoint = |concurrency| OperatingPoint::Closed { concurrency };

    /// Climbs a ladder against a server that answers `capacity` requests side by side, one a second each.
    fn climb(ladder: &mut Ladder, capacity: u32) -> Vec<u32> {
        let mut visited = Vec::new();
        while let Some(OperatingPoint::Closed { concurrency }) = ladder.next() {
            let throughput = Some(f64::from(concurrency.min(capacity)));
            ladder.reached(CLOSED(concurrency), Reached { throughput, end: None });
            visited.push(concurrency);
            assert!(visited.len() < 40, "{visited:?}");
        }
        visited
    }

    #[test]
    fn a_sweep_doubles_then_bisects() {
        for (capacity, limit, expected) in [
            (1, 64, vec![1, 2]),
            (4, 64, vec![1, 2, 4, 8, 3]),
            (6, 64, vec![1, 2, 4, 8, 16, 6, 5]),
            (100, 8, vec![1, 2, 4, 8, 6, 7]),
            (100, 6, vec![1, 2, 4, 6, 5]),
            (3, 1, vec![1]),
        ] {
            let mut ladder = Ladder::new(&[], Some(limit));
            assert_eq!(climb(&mut ladder, capacity), expected, "capacity {capacity}, limit {limit}");
        }
    }

    #[test]
    fn what_was_asked_for_comes_first_and_helps_the_search() {
        let mut ladder = Ladder::new(&[CLOSED(8), CLOSED(2), CLOSED(8)], Some(64));
        assert_eq!(climb(&mut ladder, 6), [2, 8, 16, 5, 6]);
    }

    #[test]
    fn a_server_at_its_end_is_put_under_no_more_load() {
        let open = |rate| OperatingPoint::Open { rate };
        let mut ladder = Ladder::new(&[open(4.0), CLOSED(4), CLOSED(2), open(1.0), open(2.0)], None);
        let end = Reached { throughput: Some(1.0), end: Some(End::Server) };
        assert_eq!(ladder.next(), Some(CLOSED(2)));
        ladder.reached(CLOSED(2), end);
        // the open loops are another question
        assert_eq!(ladder.next(), Some(open(1.0)));
        ladder.reached(open(1.0), Reached { end: None, ..end });
        ladder.reached(open(2.0), end);
        assert_eq!(ladder.next(), None);

        let mut sweep = Ladder::new(&[], Some(64));
        for (concurrency, end) in [(1, None), (2, None), (4, Some(End::Server))] {
            assert_eq!(sweep.next(), Some(CLOSED(concurrency)));
            let throughput = Some(f64::from(concurrency));
            sweep.reached(CLOSED(concurrency), Reached { throughput, end });
        }
        assert_eq!(sweep.next(), Some(CLOSED(3)));
        sweep.give_up();
        assert_eq!(sweep.next(), None);
    }

    /// A point that was never steady says nothing of saturation: the search goes on, and ends.
    #[test]
    fn what_is_not_known_does_not_end_the_climb() {
        for (unknown, limit, expected) in [
            (vec![4], 64, vec![1, 2, 4, 8, 16, 6, 7]),
            (vec![4, 6, 7], 64, vec![1, 2, 4, 8, 16, 6, 7]),
            (vec![1, 2, 4, 8], 8, vec![1, 2, 4, 8]),
            (vec![8], 8, vec![1, 2, 4, 8, 3]),
        ] {
            let mut ladder = Ladder::new(&[], Some(limit));
            let mut visited = Vec::new();
            while let Some(OperatingPoint::Closed { concurrency }) = ladder.next() {
                let throughput =
                    Some(f64::from(concurrency.min(8))).filter(|_| !unknown.contains(&concurrency));
                ladder.reached(CLOSED(concurrency), Reached { throughput, end: None });
                visited.push(concurrency);
                assert!(visited.len() < 40, "{visited:?}");
            }
            assert_eq!(visited, expected, "unknown: {unknown:?}");
        }
    }

    /// Climbs against a server of 16 slots; this program is the limit at the points of `limited`, as often as they stand
    /// there. The throughput that it reaches then is not the server's.
    fn climb_limited(ladder: &mut Ladder, limited: &[u32]) -> Vec<u32> {
        let mut limited = limited.to_vec();
        let mut visited = Vec::new();
        while let Some(point @ OperatingPoint::Closed { concurrency }) = ladder.next() {
            assert_eq!(ladder.next(), Some(point), "asked again, it is the same one");
            let found = limited.iter().position(|limited| *limited == concurrency);
            let end = found.map(|place| limited.swap_remove(place)).map(|_| End::Client);
            let whole = f64::from(concurrency.min(16));
            let throughput = Some(if end.is_some() { whole / 10.0 } else { whole });
            visited.push(concurrency);
            assert!(visited.len() < 40, "{visited:?}");
            ladder.reached(point, Reached { throughput, end });
        }
        visited
    }

    #[test]
    fn a_limit_of_the_client_is_believed_the_second_time() {
        for (limited, expected) in [
            (&[][..], &[1, 2, 4, 8, 16, 32, 12, 14][..]),
            (&[4], &[1, 2, 4, 4, 8, 16, 32, 12, 14]),
            (&[1, 32], &[1, 1, 2, 4, 8, 16, 32, 32, 12, 14]),
            // twice at one point ends the way up; the search goes on below
            (&[8, 8], &[1, 2, 4, 8, 8, 3]),
        ] {
            let mut sweep = Ladder::new(&[], Some(64));
            assert_eq!(climb_limited(&mut sweep, limited), expected, "limited at {limited:?}");
        }
        let points = [CLOSED(2), CLOSED(4), CLOSED(8)];
        for (limited, expected) in [(&[4][..], &[2, 4, 4, 8][..]), (&[4, 4], &[2, 4, 4])] {
            let mut asked = Ladder::new(&points, None);
            assert_eq!(climb_limited(&mut asked, limited), expected, "limited at {limited:?}");
        }
    }

    #[test]
    fn a_dead_server_is_not_driven_again() {
        let mut ladder = Ladder::new(&[CLOSED(2), CLOSED(4)], Some(64));
        assert!(!ladder.reached(CLOSED(2), Reached { throughput: None, end: Some(End::Client) }));
        assert!(ladder.reached(CLOSED(2), Reached { throughput: None, end: Some(End::Server) }));
        ladder.give_up();
        assert_eq!(ladder.next(), None);
    }

    #[test]
    fn nothing_answered_is_no_knee() {
        let mut sweep = Ladder::new(&[], Some(64));
        sweep.reached(CLOSED(1), Reached { throughput: None, end: Some(End::Server) });
        assert_eq!(sweep.next(), None);
    }
}
