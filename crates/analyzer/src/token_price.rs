//! A price per token that gives a variant's cost back, for tools that count in prices per token.

/// Tokens of one inference that such a tool will count, and what the inference cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Billed {
    /// Prompt tokens.
    pub input: f64,
    /// Output tokens.
    pub output: f64,
    /// Its cost, in the report's currency.
    pub cost: f64,
}

/// Prices per token whose bill over the inferences they were fitted to is the cost that was to be billed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenPrices {
    /// Per prompt token; `None` where none was counted, so that output tokens bear it all.
    pub input: Option<f64>,
    /// Per output token.
    pub output: f64,
    /// Root mean square of what the prices miss of single inferences, as a share of the mean cost.
    pub error: f64,
    /// False where all inferences have so nearly the same ratio of tokens that the two prices cannot be told apart;
    /// both are then the same.
    pub told_apart: bool,
    /// Inferences behind the fit.
    pub n: usize,
}

impl TokenPrices {
    /// For a million prompt tokens, where there is such a price, and a million output tokens.
    pub fn per_million(&self) -> (Option<f64>, f64) {
        (self.input.map(|input| input * 1e6), self.output * 1e6)
    }
}

/// Fits prices per token to inferences, so that they bill `total` exactly.
///
/// Minimizes Σ (cost − a·input − b·output)² subject to a·Σinput + b·Σoutput = `total` and a, b ≥ 0: least squares
/// through the origin with one equality constraint (Lawson & Hanson, *Solving Least Squares Problems*, 1974,
/// ch. 20). The constraint leaves one unknown, so the minimum is that of a parabola, cut off where a price would
/// be negative. `total` may be more than the inferences' own costs: what failed must be paid by what did not.
///
/// `None` where no token was counted, or `total` is negative or not finite.
pub fn fit(billed: &[Billed], total: f64) -> Option<TokenPrices> {
    let inputs: f64 = billed.iter().map(|one| one.input).sum();
    let outputs: f64 = billed.iter().map(|one| one.output).sum();
    let sound = total.is_finite() && total >= 0.0 && inputs.is_finite() && outputs.is_finite();
    if !sound || inputs < 0.0 || outputs < 0.0 || inputs + outputs <= 0.0 {
        return None;
    }

    let (input, output, told_apart) = if inputs <= 0.0 {
        (0.0, total / outputs, true)
    } else if outputs <= 0.0 {
        (total / inputs, 0.0, true)
    } else {
        // a = (total − b·Σoutput) ÷ Σinput; what remains is cost − base − b·lever
        let ratio = outputs / inputs;
        let (mut over, mut under, mut scale) = (0.0, 0.0, 0.0);

        for one in billed {
            let lever = one.output - ratio * one.input;
            let base = total / inputs * one.input;
            over += (one.cost - base) * lever;
            under += lever * lever;
            scale += one.output * one.output + ratio * ratio * one.input * one.input;
        }

        if under <= 1e-12 * scale {
            let same = total / (inputs + outputs);
            (same, same, false)
        } else {
            let output = (over / under).clamp(0.0, total / outputs);
            ((total - output * outputs) / inputs, output, true)
        }
    };

    let input = input.max(0.0);
    let mean = billed.iter().map(|one| one.cost).sum::<f64>() / billed.len() as f64;
    let missed =
        billed.iter().map(|one| (one.cost - input * one.input - output * one.output).powi(2)).sum::<f64>();
    let rms = (missed / billed.len() as f64).sqrt();
    let error = if mean > 0.0 { rms / mean } else { 0.0 };
    let input = (inputs > 0.0).then_some(input);
    Some(TokenPrices { input, output, error, told_apart, n: billed.len() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    fn billed(rows: &[(f64, f64, f64)]) -> Vec<Billed> {
        rows.iter()
            .map(|(input, output, cost)| Billed { input: *input, output: *output, cost: *cost })
            .collect()
    }

    #[test]
    fn prices_that_made_the_costs_are_found() {
        let rows: Vec<(f64, f64, f64)> = (1..50)
            .map(|i| (f64::from(i * 7 % 31 + 1), f64::from(i * 5 % 17 + 1)))
            .map(|(input, output)| (input, output, 2e-6 * input + 9e-6 * output))
            .collect();
        let rows = billed(&rows);
        let found = fit(&rows, rows.iter().map(|one| one.cost).sum()).unwrap();
        assert!(
            (found.input.unwrap() - 2e-6).abs() < 1e-15 && (found.output - 9e-6).abs() < 1e-15,
            "{found:?}"
        );
        assert!(found.error < 1e-9 && found.told_apart);
    }

    #[test]
    fn the_bill_is_the_total_whatever_the_rows() {
        let check = |rows: &[(f64, f64, f64)], total: f64| {
            let rows = billed(rows);
            let found = fit(&rows, total).unwrap();
            let input = found.input.unwrap_or(0.0);
            let bill: f64 = rows.iter().map(|one| input * one.input + found.output * one.output).sum();
            assert!((bill - total).abs() <= 1e-12 * total, "{bill} is not {total}: {found:?}");
            assert!(input >= 0.0 && found.output >= 0.0, "{found:?}");
            found
        };
        check(&[(10.0, 1.0, 3.0), (20.0, 5.0, 1.0), (1.0, 9.0, 0.5)], 4.5);
        check(&[(10.0, 1.0, 3.0), (20.0, 5.0, 1.0), (1.0, 9.0, 0.5)], 6.0); // a failure's cost on top
        check(&[(5.0, 0.0, 1.0)], 1.0);
        let uncounted = check(&[(0.0, 5.0, 1.0)], 1.0);
        assert_eq!(uncounted.input, None, "a price of nothing is not 0");
        check(&[(5.0, 5.0, 0.0)], 0.0);
        // a free fit would give a negative price here
        let cut = check(&[(100.0, 1.0, 1.0), (1.0, 100.0, 50.0), (100.0, 100.0, 10.0)], 61.0);
        assert!(cut.input.unwrap() <= 0.0 || cut.output <= 0.0 || cut.error > 0.0);
        let same = check(&[(10.0, 5.0, 1.0), (20.0, 10.0, 3.0)], 4.0);
        assert!(!same.told_apart && (same.input.unwrap() - same.output).abs() <= 0.0);
    }

    #[test]
    fn what_cannot_be_fitted_is_none() {
        for (rows, total) in [
            (&[][..], 1.0),
            (&[(0.0, 0.0, 1.0)][..], 1.0),
            (&[(1.0, 1.0, 1.0)][..], f64::NAN),
            (&[(1.0, 1.0, 1.0)][..], -1.0),
            (&[(f64::INFINITY, 1.0, 1.0)][..], 1.0),
        ] {
            assert_eq!(fit(&billed(rows), total), None, "{rows:?} {total}");
        }
    }
}
