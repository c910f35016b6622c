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

/// An offer in dollars, where the rate is one: above 0 and not absurd.
fn offer(
    name: String,
    kind: OfferKind,
    hardware: String,
    count: u32,
    per_hour: Option<Decimal>,
) -> Option<Offer> {
    let per_hour = per_hour.filter(|rate| *rate > Decimal::ZERO && *rate <= Decimal::from(HIGHEST))?;
    Some(Offer {
        name,
        kind,
        hardware,
        count,
        memory_gib: None,
        region: None,
        per_hour: per_hour.normalize(),
        currency: Currency::USD,
        storage_per_gb_month: None,
        as_of: None,
    })
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
