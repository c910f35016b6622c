//! Days as TOML holds them.

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de};

/// A day written as a TOML date or as a quoted `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(pub Date);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Toml(toml::value::Datetime),
    Text(String),
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Written::deserialize(deserializer)? {
            Written::Toml(date) => date.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map(Self).map_err(|_| de::Error::custom("not a day: write it as YYYY-MM-DD"))
    }
}
