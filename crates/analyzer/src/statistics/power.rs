//! How many prompts settle a question.

use crate::statistics::normal;

/// Probability with which a planned comparison shall find what is there.
pub const POWER: f64 = 0.8;
/// Share of prompts on which two good variants disagree, assumed while planning. Variants near the baseline
/// rarely disagree on more.
pub const PLANNED_DISCORDANCE: f64 = 0.10;
/// The margin used where the set is large enough for it.
pub const FULL_MARGIN: f64 = 0.02;
/// Above this a number of prompts says nothing but "not this way".
const LARGEST_ANSWER: f64 = 1e5;

/// z₁₋α + z_power: the distance between a threshold and the truth, in standard errors, at which a one-sided
/// test of this confidence decides with [`POWER`] (Chow, Shao & Wang, *Sample Size Calculations in Clinical
/// Research*, on non-inferiority).
pub fn deviates(confidence: f64) -> f64 {
    normal::quantile(confidence) + normal::quantile(POWER)
}

/// The margin that a set of `n` prompts can settle: [`FULL_MARGIN`], or the smallest loss that is found with
/// [`POWER`] under [`PLANNED_DISCORDANCE`], whichever is larger; at most 1.
pub fn automatic_margin(n: usize, confidence: f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    (deviates(confidence) * (PLANNED_DISCORDANCE / n as f64).sqrt()).clamp(FULL_MARGIN, 1.0)
}

/// Prompts for which [`automatic_margin`] is `margin`; `None` for a margin that is not positive.
pub fn prompts_for_margin(margin: f64, confidence: f64) -> Option<usize> {
    whole(PLANNED_DISCORDANCE * (deviates(confidence) / margin).powi(2)).filter(|_| margin > 0.0)
}

/// Prompts that would settle, with [`POWER`], which side of a threshold a value lies on, where it lies at
/// `distance` and `n` prompts gave it `standard_error`. Always more than `n`; `None` where the distance is
/// so small that no sensible number settles it.
pub fn prompts_needed(n: usize, standard_error: f64, distance: f64, confidence: f64) -> Option<usize> {
    let ratio = deviates(confidence) * standard_error / distance.abs();
    whole(n as f64 * ratio * ratio).map(|needed| needed.max(n.saturating_add(1)))
}

fn whole(prompts: f64) -> Option<usize> {
    (prompts.is_finite() && prompts <= LARGEST_ANSWER).then(|| prompts.ceil() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (1.644854 + 0.841621)² × 0.10 ÷ 0.02² = 1545.6, so 1,546 prompts carry a margin of 0.02.
    #[test]
    fn planning() {
        assert_eq!(prompts_for_margin(0.02, 0.95), Some(1546));
        for (n, expected) in [(1546, 0.02), (5000, 0.02), (100, 0.078_629), (24, 0.160_5), (0, 1.0)] {
            let got = automatic_margin(n, 0.95);
            assert!((got - expected).abs() < 1e-4, "{n}: {got} is not {expected}");
        }
        assert_eq!(prompts_for_margin(0.0, 0.95), None);
    }

    #[test]
    fn needed() {
        // A standard error of 0.01 at 100 prompts and a distance of 0.01: (2.4865)² × 100.
        assert_eq!(prompts_needed(100, 0.01, 0.01, 0.95), Some(619));
        assert_eq!(prompts_needed(100, 0.01, 1.0, 0.95), Some(101));
        assert_eq!(prompts_needed(100, 0.01, 0.0, 0.95), None);
    }
}
