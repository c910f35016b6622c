//! Memory bandwidth, measured: what decode could reach if nothing but memory held it back.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// Bytes read in one pass over the buffer; well past any last-level cache.
const BUFFER_BYTES: usize = 512 << 20;
const PASSES: usize = 4;

/// Reads a large buffer with `threads` threads and returns the best pass, in bytes per second.
///
/// The best of a few passes is taken, as STREAM does (McCalpin 1995): disturbances only ever slow a pass down.
/// `None` where no thread could be started.
pub fn read_bandwidth(threads: usize) -> Option<f64> {
    let threads = threads.max(1);
    let buffer = vec![1_u64; BUFFER_BYTES / 8];
    let share = buffer.len().div_ceil(threads);
    let mut best: Option<f64> = None;
    for _ in 0..PASSES {
        let clock = Instant::now();
        thread::scope(|scope| {
            for part in buffer.chunks(share) {
                scope.spawn(move || black_box(sum(part)));
            }
        });
        let rate = BUFFER_BYTES as f64 / clock.elapsed().as_secs_f64();
        best = Some(best.map_or(rate, |best| best.max(rate)));
    }
    best
}

/// One plain fold: the compiler turns it into wide loads and enough sums side by side to keep memory busy.
fn sum(part: &[u64]) -> u64 {
    part.iter().fold(0, |total, value| total.wrapping_add(*value))
}
