//! Days on the command line.

use jiff::civil::Date;

/// A day as `2026-11-01`.
pub(crate) fn date(text: &str) -> Result<Date, String> {
    text.trim().parse().map_err(|_| "not a date; write it as 2026-11-01".to_owned())
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_days_that_there_are() {
        for text in ["2026-11-01", " 2024-02-29 "] {
            assert!(date(text).is_ok(), "{text}");
        }
        for text in ["yesterday", "2026-13-01", "2026-02-29", "01.11.2026", ""] {
            assert_eq!(date(text), Err("not a date; write it as 2026-11-01".to_owned()), "{text}");
        }
    }
}
