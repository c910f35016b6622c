//! A number with its uncertainty.

use serde::{Deserialize, Serialize};

/// A point with a two-sided confidence interval.
///
/// `n` is the number of independent units behind it (prompts, not tokens).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate<T = f64> {
    /// The best single value.
    pub point: T,
    /// Lower end of the interval.
    pub lower: T,
    /// Upper end of the interval.
    pub upper: T,
    /// Confidence of the interval, for example 0.95.
    pub confidence: f64,
    /// Independent units behind the estimate.
    pub n: usize,
}

/// Farther than this factor from its point, an end of a positive quantity's interval says nothing about it.
const FARTHEST_FACTOR: f64 = 10.0;

impl Estimate<f64> {
    /// True where the interval of a positive quantity says something: both ends are within a factor of ten of the
    /// point. `4730 [0.003, 8e9]` is not an interval but the lack of one.
    pub fn narrows_ratio(&self) -> bool {
        self.lower > 0.0
            && self.lower * FARTHEST_FACTOR >= self.point
            && self.upper <= self.point * FARTHEST_FACTOR
    }

    /// True where the whole interval lies above `value`.
    pub fn is_above(&self, value: f64) -> bool {
        self.lower > value
    }

    /// True where the whole interval lies below `value`.
    pub fn is_below(&self, value: f64) -> bool {
        self.upper < value
    }

    /// True where the two intervals share a point.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lower <= other.upper && other.lower <= self.upper
    }

    /// Applies a monotone function to the point and both ends.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (f(self.lower), f(self.upper));
        Self { point: f(self.point), lower: a.min(b), upper: a.max(b), ..self }
    }

    /// The same, no farther than what is possible.
    #[must_use]
    pub fn within(self, least: f64, greatest: f64) -> Self {
        self.map(|value| value.clamp(least, greatest))
    }
}
