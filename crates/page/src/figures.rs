//! Numbers as people read them on the page.

use infercost_core::Estimate;
pub(crate) use infercost_core::text::percent;

/// What stands for a number that is not known.
pub(crate) const UNKNOWN: &str = "–";

/// A number with three significant digits: 0.00712, 1.23, 45.6, 789.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0}");
    }

    let magnitude = value.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}")
}

/// A number with its interval.
pub(crate) fn with_interval(estimate: &Estimate, show: fn(f64) -> String) -> String {
    format!("{} [{}, {}]", show(estimate.point), show(estimate.lower), show(estimate.upper))
}

/// Seconds in the unit that fits: `210 ms`, `1.20 s`.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        value if value < 1e-3 => format!("{} µs", significant(value * 1e6)),
        value if value < 1.0 => format!("{} ms", significant(value * 1e3)),
        value => format!("{} s", significant(value)),
    }
}

/// Bytes in decimal units: `145 MB`.
pub(crate) fn bytes(value: u64) -> String {
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
    fn numbers_read_well() {
        let cases = [
            (significant(0.007_123), "0.00712"),
            (significant(45.67), "45.7"),
            (seconds(0.21), "210 ms"),
            (seconds(1.2), "1.20 s"),
            (bytes(144_800_000), "145 MB"),
        ];
        for (got, wanted) in cases {
            assert_eq!(got, wanted);
        }
    }
}
