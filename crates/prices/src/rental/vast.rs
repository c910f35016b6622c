//! Vast.ai: machines of private hosts, on demand and interruptible. No key.

use infercost_core::market::OfferKind;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;

use crate::amount::Amount;
use crate::fetch::{Client, FetchError};
use crate::rental::{bounded, offer};
use crate::snapshot::Prices;
use crate::source::{self, Parsed, Query, answered, base};

const BASE: &str = "https://console.vast.ai";
/// Offers asked for.
const LIMIT: u32 = 3000;

/// The service wraps the list; the command-line client prints it bare.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Wrapped { offers: Vec<Bundle> },
    Bare(Vec<Bundle>),
}

#[derive(Deserialize)]
struct Bundle {
    id: Option<u64>,
    gpu_name: Option<String>,
    num_gpus: Option<u32>,
    gpu_ram: Option<f64>,
    dph_base: Option<Amount>,
    dph_total: Option<Amount>,
    min_bid: Option<Amount>,
    storage_cost: Option<Amount>,
    geolocation: Option<String>,
}

/// Asks for machines that can be rented now.
pub(crate) fn fetch(client: &Client, query: &Query) -> Result<(String, Parsed), FetchError> {
    let url = format!("{}/api/v0/bundles/", base(query, BASE));
    let mut body = json!({"rentable": {"eq": true}, "limit": LIMIT});
    if !query.gpus.is_empty()
        && let Some(body) = body.as_object_mut()
    {
        body.insert("gpu_name".to_owned(), json!({"in": query.gpus}));
    }
    answered(&url, &client.post(&url, &body.to_string(), None)?, parse)
}

/// Reads an answer. The interruptible price is the lowest bid and what the disk adds to the base rate.
pub(crate) fn parse(text: &str) -> Result<Parsed, String> {
    let bundles = match source::json(text)? {
        Answer::Wrapped { offers } | Answer::Bare(offers) => offers,
    };
    let (mut offers, mut nameless) = (Vec::new(), 0_usize);
    for bundle in &bundles {
        let (Some(gpu), count) = (&bundle.gpu_name, bundle.num_gpus.unwrap_or(1).max(1)) else {
            nameless += 1;
            continue;
        };
        let id = bundle.id.map_or_else(|| gpu.clone(), |id| id.to_string());
        let base = bundle.dph_base.map(|rate| rate.0);
        let total = bundle.dph_total.map(|rate| rate.0).or(base);
        let disk = total.zip(base).and_then(|(total, base)| total.checked_sub(base)).unwrap_or(Decimal::ZERO);
        let bid = bundle.min_bid.map(|bid| bid.0).filter(|bid| *bid > Decimal::ZERO);
        let bid = bid.and_then(|bid| bid.checked_add(disk.max(Decimal::ZERO)));
        for (kind, rate) in [(OfferKind::Rent, total), (OfferKind::Spot, bid)] {
            let Some(mut found) = offer(format!("vast {id}"), kind, gpu.clone(), count, rate) else {
                continue;
            };
            found.memory_gib = bundle.gpu_ram.filter(|ram| *ram > 0.0).map(|ram| ram / 1024.0);
            found.region.clone_from(&bundle.geolocation);
            found.storage_per_gb_month = bundle.storage_cost.map(|cost| cost.0);
            offers.push(found);
        }
    }
    let left_out =
        if nameless > 0 { vec![format!("{nameless} machines without a GPU's name")] } else { Vec::new() };
    Ok(Parsed { left_out, ..Parsed::of(Prices::Offers(bounded(offers)?)) })
}
