//! Holm's step-down correction for several tests.

/// Adjusted p-values, in the order given: claims whose adjusted value is at most α keep the chance of any
/// false claim among all at α, whatever their dependence (Holm, Scand. J. Stat. 6, 1979).
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut result = vec![1.0; p_values.len()];
    let mut running: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        running = running.max(p_values[index] * (p_values.len() - rank) as f64).min(1.0);
        result[index] = running;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(p_values: &[f64], expected: &[f64]) {
        let got = adjusted(p_values);
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-12, "{p_values:?}: {got} is not {expected}");
        }
    }

    /// Expected values: statsmodels 0.15 `multipletests(…, method="holm")`.
    #[test]
    fn known_values() {
        check(&[], &[]);
        check(&[0.03], &[0.03]);
        check(&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]);
        check(&[0.5, 0.9, 0.01], &[1.0, 1.0, 0.03]);
        check(&[0.02, 0.02, 0.02], &[0.06, 0.06, 0.06]);
    }
}
