//! What one question to one source brought: dated, sourced, and kept as JSON.

use infercost_core::market::{Curve, ExchangeRate, Offer, TokenPrice};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the file.
pub const SNAPSHOT_SCHEMA: &str = "infercost.prices/1";

/// Prices of one source at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SNAPSHOT_SCHEMA`].
    pub schema: String,
    /// The source's name, as `infercost prices fetch` knows it.
    pub source: String,
    /// What was asked for: a zone, a product, accelerators, a cloud.
    pub subject: String,
    /// The address without its query, or the file.
    pub address: String,
    /// The license that the source states.
    #[serde(alias = "licence")]
    pub license: Option<String>,
    /// When it was fetched or read.
    pub fetched_at: Timestamp,
    /// The prices.
    pub prices: Prices,
    /// Entries of the answer that were left out, and why, most of them first.
    pub left_out: Vec<String>,
    /// How the answer was read where it leaves a choice.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// A kind of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Prices::Curve`].
    Curve,
    /// [`Prices::Offers`].
    Offers,
    /// [`Prices::Tokens`].
    Tokens,
    /// [`Prices::Rates`].
    Rates,
}

/// The prices themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prices {
    /// Electricity prices or carbon intensity over time.
    Curve(Curve),
    /// Machines for rent.
    Offers(Vec<Offer>),
    /// Hosted models.
    Tokens(Vec<TokenPrice>),
    /// Exchange rates.
    Rates(Vec<ExchangeRate>),
}

impl Prices {
    /// Their kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Curve(_) => Kind::Curve,
            Self::Offers(_) => Kind::Offers,
            Self::Tokens(_) => Kind::Tokens,
            Self::Rates(_) => Kind::Rates,
        }
    }

    /// Slots, offers, models or rates.
    pub fn len(&self) -> usize {
        match self {
            Self::Curve(curve) => curve.slots.len(),
            Self::Offers(offers) => offers.len(),
            Self::Tokens(models) => models.len(),
            Self::Rates(rates) => rates.len(),
        }
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What one of them is called.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Curve(_) => "slots",
            Self::Offers(_) => "offers",
            Self::Tokens(_) => "models",
            Self::Rates(_) => "rates",
        }
    }
}

impl Snapshot {
    /// Source, subject and license in one line, for assumptions.
    pub fn cited(&self) -> String {
        let license = self.license.as_ref().map_or_else(String::new, |license| format!("; {license}"));
        let subject = if self.subject.is_empty() { String::new() } else { format!(" {}", self.subject) };
        format!("{}{subject}{license}", self.source)
    }

    /// Whole days since it was fetched; 0 for what comes from the future.
    pub fn age_days(&self, now: Timestamp) -> i64 {
        now.duration_since(self.fetched_at).as_hours().max(0) / 24
    }

    /// True where it is older than 90 days.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.age_days(now) > 90
    }
}
