//! Numbers in sentences.

use infercost_core::Estimate;
pub use infercost_core::number::plain;

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
