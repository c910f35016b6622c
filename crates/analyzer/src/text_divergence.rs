//! How well a model predicts a text, and how far its predictions lie from a baseline's.
//!
//! The vocabulary, and the statistics behind each word, are those of llama.cpp's `llama-perplexity`: perplexity,
//! KL divergence, Δp (the change of the probability of the text's own token) and "same top". As there, the
//! uncertainties are standard errors that take positions as independent; those of one window are not quite, so
//! they are a lower bound.

use infercost_core::Divergence;

use crate::divergence::{DivergenceError, divergence};
use crate::kept_divergence::{KeptRow, kept_divergence};
use infercost_stats::quantile::quantile;

/// Collects positions of a text, window by window; four numbers a position are kept, no distribution.
#[derive(Debug, Default)]
pub struct TextDivergence {
    nll: Vec<f64>,
    baseline_nll: Vec<f64>,
    kld: Vec<f64>,
    /// How far each divergence may lie above what is in `kld`, where the baseline was kept in part.
    kld_slack: Vec<f64>,
    probability_change: Vec<f64>,
    top1_matches: usize,
}

/// A mean with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Its standard error; `None` for fewer than two positions.
    pub standard_error: Option<f64>,
}

/// What the positions of a text say about one model.
#[derive(Debug, Clone, PartialEq)]
pub struct TextScore {
    /// Positions scored.
    pub positions: usize,
    /// exp of the mean of −ln p(token), with the standard error by the delta method.
    pub perplexity: Mean,
    /// Comparison with the baseline, where every position was compared.
    pub comparison: Option<TextComparison>,
}

/// What the positions of a text say about a candidate beside its baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct TextComparison {
    /// The baseline's perplexity.
    pub baseline_perplexity: Mean,
    /// ln(perplexity ÷ the baseline's), paired by position.
    pub ln_perplexity_ratio: Mean,
    /// KL(baseline ‖ candidate) over the whole vocabulary, in nats.
    pub kld: Mean,
    /// How far the mean may lie above `kld`, where only the baseline's likelier tokens were kept; `None` where the
    /// whole distributions were compared.
    pub kld_slack: Option<f64>,
    /// Median of the same.
    pub kld_median: f64,
    /// Its 99th percentile.
    pub kld_p99: f64,
    /// Its 99.9th percentile.
    pub kld_p999: f64,
    /// Its largest value.
    pub kld_max: f64,
    /// Share of positions at which both have the same most likely token.
    pub top1_agreement: Mean,
    /// Root of the mean squared change of p(token).
    pub probability_change_rms: Mean,
    /// Mean change of p(token).
    pub probability_change: Mean,
}

impl TextDivergence {
    /// Adds positions under one model: rows of `vocabulary` ln-probabilities, and the token that follows each.
    ///
    /// # Errors
    /// As [`divergence()`], with the model named as the candidate.
    pub fn add(
        &mut self,
        candidate: &[f32],
        vocabulary: usize,
        targets: &[u32],
    ) -> Result<(), DivergenceError> {
        let size = targets.len().checked_mul(vocabulary);
        if vocabulary == 0 || size != Some(candidate.len()) {
            let (positions, candidate) = (targets.len(), candidate.len());
            return Err(DivergenceError::Size { positions, vocabulary, baseline: candidate, candidate });
        }
        self.nll.extend(surprisals(candidate, vocabulary, targets, "candidate")?);
        Ok(())
    }

    /// Adds positions under the baseline and the candidate.
    ///
    /// # Errors
    /// As [`divergence()`].
    pub fn add_pair(
        &mut self,
        baseline: &[f32],
        candidate: &[f32],
        vocabulary: usize,
        targets: &[u32],
    ) -> Result<(), DivergenceError> {
        let compared = divergence(baseline, candidate, vocabulary, targets)?;
        let before = surprisals(baseline, vocabulary, targets, "baseline")?;
        let after = surprisals(candidate, vocabulary, targets, "candidate")?;
        self.add_compared(compared, before, after);
        Ok(())
    }

    /// Adds positions under a baseline of which the likelier tokens were kept, and under the candidate.
    ///
    /// # Errors
    /// As [`kept_divergence`].
    pub fn add_kept(
        &mut self,
        baseline: &[KeptRow],
        candidate: &[f32],
        vocabulary: usize,
        targets: &[u32],
    ) -> Result<(), DivergenceError> {
        let (compared, slack) = kept_divergence(baseline, candidate, vocabulary, targets)?;
        let before = baseline.iter().map(|row| -f64::from(row.target_ln_p)).collect();
        let after = surprisals(candidate, vocabulary, targets, "candidate")?;
        self.kld_slack.extend(slack);
        self.add_compared(compared, before, after);
        Ok(())
    }

    fn add_compared(&mut self, compared: Divergence, before: Vec<f64>, after: Vec<f64>) {
        let changes = before.iter().zip(&after).map(|(before, after)| (-after).exp() - (-before).exp());
        self.probability_change.extend(changes);
        self.baseline_nll.extend(before);
        self.nll.extend(after);
        self.top1_matches = self.top1_matches.saturating_add(compared.top1_matches as usize);
        self.kld.extend(compared.kld);
    }

    /// exp of the mean of −ln p over what was added so far; `None` before anything was.
    pub fn perplexity(&self) -> Option<f64> {
        mean(&self.nll).map(|mean| mean.value.exp())
    }

    /// All statistics; `None` where no position was added.
    pub fn score(mut self) -> Option<TextScore> {
        let positions = self.nll.len();
        let perplexity = exponential(mean(&self.nll)?);
        // A mixture of compared and uncompared positions has no common baseline.
        let compared = self.kld.len() == positions;
        let comparison = if compared { self.comparison() } else { None };
        Some(TextScore { positions, perplexity, comparison })
    }

    fn comparison(&mut self) -> Option<TextComparison> {
        self.kld.sort_unstable_by(f64::total_cmp);
        let ratios: Vec<f64> =
            self.nll.iter().zip(&self.baseline_nll).map(|(after, before)| after - before).collect();
        let squares: Vec<f64> = self.probability_change.iter().map(|change| change * change).collect();
        let positions = self.kld.len() as f64;
        let share = self.top1_matches as f64 / positions;
        let spread = (share * (1.0 - share) / (positions - 1.0)).sqrt();
        Some(TextComparison {
            baseline_perplexity: exponential(mean(&self.baseline_nll)?),
            ln_perplexity_ratio: mean(&ratios)?,
            kld: mean(&self.kld)?,
            kld_slack: mean(&self.kld_slack).map(|slack| slack.value),
            kld_median: quantile(&self.kld, 0.5)?,
            kld_p99: quantile(&self.kld, 0.99)?,
            kld_p999: quantile(&self.kld, 0.999)?,
            kld_max: *self.kld.last()?,
            top1_agreement: Mean { value: share, standard_error: (positions > 1.0).then_some(spread) },
            probability_change_rms: root(mean(&squares)?),
            probability_change: mean(&self.probability_change)?,
        })
    }
}

/// −ln p of each target.
fn surprisals(
    rows: &[f32],
    vocabulary: usize,
    targets: &[u32],
    who: &'static str,
) -> Result<Vec<f64>, DivergenceError> {
    let mut surprisals = Vec::with_capacity(targets.len());
    for (position, (row, token)) in rows.chunks_exact(vocabulary).zip(targets).enumerate() {
        match row.get(*token as usize) {
            Some(ln_p) if ln_p.is_finite() => surprisals.push(-f64::from(*ln_p)),
            Some(_) => return Err(DivergenceError::NotFinite { who, position }),
            None => return Err(DivergenceError::Target { position, token: *token, vocabulary }),
        }
    }
    Ok(surprisals)
}

/// Mean and standard error √(variance ÷ (n − 1)), the variance being the mean square about the mean: the same
/// as the sample's standard deviation ÷ √n.
fn mean(values: &[f64]) -> Option<Mean> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let value = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / n;
    let standard_error = (values.len() > 1).then(|| (variance / (n - 1.0)).sqrt());
    Some(Mean { value, standard_error })
}

/// exp of a mean; the standard error by the delta method, |d exp(x)/dx| · σ.
fn exponential(mean: Mean) -> Mean {
    let value = mean.value.exp();
    Mean { value, standard_error: mean.standard_error.map(|error| value * error) }
}

/// Root of a mean; the standard error by the delta method, σ ÷ (2 √x), unknown at 0.
fn root(mean: Mean) -> Mean {
    let value = mean.value.sqrt();
    let standard_error = mean.standard_error.filter(|_| value > 0.0).map(|error| error / (2.0 * value));
    Mean { value, standard_error }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn ln(row: &[f32]) -> Vec<f32> {
        row.iter().map(|p| p.ln()).collect()
    }

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
    }

    fn near_mean(got: Mean, value: f64, standard_error: f64) {
        near(got.value, value);
        near(got.standard_error.unwrap(), standard_error);
    }

    /// Expected values: the same sums written out with NumPy 2.4 in f64 (`ddof=0`, ÷ √(n − 1), `quantile`).
    #[test]
    fn three_positions_in_two_windows() {
        let baseline = ln(&[0.5, 0.3, 0.2, 0.1, 0.8, 0.1, 0.25, 0.25, 0.5]);
        let candidate = ln(&[0.4, 0.4, 0.2, 0.6, 0.3, 0.1, 0.2, 0.3, 0.5]);
        let mut text = TextDivergence::default();
        text.add_pair(&baseline[..6], &candidate[..6], 3, &[0, 1]).unwrap();
        text.add_pair(&baseline[6..], &candidate[6..], 3, &[2]).unwrap();
        near(text.perplexity().unwrap(), 2.554_364_774_645_177);
        let score = text.score().unwrap();
        assert_eq!(score.positions, 3);
        near_mean(score.perplexity, 2.554_364_774_645_177, 0.377_674_173_071_103_6);
        let compared = score.comparison.unwrap();
        near_mean(compared.baseline_perplexity, 1.709_975_946_676_697, 0.267_898_300_286_986_6);
        near_mean(compared.ln_perplexity_ratio, 0.401_324_268_108_645_35, 0.296_826_426_142_125_2);
        near_mean(compared.kld, 0.213_653_369_346_070_02, 0.195_965_283_201_901_12);
        near(compared.kld_median, 0.025_267_153_921_570_56);
        near(compared.kld_p99, 0.593_883_049_455_275_6);
        near(compared.kld_max, 0.605_487_455_486_575_6);
        near_mean(compared.top1_agreement, 2.0 / 3.0, 1.0 / 3.0);
        near_mean(compared.probability_change, -0.2, 0.152_752_523_165_194_66);
        near_mean(compared.probability_change_rms, 0.294_392_028_877_594_9, 0.138_790_563_486_212_94);
    }

    #[test]
    fn without_a_baseline_nothing_is_compared() {
        let rows = ln(&[0.5, 0.5, 0.25, 0.75]);
        let mut text = TextDivergence::default();
        assert_eq!(text.perplexity(), None);
        text.add(&rows, 2, &[0, 0]).unwrap();
        let score = text.score().unwrap();
        near(score.perplexity.value, 8.0_f64.sqrt());
        assert_eq!(score.comparison, None);

        let mut mixed = TextDivergence::default();
        mixed.add(&rows, 2, &[0, 0]).unwrap();
        mixed.add_pair(&rows, &rows, 2, &[0, 0]).unwrap();
        assert_eq!(mixed.score().unwrap().comparison, None);
        assert_eq!(TextDivergence::default().score(), None);
    }

    #[test]
    fn one_position_has_no_uncertainty() {
        let rows = ln(&[0.5, 0.5]);
        let mut text = TextDivergence::default();
        text.add_pair(&rows, &rows, 2, &[0]).unwrap();
        let score = text.score().unwrap();
        assert_eq!(score.perplexity.standard_error, None);
        let compared = score.comparison.unwrap();
        assert_eq!(compared.top1_agreement, Mean { value: 1.0, standard_error: None });
        near(compared.kld_max, 0.0);
    }

    #[test]
    fn broken_input_is_an_error() {
        let check = |rows: &[f32], vocabulary: usize, targets: &[u32], wanted: &str| {
            let error = TextDivergence::default().add(rows, vocabulary, targets).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        };
        check(&[0.0], 0, &[], "ln-probabilities");
        check(&[0.0, 0.0], 2, &[0, 0], "ln-probabilities");
        check(&[0.0, 0.0], usize::MAX, &[0, 0], "ln-probabilities");
        check(&[0.0, 0.0], 2, &[2], "outside the vocabulary");
        check(&[f32::NAN, 0.0], 2, &[0], "not finite");
        check(&[f32::NEG_INFINITY, 0.0], 2, &[0], "not finite");
        let pair = TextDivergence::default().add_pair(&[0.0; 2], &[f32::NAN; 2], 2, &[0]);
        assert!(pair.unwrap_err().to_string().contains("candidate"));
    }
}
