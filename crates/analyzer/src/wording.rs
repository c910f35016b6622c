//! Numbers in sentences.

use infercost_core::Estimate;

/// A share as a percentage: one decimal below 10 %, none above. `31 %`, `-0.4 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = if percent.abs() < 9.95 { format!("{percent:.1}") } else { format!("{percent:.0}") };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    // A rounded zero has no sign.
    format!("{} %", if text == "-0" { "0" } else { text })
}

/// An interval of shares: `[27 %, 35 %]`.
pub(crate) fn percents(estimate: &Estimate) -> String {
    format!("[{}, {}]", percent(estimate.lower), percent(estimate.upper))
}

/// A plain number with three significant digits.
pub(crate) fn plain(value: f64) -> String {
    let magnitude = if value.abs() > 0.0 { value.abs().log10().floor() } else { 0.0 };
    let decimals = (2.0 - magnitude).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// An interval of plain numbers.
pub(crate) fn plains(estimate: &Estimate) -> String {
    format!("[{}, {}]", plain(estimate.lower), plain(estimate.upper))
}

/// A planned number of prompts, rounded up to two digits: `about 1600 prompts`.
pub(crate) fn about(prompts: usize) -> String {
    let mut unit = 1;
    while prompts / unit >= 100 {
        unit *= 10;
    }
    format!("about {} prompts", prompts.div_ceil(unit) * unit)
}

/// `1 prompt`, `2 prompts`.
pub(crate) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Text from a file or an engine, without control characters and not endless.
pub(crate) fn quoted(text: &str) -> String {
    text.chars()
        .take(300)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages() {
        for (share, expected) in [
            (0.31, "31 %"),
            (-0.004, "-0.4 %"),
            (0.0999, "10 %"),
            (0.02, "2 %"),
            (-0.00001, "0 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), expected);
        }
    }

    #[test]
    fn planned_numbers_are_rounded_up() {
        for (prompts, expected) in [(7, "7"), (99, "99"), (101, "110"), (1546, "1600"), (2000, "2000")] {
            assert_eq!(about(prompts), format!("about {expected} prompts"));
        }
    }

    #[test]
    fn plain_numbers() {
        for (value, expected) in
            [(0.012_345, "0.0123"), (0.05, "0.05"), (123.456, "123"), (0.0, "0"), (1500.0, "1500")]
        {
            assert_eq!(plain(value), expected);
        }
    }
}
