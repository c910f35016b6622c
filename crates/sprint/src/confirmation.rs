//! The confirmation: the winner of a race against the present setting, on fresh measurements.
//!
//! The race chose it because it looked cheap, so what the race measured says too much for it. Here pairs of fresh
//! measurements decide, in the order A B, B A, A B …, looked at after each pair from the fourth on. It is confirmed
//! where the whole one-sided interval is above zero and the estimate is at least what is wanted; it is refuted where it
//! surely saves less than what is wanted.
//!
//! The level of a look spends α over the planned pairs with exponent 3, close to O'Brien and Fleming's bounds (Jennison &
//! Turnbull, *Group Sequential Methods*, 2000, ch. 7): early looks need much, the last is close to a single test. Student's
//! t takes the place of the normal quantile at the same level.

use infercost_core::Estimate;
use infercost_stats::normal::student_quantile;
use infercost_stats::spending;
use serde::{Deserialize, Serialize};

use crate::race::{mean, saving, squares_of};

/// Pairs before the first look.
const FIRST_LOOK: usize = 4;

/// How a confirmation is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfirmationRules {
    /// Pairs at most; at least 4.
    pub pairs: u32,
    /// The chance that a setting is confirmed that saves nothing, 0 to 1.
    pub alpha: f64,
    /// Share of the present cost that must be saved, 0 to 1.
    pub wanted: f64,
}

impl Default for ConfirmationRules {
    fn default() -> Self {
        Self { pairs: 12, alpha: 0.025, wanted: 0.10 }
    }
}

/// What a confirmation came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Confirmed {
    /// It saves, and as much as is wanted.
    Yes {
        /// Share of the present cost, with the interval at the level of the look that decided.
        saving: Estimate,
    },
    /// It surely saves less than what is wanted.
    No {
        /// The same.
        saving: Estimate,
    },
    /// The pairs do not settle it.
    Unsettled {
        /// The same; `None` where too few pairs were measured.
        saving: Option<Estimate>,
    },
}

/// A confirmation under way.
#[derive(Debug, Clone)]
pub struct Confirmation {
    rules: ConfirmationRules,
    values: Vec<f64>,
    /// The first half of a pair.
    open: Option<f64>,
    ended: bool,
    result: Option<Confirmed>,
}

impl Confirmation {
    /// One that has not begun.
    pub fn new(rules: ConfirmationRules) -> Self {
        Self { rules, values: Vec::new(), open: None, ended: false, result: None }
    }

    /// True where the present setting is next, false where the winner is; `None` where it is over.
    pub fn next_is_present(&self) -> Option<bool> {
        let present_first = self.values.len().is_multiple_of(2);
        (!self.ended).then_some(present_first == self.open.is_none())
    }

    /// Pairs that are whole.
    pub fn pairs(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    /// The logarithm of the cost of what was next.
    pub fn observe(&mut self, cost: f64) {
        let Some(is_present) = self.next_is_present() else { return };
        match self.open.take() {
            None => self.open = Some(cost),
            Some(first) => {
                let (winner, present) = if is_present { (first, cost) } else { (cost, first) };
                self.values.push(winner - present);
                self.look();
            }
        }
    }

    /// Ends it: time is up, or the winner failed.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// What it came to, as far as it has come.
    pub fn result(&self) -> Confirmed {
        self.result.unwrap_or_else(|| Confirmed::Unsettled { saving: self.estimate(self.rules.alpha) })
    }

    fn estimate(&self, level: f64) -> Option<Estimate> {
        let n = self.values.len();
        if n < 2 {
            return None;
        }
        let degrees = (n - 1) as f64;
        let error = (squares_of(&self.values) / degrees / n as f64).sqrt();
        let quantile = student_quantile(1.0 - level, degrees);
        Some(saving(&self.values, error, quantile, 1.0 - 2.0 * level))
    }

    fn look(&mut self) {
        let planned = usize::try_from(self.rules.pairs).unwrap_or(usize::MAX).max(FIRST_LOOK);
        let seen = self.values.len();
        if seen < FIRST_LOOK {
            return;
        }

        let shares: Vec<f64> = (FIRST_LOOK..=seen).map(|look| look as f64 / planned as f64).collect();
        let level = spending::tail(&shares, self.rules.alpha, 3.0);
        if let Some(saving) = self.estimate(level) {
            let is_enough = mean(&self.values) <= (1.0 - self.rules.wanted).ln();
            if saving.lower > 0.0 && is_enough {
                self.result = Some(Confirmed::Yes { saving });
            } else if saving.upper < self.rules.wanted {
                self.result = Some(Confirmed::No { saving });
            } else if seen >= planned {
                self.result = Some(Confirmed::Unsettled { saving: Some(saving) });
            }
        }
        self.ended = self.result.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs pairs of the given log cost ratios, the present at 0 plus a drift.
    fn run(ratios: &[f64]) -> (Confirmed, u32, Vec<bool>) {
        let mut confirmation = Confirmation::new(ConfirmationRules::default());
        let mut order = Vec::new();
        'pairs: for ratio in ratios {
            for _ in 0..2 {
                let Some(is_present) = confirmation.next_is_present() else { break 'pairs };
                order.push(is_present);
                confirmation.observe(if is_present { 0.0 } else { *ratio });
            }
        }
        (confirmation.result(), confirmation.pairs(), order)
    }

    #[test]
    fn pairs_are_mirrored() {
        let (_, _, order) = run(&[0.1, -0.1, 0.1]);
        assert_eq!(order, [true, false, false, true, true, false]);
    }

    #[test]
    fn a_clear_saving_is_confirmed_at_the_first_look() {
        let (result, pairs, _) = run(&[-0.30, -0.301, -0.299, -0.30, -0.3]);
        assert!(
            matches!(result, Confirmed::Yes { saving } if (saving.point - 0.259).abs() < 0.01),
            "{result:?}"
        );
        assert_eq!(pairs, 4);
    }

    #[test]
    fn a_small_saving_is_refuted_and_noise_settles_nothing() {
        let (result, ..) = run(&[-0.02, -0.021, -0.019, -0.02, -0.02]);
        assert!(matches!(result, Confirmed::No { .. }), "{result:?}");

        let noisy: Vec<f64> = (0..12).map(|pair| if pair % 2 == 0 { -0.9 } else { 0.6 }).collect();
        let (result, pairs, _) = run(&noisy);
        assert!(matches!(result, Confirmed::Unsettled { saving: Some(_) }), "{result:?}");
        assert_eq!(pairs, 12);
        assert!(matches!(run(&[-0.3]).0, Confirmed::Unsettled { saving: None }));
    }
}
