//! Numbers in sentences.

use infercost_core::Estimate;

/// A number with three significant digits, without needless zeros.
pub fn plain(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value.is_finite() { "0".to_owned() } else { format!("{value}") };
    }
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A value with its interval, `31 % [27 %, 35 %]`; one whose ends read the same stands alone.
pub fn interval(estimate: &Estimate, shown: impl Fn(f64) -> String) -> String {
    let (lower, upper) = (shown(estimate.lower), shown(estimate.upper));
    let point = shown(estimate.point);
    if lower == upper { point } else { format!("{point} [{lower}, {upper}]") }
}

/// `1 year`, `4 years`.
pub fn years(count: f64) -> String {
    if (count - 1.0).abs() <= 0.0 { "1 year".to_owned() } else { format!("{count} years") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, wanted) in [(0.012_345, "0.0123"), (0.0, "0"), (1500.0, "1500"), (123.456, "123")] {
            assert_eq!(plain(value), wanted);
        }
    }
}
