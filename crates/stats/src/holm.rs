//! Holm's step-down correction for several tests.

/// Which of several claims hold together: while any p-value of an open claim is at most its level for the
/// number of claims still open, that claim holds and is closed. With levels of α ÷ (open claims) the chance
/// of any false claim among all is at most α, whatever their dependence (Holm, Scand. J. Stat. 6, 1979); with
/// the levels that a look may spend of that, it stays so over all looks (Maurer & Bretz, *Multiple Testing in
/// Group Sequential Trials Using Graphical Approaches*, Stat. Biopharm. Res. 5, 2013).
pub fn claims(p_values: &[f64], level: impl Fn(usize, usize) -> f64) -> Vec<bool> {
    let mut held = vec![false; p_values.len()];
    loop {
        let open = held.iter().filter(|held| !**held).count();

        let mut claims = held.iter_mut().zip(p_values).enumerate();
        match claims.find(|(claim, (held, p))| !**held && **p <= level(*claim, open)) {
            Some((_, (held, _))) => *held = true,
            None => return held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A claim holds at just those error rates that are at least its adjusted p-value.
    fn check(p_values: &[f64], adjusted: &[f64]) {
        for (claim, adjusted) in adjusted.iter().enumerate().filter(|(_, adjusted)| **adjusted < 1.0) {
            for (alpha, expected) in [(adjusted * 1.000_001, true), (adjusted * 0.999_999, false)] {
                let got = claims(p_values, |_, open| alpha / open as f64);
                assert_eq!(got[claim], expected, "{p_values:?} at {alpha}: {got:?}");
            }
        }
    }

    /// Adjusted p-values: statsmodels 0.15 `multipletests(…, method="holm")`.
    #[test]
    fn known_values() {
        check(&[], &[]);
        check(&[0.03], &[0.03]);
        check(&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]);
        check(&[0.5, 0.9, 0.01], &[1.0, 1.0, 0.03]);
        check(&[0.02, 0.02, 0.02], &[0.06, 0.06, 0.06]);
    }

    #[test]
    fn levels_of_their_own() {
        let level = |claim: usize, open: usize| [0.05, 0.002][claim] / open as f64;
        assert_eq!(claims(&[0.02, 0.002], level), [true, true]);
        assert_eq!(claims(&[0.03, 0.002], level), [false, false]);
        assert_eq!(claims(&[0.03, 0.001], level), [true, true]);
    }
}
