//! Vast.ai: machines of private hosts, on demand and interruptible. No key.

use infercost_core::market::OfferKind;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::fetch::{Client, FetchError};
use crate::query::{Parsed, Query, counted, json};
use crate::rental::{Stated, bounded};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

const BASE: &str = "https://console.vast.ai";
/// Offers asked for.
const LIMIT: u32 = 3000;

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "vast",
    kind: Kind::Offers,
    key_variable: None,
    subject: |query| (!query.gpus.is_empty()).then(|| query.gpus.join(" ")),
    ask: Some(ask),
    parse: |text, _, _| parse(text),
};

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
fn ask(client: &Client, query: &Query, _: Timestamp) -> Result<Answered, FetchError> {
    let url = format!("{}/api/v0/bundles/", query.base(BASE));
    let mut body = serde_json::json!({"rentable": {"eq": true}, "limit": LIMIT});
    if !query.gpus.is_empty()
        && let Some(body) = body.as_object_mut()
    {
        body.insert("gpu_name".to_owned(), serde_json::json!({"in": query.gpus}));
    }
    Answered::of(&url, &client.post(&url, &body.to_string(), None)?, parse)
}

/// Reads an answer. The interruptible price is the lowest bid and what the disk adds to the base rate.
fn parse(text: &str) -> Result<Parsed, String> {
    let bundles = match json(text)? {
        Answer::Wrapped { offers } | Answer::Bare(offers) => offers,
    };

    let (mut offers, mut nameless) = (Vec::new(), 0_usize);
    for bundle in &bundles {
        let Some(gpu) = &bundle.gpu_name else {
            nameless += 1;
            continue;
        };
        for (kind, rate) in [(OfferKind::Rent, bundle.total()), (OfferKind::Spot, bundle.interruptible())] {
            let id = bundle.id.map_or_else(|| gpu.clone(), |id| id.to_string());
            let stated = Stated {
                name: format!("vast {id}"),
                hardware: gpu.clone(),
                count: f64::from(bundle.num_gpus.unwrap_or(1).max(1)),
                per_hour: rate,
                memory_gib: bundle.gpu_ram.map(|mebibytes| mebibytes / 1024.0),
                region: bundle.geolocation.clone(),
            };
            let Some(mut found) = stated.offer(kind) else { continue };
            found.storage_per_gb_month = bundle.storage_cost.map(|cost| cost.0);
            offers.push(found);
        }
    }

    let left_out = counted(nameless, "machines without a GPU's name").into_iter().collect();
    Ok(Parsed { left_out, ..Parsed::of(Prices::Offers(bounded(offers)?)) })
}

impl Bundle {
    /// The rate with the disk.
    fn total(&self) -> Option<Decimal> {
        self.dph_total.or(self.dph_base).map(|rate| rate.0)
    }

    /// The lowest bid with the disk; `None` where no bids are taken.
    fn interruptible(&self) -> Option<Decimal> {
        let bid = self.min_bid.map(|bid| bid.0).filter(|bid| *bid > Decimal::ZERO)?;
        let base = self.dph_base.map(|rate| rate.0);
        let disk = self.total().zip(base).and_then(|(total, base)| total.checked_sub(base));
        bid.checked_add(disk.unwrap_or(Decimal::ZERO).max(Decimal::ZERO))
    }
}
