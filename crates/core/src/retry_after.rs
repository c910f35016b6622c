//! When a server wants to be asked again: the header `Retry-After` (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// The pause that the header's value asks for: seconds, which some servers give with a fraction, or a date, one that has
/// passed being no pause. `None` where it is neither.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }

    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let pause = at.duration_since(Timestamp::try_from(now).ok()?);
    Some(Duration::try_from(pause).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (value, wanted) in [
            ("7", Some(7.0)),
            (" 0 ", Some(0.0)),
            ("1.5", Some(1.5)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7.0)),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(0.0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0.0)),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
            ("1e300", None),
            ("soon", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
        ] {
            assert_eq!(retry_after(value, now), wanted.map(Duration::from_secs_f64), "{value}");
        }
    }
}
