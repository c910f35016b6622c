//! Numbers as people read them.

use infercost_core::Estimate;

pub use infercost_core::number::{UNKNOWN, bytes, seconds, significant};
pub use infercost_core::text::percent;

/// A share as a percentage with two significant digits below 1 %.
pub fn share_of_core(share: f64) -> String {
    if share < 0.01 { format!("{:.2} %", share * 100.0) } else { percent(share) }
}

/// A share with its interval: `31 % [27 %, 35 %]`.
pub fn percent_estimate(estimate: &Estimate) -> String {
    format!("{} {}", percent(estimate.point), infercost_core::text::percents(estimate))
}

/// A number with its interval: `0.0071 [0.0065, 0.0079]`.
pub fn estimate(estimate: &Estimate) -> String {
    let Estimate { point, lower, upper, .. } = *estimate;
    format!("{} [{}, {}]", significant(point), significant(lower), significant(upper))
}

/// A large count: `135 M`, `1.20 G`.
pub fn count(value: u64) -> String {
    let number = value as f64;
    match [(1e9, "G"), (1e6, "M"), (1e3, "k")].iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => format!("{} {unit}", significant(number / size)),
        None => value.to_string(),
    }
}

/// A scale that turns amounts around `typical` into numbers between 1 and 1000: factor and prefix (`µ`).
pub fn scale(typical: f64) -> (f64, &'static str) {
    match typical.abs() {
        value if value >= 0.1 || value == 0.0 => (1.0, ""),
        value if value >= 1e-4 => (1e3, "m"),
        value if value >= 1e-7 => (1e6, "µ"),
        _ => (1e9, "n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let check = |got: String, wanted: &str| assert_eq!(got, wanted);
        check(significant(0.007_123), "0.00712");
        check(significant(1.2345), "1.23");
        check(significant(45.67), "45.7");
        check(significant(12_345.0), "12345");
        check(significant(0.0), "0");
        check(significant(f64::INFINITY), "inf");
        check(seconds(0.21), "210 ms");
        check(seconds(1.2), "1.20 s");
        check(bytes(144_800_000), "145 MB");
        check(bytes(12), "12 B");
    }
}
