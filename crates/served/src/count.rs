//! Counts as servers write them, which are not always counts.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Largest whole number that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A count, or something in a count's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// A count.
    Known(u64),
    /// Negative, fractional, or no number at all.
    Impossible,
}

impl Count {
    /// The number; `None` where it cannot be one.
    pub(crate) fn known(self) -> Option<u64> {
        match self {
            Self::Known(number) => Some(number),
            Self::Impossible => None,
        }
    }
}

/// A count kept within what a record holds.
pub(crate) fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
        Ok(Count::Known(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Count, E> {
        Ok(u64::try_from(number).map_or(Count::Impossible, Count::Known))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within range, as the line before has checked"
    )]
    fn visit_f64<E>(self, number: f64) -> Result<Count, E> {
        let is_count = (0.0..EXACT).contains(&number) && number.fract() == 0.0;
        Ok(if is_count { Count::Known(number as u64) } else { Count::Impossible })
    }

    fn visit_str<E>(self, text: &str) -> Result<Count, E> {
        Ok(text.trim().parse().map_or(Count::Impossible, Count::Known))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count::Impossible)
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count::Impossible)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Count::Impossible)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Count, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count::Impossible)
    }
}

/// Reads a part that a chunk can do without: `None` where it is not what it should be.
pub(crate) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: de::DeserializeOwned,
{
    let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn only_counts_are_counts() {
        for (json, expected) in [
            ("0", Count::Known(0)),
            ("4294967295", Count::Known(4_294_967_295)),
            ("8.0", Count::Known(8)),
            ("\"12\"", Count::Known(12)),
            ("-1", Count::Impossible),
            ("7.5", Count::Impossible),
            ("1e300", Count::Impossible),
            ("99999999999999999999", Count::Impossible),
            ("\"many\"", Count::Impossible),
            ("true", Count::Impossible),
            ("[1,2]", Count::Impossible),
            ("{\"a\":1}", Count::Impossible),
        ] {
            assert_eq!(serde_json::from_str::<Count>(json).unwrap(), expected, "{json}");
        }
    }
}
