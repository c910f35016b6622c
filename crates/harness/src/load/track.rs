//! What is seen of a load while it runs, in bounded memory.

use std::collections::BinaryHeap;
use std::time::Duration;

use super::trend::{GROUPS, is_over_saturated};
use super::{InFlight, Steady};

/// Bins of the series; when they are full, two become one.
const MOST_BINS: usize = 256;
const FIRST_WIDTH: Duration = Duration::from_millis(50);
/// Fewest requests that a trend is read off.
const FEWEST: u64 = 20;

/// Counts and series of a load. All times are since it began.
#[derive(Debug)]
pub(super) struct Track {
    width: Duration,
    bins: Vec<Bin>,
    in_flight: u32,
    changed_at: Duration,
    pub(super) issued: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) failures_in_a_row: u32,
    pub(super) last_issue: Duration,
    /// The earliest first tokens, as many as requests are kept in flight.
    first_tokens: BinaryHeap<Duration>,
    concurrency: usize,
    /// When a place of the closed loop was left empty for good.
    pub(super) left: Option<Duration>,
}

/// One stretch of the series.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    /// Requests in flight, integrated over seconds.
    area: f64,
    /// TTFT of requests whose first token came here, in seconds.
    ttft: f64,
    ttfts: f64,
    /// Requests issued here.
    issued: f64,
}

impl Bin {
    fn with(self, other: &Self) -> Self {
        Self {
            area: self.area + other.area,
            ttft: self.ttft + other.ttft,
            ttfts: self.ttfts + other.ttfts,
            issued: self.issued + other.issued,
        }
    }
}

impl Track {
    /// `concurrency` is how many requests a closed loop keeps in flight, 0 for an open one.
    pub(super) fn new(concurrency: usize) -> Self {
        Self {
            width: FIRST_WIDTH,
            bins: Vec::with_capacity(MOST_BINS),
            in_flight: 0,
            changed_at: Duration::ZERO,
            issued: 0,
            completed: 0,
            failed: 0,
            failures_in_a_row: 0,
            last_issue: Duration::ZERO,
            first_tokens: BinaryHeap::with_capacity(concurrency.saturating_add(1)),
            concurrency,
            left: None,
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn issued(&mut self, at: Duration) {
        self.advance(at);
        self.in_flight += 1;
        self.issued += 1;
        self.bin(at).issued += 1.0;
        self.last_issue = self.last_issue.max(at);
    }

    /// A request that was issued at `issued` has ended; `first` is its time to first token, or how long it waited for
    /// one in vain.
    ///
    /// Its TTFT is put down where the token came, not where the request was issued: of the latest requests only the
    /// quick ones have one.
    pub(super) fn ended(&mut self, at: Duration, issued: Duration, first: Option<Duration>, answered: bool) {
        self.advance(at);
        self.in_flight = self.in_flight.saturating_sub(1);
        if answered {
            self.completed += 1;
            self.failures_in_a_row = 0;
        } else {
            self.failed += 1;
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        }

        let Some(first) = first else { return };
        let bin = self.bin(issued.saturating_add(first));
        bin.ttft += first.as_secs_f64();
        bin.ttfts += 1.0;

        if self.concurrency > 0 && answered {
            self.first_tokens.push(issued.saturating_add(first));
            if self.first_tokens.len() > self.concurrency {
                self.first_tokens.pop();
            }
        }
    }

    /// A place of the closed loop stays empty from here on.
    pub(super) fn leave(&mut self, at: Duration) {
        self.left = Some(self.left.map_or(at, |left| left.min(at)));
    }

    /// The stretch of a closed loop that counts: from the moment when as many requests as are kept in flight have
    /// emitted a first token (and the warm-up is over) to the last moment when so many are in flight. One that is
    /// shorter than a mean request shows no rate, and is none.
    pub(super) fn closed_window(&self, warm_up: Duration) -> Option<Steady> {
        if self.first_tokens.len() < self.concurrency {
            return None;
        }
        let from = (*self.first_tokens.peek()?).max(warm_up);
        let to = self.left.filter(|to| *to > from)?;
        // Little's law: requests in flight, integrated over time, are the latencies' sum.
        let area: f64 = self.bins.iter().map(|bin| bin.area).sum();
        let mean_latency = area / (self.completed + self.failed) as f64;
        ((to - from).as_secs_f64() >= mean_latency).then_some(Steady { from, to })
    }

    /// That of an open loop: from the end of the warm-up to the last arrival.
    pub(super) fn open_window(&self, warm_up: Duration) -> Option<Steady> {
        let reached = self.completed > 0 && self.last_issue > warm_up;
        reached.then_some(Steady { from: warm_up, to: self.last_issue })
    }

    /// True where requests in flight and TTFT rise through this stretch.
    pub(super) fn is_over_saturated(&self, from: Duration, to: Duration) -> bool {
        if self.issued < FEWEST {
            return false;
        }
        let (in_flight, ttft, arrivals) = self.groups(from, to);
        is_over_saturated(&in_flight, &ttft, arrivals)
    }

    /// Means of requests in flight and of TTFT in equal parts of a stretch, and requests issued in all of it; parts
    /// without a TTFT have none.
    fn groups(&self, from: Duration, to: Duration) -> (Vec<f64>, Vec<f64>, f64) {
        let width = self.width.as_secs_f64();
        let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
        let part = (to - from) / GROUPS as f64;

        // Sum of bins, and how many.
        let mut groups = [(Bin::default(), 0.0_f64); GROUPS];
        for (index, bin) in self.bins.iter().enumerate() {
            let middle = (index as f64 + 0.5) * width;
            if middle < from || middle >= to {
                continue;
            }
            if let Some((sum, bins)) = groups.get_mut(((middle - from) / part) as usize) {
                *sum = sum.with(bin);
                *bins += 1.0;
            }
        }

        let in_flight =
            groups.iter().filter(|(_, bins)| *bins > 0.0).map(|(sum, bins)| sum.area / (bins * width));
        let ttft = groups.iter().filter(|(sum, _)| sum.ttfts > 0.0).map(|(sum, _)| sum.ttft / sum.ttfts);
        let arrivals = groups.iter().map(|(sum, _)| sum.issued).sum();

        (in_flight.collect(), ttft.collect(), arrivals)
    }

    /// The series of requests in flight, one mean a bin.
    pub(super) fn series(&self) -> Vec<InFlight> {
        let width = self.width.as_secs_f64();
        let mut series = Vec::with_capacity(self.bins.len());
        for (index, bin) in self.bins.iter().enumerate() {
            let at = self.width.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX));
            series.push(InFlight { at, requests: bin.area / width });
        }
        series
    }

    /// Adds what was in flight since the last change.
    fn advance(&mut self, at: Duration) {
        while self.changed_at < at {
            let index = self.index(self.changed_at);
            let next = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let end = self.width.saturating_mul(next).min(at).max(self.changed_at + Duration::from_nanos(1));
            let area = (end - self.changed_at).as_secs_f64() * f64::from(self.in_flight);
            let from = self.changed_at;
            self.bin(from).area += area;
            self.changed_at = end;
        }
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.width.as_nanos().max(1)).unwrap_or(usize::MAX)
    }

    /// The bin of a time; makes room for it.
    #[allow(clippy::indexing_slicing, reason = "the bin was made just before")]
    fn bin(&mut self, at: Duration) -> &mut Bin {
        while self.index(at) >= MOST_BINS {
            let merged =
                self.bins.chunks(2).map(|two| two.iter().fold(Bin::default(), |sum, bin| sum.with(bin)));
            self.bins = merged.collect();
            self.width = self.width.saturating_mul(2);
        }
        let index = self.index(at);
        if self.bins.len() <= index {
            self.bins.resize(index + 1, Bin::default());
        }
        &mut self.bins[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn the_area_under_the_series_is_kept_through_merging() {
        let mut track = Track::new(0);
        // Two in flight half of the time, for an hour.
        for second in 0..3600_u64 {
            track.issued(ms(second * 1000));
            track.issued(ms(second * 1000));
            track.ended(ms(second * 1000 + 500), ms(second * 1000), Some(ms(20)), true);
            track.ended(ms(second * 1000 + 500), ms(second * 1000), Some(ms(40)), true);
        }
        assert!(track.bins.len() <= MOST_BINS);
        let area: f64 = track.bins.iter().map(|bin| bin.area).sum();
        assert!((area - 3600.0).abs() < 1e-6, "{area}");
        let (in_flight, ttft, issued) = track.groups(ms(0), ms(3_600_000));
        assert!(in_flight.iter().all(|mean| (mean - 1.0).abs() < 0.05), "{in_flight:?}");
        assert!((issued - 7200.0).abs() < 1e-6, "{issued}");
        assert!(ttft.len() == GROUPS && ttft.iter().all(|mean| (mean - 0.03).abs() < 1e-9), "{ttft:?}");
    }

    #[test]
    fn a_closed_loop_counts_from_the_last_first_token_to_the_first_gap() {
        let mut track = Track::new(3);
        for (issued, first) in [(0, 100), (0, 250), (1, 50), (400, 10)] {
            track.issued(ms(issued));
            track.ended(ms(issued + 260), ms(issued), Some(ms(first)), true);
        }
        assert_eq!(track.closed_window(ms(0)), None);
        track.leave(ms(700));
        track.leave(ms(600));
        assert_eq!(track.closed_window(ms(0)), Some(Steady { from: ms(250), to: ms(600) }));
        assert_eq!(track.closed_window(ms(300)), Some(Steady { from: ms(300), to: ms(600) }));
        assert_eq!(track.closed_window(ms(500)), None, "shorter than a request");
        assert_eq!(track.closed_window(ms(600)), None);
    }

    #[test]
    fn failures_reach_no_steady_state() {
        let mut track = Track::new(2);
        track.issued(ms(0));
        track.ended(ms(10), ms(0), Some(ms(5)), true);
        track.issued(ms(0));
        track.ended(ms(10), ms(0), None, false);
        track.leave(ms(1000));
        assert_eq!((track.closed_window(ms(0)), track.completed, track.failed), (None, 1, 1));
    }
}
