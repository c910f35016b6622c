//! Numbers on the command line, and the ranges that they must keep.

/// Any finite number.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| "not a number".to_owned())
}

/// Hours of a day: above 0 and at most 24.
pub(crate) fn hours_of_day(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 && value <= 24.0 { Ok(value) } else { Err("must be above 0 and at most 24".to_owned()) }
}

/// What a fraction of one is written as: `0.15`, or `15%`.
fn fraction(text: &str) -> Result<f64, String> {
    match text.trim().strip_suffix('%') {
        Some(percent) => Ok(number(percent)? / 100.0),
        None => number(text),
    }
}

/// 0 to 1, as 0.15 or as 15%.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let value = fraction(text)?;
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err("must be 0 to 1, or 0% to 100%; write 0.15 or 15% for 15 %".to_owned())
    }
}

/// A share from 0 on, as 0.05 or as 5%.
pub(crate) fn percentage(text: &str) -> Result<f64, String> {
    let value = fraction(text)?;
    if !(0.0..=10.0).contains(&value) {
        return Err("must be 0 to 10, or 0% to 1000%".to_owned());
    }
    // 5 is more likely meant as 5 % than as 500 %.
    if value > 1.0 && !text.contains('%') {
        return Err(format!("is above 1; write {text}% where percent are meant"));
    }
    Ok(value)
}

/// 0 or more.
pub(crate) fn at_least_zero(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value >= 0.0 { Ok(value) } else { Err("must not be negative".to_owned()) }
}

/// More than 0.
pub(crate) fn above_zero(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 { Ok(value) } else { Err("must be above 0".to_owned()) }
}

/// How many there are, above 0: `1500`, `1.5k` or `1.5M`.
pub(crate) fn count(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(thousands) => (thousands, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |millions| (millions, 1e6)),
    };

    let value = digits.parse::<f64>().ok().filter(|value| value.is_finite());
    match value {
        Some(value) if value > 0.0 => Ok(value * factor),
        Some(_) => Err("must be above 0".to_owned()),
        None => Err("not a number such as 1500, 10k or 1.5M".to_owned()),
    }
}

/// A whole number above 0: `512`, `10k` or `1.5M`.
pub(crate) fn whole_count(text: &str) -> Result<u32, String> {
    let given = count(text)?;
    let value = given.round();

    // 1.1k is a hair off 1,100 in binary
    let is_whole = (given - value).abs() < 1e-6;
    if is_whole && value >= 1.0 && value <= f64::from(u32::MAX) {
        Ok(value as u32)
    } else {
        Err("must be a whole number from 1 on, such as 512, 10k or 1.5M".to_owned())
    }
}

/// Above 0 and at most 1, as 0.15 or as 15%.
pub(crate) fn share_above_zero(text: &str) -> Result<f64, String> {
    let value = fraction(text)?;
    if value > 0.0 && value <= 1.0 {
        Ok(value)
    } else {
        Err("must be above 0 and at most 1, or 100%; write 0.15 or 15% for 15 %".to_owned())
    }
}

/// 0, which is greedy, to 10.
pub(crate) fn temperature(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (0.0..=10.0).contains(&value) { Ok(value) } else { Err("must be 0 to 10".to_owned()) }
}

/// Above 0.5 and below 1, as 0.95 or as 95%.
pub(crate) fn confidence(text: &str) -> Result<f64, String> {
    let value = fraction(text)?;
    if value > 0.5 && value < 1.0 {
        Ok(value)
    } else {
        Err("must be above 0.5 and below 1; write 0.95 or 95% for 95 %".to_owned())
    }
}

/// Above 0 and at most a megawatt.
pub(crate) fn watts(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 && value <= 1e6 {
        Ok(value)
    } else {
        Err("must be above 0 and at most 1000000".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str) -> Result<f64, String>, text: &str, wanted: Option<f64>) {
        let found = read(text).ok();
        let is_same = match (found, wanted) {
            (Some(found), Some(wanted)) => (found - wanted).abs() < 1e-12 * wanted.abs().max(1.0),
            (found, wanted) => found == wanted,
        };
        assert!(is_same, "{text}: {found:?}, not {wanted:?}");
    }

    #[test]
    fn shares_are_fractions_or_percent() {
        for (text, wanted) in [
            ("0.15", Some(0.15)),
            ("15%", Some(0.15)),
            ("15 %", Some(0.15)),
            ("100%", Some(1.0)),
            ("15", None),
            ("101%", None),
            ("-1%", None),
            ("%", None),
            ("", None),
            ("inf%", None),
        ] {
            check(share, text, wanted);
            check(share_above_zero, text, wanted);
        }

        check(share, "0%", Some(0.0));
        check(share_above_zero, "0%", None);
        check(confidence, "95%", Some(0.95));
        check(confidence, "100%", None);
        check(percentage, "250%", Some(2.5));
        check(percentage, "2.5", None);
    }

    #[test]
    fn counts_have_thousands_and_millions() {
        for (text, wanted) in [
            ("10k", Some(10_000.0)),
            ("10K", Some(10_000.0)),
            ("1.5M", Some(1_500_000.0)),
            ("0.5", Some(0.5)),
            (" 7 ", Some(7.0)),
            ("1e3", Some(1000.0)),
            ("10m", None),
            ("10kk", None),
            ("k", None),
            ("0", None),
            ("-1k", None),
            ("NaN", None),
            ("", None),
        ] {
            check(count, text, wanted);
        }

        assert_eq!(whole_count("2k"), Ok(2000));
        assert_eq!(whole_count("1.5k"), Ok(1500));
        assert_eq!(whole_count("0.0001M"), Ok(100));
        for refused in ["0.5", "0", "1.0005k", "5000M", ""] {
            assert!(whole_count(refused).is_err(), "{refused}");
        }
    }
}
