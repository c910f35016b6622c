//! How repeatable this machine is: the same work, timed again and again under two names.

use std::hint::black_box;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use infercost_core::{EnergyMeter, EnergyReading, MeterError, Watts};

use crate::machine::CpuTicks;

/// Long enough that starting threads does not count.
const SHORTEST_RUN: Duration = Duration::from_millis(20);
/// A B B A, so often; each name is timed twice as often.
const BLOCKS: usize = 6;
/// More than any processor needs for [`SHORTEST_RUN`].
const MOST_STEPS: u64 = 1 << 36;

/// What an A/A comparison found: whatever differs is noise, since both names stand for the same work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeatability {
    /// How far the medians of both names lie apart, as a share of their mean.
    pub difference: f64,
    /// Distance of the 10th and the 90th percentile of all runs, as a share of their median.
    pub spread: f64,
    /// Runs timed.
    pub runs: usize,
    /// Share of CPU time that the hypervisor gave to others meanwhile; `None` where the system does not tell.
    pub steal_share: Option<f64>,
}

/// Times a fixed piece of arithmetic on `threads` threads, in the order A B B A. Takes about a second.
pub fn repeatability(threads: usize, proc_root: &Path) -> Option<Repeatability> {
    let steps = calibrated(threads);
    let ticks = CpuTicks::now(proc_root);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        a.push(timed(threads, steps));
        b.push(timed(threads, steps));
        b.push(timed(threads, steps));
        a.push(timed(threads, steps));
    }
    let steal_share = ticks.and_then(|before| CpuTicks::now(proc_root)?.steal_share_since(before));
    compared(a, b, steal_share)
}

/// Keeps `threads` threads at work for `time`.
pub fn busy_for(threads: usize, time: Duration) {
    /// Far below any window, so that the end is kept.
    const STEPS: u64 = 1 << 16;
    let clock = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while clock.elapsed() < time {
                    black_box(work(STEPS));
                }
            });
        }
    });
}

/// Mean power while `work` runs, or why it is not known.
///
/// # Errors
/// [`MeterError`] where the meter cannot be started.
pub fn power_while(
    meter: &mut dyn EnergyMeter,
    work: impl FnOnce(),
) -> Result<Result<Watts, String>, MeterError> {
    let clock = Instant::now();
    let reading = meter.start()?;
    work();
    let reading = meter.stop(reading)?;
    let elapsed = clock.elapsed();
    Ok(match reading {
        EnergyReading::Measured { energy, .. } | EnergyReading::Estimated { energy, .. } => {
            Ok(energy / elapsed)
        }
        EnergyReading::Unavailable { reason } => Err(reason),
    })
}

fn compared(a: Vec<f64>, b: Vec<f64>, steal_share: Option<f64>) -> Option<Repeatability> {
    let all: Vec<f64> = a.iter().chain(&b).copied().collect();
    let runs = all.len();
    let (of_a, of_b) = (rank(a, 0.5)?, rank(b, 0.5)?);
    let spread = (rank(all.clone(), 0.9)? - rank(all.clone(), 0.1)?) / rank(all, 0.5)?;
    let difference = (of_a - of_b).abs() / ((of_a + of_b) / 2.0);
    (spread.is_finite() && difference.is_finite()).then_some(Repeatability {
        difference,
        spread,
        runs,
        steal_share,
    })
}

/// The value at a share of the sorted sample (nearest rank).
fn rank(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * share).round() as usize).copied()
}

/// Steps that take each of `threads` threads about [`SHORTEST_RUN`].
fn calibrated(threads: usize) -> u64 {
    let mut steps = 1 << 20;
    while steps < MOST_STEPS && timed(threads, steps) < SHORTEST_RUN.as_secs_f64() {
        steps *= 2;
    }
    steps
}

/// Seconds that `steps` steps take on each of `threads` threads.
fn timed(threads: usize, steps: u64) -> f64 {
    let clock = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(move || black_box(work(steps)));
        }
    });
    clock.elapsed().as_secs_f64()
}

/// Multiplications that depend on one another, so that no compiler can shorten them.
fn work(steps: u64) -> u64 {
    (0..steps).fold(black_box(0x9E37_79B9_7F4A_7C15), |state: u64, step| {
        state.wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(31) ^ step
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_known_times() {
        let check = |a: &[f64], b: &[f64], difference: f64, spread: f64| {
            let got = compared(a.to_vec(), b.to_vec(), None);
            let near = |x: f64, y: f64| (x - y).abs() < 1e-9;
            assert!(
                matches!(got, Some(got) if near(got.difference, difference) && near(got.spread, spread)),
                "{a:?} {b:?}: {got:?}"
            );
        };
        check(&[1.0; 10], &[1.0; 10], 0.0, 0.0);
        check(&[1.0; 5], &[3.0; 6], 1.0, 2.0 / 3.0);
        // One slow run in twenty is no spread.
        check(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0], &[1.0; 10], 0.0, 0.0);
        assert_eq!(compared(Vec::new(), Vec::new(), None), None);
        assert_eq!(compared(vec![0.0; 3], vec![0.0; 3], None), None);
    }

    #[test]
    fn this_machine_is_timed() {
        let found = repeatability(1, Path::new("/no-such-folder"));
        assert!(matches!(found, Some(one) if one.runs == 24 && one.steal_share.is_none()), "{found:?}");
    }
}
