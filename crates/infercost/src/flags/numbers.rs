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

/// 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err("must be 0 to 1; write 0.15 for 15 %".to_owned())
    }
}

/// A share from 0 on, as 0.05 or as 5%.
pub(crate) fn percentage(text: &str) -> Result<f64, String> {
    let value = match text.trim().strip_suffix('%') {
        Some(percent) => number(percent)? / 100.0,
        None => number(text)?,
    };
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

/// Above 0 and at most 1.
pub(crate) fn share_above_zero(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 && value <= 1.0 {
        Ok(value)
    } else {
        Err("must be above 0 and at most 1; write 0.15 for 15 %".to_owned())
    }
}

/// 0, which is greedy, to 10.
pub(crate) fn temperature(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (0.0..=10.0).contains(&value) { Ok(value) } else { Err("must be 0 to 10".to_owned()) }
}

/// 0.5 to below 1.
pub(crate) fn confidence(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (0.5..1.0).contains(&value) { Ok(value) } else { Err("must be 0.5 to below 1".to_owned()) }
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
