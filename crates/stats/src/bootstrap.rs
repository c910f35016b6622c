//! Cluster bootstrap over prompts, paired across variants, with BCa intervals.
//!
//! Tokens and repetitions of one prompt are not independent, so whole prompts are drawn. All variants share
//! one [`Table`] and so the same draws: the difference or ratio of two variants keeps its pairing. Every
//! statistic is a function of column sums, which makes a resample cost one addition per cell, and the
//! leave-one-out values of the jackknife one subtraction.
//!
//! The interval of a [`Resampled::distribution`] is BCa (Efron, *Better Bootstrap Confidence Intervals*, J. Am. Stat. Assoc. 82, 1987), not
//! bootstrap-t: ratios such as a saving or a perplexity ratio, shares near 1 and divergences near 0 are
//! skewed and bounded, and BCa respects bounds and transformations, so that a saving and the cost ratio
//! behind it never disagree. Its known fault, intervals too narrow in small samples, is countered by
//! Hesterberg's expansion of the nominal level (*What Teachers Should Know About the Bootstrap*, Am. Stat.
//! 69, 2015).
//!
//! A mean divergence is the exception: a few prompts carry most of it, and what guards quality is its upper
//! bound, which BCa then sets too low (in the simulations beside the verdicts it let through twice the
//! promised share). [`Resampled::studentized`] is the bootstrap-t of the same ratio (Hall, *Theoretical
//! Comparison of Bootstrap Confidence Intervals*, Ann. Stat. 16, 1988), which follows that skew and errs on
//! the wide side.

use infercost_core::Estimate;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::draws::sum_draws;
use crate::normal;
use crate::quantile::quantile;
use crate::table::{Column, DistinctColumns};

pub use crate::table::Table;

/// Resamples drawn where the set is small enough.
pub const RESAMPLES: usize = 2_000;
/// Fewest resamples, however large the set.
const FEWEST_RESAMPLES: usize = 400;
/// Draws that must lie beyond a bound for them to tell where it is.
const FEWEST_BEYOND: f64 = 4.0;
/// Draws of a prompt at which the number of resamples begins to shrink, to bound the time.
const DRAWS: usize = 20_000_000;
/// A table with its column sums, as observed and in every resample.
#[derive(Debug, Clone)]
pub struct Resampled {
    table: DistinctColumns,
    observed: Vec<f64>,
    resampled: Vec<f64>,
}

impl Resampled {
    /// Draws resamples of prompts, reproducibly by `seed`.
    pub fn draw(table: Table, seed: u64) -> Self {
        let observed = table.sums();
        let table = table.into_distinct();
        let mut resampled = Vec::new();
        if let Ok(prompts) = u32::try_from(table.rows())
            && prompts > 1
        {
            let count = (DRAWS / prompts as usize).clamp(FEWEST_RESAMPLES, RESAMPLES);
            let random = ChaCha8Rng::seed_from_u64(seed);
            resampled = sum_draws(&table, prompts, random, count);
        }

        Self { table, observed, resampled }
    }

    /// Column sums as observed.
    pub fn observed(&self) -> &[f64] {
        &self.observed
    }

    /// One cell of the table that is resampled; 0 outside it.
    pub fn cell(&self, prompt: usize, column: usize) -> f64 {
        self.table.cells(column).get(prompt).copied().unwrap_or(0.0)
    }

    /// The statistic without each prompt that bears on it (`presence` above 0), with the prompt's row; NaN where it is not
    /// defined.
    pub fn without_each(&self, presence: usize, statistic: impl Fn(&[f64]) -> f64) -> Vec<(usize, f64)> {
        let mut left = LeftOut::of(self);
        self.table.rows_with(presence).map(|row| (row, statistic(left.without(row)))).collect()
    }

    /// Bootstrap distribution of a statistic of column sums. `presence` is the column that holds 1 for every
    /// prompt that bears on it. `None` where the statistic is not finite or fewer than two prompts bear on it.
    pub fn distribution(&self, presence: usize, statistic: impl Fn(&[f64]) -> f64) -> Option<Distribution> {
        let point = statistic(&self.observed);
        let clusters = self.clusters(presence);
        if !point.is_finite() || clusters < 2 {
            return None;
        }
        let (draws, drawn) = self.sorted_draws(&statistic);
        if draws.len() * 2 < drawn {
            return None;
        }
        let acceleration = self.acceleration(presence, &statistic);
        Some(Distribution::new(point, clusters, draws, acceleration))
    }

    /// Bootstrap-t distribution of the ratio of two column sums, x ÷ y, by the linearized standard error of
    /// a ratio of cluster totals: √Σ(x − r y)² ÷ Σy (Cochran, *Sampling Techniques*, 1977, § 6.3). `None` as
    /// for [`Resampled::distribution`].
    pub fn studentized(&self, ratio: &RatioColumns) -> Option<Distribution> {
        let RatioAndError { ratio: point, error } = ratio.at(&self.observed);
        let n = self.clusters(ratio.presence);
        if !point.is_finite() || !error.is_finite() || n < 2 {
            return None;
        }

        let (draws, drawn) = self.sorted_draws(|totals| {
            let drawn = ratio.at(totals);
            (drawn.ratio - point) / drawn.error
        });

        // Identical prompts have no error to studentize by; the bounds are then the point itself. The sum of
        // squares cancels, so what is left of it by rounding is about 10⁻⁸ of the point.
        let certain = error <= 1e-7 * point.abs();

        if !certain && draws.len() * 2 < drawn {
            return None;
        }

        Some(Distribution {
            point,
            n,
            kind: Kind::Studentized { draws, error: if certain { 0.0 } else { error } },
        })
    }

    /// The statistic in every resample, in the order drawn, so that two statistics stay paired.
    pub fn draws(&self, statistic: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        self.resampled.chunks_exact(self.table.width().max(1)).map(statistic).collect()
    }

    /// Prompts that bear on a statistic.
    fn clusters(&self, presence: usize) -> usize {
        self.table.rows_with(presence).count()
    }

    /// A statistic's values in ascending order, without those that are not a number, and how many were drawn.
    fn sorted_draws(&self, statistic: impl Fn(&[f64]) -> f64) -> (Vec<f64>, usize) {
        let mut draws = self.draws(statistic);
        let drawn = draws.len();
        draws.retain(|draw| !draw.is_nan());
        draws.sort_unstable_by(f64::total_cmp);
        (draws, drawn)
    }

    /// Skewness of the leave-one-prompt-out values ÷ 6 (Efron 1987, eq. 6.6 with the jackknife).
    fn acceleration(&self, presence: usize, statistic: &impl Fn(&[f64]) -> f64) -> f64 {
        let mut left = LeftOut::of(self);
        let each = self.table.rows_with(presence).map(|row| statistic(left.without(row)));
        let values: Vec<f64> = each.filter(|value| value.is_finite()).collect();

        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let square: f64 = values.iter().map(|value| (mean - value).powi(2)).sum();
        let cube: f64 = values.iter().map(|value| (mean - value).powi(3)).sum();
        let acceleration = cube / (6.0 * square.powf(1.5));
        if acceleration.is_finite() { acceleration } else { 0.0 }
    }
}

/// Column sums with one row left out.
struct LeftOut<'r> {
    observed: &'r [f64],
    used: Vec<Column<'r>>,
    sums: Vec<f64>,
}

impl<'r> LeftOut<'r> {
    fn of(resampled: &'r Resampled) -> Self {
        let observed = resampled.observed.as_slice();
        Self { observed, used: resampled.table.used(), sums: observed.to_vec() }
    }

    fn without(&mut self, row: usize) -> &[f64] {
        for column in &self.used {
            if let Some(sum) = self.sums.get_mut(column.index)
                && let Some((all, cell)) = self.observed.get(column.index).zip(column.cells.get(row))
            {
                *sum = all - cell;
            }
        }
        &self.sums
    }
}

/// A bootstrap distribution from which bounds are read.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// The statistic as observed.
    pub point: f64,
    /// Prompts behind it.
    pub n: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Values of the statistic, with their median bias and acceleration.
    Bca { draws: Vec<f64>, bias: f64, acceleration: f64 },
    /// Distances from the point in standard errors, and the point's own standard error.
    Studentized { draws: Vec<f64>, error: f64 },
}

/// Columns of a ratio of sums, x ÷ y, with the sums of squares that its standard error needs.
#[derive(Debug, Clone, Copy)]
pub struct RatioColumns {
    /// 1 for every prompt that bears on it.
    pub presence: usize,
    /// x.
    pub numerator: usize,
    /// y.
    pub denominator: usize,
    /// x², x y and y².
    pub squares: [usize; 3],
}

/// A ratio of sums with its linearized standard error.
struct RatioAndError {
    ratio: f64,
    error: f64,
}

impl RatioColumns {
    /// The ratio at these column sums: √Σ(x − r y)² ÷ Σy, expanded into the sums of squares.
    fn at(&self, totals: &[f64]) -> RatioAndError {
        let (x, y) = (column(totals, self.numerator), column(totals, self.denominator));
        let [xx, xy, yy] = self.squares.map(|square| column(totals, square));

        let ratio = x / y;
        let square = (xx - 2.0 * ratio * xy + ratio * ratio * yy).max(0.0);
        RatioAndError { ratio, error: square.sqrt() / y }
    }
}

/// One column sum; NaN where there is no such column.
fn column(totals: &[f64], index: usize) -> f64 {
    totals.get(index).copied().unwrap_or(f64::NAN)
}

impl Distribution {
    fn new(point: f64, n: usize, draws: Vec<f64>, acceleration: f64) -> Self {
        let below = draws.iter().filter(|draw| **draw < point).count() as f64;
        let equal = draws.iter().filter(|draw| (**draw - point).abs() <= 0.0).count() as f64;
        let size = draws.len().max(1) as f64;
        // Ties count half, so that a statistic on a grid is not called biased.
        let share = ((below + equal / 2.0) / size).clamp(0.5 / size, 1.0 - 0.5 / size);
        Self { point, n, kind: Kind::Bca { draws, bias: normal::quantile(share), acceleration } }
    }

    /// The bound below which the truth lies with one-sided probability `level`. Where that lies farther out
    /// than the draws can tell, the distance from the point grows as Student's t does.
    pub fn bound(&self, level: f64) -> f64 {
        let drawn = match &self.kind {
            Kind::Bca { draws, .. } | Kind::Studentized { draws, .. } => draws.len(),
        };
        let finest = FEWEST_BEYOND / drawn.max(1) as f64;
        let tail = level.min(1.0 - level);
        if tail >= finest || finest >= 0.5 {
            return self.drawn_bound(level);
        }

        let degrees = self.n as f64 - 1.0;
        let wanted_deviate = normal::student_quantile(tail.max(f64::MIN_POSITIVE), degrees);
        let finest_deviate = normal::student_quantile(finest, degrees);

        let finest_bound = self.drawn_bound(if level < 0.5 { finest } else { 1.0 - finest });
        self.point + (finest_bound - self.point) * wanted_deviate / finest_deviate
    }

    fn drawn_bound(&self, level: f64) -> f64 {
        match &self.kind {
            Kind::Bca { draws, bias, acceleration } => {
                let n = self.n as f64;
                let z = (n / (n - 1.0)).sqrt() * normal::student_quantile(level, n - 1.0);
                let moved = bias + z;
                let denominator = 1.0 - acceleration * moved;
                let corrected = if denominator > 0.0 {
                    normal::cumulative(bias + moved / denominator)
                } else if moved > 0.0 {
                    1.0
                } else {
                    0.0
                };

                quantile(draws, corrected).unwrap_or(f64::NAN)
            }
            Kind::Studentized { error, .. } if *error <= 0.0 => self.point,
            Kind::Studentized { draws, error } => {
                let Some(distance) = quantile(draws, 1.0 - level) else { return f64::NAN };
                // Of a handful of prompts most draws lie on one side of the point, and the bound would collapse onto
                // it: few prompts would claim more than many. Half of Student's own distance is the least.
                let student = normal::student_quantile(1.0 - level, self.n as f64 - 1.0) / 2.0;
                let distance = if level < 0.5 { distance.max(student) } else { distance.min(student) };
                self.point - error * distance
            }
        }
    }

    /// Point and two-sided interval; `None` where a bound is not finite.
    pub fn estimate(&self, confidence: f64) -> Option<Estimate> {
        let tail = (1.0 - confidence) / 2.0;
        self.interval(tail, tail, confidence)
    }

    /// Point and an interval with the given errors below and above it, under the given name of confidence.
    pub fn interval(&self, below: f64, above: f64, confidence: f64) -> Option<Estimate> {
        let (lower, upper) = (self.bound(below), self.bound(1.0 - above));

        (lower.is_finite() && upper.is_finite()).then(|| Estimate {
            point: self.point,
            lower: lower.min(self.point),
            upper: upper.max(self.point),
            confidence,
            n: self.n,
        })
    }
}

/// Largest share of unseen prompts that could still differ where none of `n` did, with one-sided error `tail`:
/// 1 − tail^(1/n), the "rule of three" (Hanley & Lippman-Hand, JAMA 249, 1983). A resample of identical
/// values cannot know that.
pub fn unseen_share(n: usize, tail: f64) -> f64 {
    if n == 0 { 1.0 } else { 1.0 - tail.powf(1.0 / n as f64) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use rand::Rng as _;

    use super::*;

    fn table(rows: &[[f64; 2]]) -> Table {
        let mut table = Table::new(rows.len(), 3);
        for (prompt, [numerator, denominator]) in rows.iter().enumerate() {
            table.add(prompt, 0, 1.0);
            table.add(prompt, 1, *numerator);
            table.add(prompt, 2, *denominator);
        }
        table
    }

    fn ratio(totals: &[f64]) -> f64 {
        totals[1] / totals[2]
    }

    #[test]
    fn same_seed_same_interval() {
        let rows: Vec<[f64; 2]> = (0..40).map(|i| [f64::from(i % 7) + 1.0, f64::from(i % 3) + 1.0]).collect();
        let estimate =
            |seed| Resampled::draw(table(&rows), seed).distribution(0, ratio).unwrap().estimate(0.95);
        assert_eq!(estimate(7), estimate(7));
        assert_ne!(estimate(7), estimate(8));
    }

    /// Sums of a table beyond the caches, which threads add up together, are the sums of the rows that were drawn.
    #[test]
    fn large_tables_are_summed_as_they_are_drawn() {
        let (prompts, width) = (3_001_u32, 64);
        let mut large = Table::new(prompts as usize, width);
        for row in 0..prompts as usize {
            for column in 0..width {
                // whole numbers, whose sums are exact in any order; some columns are the same, and some are zero
                let number = (row * 31 + column % 50 * 7) % 1_000;
                large.add(row, column, (number * usize::from(column % 9 > 0)) as f64);
            }
        }
        assert!(prompts as usize * width * 8 > crate::draws::OWN_CACHE);

        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut expected = vec![0.0; RESAMPLES * width];
        for totals in expected.chunks_exact_mut(width) {
            for _ in 0..prompts {
                let row = random.random_range(0..prompts) as usize;
                for (column, total) in totals.iter_mut().enumerate() {
                    *total += large.get(row, column);
                }
            }
        }

        let drawn = Resampled::draw(large, 5);
        assert!(drawn.table.distinct() < 50);
        assert_eq!(drawn.resampled, expected);
    }

    #[test]
    fn one_prompt_has_no_interval() {
        assert!(Resampled::draw(table(&[[1.0, 2.0]]), 1).distribution(0, ratio).is_none());
        assert!(Resampled::draw(table(&[]), 1).distribution(0, ratio).is_none());
    }

    /// A skewed sample: the interval must cover the true mean about as often as it says.
    #[test]
    fn covers_a_skewed_mean() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let (mut above, mut below) = (0, 0);
        for trial in 0..400 {
            let rows: Vec<[f64; 2]> =
                (0..40).map(|_| [-random.random_range(f64::MIN_POSITIVE..1.0).ln(), 1.0]).collect();
            let distribution = Resampled::draw(table(&rows), trial).distribution(0, ratio).unwrap();
            below += u32::from(distribution.bound(0.95) < 1.0);
            above += u32::from(distribution.bound(0.05) > 1.0);
        }
        // Nominal 20 of 400 on either side; a binomial of that mean stays below 34 but once in 500.
        assert!(below <= 34 && above <= 34, "{below} below, {above} above");
    }

    #[test]
    fn unseen_shares() {
        for (n, expected) in [(100, 0.029_513), (24, 0.117_346), (0, 1.0)] {
            assert!((unseen_share(n, 0.05) - expected).abs() < 1e-5, "{n}: {}", unseen_share(n, 0.05));
        }
    }
}
