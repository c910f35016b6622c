//! Does the server keep up? A trend test on requests in flight and on TTFT.

/// Groups that a series is cut into: long enough to hardly depend on each other, many enough for a test.
pub(super) const GROUPS: usize = 10;
/// One-sided 1 % of the standard normal distribution.
const CRITICAL: f64 = 2.326;
/// In-flight requests must grow by this factor between the first and the last third, or there is no need to worry.
const GROWTH: f64 = 1.5;
/// And by this many, so that one request more than one is no growth.
const MORE: f64 = 3.0;
/// And by this share of what was sent meanwhile: what arrives and does not leave.
const UNSERVED: f64 = 0.03;

/// True where both series rise: neither the queue nor the time spent in it has a level that it stays at.
///
/// Both hold one mean a group, in order of time; `arrivals` is how many requests were sent in all groups. Means of groups stand in for the values themselves, which depend
/// on their neighbors so that a regression on them would find trends where there are none. Each must pass the
/// Mann–Kendall test (Mann 1945; Kendall 1975) at 1 %. And the requests in flight must grow by half, by three, and by
/// 3 % of what was sent, between the middles of the first third and the last: a queue just below saturation wanders
/// for long, and its trends are significant without meaning anything.
pub(super) fn is_over_saturated(in_flight: &[f64], ttft: &[f64], arrivals: f64) -> bool {
    let third = (in_flight.len() / 3).max(1);
    let (Some(first), Some(last)) =
        (in_flight.get(..third), in_flight.len().checked_sub(third).and_then(|from| in_flight.get(from..)))
    else {
        return false;
    };
    let (first, last) = (mean(first), mean(last));
    // Two thirds of the time lie between the two middles.
    let grows = last >= first * GROWTH && last - first >= MORE.max(UNSERVED * arrivals * 2.0 / 3.0);
    grows && rises(in_flight) && rises(ttft)
}

/// The Mann–Kendall test for a rising trend, by the normal approximation with continuity correction and the
/// variance corrected for ties.
fn rises(series: &[f64]) -> bool {
    let n = series.len() as f64;
    if series.len() < GROUPS / 2 + 1 {
        return false;
    }

    let mut score = 0.0;
    for (index, earlier) in series.iter().enumerate() {
        for later in series.iter().skip(index + 1) {
            score += match later.total_cmp(earlier) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Less => -1.0,
                std::cmp::Ordering::Equal => 0.0,
            };
        }
    }

    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|left, right| left.total_cmp(right).is_eq())
        .map(|group| group.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0;

    variance > 0.0 && (score - 1.0) / variance.sqrt() > CRITICAL
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A queue with exponential gaps and service times and `servers` servers: means of in-flight requests and of
    /// waiting time in ten groups, once `warm_up` arrivals are over.
    fn queue(load: f64, servers: usize, arrivals: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut exponential = |mean: f64| -mean * (1.0 - chance.random::<f64>()).ln();
        let mut free_at = vec![0.0_f64; servers];
        let mut now = 0.0;
        let mut jobs = Vec::new();

        for _ in 0..arrivals {
            now += exponential(1.0 / (load * servers as f64));
            let mut server = 0;
            for candidate in 1..servers {
                if free_at[candidate] < free_at[server] {
                    server = candidate;
                }
            }
            let begin = free_at[server].max(now);
            free_at[server] = begin + exponential(1.0);
            jobs.push((now, begin - now + 0.1, free_at[server]));
        }

        let jobs = &jobs[arrivals / 10..];
        let ends: Vec<f64> = jobs.iter().map(|job| job.2).collect();
        let mut in_flight = Vec::new();
        let mut waits = Vec::new();

        for (group, part) in jobs.chunks(jobs.len().div_ceil(GROUPS)).enumerate() {
            waits.push(mean(&part.iter().map(|job| job.1).collect::<Vec<_>>()));
            let begun = group * jobs.len().div_ceil(GROUPS);
            let seen = part.iter().enumerate().map(|(offset, job)| {
                let here = begun + offset;
                ends[..=here].iter().filter(|end| **end > job.0).count() as f64
            });
            in_flight.push(mean(&seen.collect::<Vec<_>>()));
        }

        (in_flight, waits)
    }

    fn share_called_over_saturated(load: f64, arrivals: usize) -> f64 {
        let called = (0..50).filter(|seed| {
            let (in_flight, waits) = queue(load, 4, arrivals, *seed);
            is_over_saturated(&in_flight, &waits, arrivals as f64)
        });
        called.count() as f64 / 50.0
    }

    #[test]
    fn a_server_that_keeps_up_is_left_in_peace() {
        // At 0.95 a thousand requests do not tell a queue that wanders from one that grows.
        for (load, most) in [(0.3, 0.0), (0.6, 0.0), (0.8, 0.0), (0.9, 0.02), (0.95, 0.2)] {
            let share = share_called_over_saturated(load, 1000);
            assert!(share <= most, "load {load}: {share}");
        }
    }

    #[test]
    fn a_server_that_cannot_keep_up_is_found() {
        for load in [1.3, 2.0, 10.0] {
            let share = share_called_over_saturated(load, 1000);
            assert!(share >= 0.95, "load {load}: {share}");
        }
    }

    #[track_caller]
    fn check(in_flight: &[f64], ttft: &[f64], expected: bool) {
        assert_eq!(is_over_saturated(in_flight, ttft, 100.0), expected);
    }

    #[test]
    fn both_must_rise_and_by_enough() {
        let up: Vec<f64> = (1..=10).map(|group| f64::from(group) * 5.0).collect();
        let flat = vec![5.0; 10];
        let down: Vec<f64> = up.iter().rev().copied().collect();
        let barely: Vec<f64> = (0..10).map(|group| 100.0 + f64::from(group)).collect();
        check(&up, &up, true);
        check(&up, &flat, false);
        check(&flat, &up, false);
        check(&down, &down, false);
        check(&barely, &up, false);
        check(&up[..4], &up[..4], false);
        assert!(!is_over_saturated(&up, &up, 100_000.0), "a backlog of next to nothing");
        check(&[], &[], false);
    }
}
