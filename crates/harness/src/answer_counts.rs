//! When the requests of a window under load were answered.

use std::time::Duration;

use infercost_core::{InferenceRecord, LoadFacts, Outcome};

use crate::ladder::{End, Reached};

/// A window with more failures than this share of its requests is the end of the way up.
const MOST_FAILURES: f64 = 0.5;

/// When requests were answered, in bounded memory: two bins become one when there are too many.
#[derive(Debug)]
pub(crate) struct AnswerCounts {
    width: Duration,
    /// Answers that ended in each stretch of `width`, since the window began.
    bins: Vec<u64>,
    answered: u64,
    requests: u64,
}

/// Most bins. A steady state of a tenth of the time is then known to one part in eight hundred at least.
const MOST_BINS: usize = 1 << 14;

impl Default for AnswerCounts {
    fn default() -> Self {
        Self { width: Duration::from_millis(1), bins: Vec::new(), answered: 0, requests: 0 }
    }
}

impl AnswerCounts {
    /// Counts an inference that was issued so long after the window began.
    pub(crate) fn add(&mut self, issued: Duration, record: &InferenceRecord) {
        self.requests += 1;
        let Outcome::Completed { latency, .. } = &record.outcome else { return };
        self.answered += 1;
        let end = issued.saturating_add(*latency);
        while self.bin(end) >= MOST_BINS {
            self.width = self.width.saturating_mul(2);
            self.bins = self.bins.chunks(2).map(|two| two.iter().sum()).collect();
        }
        let bin = self.bin(end);
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, 0);
        }
        if let Some(count) = self.bins.get_mut(bin) {
            *count += 1;
        }
    }

    fn bin(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.width.as_nanos()).unwrap_or(usize::MAX)
    }

    /// Answers that ended in a stretch.
    fn between(&self, from: Duration, until: Duration) -> u64 {
        let (first, last) = (self.bin(from), self.bin(until));
        let places = self.bins.iter().enumerate();
        places.filter(|(place, _)| (first..=last).contains(place)).map(|(_, count)| count).sum()
    }

    /// What the operating point reached, and whether it is the end of the way up.
    pub(crate) fn reached(&self, facts: &LoadFacts) -> Reached {
        let failed = self.requests.saturating_sub(self.answered);
        let throughput = facts
            .steady
            .filter(|steady| !steady.length().is_zero())
            .map(|steady| self.between(steady.from, steady.until) as f64 / steady.length().as_secs_f64());
        let mostly_failing = failed as f64 > MOST_FAILURES * self.requests as f64;
        let end = if facts.over_saturated || mostly_failing || self.answered == 0 {
            Some(End::Server)
        } else {
            facts.client_limited.then_some(End::Client)
        };
        Reached { throughput: throughput.filter(|_| self.answered > 0), end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(answered: u64, requests: u64) -> AnswerCounts {
        AnswerCounts { answered, requests, ..AnswerCounts::default() }
    }

    /// What a window shows of its end: the server's own comes first, since testing it again would not help.
    #[test]
    fn ends_of_the_way_up() {
        let limited = LoadFacts { client_limited: true, ..LoadFacts::default() };
        let over = LoadFacts { over_saturated: true, ..limited };
        for (counts, facts, expected) in [
            (counts(10, 10), LoadFacts::default(), None),
            (counts(10, 10), limited, Some(End::Client)),
            (counts(10, 10), over, Some(End::Server)),
            (counts(4, 10), limited, Some(End::Server)),
            (counts(0, 0), LoadFacts::default(), Some(End::Server)),
        ] {
            assert_eq!(counts.reached(&facts).end, expected, "{counts:?} {facts:?}");
        }
    }
}
