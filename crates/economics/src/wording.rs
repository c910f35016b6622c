//! Numbers in sentences.

use infercost_core::Estimate;

/// A share as a percentage: one decimal below 10 % and where it decides (14.9 %), none from 20 % on.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = if percent.abs() < 19.95 { format!("{percent:.1}") } else { format!("{percent:.0}") };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{} %", if text == "-0" { "0" } else { text })
}

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

/// Text from a file or a server, without control characters and not endless.
pub fn quoted(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().collect() } else { vec![c] };
    text.chars().take(200).flat_map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (share, wanted) in
            [(0.149, "14.9 %"), (0.15, "15 %"), (0.151, "15.1 %"), (0.314, "31 %"), (-0.00001, "0 %")]
        {
            assert_eq!(percent(share), wanted);
        }
        for (value, wanted) in [(0.012_345, "0.0123"), (0.0, "0"), (1500.0, "1500"), (123.456, "123")] {
            assert_eq!(plain(value), wanted);
        }
        assert_eq!(quoted("a\u{1b}b"), "a\\u{1b}b");
    }
}
