//! What services earn, against what they cost.

use std::collections::{BTreeMap, BTreeSet};

use infercost_core::Currency;
use infercost_core::toml_text::{self, TomlError};
use infercost_prices::Amount;
use rust_decimal::Decimal;
use serde::Deserialize;
use thiserror::Error;

use super::Key;
use super::answer::{FleetRow, Zone};

/// Why revenue cannot be taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RevenueError {
    /// The file is not what is expected.
    #[error("{0}")]
    Syntax(TomlError),
    /// There is none.
    #[error("no [[revenue]] in it; an entry has service, per_inference and currency")]
    None,
    /// A service is named twice.
    #[error("[[revenue]]: `{0}` is named twice")]
    Twice(String),
    /// An amount is negative.
    #[error("[[revenue]]: `{0}` earns less than nothing")]
    Negative(String),
}

/// What an answered inference of a service earns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceRevenue {
    service: String,
    per_inference: Amount,
    currency: Currency,
}

/// What an answered inference earns, by service.
#[derive(Debug, Clone, PartialEq)]
pub struct Revenue(BTreeMap<String, ServiceRevenue>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevenueFile {
    #[serde(default)]
    revenue: Vec<ServiceRevenue>,
}

impl Revenue {
    /// Reads `[[revenue]]` entries of TOML.
    ///
    /// # Errors
    /// Where there is none, an amount is negative, or a service is named twice.
    pub fn parse(text: &str) -> Result<Self, RevenueError> {
        let file: RevenueFile = toml_text::read(text).map_err(RevenueError::Syntax)?;
        let mut all = BTreeMap::new();
        for entry in file.revenue {
            if entry.per_inference.0.is_sign_negative() {
                return Err(RevenueError::Negative(entry.service));
            }
            if let Some(before) = all.insert(entry.service.clone(), entry) {
                return Err(RevenueError::Twice(before.service));
            }
        }
        if all.is_empty() { Err(RevenueError::None) } else { Ok(Self(all)) }
    }

    /// Sets what the answers of each row earn against its cost. Failures earn nothing. Returns the services of which there
    /// is no row.
    pub(crate) fn set_against(&self, rows: &mut [FleetRow]) -> Vec<String> {
        let mut not_found: BTreeSet<&String> = self.0.keys().collect();
        let mut currencies: BTreeMap<BTreeMap<&'static str, Option<String>>, usize> = BTreeMap::new();
        for row in rows.iter() {
            *currencies.entry(row.keys.clone()).or_default() += 1;
        }

        for row in rows {
            let service = row.keys.get(Key::Service.name()).cloned().flatten();
            let Some((name, entry)) = service.and_then(|service| self.0.get_key_value(&service)) else {
                continue;
            };
            not_found.remove(name);
            let Some(revenue) = entry.per_inference.0.checked_mul(Decimal::from(row.answers)) else {
                continue;
            };
            row.revenue = Some(revenue);

            let is_comparable = row.currency.as_deref() == Some(entry.currency.code())
                && currencies.get(&row.keys).copied() == Some(1);
            row.zone = Some(match row.cost {
                Some(cost) if is_comparable && cost > revenue => Zone::Loss,
                Some(_) if is_comparable && row.unknown.cost == 0 => Zone::Profit,
                _ => Zone::Open,
            });
        }
        not_found.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_revenue_is_refused() {
        let entry = "[[revenue]]\nservice = \"chat\"\nper_inference = 0.002\ncurrency = \"USD\"\n";
        assert!(Revenue::parse(entry).is_ok());
        assert_eq!(Revenue::parse(""), Err(RevenueError::None));
        assert_eq!(Revenue::parse(&entry.repeat(2)), Err(RevenueError::Twice("chat".to_owned())));
        assert!(Revenue::parse(&entry.replace("0.002", "-1")).is_err());
        assert!(Revenue::parse(&entry.replace("USD", "usd")).is_err());
    }
}
