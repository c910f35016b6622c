//! Prices of tokens with the days on which they hold: a table that inferences are joined with by model and day.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray};
use datafusion::arrow::error::ArrowError;
use infercost_core::Currency;
use infercost_core::toml_text::{self, TomlError};
use infercost_prices::{Amount, Day};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use thiserror::Error;

use super::groups::texts;
use super::sql::{MODELS, PRICES};
use crate::reading::engine::Engine;
use crate::reading::error::QueryError;
use crate::tables::money::{PRECISION, SCALE, units};
use crate::tables::partition::day_of;

/// Decimal places of a price per million tokens: with them a token's price is exact in the tables.
const PLACES: u32 = SCALE - 6;
/// Tokens that a price is given for.
const MILLION: u32 = 1_000_000;

/// Why prices cannot be taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PricesError {
    /// The file is not what is expected.
    #[error("{0}")]
    Syntax(TomlError),
    /// There are no prices.
    #[error(
        "no [[prices]] in it; an entry has model, input_per_million, output_per_million, currency and source"
    )]
    None,
    /// An amount is negative, or has too many places.
    #[error(
        "[[prices]] {entry}: {amount} per million tokens; a price is not negative and has six decimal places at most"
    )]
    Amount {
        /// Which entry, counted from 1.
        entry: usize,
        /// The amount.
        amount: Decimal,
    },
    /// A price ends before it begins.
    #[error("[[prices]] {entry}: ends on {to}, before it begins on {from}")]
    Days {
        /// Which entry, counted from 1.
        entry: usize,
        /// Its first day.
        from: Date,
        /// Its last.
        to: Date,
    },
    /// Two prices hold for one model on one day.
    #[error(
        "[[prices]] {one} and {other} both hold for `{model}` on {day}; end one of them on the day before"
    )]
    Overlap {
        /// An entry, counted from 1.
        one: usize,
        /// Another.
        other: usize,
        /// The model.
        model: String,
        /// The first such day.
        day: Date,
    },
}

/// What a million tokens cost, from one day to another.
#[derive(Debug, Clone, PartialEq)]
pub struct DatedPrice {
    /// The model; a final `*` stands for the rest of a name. The longest that fits a model counts.
    pub model: String,
    /// The first day, in UTC; `None` for all before.
    pub from: Option<Date>,
    /// The last day, which is included; `None` for all after.
    pub to: Option<Date>,
    /// A million tokens of prompts.
    pub input_per_million: Decimal,
    /// A million tokens of answers.
    pub output_per_million: Decimal,
    /// A million tokens of prompts that a cache served; `None` where they cost what others do.
    pub cached_input_per_million: Option<Decimal>,
    /// A million tokens that were written to a cache; `None` where they cost what others do.
    pub cache_write_per_million: Option<Decimal>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Where the figures come from.
    pub source: String,
}

/// Prices, of which one at most holds for a name on a day.
#[derive(Debug, Clone, PartialEq)]
pub struct DatedPrices(Vec<DatedPrice>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PricesFile {
    #[serde(default)]
    prices: Vec<WrittenPrice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrice {
    model: String,
    from: Option<Day>,
    to: Option<Day>,
    input_per_million: Amount,
    output_per_million: Amount,
    cached_input_per_million: Option<Amount>,
    cache_write_per_million: Option<Amount>,
    currency: Currency,
    source: String,
}

impl WrittenPrice {
    fn read(self) -> DatedPrice {
        DatedPrice {
            model: self.model,
            from: self.from.map(|day| day.0),
            to: self.to.map(|day| day.0),
            input_per_million: self.input_per_million.0,
            output_per_million: self.output_per_million.0,
            cached_input_per_million: self.cached_input_per_million.map(|amount| amount.0),
            cache_write_per_million: self.cache_write_per_million.map(|amount| amount.0),
            currency: self.currency,
            source: self.source,
        }
    }
}

impl DatedPrice {
    fn first(&self) -> Date {
        self.from.unwrap_or(Date::MIN)
    }

    fn last(&self) -> Date {
        self.to.unwrap_or(Date::MAX)
    }

    /// True where it is a price of that model.
    fn is_of(&self, model: &str) -> bool {
        match self.model.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => model == self.model,
        }
    }

    fn amounts(&self) -> [Decimal; 4] {
        let input = self.input_per_million;
        [
            input,
            self.output_per_million,
            self.cached_input_per_million.unwrap_or(input),
            self.cache_write_per_million.unwrap_or(input),
        ]
    }
}

impl DatedPrices {
    /// Reads `[[prices]]` entries of TOML.
    ///
    /// # Errors
    /// Where there is none, an amount is no price, or two hold at once.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let file: PricesFile = toml_text::read(text).map_err(PricesError::Syntax)?;
        let prices: Vec<DatedPrice> = file.prices.into_iter().map(WrittenPrice::read).collect();
        if prices.is_empty() {
            return Err(PricesError::None);
        }

        for (place, price) in prices.iter().enumerate() {
            let entry = place + 1;
            for amount in price.amounts() {
                if amount.is_sign_negative() || amount.normalize().scale() > PLACES {
                    return Err(PricesError::Amount { entry, amount });
                }
            }
            if let (Some(from), Some(to)) = (price.from, price.to)
                && to < from
            {
                return Err(PricesError::Days { entry, from, to });
            }
            for (other, earlier) in prices.iter().take(place).enumerate() {
                let day = price.first().max(earlier.first());
                if earlier.model == price.model && day <= price.last().min(earlier.last()) {
                    let (one, model) = (other + 1, price.model.clone());
                    return Err(PricesError::Overlap { one, other: entry, model, day });
                }
            }
        }
        Ok(Self(prices))
    }

    /// The prices of a model: those under the name that says most of it.
    fn of(&self, model: &str) -> Vec<&DatedPrice> {
        let fitting = self.0.iter().filter(|price| price.is_of(model));
        // a whole name says more than any beginning
        let best = fitting.max_by_key(|price| (!price.model.ends_with('*'), price.model.len()));
        let Some(best) = best else { return Vec::new() };
        self.0.iter().filter(|price| price.model == best.model).collect()
    }

    /// Adds them to the tables, for the models that are there; false where no price is of any of these.
    pub(crate) fn register(&self, engine: &Engine) -> Result<bool, QueryError> {
        let models = texts(&engine.query(MODELS, None)?)?;
        let mut rows: Vec<(&str, &DatedPrice)> = Vec::new();
        for model in &models {
            rows.extend(self.of(model).into_iter().map(|price| (model.as_str(), price)));
        }
        if rows.is_empty() {
            return Ok(false);
        }

        engine.add(PRICES, batch(&rows)?)?;
        Ok(true)
    }
}

fn batch(rows: &[(&str, &DatedPrice)]) -> Result<RecordBatch, QueryError> {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("model", Arc::new(StringArray::from_iter_values(rows.iter().map(|(model, _)| model)))),
        (
            "first_day",
            Arc::new(Date32Array::from_iter_values(rows.iter().map(|(_, one)| day_of(one.first())))),
        ),
        ("last_day", Arc::new(Date32Array::from_iter_values(rows.iter().map(|(_, one)| day_of(one.last()))))),
        (
            "currency",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, one)| one.currency.code()))),
        ),
    ];

    let names = ["input", "output", "cached", "cache_write"];
    for (place, name) in names.into_iter().enumerate() {
        let mut amounts = Vec::with_capacity(rows.len());
        for (_, price) in rows {
            let million = price.amounts().into_iter().nth(place).unwrap_or_default();
            amounts.push(units(million / Decimal::from(MILLION))?);
        }
        let amounts = Decimal128Array::from_iter_values(amounts);
        let amounts = amounts.with_precision_and_scale(PRECISION, SCALE as i8).map_err(shape)?;
        columns.push((name, Arc::new(amounts)));
    }
    RecordBatch::try_from_iter(columns).map_err(shape)
}

fn shape(_: ArrowError) -> QueryError {
    QueryError::Shape { column: PRICES }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    fn entry(model: &str, days: &str) -> String {
        format!(
            "[[prices]]\nmodel = \"{model}\"\ninput_per_million = 0.15\noutput_per_million = \"0.6\"\n\
             currency = \"USD\"\nsource = \"a list\"\n{days}\n"
        )
    }

    #[test]
    fn one_price_holds_on_a_day() {
        let check = |first: &str, second: &str, is_right: bool| {
            let text = entry("m", first) + &entry("m", second);
            assert_eq!(DatedPrices::parse(&text).is_ok(), is_right, "{first} {second}");
        };
        check("to = \"2026-11-14\"", "from = \"2026-11-15\"", true);
        check("to = \"2026-11-15\"", "from = \"2026-11-15\"", false);
        check("", "from = \"2026-11-15\"", false);
        check("from = \"2026-11-02\"\nto = \"2026-11-01\"", "from = \"2026-11-15\"", false);
    }

    #[test]
    fn the_name_that_says_most_counts() {
        let text = entry("*", "") + &entry("tiny*", "") + &entry("tiny/q8_0", "");
        let prices = DatedPrices::parse(&text).unwrap();
        let check = |model: &str, wanted: &str| assert_eq!(prices.of(model)[0].model, wanted, "{model}");
        check("tiny/q8_0", "tiny/q8_0");
        check("tiny/q4_0", "tiny*");
        check("other", "*");
    }

    #[test]
    fn what_is_no_price_is_refused() {
        assert_eq!(DatedPrices::parse(""), Err(PricesError::None));
        for wrong in ["-1", "0.0000001", "\"x\""] {
            let text = entry("m", "").replace("0.15", wrong);
            assert!(DatedPrices::parse(&text).is_err(), "{wrong}");
        }
        assert!(DatedPrices::parse("[[price]]\n").is_err());
    }
}
