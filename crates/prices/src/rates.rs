//! The European Central Bank's daily reference rates: one euro in other currencies. No key.

use infercost_core::Currency;
use infercost_core::market::ExchangeRate;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::fetch::{Client, FetchError, quoted};
use crate::query::{Parsed, Query};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

const BASE: &str = "https://www.ecb.europa.eu";
/// There are about thirty.
const MAX_RATES: usize = 500;

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "ecb",
    kind: Kind::Rates,
    key_variable: None,
    subject: |query| query.zone.clone(),
    ask: Some(ask),
    parse: |text, _, _| parse(text),
};

/// Asks for the newest day.
fn ask(client: &Client, query: &Query, _: Timestamp) -> Result<Answered, FetchError> {
    let url = format!("{}/stats/eurofxref/eurofxref-daily.xml", query.base(BASE));
    Answered::of(&url, &client.get(&url, None)?, parse)
}

/// Reads `<Cube time='…'>` and its `<Cube currency='…' rate='…'/>`; nothing else of the XML is looked at.
fn parse(text: &str) -> Result<Parsed, String> {
    let mut date: Option<Date> = None;
    let mut rates = Vec::new();
    for element in text.split('<').filter(|element| element.starts_with("Cube ")) {
        if let Some(time) = attribute(element, "time") {
            if date.is_some() {
                break;
            }
            date = Some(time.parse().map_err(|_| format!("`{}` is not a day", quoted(time)))?);
        }

        let (Some(currency), Some(rate)) = (attribute(element, "currency"), attribute(element, "rate"))
        else {
            continue;
        };
        let to: Currency = currency.parse().map_err(|error| format!("{error}"))?;
        let rate: Decimal = rate.parse().map_err(|_| format!("`{}` is not a rate", quoted(rate)))?;
        if rate <= Decimal::ZERO {
            return Err(format!("the rate of {to} is {rate}"));
        }

        let date = date.ok_or("a rate stands before any day")?;
        rates.push(ExchangeRate {
            from: Currency::EUR,
            to,
            rate,
            source: "European Central Bank".to_owned(),
            date,
        });
        if rates.len() > MAX_RATES {
            return Err(format!("more than {MAX_RATES} rates"));
        }
    }

    if rates.is_empty() {
        return Err("the answer holds no exchange rate".to_owned());
    }
    Ok(Parsed::of(Prices::Rates(rates)))
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest.get(1..)?.split(quote).next()
}
