//! Numbers as people read them.

use crate::estimate::Estimate;
use crate::text::with_minus;

/// What stands for a number that is not known.
pub const UNKNOWN: &str = "–";

/// A number with three significant digits: 0.00712, 1.23, 45.6, 789, 12300.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 12.0) as usize;
    with_minus(&format!("{value:.decimals$}")).into_owned()
}

/// The same without needless zeros, for sentences: 0.05, 1500, 123.
pub fn plain(value: f64) -> String {
    let text = significant(if value == 0.0 { 0.0 } else { value });
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// An interval of such numbers.
pub fn plains(estimate: &Estimate) -> String {
    format!("[{}, {}]", plain(estimate.lower), plain(estimate.upper))
}

/// A value with its interval, each shown by `shown`: `31 % [27 %, 35 %]`; one whose ends read the same stands alone.
pub fn interval(estimate: &Estimate, shown: impl Fn(f64) -> String) -> String {
    let (lower, upper) = (shown(estimate.lower), shown(estimate.upper));
    let point = shown(estimate.point);
    if lower == upper { point } else { format!("{point} [{lower}, {upper}]") }
}

/// Seconds in the unit that fits: `210 ms`, `1.20 s`.
pub fn seconds(value: f64) -> String {
    match value {
        value if value < 1e-3 => format!("{} µs", significant(value * 1e6)),
        value if value < 1.0 => format!("{} ms", significant(value * 1e3)),
        value => format!("{} s", significant(value)),
    }
}

/// Bytes in decimal units: `145 MB`, `1.20 GB`.
pub fn bytes(value: u64) -> String {
    let value = value as f64;
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|(size, _)| value >= *size) {
        Some((size, unit)) => format!("{} {unit}", significant(value / size)),
        None => format!("{value:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers() {
        for (value, expected) in [
            (0.012_345, "0.0123"),
            (0.05, "0.05"),
            (123.456, "123"),
            (0.0, "0"),
            (-1.5, "−1.5"),
            (1500.0, "1500"),
        ] {
            assert_eq!(plain(value), expected);
        }
    }
}
