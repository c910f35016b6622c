//! Sums over the last minute, hour and day, in fixed memory: a bucket an observation for a minute, and a bucket a
//! minute for a day.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Minutes of a day.
const MINUTES: usize = 1440;
/// More observations than fit into that time at the shortest interval.
const MOST_RECENT: usize = 2048;
/// How long single observations are kept.
const RECENT: Duration = Duration::from_secs(120);

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Seconds that were observed.
    pub seen_s: f64,
    /// Seconds for which energy is known.
    pub metered_s: f64,
    /// Joules in them.
    pub joules: f64,
    /// Seconds in which nothing was served.
    pub idle_s: f64,
    /// Seconds in which something was served.
    pub serving_s: f64,
    /// Idle seconds for which energy is known.
    pub idle_metered_s: f64,
    /// Joules in them.
    pub idle_joules: f64,
    /// Seconds for which energy is known, and whether something was served.
    pub classified_metered_s: f64,
    /// Seconds in which output tokens were counted.
    pub counted_s: f64,
    /// Output tokens in them.
    pub output_tokens: f64,
    /// Seconds in which input tokens were counted.
    pub input_counted_s: f64,
    /// Input tokens in them.
    pub input_tokens: f64,
    /// Seconds for which energy is known and output tokens were counted.
    pub paired_s: f64,
    /// Joules in them.
    pub paired_joules: f64,
    /// Output tokens in them.
    pub paired_tokens: f64,
    /// Seconds in which requests were counted.
    pub requests_counted_s: f64,
    /// Requests answered in them.
    pub requests: f64,
}

impl Tally {
    /// Adds what happened in another stretch.
    pub fn add(&mut self, other: &Self) {
        self.seen_s += other.seen_s;
        self.metered_s += other.metered_s;
        self.joules += other.joules;
        self.idle_s += other.idle_s;
        self.serving_s += other.serving_s;
        self.idle_metered_s += other.idle_metered_s;
        self.idle_joules += other.idle_joules;
        self.classified_metered_s += other.classified_metered_s;
        self.counted_s += other.counted_s;
        self.output_tokens += other.output_tokens;
        self.input_counted_s += other.input_counted_s;
        self.input_tokens += other.input_tokens;
        self.paired_s += other.paired_s;
        self.paired_joules += other.paired_joules;
        self.paired_tokens += other.paired_tokens;
        self.requests_counted_s += other.requests_counted_s;
        self.requests += other.requests;
    }

    /// Seconds of which it is known whether something was served.
    pub fn classified_s(&self) -> f64 {
        self.idle_s + self.serving_s
    }
}

/// What one observation of the last minutes added.
#[derive(Debug, Clone, Copy)]
struct Recent {
    at: Duration,
    tally: Tally,
}

/// The minute in which a bucket began, and its sum.
#[derive(Debug, Clone, Copy)]
struct Minute {
    number: u64,
    tally: Tally,
}

/// Sums over the last day, at two resolutions.
#[derive(Debug, Clone, Default)]
pub struct Tallies {
    recent: VecDeque<Recent>,
    minutes: VecDeque<Minute>,
}

impl Tallies {
    /// Adds what happened in the stretch that ended at `at`, which never goes back.
    pub fn add(&mut self, at: Duration, tally: Tally) {
        self.recent.push_back(Recent { at, tally });
        while self.recent.len() > MOST_RECENT
            || self.recent.front().is_some_and(|oldest| at.saturating_sub(oldest.at) >= RECENT)
        {
            self.recent.pop_front();
        }

        let number = at.as_secs() / 60;
        match self.minutes.back_mut().filter(|minute| minute.number == number) {
            Some(minute) => minute.tally.add(&tally),
            None => self.minutes.push_back(Minute { number, tally }),
        }
        while self.minutes.len() > MINUTES
            || self.minutes.front().is_some_and(|oldest| number - oldest.number >= MINUTES as u64)
        {
            self.minutes.pop_front();
        }
    }

    /// The sum over the last `length`, at most a minute, that ended by `now`.
    pub fn recent(&self, now: Duration, length: Duration) -> Tally {
        let mut sum = Tally::default();
        for one in self.recent.iter().rev().take_while(|one| now.saturating_sub(one.at) < length) {
            sum.add(&one.tally);
        }
        sum
    }

    /// The sum over the last so many minutes, at most a day's; the minute under way counts as one.
    pub fn minutes(&self, now: Duration, minutes: u64) -> Tally {
        let number = now.as_secs() / 60;
        let mut sum = Tally::default();
        for one in self.minutes.iter().rev().take_while(|one| number.saturating_sub(one.number) < minutes) {
            sum.add(&one.tally);
        }
        sum
    }
}

/// Sums of one counter over the last minute, for the rates of single servers.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    recent: VecDeque<Step>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    at: Duration,
    amount: f64,
    over_s: f64,
}

impl Rate {
    /// Counts `amount` in the stretch of `over_s` seconds that ended at `at`.
    pub fn add(&mut self, at: Duration, amount: f64, over_s: f64) {
        self.recent.push_back(Step { at, amount, over_s });
        while self.recent.len() > MOST_RECENT
            || self.recent.front().is_some_and(|oldest| at.saturating_sub(oldest.at) >= RECENT)
        {
            self.recent.pop_front();
        }
    }

    /// The amount a second over the last `length`; `None` where nothing was counted in it.
    pub fn per_second(&self, now: Duration, length: Duration) -> Option<f64> {
        let Sum { amount, over_s } = self.sum(now, length);
        (over_s > 0.0).then(|| amount / over_s)
    }

    /// The amount over the last `length`.
    pub fn amount(&self, now: Duration, length: Duration) -> f64 {
        self.sum(now, length).amount
    }

    fn sum(&self, now: Duration, length: Duration) -> Sum {
        let mut sum = Sum { amount: 0.0, over_s: 0.0 };
        for step in self.recent.iter().rev().take_while(|step| now.saturating_sub(step.at) < length) {
            sum.amount += step.amount;
            sum.over_s += step.over_s;
        }
        sum
    }
}

struct Sum {
    amount: f64,
    over_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(joules: f64) -> Tally {
        Tally { seen_s: 1.0, metered_s: 1.0, joules, ..Tally::default() }
    }

    #[test]
    fn windows_hold_what_is_theirs_and_no_more() {
        let mut tallies = Tallies::default();
        // two days at a watt, but for the last ten seconds at eleven
        let end = 2 * 86_400;
        for at in 1..=end {
            let watts = if at > end - 10 { 11.0 } else { 1.0 };
            tallies.add(Duration::from_secs(at), second(watts));
        }
        let now = Duration::from_secs(end);
        let of = |tally: Tally| (tally.seen_s, tally.joules);
        assert_eq!(of(tallies.recent(now, Duration::from_secs(10))), (10.0, 110.0));
        assert_eq!(of(tallies.recent(now, Duration::from_secs(60))), (60.0, 160.0));
        let hour = tallies.minutes(now, 60);
        assert!((3540.0..=3600.0).contains(&hour.seen_s), "{hour:?}");
        let day = tallies.minutes(now, 1440);
        assert!((86_340.0..=86_400.0).contains(&day.seen_s), "{day:?}");
        assert!(tallies.recent.len() <= 120 && tallies.minutes.len() <= MINUTES);
    }

    #[test]
    fn a_rate_is_over_the_time_that_was_counted() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(Duration::ZERO, RECENT), None);
        for at in 1..=100 {
            rate.add(Duration::from_secs(at), 5.0, 1.0);
        }
        let now = Duration::from_secs(100);
        assert_eq!(rate.per_second(now, Duration::from_secs(10)), Some(5.0));
        assert_eq!(rate.amount(now, Duration::from_secs(10)), 50.0);
        // what was not counted for a while is no rate of zero
        assert_eq!(rate.per_second(Duration::from_secs(300), RECENT), None);
    }
}
