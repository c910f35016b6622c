//! Machines for rent: one file a source, each from its wire format to offers.

pub mod aws_spot;
pub mod runpod;
pub mod skypilot;
pub mod vast;

use infercost_core::Currency;
use infercost_core::market::{Offer, OfferKind};
use rust_decimal::Decimal;

/// Most offers of one answer.
const MAX_OFFERS: usize = 200_000;
/// No machine costs more per hour.
const HIGHEST: i64 = 100_000;

/// An offer as a source states it, before it is looked at.
#[derive(Default)]
struct Stated {
    name: String,
    hardware: String,
    /// Accelerators in it.
    count: f64,
    per_hour: Option<Decimal>,
    /// Memory of one accelerator in GiB.
    memory_gib: Option<f64>,
    region: Option<String>,
}

impl Stated {
    /// An offer in dollars, where the rate is one: above 0, which lists write for what is not on offer, and not absurd.
    fn offer(self, kind: OfferKind) -> Option<Offer> {
        let per_hour =
            self.per_hour.filter(|rate| *rate > Decimal::ZERO && *rate <= Decimal::from(HIGHEST))?;
        Some(Offer {
            name: self.name,
            kind,
            hardware: self.hardware,
            count: self.count,
            memory_gib: self.memory_gib.filter(|gib| *gib > 0.0),
            region: self.region.filter(|region| !region.is_empty()),
            per_hour: per_hour.normalize(),
            currency: Currency::USD,
            storage_per_gb_month: None,
            as_of: None,
            product: None,
            leaves_out: Vec::new(),
        })
    }
}

/// At most so many offers, and at least one.
fn bounded(offers: Vec<Offer>) -> Result<Vec<Offer>, String> {
    if offers.is_empty() {
        return Err("the answer holds no offer with a price".to_owned());
    }
    if offers.len() > MAX_OFFERS {
        return Err(format!("the answer holds more than {MAX_OFFERS} offers"));
    }
    Ok(offers)
}
