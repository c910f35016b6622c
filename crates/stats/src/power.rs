//! How many prompts settle a question.

use crate::normal;

/// Probability with which a planned comparison shall find what is there.
pub const POWER: f64 = 0.8;
/// Share of prompts on which two good variants disagree, assumed while planning. Variants near the baseline
/// rarely disagree on more.
pub const PLANNED_DISCORDANCE: f64 = 0.10;
/// The margin used where the set is large enough for it.
pub const FULL_MARGIN: f64 = 0.02;
/// Above this a number of prompts says nothing but "not this way".
const LARGEST_ANSWER: f64 = 1e5;

/// Part of the error of passing that looks on the way leave for the end (see [`crate::sequential`]): 0.83 to 0.92 by
/// the length of the plan. A plan without looks has all of it, and a little more power.
const LEFT_BY_LOOKS: f64 = 0.85;

/// What Newcombe's interval takes in a small set, in answers: the simulations of verdicts keep [`POWER`] with it from
/// 24 prompts on.
const NEWCOMBE: f64 = 1.0 / 3.0;

/// z₁₋α + z_power: the distance between a threshold and the truth, in standard errors, at which a one-sided
/// test of this confidence decides with [`POWER`] (Chow, Shao & Wang, *Sample Size Calculations in Clinical
/// Research*, on non-inferiority).
pub fn deviates(confidence: f64) -> f64 {
    normal::quantile(confidence) + normal::quantile(POWER)
}

/// Standard errors of the margin, with looks.
fn planned_deviates(confidence: f64) -> f64 {
    deviates(1.0 - (1.0 - confidence) * LEFT_BY_LOOKS)
}

/// The margin that a set of `n` prompts can settle: [`FULL_MARGIN`], or the smallest loss that is found with
/// [`POWER`] under [`PLANNED_DISCORDANCE`], whichever is larger; at most 1. It belongs to one candidate by itself.
///
/// The normal approximation alone keeps 76 % and not 80 % where sets are small: looks take their part, and Newcombe's
/// interval, corrected for continuity, is wider by about a third of an answer.
pub fn automatic_margin(n: usize, confidence: f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    let n = n as f64;
    let margin = planned_deviates(confidence) * (PLANNED_DISCORDANCE / n).sqrt() + NEWCOMBE / n;
    margin.clamp(FULL_MARGIN, 1.0)
}

/// Prompts for which [`automatic_margin`] is `margin`; `None` for a margin that is not positive.
pub fn prompts_for_margin(margin: f64, confidence: f64) -> Option<usize> {
    // With x = 1 ÷ √n, the margin is x² ÷ 3 + c x.
    let c = planned_deviates(confidence) * PLANNED_DISCORDANCE.sqrt();
    let x = ((c * c + 4.0 * NEWCOMBE * margin).sqrt() - c) / (2.0 * NEWCOMBE);
    whole(1.0 / (x * x)).filter(|_| margin > 0.0)
}

/// Prompts that would settle, with [`POWER`] and at the one-sided error `alpha`, which side of a threshold a value
/// lies on, where it lies at `distance` and `n` prompts gave it `standard_error`. Always more than `n`; `None` where
/// the distance is so small that no sensible number settles it.
pub fn prompts_needed(n: usize, standard_error: f64, distance: f64, alpha: f64) -> Option<usize> {
    let ratio = deviates(1.0 - alpha) * standard_error / distance.abs();
    whole(n as f64 * ratio * ratio).map(|needed| needed.max(n.saturating_add(1)))
}

fn whole(prompts: f64) -> Option<usize> {
    (prompts.is_finite() && prompts <= LARGEST_ANSWER).then(|| prompts.ceil() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: Python, (z(1 − 0.85 × 0.05) + z(0.8)) × √(0.1 ÷ n) + 1 ÷ 3n, and its inverse.
    #[test]
    fn planning() {
        let needed = prompts_for_margin(0.02, 0.95);
        assert_eq!(needed, Some(NEEDED));
        for (n, expected) in MARGINS {
            let got = automatic_margin(*n, 0.95);
            assert!((got - expected).abs() < 1e-5, "{n}: {got} is not {expected}");
        }
        assert_eq!(prompts_for_margin(0.0, 0.95), None);
    }

    const NEEDED: usize = 1677;
    const MARGINS: &[(usize, f64)] = &[
        (1677, 0.020000),
        (5000, 0.020000),
        (400, 0.041374),
        (100, 0.084414),
        (60, 0.110231),
        (24, 0.179395),
        (0, 1.000000),
    ];

    #[test]
    fn needed() {
        // A standard error of 0.01 at 100 prompts and a distance of 0.01: (2.4865)² × 100.
        assert_eq!(prompts_needed(100, 0.01, 0.01, 0.05), Some(619));
        // One of three claims: (2.1280 + 0.8416)² × 100.
        assert_eq!(prompts_needed(100, 0.01, 0.01, 0.05 / 3.0), Some(882));
        assert_eq!(prompts_needed(100, 0.01, 1.0, 0.05), Some(101));
        assert_eq!(prompts_needed(100, 0.01, 0.0, 0.05), None);
    }
}
