//! Numbers in sentences.

use infercost_core::Estimate;

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

#[cfg(test)]
mod tests {
    use super::*;

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
