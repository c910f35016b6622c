//! AWS spot prices: the file that `aws ec2 describe-spot-price-history` prints.

use std::collections::BTreeMap;

use infercost_core::market::{Offer, OfferKind};
use jiff::Timestamp;
use serde::Deserialize;

use crate::amount::Amount;
use crate::rental::{bounded, offer};
use crate::snapshot::Prices;
use crate::source::{self, Parsed};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct History {
    spot_price_history: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    availability_zone: String,
    instance_type: String,
    spot_price: Amount,
    timestamp: Timestamp,
}

/// Reads the file: the newest price of each instance type and zone.
pub(crate) fn parse(text: &str) -> Result<Parsed, String> {
    let history: History = source::json(text)?;
    let mut newest: BTreeMap<(&str, &str), &Entry> = BTreeMap::new();
    for entry in &history.spot_price_history {
        let slot = newest.entry((&entry.instance_type, &entry.availability_zone)).or_insert(entry);
        if entry.timestamp > slot.timestamp {
            *slot = entry;
        }
    }
    let of = |entry: &&Entry| -> Option<Offer> {
        let name = format!("aws {} {}", entry.instance_type, entry.availability_zone);
        let mut found =
            offer(name, OfferKind::Spot, entry.instance_type.clone(), 1, Some(entry.spot_price.0))?;
        found.region = Some(entry.availability_zone.clone());
        found.as_of = Some(entry.timestamp);
        Some(found)
    };
    let offers: Vec<Offer> = newest.values().filter_map(of).collect();
    let older = history.spot_price_history.len().saturating_sub(newest.len());
    let left_out = if older > 0 { vec![format!("{older} older prices")] } else { Vec::new() };
    Ok(Parsed { left_out, ..Parsed::of(Prices::Offers(bounded(offers)?)) })
}
