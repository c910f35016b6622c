//! Decimal amounts as TOML holds them.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};

/// An amount written as a number or as a text. A number is taken by its shortest decimal form, so that 0.3 is
/// three tenths and not the binary fraction next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(pub Decimal);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Integer(i64),
    Float(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parsed = match Written::deserialize(deserializer)? {
            Written::Integer(number) => Ok(Decimal::from(number)),
            Written::Float(number) => format!("{number}").parse::<Decimal>(),
            Written::Text(text) => text.trim().parse::<Decimal>(),
        };
        parsed.map(Self).map_err(|error| de::Error::custom(format!("not an amount: {error}")))
    }
}
