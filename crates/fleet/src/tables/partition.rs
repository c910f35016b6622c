//! Where the rows of one day and one model lie: `day=2026-11-29/model=tiny%2Fq8_0`.

use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::civil::{Date, date};
use sha2::{Digest, Sha256};

/// What stands for a day or a model that is not known, as in Hive's folders.
const UNKNOWN: &str = "__HIVE_DEFAULT_PARTITION__";
/// Longest name in bytes, escaped; file systems take 255.
const LONGEST: usize = 180;
/// Where days are counted from.
const EPOCH: Date = date(1970, 1, 1);

/// A day and a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Days since 1970, in UTC; `None` where the time is not known.
    pub day: Option<i32>,
    /// The model; `None` where it is not known.
    pub model: Option<String>,
}

impl Partition {
    /// Its folder below that of a table.
    pub fn folder(&self) -> PathBuf {
        let day = self.day.and_then(of_day).map_or_else(|| UNKNOWN.to_owned(), |day| day.to_string());
        let model = self.model.as_deref().map_or_else(|| UNKNOWN.to_owned(), escaped);
        PathBuf::from(format!("day={day}")).join(format!("model={model}"))
    }
}

/// The date so many days after the first of 1970; `None` beyond year 9999.
pub fn of_day(day: i32) -> Option<Date> {
    EPOCH.checked_add(jiff::Span::new().try_days(day).ok()?).ok()
}

/// Days from the first of 1970 to a date.
pub fn day_of(date: Date) -> i32 {
    date.duration_since(EPOCH).as_hours().div_euclid(24).try_into().unwrap_or_default()
}

/// The day of a moment in microseconds since 1970, in UTC.
pub fn day_of_micros(micros: i64) -> i32 {
    micros.div_euclid(86_400_000_000).try_into().unwrap_or_default()
}

/// A name as part of a path: letters, digits, `-`, `_` and dots as they are, every other byte as `%2F`. A name that is too
/// long ends in its hash. No name leads out of its folder or hides.
pub fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for (place, byte) in name.bytes().enumerate() {
        let is_plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte == b'.' && place > 0;
        if is_plain {
            escaped.push(char::from(byte));
        } else {
            // a String takes everything
            let _written = write!(escaped, "%{byte:02X}");
        }
    }

    if escaped.len() > LONGEST {
        let hash = Sha256::digest(name.as_bytes());
        let mut end = String::from("~");
        for byte in hash.iter().take(8) {
            let _written = write!(end, "{byte:02x}");
        }
        escaped.truncate(LONGEST - end.len());
        escaped.push_str(&end);
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn no_name_leads_out() {
        let check = |name: &str, wanted: &str| assert_eq!(escaped(name), wanted);
        check("tiny/q8_0", "tiny%2Fq8_0");
        check("../../etc", "%2E.%2F..%2Fetc");
        check("a=b c\n", "a%3Db%20c%0A");
        check("é", "%C3%A9");
        check("C:\\x", "C%3A%5Cx");

        let (one, other) = (escaped(&"/".repeat(500)), escaped(&"/".repeat(501)));
        assert!(one.len() <= LONGEST && one != other, "{one}");
    }

    #[test]
    fn folders_of_days() {
        let check = |day: Option<i32>, model: Option<&str>, wanted: &str| {
            let partition = Partition { day, model: model.map(str::to_owned) };
            assert_eq!(partition.folder().to_str().unwrap(), wanted);
        };
        check(Some(0), Some("m"), "day=1970-01-01/model=m");
        check(Some(-1), None, "day=1969-12-31/model=__HIVE_DEFAULT_PARTITION__");
        check(None, Some("m"), "day=__HIVE_DEFAULT_PARTITION__/model=m");
        check(Some(i32::MAX), Some("m"), "day=__HIVE_DEFAULT_PARTITION__/model=m");

        for day in [-800_000, -1, 0, 20_786] {
            assert_eq!(day_of(of_day(day).unwrap()), day);
        }
        assert_eq!(day_of_micros(-1), -1);
        assert_eq!(day_of_micros(86_400_000_000), 1);
    }
}
