//! Sums of the rows of a table that are drawn, resample after resample.

use std::thread;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::table::DistinctColumns;

/// Bytes that one core's own caches hold about.
pub(crate) const OWN_CACHE: usize = 1 << 20;
/// Resamples that are added up together.
const TOGETHER: usize = 16;
/// Bytes of rows that they take in turn.
const TILE: usize = 128 << 10;

/// The sums of as many rows of the table as it has, drawn from `random`, `resamples` times: one row a resample, each with
/// every column of the table.
pub(crate) fn sum_draws(
    table: &DistinctColumns,
    prompts: u32,
    mut random: ChaCha8Rng,
    resamples: usize,
) -> Vec<f64> {
    let mut sums = vec![0.0; resamples * table.distinct()];
    let mut all = vec![0.0; resamples * table.width()];
    if sums.is_empty() {
        return all;
    }

    // whichever way is taken rounds in its own way: the choice depends on the table as it was made
    let bytes = size_of::<f64>() * table.rows() * table.width();
    if bytes > OWN_CACHE {
        sum_together(table, prompts, random, &mut sums);
    } else {
        let width = table.distinct();
        let mut cells = Vec::new();
        table.copy_rows(0, table.rows(), &mut cells);

        for totals in sums.chunks_exact_mut(width) {
            for _ in 0..prompts {
                let first = random.random_range(0..prompts) as usize * width;
                if let Some(row) = cells.get(first..first + width) {
                    add(totals, row);
                }
            }
        }
    }

    table.spread(&sums, &mut all);
    all
}

/// The same for a table beyond the caches, where each draw would be a walk through memory: rows are counted first, and then
/// taken in order, each for several resamples at once, on all processors. The draws and the order of additions depend on no
/// machine, and so neither do the sums.
fn sum_together(table: &DistinctColumns, prompts: u32, mut random: ChaCha8Rng, sums: &mut [f64]) {
    let width = table.distinct();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut left = sums.len() / width;
    let mut counts = vec![vec![0; prompts as usize]; TOGETHER * threads];
    let mut next = counts.clone();
    count_draws(prompts, &mut random, &mut next, left);

    for group in sums.chunks_mut(width * TOGETHER * threads) {
        std::mem::swap(&mut counts, &mut next);
        left = left.saturating_sub(counts.len());

        thread::scope(|scope| {
            for (counts, totals) in counts.chunks(TOGETHER).zip(group.chunks_mut(width * TOGETHER)) {
                scope.spawn(move || add_counted(table, counts, totals));
            }
            // drawn meanwhile, in the order in which they are added up
            count_draws(prompts, &mut random, &mut next, left);
        });
    }
}

/// How often a row is drawn in a resample: about once, and among thousands of rows never a hundred times.
type Count = u8;

/// How often each row is drawn, for as many resamples as there is room for, and at most `resamples`.
fn count_draws(prompts: u32, random: &mut ChaCha8Rng, counts: &mut [Vec<Count>], resamples: usize) {
    for counts in counts.iter_mut().take(resamples) {
        counts.fill(0);
        for _ in 0..prompts {
            if let Some(count) = counts.get_mut(random.random_range(0..prompts) as usize) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// Adds each row as often as it was counted, for each resample; some rows at a time, which stay in the caches meanwhile.
fn add_counted(table: &DistinctColumns, counts: &[Vec<Count>], totals: &mut [f64]) {
    let width = table.distinct();
    let rows = (TILE / size_of::<f64>() / width).max(1);
    let mut tile = Vec::new();

    for first in (0..table.rows()).step_by(rows) {
        table.copy_rows(first, rows.min(table.rows() - first), &mut tile);

        for (counts, totals) in counts.iter().zip(totals.chunks_exact_mut(width)) {
            let counts = counts.get(first..).unwrap_or_default();

            for (row, count) in tile.chunks_exact(width).zip(counts) {
                if *count > 0 {
                    add_times(totals, row, f64::from(*count));
                }
            }
        }
    }
}

fn add_times(totals: &mut [f64], row: &[f64], times: f64) {
    for (total, cell) in totals.iter_mut().zip(row) {
        *total += times * cell;
    }
}

fn add(totals: &mut [f64], row: &[f64]) {
    for (total, cell) in totals.iter_mut().zip(row) {
        *total += cell;
    }
}
