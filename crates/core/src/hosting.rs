//! Ways to get inferences answered by somebody else's machine, with what is paid.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::cost_part::CostPart;
use crate::price::Price;
use crate::reason::Reason;

/// An offer, checked, in its own currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostingOffer {
    /// Its name.
    pub name: String,
    /// What is paid, and for what.
    pub charge: Charge,
    /// The price that leads, with source and date.
    pub price: Price,
    /// What is not known of the price, part by part: an offer with such parts has no known cost, and is never the
    /// cheapest.
    #[serde(default)]
    pub open: Vec<OpenPart>,
}

/// A part of an offer's price that is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenPart {
    /// The part.
    pub part: CostPart,
    /// Why it is not known, and what would settle it.
    pub why: Reason,
}

impl OpenPart {
    /// A price of 0, which may be a gift, a gap in a list or a trial: somebody has to say that it is meant.
    pub fn free_claim() -> Self {
        Self { part: CostPart::Price, why: Reason::FreeClaim }
    }
}

/// What is paid. Amounts are in the currency of the offer's price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Charge {
    /// By the hour.
    Rent {
        /// Seconds to which use is rounded up.
        billing_seconds: f64,
        /// Storage, egress and the like per month.
        other_per_month: Decimal,
        /// Throughput relative to the measured machine; `None` is not known.
        speed: Option<f64>,
    },
    /// By the hour, with interruptions.
    Spot {
        /// Interruptions in an hour of use.
        interruptions_per_hour: f64,
        /// Work that an interruption loses, in seconds.
        lost_seconds: f64,
        /// Share of hours in which nothing is to be had.
        fallback_share: f64,
        /// What an hour costs then.
        on_demand_per_hour: Option<Decimal>,
        /// Throughput relative to the measured machine.
        speed: Option<f64>,
        /// Seconds to load the model there.
        load_seconds: Option<f64>,
    },
    /// By the second of work.
    Serverless {
        /// Seconds that a worker waits for the next request.
        keep_warm_seconds: f64,
        /// Share of requests that meet no warm worker.
        cold_share: Option<f64>,
        /// Throughput relative to the measured machine.
        speed: Option<f64>,
        /// Seconds to load the model there.
        load_seconds: Option<f64>,
    },
    /// By the token.
    Api {
        /// Per input token.
        input: Decimal,
        /// Per output token.
        output: Decimal,
    },
}
