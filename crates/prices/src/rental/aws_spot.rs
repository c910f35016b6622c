//! AWS spot prices: the file that `aws ec2 describe-spot-price-history` prints.
//!
//! One instance type has a price for each operating system, since some bring a license along. The price of Linux is
//! taken, or that of the product that was asked for; others are counted by name.

use std::collections::BTreeMap;

use infercost_core::market::{Offer, OfferKind};
use jiff::Timestamp;
use serde::Deserialize;

use crate::amount::Amount;
use crate::fetch::quoted;
use crate::query::{Parsed, Query, counted, json_of_list};
use crate::rental::{Stated, bounded};
use crate::snapshot::{Kind, Prices};
use crate::source::SourceDef;

/// What is rented where no product is asked for.
const LINUX: &str = "Linux/UNIX";

/// The source: a file.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "aws-spot",
    kind: Kind::Offers,
    key_variable: None,
    subject: |query| query.zone.clone(),
    ask: None,
    parse: |text, query, _| parse(text, query),
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct History {
    spot_price_history: Vec<Entry>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    availability_zone: String,
    instance_type: String,
    /// `Linux/UNIX`, `Windows`, `SUSE Linux`, …, some with ` (Amazon VPC)` behind them.
    product_description: Option<String>,
    spot_price: Amount,
    timestamp: Timestamp,
}

impl Entry {
    /// The product without its network; `None` where the file does not tell.
    fn product(&self) -> Option<&str> {
        let product = self.product_description.as_deref()?;
        Some(product.strip_suffix(" (Amazon VPC)").unwrap_or(product).trim())
    }
}

/// Reads the file: the newest price of each instance type and zone, for one product.
fn parse(text: &str, query: &Query) -> Result<Parsed, String> {
    let history: History = json_of_list(text, "SpotPriceHistory")?;
    let wanted = query.product.as_deref().unwrap_or(LINUX);

    let mut newest: BTreeMap<(&str, &str), &Entry> = BTreeMap::new();
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut taken, mut unnamed) = (0_usize, 0_usize);
    for entry in &history.spot_price_history {
        match entry.product() {
            Some(product) if !product.eq_ignore_ascii_case(wanted) => {
                *others.entry(product).or_default() += 1;
                continue;
            }
            Some(_) => {}
            None => unnamed += 1,
        }
        taken += 1;

        let known = newest.entry((&entry.instance_type, &entry.availability_zone)).or_insert(entry);
        if is_better(entry, known) {
            *known = entry;
        }
    }

    if newest.is_empty() && !others.is_empty() {
        let names: Vec<String> = others.keys().map(|name| quoted(name)).collect();
        let names = names.join(", ");
        return Err(format!("no price is of {}; choose with --product: {names}", quoted(wanted)));
    }

    let mut left_out = Vec::new();
    left_out.extend(counted(taken.saturating_sub(newest.len()), "older prices"));
    left_out.extend(others.iter().map(|(product, count)| format!("{count} prices of {}", quoted(product))));
    if history.next_token.is_some() {
        left_out.push("later pages of the list: the file ends with a NextToken".to_owned());
    }
    let mut remarks = vec![format!("prices are of {}", quoted(wanted))];
    remarks.extend(counted(unnamed, "prices name no operating system and are taken for it"));

    let offers: Vec<Offer> = newest.values().filter_map(|entry| offer(entry)).collect();
    Ok(Parsed { left_out, remarks, ..Parsed::of(Prices::Offers(bounded(offers)?)) })
}

/// A price that names its product before one that does not, then the newer.
fn is_better(entry: &Entry, known: &Entry) -> bool {
    let (is_named, was_named) = (entry.product().is_some(), known.product().is_some());
    (is_named, entry.timestamp) > (was_named, known.timestamp)
}

fn offer(entry: &Entry) -> Option<Offer> {
    let stated = Stated {
        name: format!("aws {} {}", entry.instance_type, entry.availability_zone),
        hardware: entry.instance_type.clone(),
        count: 1.0,
        per_hour: Some(entry.spot_price.0),
        region: Some(entry.availability_zone.clone()),
        ..Stated::default()
    };
    let mut found = stated.offer(OfferKind::Spot)?;
    found.product = entry.product().map(str::to_owned);
    found.as_of = Some(entry.timestamp);
    Some(found)
}
