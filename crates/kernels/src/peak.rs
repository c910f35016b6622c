//! What the processors do at best: the other roof of a roofline, beside the memory's bandwidth.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Inputs, Isa, PackedMatrix, Projection, Team, WeightType};

/// Inputs of each row: a row of a small model.
const COLUMNS: usize = 1024;
/// Rows for each thread, so that none of them waits, and each one's part stays in a cache of its own.
const ROWS_A_THREAD: usize = 256;
/// A prompt's worth of tokens, which share the reading of the weights.
const TOKENS: usize = 128;
/// How long products are repeated; the best one counts.
const PATIENCE: Duration = Duration::from_millis(100);

/// Operations a second of products of weights of that type with many tokens, at the best, by this crate's kernels on so many
/// threads. A multiplication and an addition are two operations, as rooflines count them (Williams, Waterman, Patterson
/// 2009). The weights stay in the caches. `None` where no thread can be started.
///
/// # Panics
/// The processor lacks the level, which [`Isa::from_environment`] never answers.
pub fn product_peak(isa: Isa, weight_type: WeightType, threads: usize) -> Option<f64> {
    let mut team = Team::new(threads.max(1)).ok()?;
    let rows = ROWS_A_THREAD * team.threads();
    let bytes = vec![0; weight_type.row_bytes(COLUMNS)? * rows];
    let matrix = PackedMatrix::pack(isa, weight_type, rows, COLUMNS, &bytes).ok()?;
    let projection = Projection::new([Arc::new(matrix)]);
    let inputs = Inputs::new(isa, TOKENS, [&projection]);
    let mut products = vec![0.0; TOKENS * rows];
    let operations = 2.0 * (rows * COLUMNS * TOKENS) as f64;

    let clock = Instant::now();
    let mut best: Option<f64> = None;
    while best.is_none() || clock.elapsed() < PATIENCE {
        let once = Instant::now();
        team.multiply(&projection, &inputs, TOKENS, &mut products);
        let rate = operations / once.elapsed().as_secs_f64();
        best = Some(best.map_or(rate, |best| best.max(rate)));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_and_type_has_a_peak() {
        for isa in Isa::available() {
            for weight_type in [WeightType::Q8_0, WeightType::F32] {
                let peak = product_peak(isa, weight_type, 2);
                // a thousandth of what a processor of 2003 does, and more than any has
                assert!(
                    peak.is_some_and(|rate| rate > 1e6 && rate < 1e15),
                    "{isa:?} {weight_type:?}: {peak:?}"
                );
            }
        }
    }
}
