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

impl Estimate<f64> {
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
}
