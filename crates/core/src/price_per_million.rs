//! What a hosted model costs by the token, as users write it down.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::market::TokenPrice;
use crate::money::Currency;

/// A price for a million tokens, who says so, and as of when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricePerMillion {
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
    /// For a million tokens of prompts that were written to a cache; `None` where they cost what others do.
    #[serde(default, with = "rust_decimal::serde::str_option")]
    pub cache_write_per_million: Option<Decimal>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Where the figures come from.
    pub source: String,
    /// The day they were true.
    pub date: Date,
}

impl PricePerMillion {
    /// The same price by the single token.
    pub fn by_token(&self) -> TokenPrice {
        let single = |million: Decimal| million / Decimal::from(1_000_000);
        TokenPrice {
            model: self.model.clone(),
            provider: None,
            input: single(self.input_per_million),
            output: single(self.output_per_million),
            cached_input: self.cached_input_per_million.map(single),
            not_used: Vec::new(),
            currency: self.currency,
        }
    }

    /// True where the price is one of that model.
    pub fn is_of(&self, model: &str) -> bool {
        match self.model.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => model == self.model,
        }
    }
}
