//! When the requests of an open loop are due.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How requests of an open loop are spaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Arrivals {
    /// Independent users: exponential gaps.
    #[default]
    Poisson,
    /// Equal gaps.
    Constant,
}

/// The times at which requests are due, since the load began; endless, or empty where the rate is no positive number.
#[derive(Debug, Clone)]
pub struct ArrivalTimes {
    arrivals: Arrivals,
    /// Requests per second.
    rate: f64,
    chance: ChaCha8Rng,
    /// Seconds, kept as such so that rounding does not add up.
    last: f64,
    issued: u64,
}

impl ArrivalTimes {
    /// Times at this mean rate, in requests per second; the same seed gives the same times on every platform.
    pub fn new(arrivals: Arrivals, rate: f64, seed: u64) -> Self {
        Self { arrivals, rate, chance: ChaCha8Rng::seed_from_u64(seed), last: 0.0, issued: 0 }
    }
}

impl Iterator for ArrivalTimes {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return None;
        }
        match self.arrivals {
            // Inverse transform: −ln(1 − u) / rate is exponential where u is uniform in [0, 1).
            Arrivals::Poisson => self.last -= (1.0 - self.chance.random::<f64>()).ln() / self.rate,
            Arrivals::Constant => self.last = self.issued as f64 / self.rate,
        }
        self.issued = self.issued.saturating_add(1);
        Duration::try_from_secs_f64(self.last).ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn gaps(arrivals: Arrivals, rate: f64, seed: u64, count: usize) -> Vec<f64> {
        let mut last = 0.0;
        let mut gap = |at: Duration| {
            let at = at.as_secs_f64();
            let gap = at - last;
            last = at;
            gap
        };
        ArrivalTimes::new(arrivals, rate, seed).take(count).map(&mut gap).collect()
    }

    /// Largest distance between the empirical distribution and the exponential one of this rate.
    fn kolmogorov_smirnov(mut gaps: Vec<f64>, rate: f64) -> f64 {
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = |(index, gap): (usize, &f64)| {
            let expected = 1.0 - (-rate * gap).exp();
            let below = index as f64 / n;
            (expected - below).abs().max((below + 1.0 / n - expected).abs())
        };
        gaps.iter().enumerate().map(distance).fold(0.0, f64::max)
    }

    /// The critical distance is 1.63 / √n at 1 % (Smirnov 1948, for large n). The seeds are fixed, so this cannot
    /// fail by chance.
    #[test]
    fn poisson_gaps_are_exponential() {
        for (rate, seed) in [(0.5, 1), (3.0, 2), (2000.0, 3)] {
            let gaps = gaps(Arrivals::Poisson, rate, seed, 20_000);
            let critical = 1.63 / (gaps.len() as f64).sqrt();
            let distance = kolmogorov_smirnov(gaps.clone(), rate);
            assert!(distance < critical, "rate {rate}: {distance} is not below {critical}");
            // The same test sees a rate that is wrong by 5 %, and constant gaps.
            assert!(kolmogorov_smirnov(gaps.clone(), rate * 1.05) > critical);
            assert!(kolmogorov_smirnov(vec![1.0 / rate; 20_000], rate) > critical);
            // Mean 1/rate, within three standard errors; neighbors are not correlated.
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            assert!((mean * rate - 1.0).abs() < 3.0 / (gaps.len() as f64).sqrt(), "mean {mean}");
            let product: f64 = gaps.windows(2).map(|two| (two[0] - mean) * (two[1] - mean)).sum();
            let lag_one = product * rate * rate / gaps.len() as f64;
            assert!(lag_one.abs() < 3.0 / (gaps.len() as f64).sqrt(), "correlation {lag_one}");
        }
    }

    /// Counts in equal intervals of a Poisson process have a variance equal to their mean.
    #[test]
    fn poisson_counts_vary_as_much_as_their_mean() {
        let rate = 10.0;
        let mut counts = vec![0.0_f64; 2000];
        for at in ArrivalTimes::new(Arrivals::Poisson, rate, 7) {
            match counts.get_mut(at.as_secs() as usize) {
                Some(count) => *count += 1.0,
                None => break,
            }
        }
        let mean = counts.iter().sum::<f64>() / 2000.0;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 1999.0;
        assert!((variance / mean - 1.0).abs() < 3.0 * (2.0_f64 / 2000.0).sqrt(), "{variance} against {mean}");
    }

    #[test]
    fn constant_gaps_are_equal_and_do_not_drift() {
        let times: Vec<Duration> = ArrivalTimes::new(Arrivals::Constant, 3.0, 0).take(30_001).collect();
        assert_eq!(times.first(), Some(&Duration::ZERO));
        assert_eq!(times.last(), Some(&Duration::from_secs(10_000)));
        let third = Duration::from_secs(1) / 3;
        assert!(times.windows(2).all(|two| (two[1] - two[0]).abs_diff(third) < Duration::from_nanos(10)));
    }

    #[test]
    fn the_seed_decides() {
        let times = |seed| ArrivalTimes::new(Arrivals::Poisson, 5.0, seed).take(5).collect::<Vec<_>>();
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
        assert_eq!(times(42).first().unwrap().as_nanos(), FIRST_OF_SEED_42);
    }

    /// Written down so that a change of generator shows.
    const FIRST_OF_SEED_42: u128 = 229_075_502;

    #[test]
    fn no_rate_is_no_arrival() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(ArrivalTimes::new(Arrivals::Poisson, rate, 1).next(), None);
        }
    }
}
