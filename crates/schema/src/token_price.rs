//! What a hosted model costs by the token.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::Currency;

/// A price by the token, who says so, and as of when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPrice {
    /// The model; a final `*` stands for the rest of a name.
    pub model: String,
    /// For a million tokens of prompts.
    #[serde(with = "rust_decimal::serde::str")]
    pub input_per_million: Decimal,
    /// For a million tokens of answers.
    #[serde(with = "rust_decimal::serde::str")]
    pub output_per_million: Decimal,
    /// For a million tokens of prompts that a cache served; `None` where they cost what others do.
    #[serde(default, with = "rust_decimal::serde::str_option")]
    pub cached_input_per_million: Option<Decimal>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Where the figures come from.
    pub source: String,
    /// The day they were true.
    pub date: Date,
}

impl TokenPrice {
    /// True where the price is one of that model.
    pub fn is_of(&self, model: &str) -> bool {
        match self.model.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => model == self.model,
        }
    }
}
