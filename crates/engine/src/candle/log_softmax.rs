//! From logits to ln-probabilities.

use super::LogitRows;
use infercost_core::{Distribution, EngineError};

/// Normalizes each row in place: ln p = logit − max − ln Σ exp(logit − max), summed in f64.
///
/// # Errors
/// [`EngineError::NotFinite`] naming the position; `first` is the position of the first row.
pub(crate) fn log_softmax(logits: LogitRows, first: usize) -> Result<Distribution, EngineError> {
    let LogitRows { vocabulary, values: mut rows } = logits;
    for (index, row) in rows.chunks_exact_mut(vocabulary.max(1)).enumerate() {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|logit| f64::from((logit - max).exp())).sum();
        let shift = f64::from(max) + sum.ln();
        if !shift.is_finite() {
            return Err(EngineError::NotFinite { position: first + index });
        }
        for value in row {
            *value = (f64::from(*value) - shift) as f32;
        }
    }
    Ok(Distribution { vocabulary, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sum_to_one() -> Result<(), EngineError> {
        let logits = LogitRows { vocabulary: 3, values: vec![1.0, 2.0, 3.0, -80.0, 0.0, 90.0] };
        for row in log_softmax(logits, 0)?.rows.chunks_exact(3) {
            let sum: f64 = row.iter().map(|value| f64::from(*value).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{row:?}");
        }
        Ok(())
    }

    #[test]
    fn damage_is_named_by_position() {
        for bad in [f32::NAN, f32::INFINITY] {
            let logits = LogitRows { vocabulary: 2, values: vec![0.0, 1.0, bad, 0.0] };
            let error = log_softmax(logits, 7);
            assert!(matches!(error, Err(EngineError::NotFinite { position: 8 })), "{bad}: {error:?}");
        }
    }
}
