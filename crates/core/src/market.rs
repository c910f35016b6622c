//! What markets say: price curves, offers of machines, prices of tokens, exchange rates. All dated, all sourced.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::cost_part::CostPart;
use crate::money::Currency;

/// What a curve's amounts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "unit", content = "currency")]
pub enum CurveUnit {
    /// Money per kWh.
    PerKilowattHour(Currency),
    /// Grams of CO₂ equivalent per kWh.
    GramsPerKilowattHour,
}

impl std::fmt::Display for CurveUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PerKilowattHour(currency) => write!(f, "{currency}/kWh"),
            Self::GramsPerKilowattHour => f.write_str("g CO2eq/kWh"),
        }
    }
}

/// One stretch of a curve. `amount` is `None` where the source has no value: unknown, not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// First moment.
    pub start: Timestamp,
    /// First moment after it.
    pub end: Timestamp,
    /// The amount per kWh; negative where consumption is paid for.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub amount: Option<Decimal>,
}

/// Prices or carbon intensities over time, in ascending slots that do not overlap. Gaps are unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// What the amounts are.
    pub unit: CurveUnit,
    /// The stretches.
    pub slots: Vec<Slot>,
    /// Zone, region or product, as the source names it.
    pub zone: String,
    /// True for exchange prices without grid fees and taxes.
    pub wholesale: bool,
    /// Who says so, with the license where one is stated.
    pub source: String,
    /// When it was fetched or read.
    pub fetched_at: Timestamp,
}

impl Curve {
    /// Puts slots in order and checks that they do not overlap.
    ///
    /// # Errors
    /// A sentence where a slot ends before it begins, or two overlap.
    pub fn ordered(mut self) -> Result<Self, String> {
        self.slots.sort_by_key(|slot| (slot.start, slot.end));
        self.slots.dedup();
        for slot in &self.slots {
            if slot.end <= slot.start {
                return Err(format!(
                    "the slot from {} ends at {}, which is not after it",
                    slot.start, slot.end
                ));
            }
        }

        for pair in self.slots.windows(2) {
            if let [one, next] = pair
                && next.start < one.end
            {
                return Err(format!("the slots from {} and from {} overlap", one.start, next.start));
            }
        }

        Ok(self)
    }
}

impl Curve {
    /// The curve with those slots of an older one that overlap none of its own. Both are in order.
    #[must_use]
    pub fn filled(mut self, older: &Self) -> Self {
        let own = &self.slots;
        let apart = |slot: &&Slot| {
            let next = own.partition_point(|one| one.end <= slot.start);
            own.get(next).is_none_or(|one| one.start >= slot.end)
        };
        let more: Vec<Slot> = older.slots.iter().filter(apart).copied().collect();
        self.slots.extend(more);
        self.slots.sort_by_key(|slot| slot.start);
        self
    }
}

/// A way to get a machine by the hour or the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferKind {
    /// By the hour, for as long as wanted.
    Rent,
    /// By the hour, until somebody else pays more.
    Spot,
    /// By the second of work.
    Serverless,
}

/// One offer of hardware. Money is in `currency`; `None` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The offer's name at its source.
    pub name: String,
    /// How it is had.
    pub kind: OfferKind,
    /// The accelerator or instance type, as the source writes it.
    pub hardware: String,
    /// Accelerators in it; below 1 for a share of one.
    pub count: f64,
    /// Memory of one accelerator in GiB.
    pub memory_gib: Option<f64>,
    /// Where it stands, as the source writes it.
    pub region: Option<String>,
    /// Rate per hour of the whole offer.
    #[serde(with = "rust_decimal::serde::str")]
    pub per_hour: Decimal,
    /// Currency of the rate.
    pub currency: Currency,
    /// Storage per GB and month, on top of the rate.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub storage_per_gb_month: Option<Decimal>,
    /// When the source says that this was true; `None` means when it was fetched.
    pub as_of: Option<Timestamp>,
    /// Operating system and its license, as the source writes them; `None` where it does not tell.
    #[serde(default)]
    pub product: Option<String>,
    /// What the work needs and the rate does not hold; empty where it holds all.
    #[serde(default)]
    pub leaves_out: Vec<CostPart>,
}

impl Offer {
    /// True where it is whole accelerators.
    pub fn is_whole(&self) -> bool {
        self.count >= 1.0 && self.count.fract() == 0.0
    }

    /// `2 × A100 80 GiB`: how many of what, with the memory of one where that is known.
    pub fn machine(&self) -> String {
        let memory = self.memory_gib.map_or_else(String::new, |gib| format!(" {:.0} GiB", gib));
        format!("{} × {}{memory}", self.count, self.hardware)
    }
}

/// What a hosted model's tokens cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenPrice {
    /// The model, as the source names it.
    pub model: String,
    /// Who serves it.
    pub provider: Option<String>,
    /// Per input token.
    #[serde(with = "rust_decimal::serde::str")]
    pub input: Decimal,
    /// Per output token.
    #[serde(with = "rust_decimal::serde::str")]
    pub output: Decimal,
    /// Per input token that was read from a cache.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub cached_input: Option<Decimal>,
    /// Prices that the source states beside these and that nothing is computed with: of long prompts, of thinking, of
    /// requests.
    #[serde(default)]
    pub not_used: Vec<String>,
    /// Currency of the prices.
    pub currency: Currency,
}

/// One unit of `from` in `to`, on a day, by a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRate {
    /// One unit of this …
    pub from: Currency,
    /// … is worth this many of that.
    pub to: Currency,
    /// The rate.
    #[serde(with = "rust_decimal::serde::str")]
    pub rate: Decimal,
    /// Who says so.
    pub source: String,
    /// On which day.
    pub date: Date,
}

/// The rate from one currency to another: given directly, inverted, or over one common currency. `None` where
/// none is known. 1 where both are the same.
pub fn exchange_rate(rates: &[ExchangeRate], from: Currency, to: Currency) -> Option<Decimal> {
    if from == to {
        return Some(Decimal::ONE);
    }

    let direct = |from: Currency, to: Currency| {
        if from == to {
            return Some(Decimal::ONE);
        }
        rates.iter().find_map(|rate| {
            match (rate.from == from && rate.to == to, rate.from == to && rate.to == from) {
                (true, _) => Some(rate.rate),
                (_, true) => Decimal::ONE.checked_div(rate.rate),
                _ => None,
            }
        })
    };
    direct(from, to).or_else(|| {
        let mut between = rates.iter().flat_map(|rate| [rate.from, rate.to]);
        between.find_map(|middle| direct(from, middle)?.checked_mul(direct(middle, to)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(slots: &[(i64, i64, i64)]) -> Result<Curve, Box<dyn std::error::Error>> {
        let slot = |(start, end, amount): &(i64, i64, i64)| -> Result<Slot, Box<dyn std::error::Error>> {
            let at = |hour: i64| Timestamp::from_second(hour * 3600);
            Ok(Slot { start: at(*start)?, end: at(*end)?, amount: Some(Decimal::from(*amount)) })
        };
        Ok(Curve {
            unit: CurveUnit::GramsPerKilowattHour,
            slots: slots.iter().map(slot).collect::<Result<_, _>>()?,
            zone: String::new(),
            wholesale: false,
            source: String::new(),
            fetched_at: Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn older_answers_fill_gaps_and_change_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let newest = curve(&[(2, 3, 20), (5, 6, 50)])?;
        let older = curve(&[(0, 1, 1), (1, 2, 2), (2, 3, 3), (3, 4, 4), (4, 6, 5), (6, 7, 7)])?;
        let wanted = curve(&[(0, 1, 1), (1, 2, 2), (2, 3, 20), (3, 4, 4), (5, 6, 50), (6, 7, 7)])?;
        assert_eq!(newest.clone().filled(&older), wanted);
        assert_eq!(newest.clone().filled(&curve(&[])?), newest);
        assert_eq!(curve(&[])?.filled(&newest), newest);
        assert!(
            curve(&[(0, 2, 1), (1, 3, 1)])?.ordered().is_err() && curve(&[(2, 2, 1)])?.ordered().is_err()
        );
        Ok(())
    }

    #[test]
    fn rates_are_found_inverted_and_chained() -> Result<(), Box<dyn std::error::Error>> {
        let rate = |to: &str, rate: &str| -> Result<ExchangeRate, Box<dyn std::error::Error>> {
            Ok(ExchangeRate {
                from: Currency::EUR,
                to: to.parse()?,
                rate: rate.parse()?,
                source: "a bank".into(),
                date: "2026-11-20".parse()?,
            })
        };
        let rates = [rate("USD", "1.25")?, rate("GBP", "0.8")?];
        let check = |from: &str, to: &str, wanted: Option<&str>| -> Result<(), Box<dyn std::error::Error>> {
            let found =
                exchange_rate(&rates, from.parse()?, to.parse()?).map(|rate| rate.normalize().to_string());
            assert_eq!(found.as_deref(), wanted, "{from} to {to}");
            Ok(())
        };
        check("EUR", "EUR", Some("1"))?;
        check("EUR", "USD", Some("1.25"))?;
        check("USD", "EUR", Some("0.8"))?;
        check("GBP", "USD", Some("1.5625"))?;
        check("USD", "JPY", None)?;
        Ok(())
    }
}
