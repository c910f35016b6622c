//! RunPod: GPUs by the hour, by GraphQL. Needs a key.

use infercost_core::market::OfferKind;
use serde::Deserialize;
use serde_json::json;

use crate::amount::Amount;
use crate::fetch::{Client, FetchError, quoted};
use crate::rental::{bounded, offer};
use crate::snapshot::Prices;
use crate::source::{self, Parsed, Query, answered, base, key};

const BASE: &str = "https://api.runpod.io";
pub(crate) const KEY: &str = "RUNPOD_API_KEY";
const QUESTION: &str = "query { gpuTypes { id displayName memoryInGb securePrice communityPrice lowestPrice(input: {gpuCount: 1}) { minimumBidPrice uninterruptablePrice stockStatus } } }";

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    errors: Option<Vec<Problem>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    gpu_types: Vec<GpuType>,
}

#[derive(Deserialize)]
struct Problem {
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GpuType {
    id: String,
    display_name: Option<String>,
    memory_in_gb: Option<f64>,
    secure_price: Option<Amount>,
    community_price: Option<Amount>,
    lowest_price: Option<LowestPrice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LowestPrice {
    minimum_bid_price: Option<Amount>,
}

/// Asks for all types.
pub(crate) fn fetch(client: &Client, query: &Query) -> Result<(String, Parsed), FetchError> {
    let key = key(query, "runpod", KEY)?;
    let url = format!("{}/graphql", base(query, BASE));
    let body = json!({"query": QUESTION}).to_string();
    let bearer = format!("Bearer {key}");
    let text = client.post(&url, &body, Some(("authorization", &bearer)))?;
    answered(&url, &text, |text| parse(text, &query.gpus))
}

/// Reads an answer; 0 or null is not on offer. `gpus` chooses by part of the name; all where empty.
pub(crate) fn parse(text: &str, gpus: &[String]) -> Result<Parsed, String> {
    let answer: Answer = source::json(text)?;
    let Some(data) = answer.data else {
        let message = answer.errors.iter().flatten().find_map(|problem| problem.message.clone());
        let message = message.map_or_else(|| "no data and no error".to_owned(), |message| quoted(&message));
        return Err(format!("the service answers: {message}"));
    };
    let mut offers = Vec::new();
    for gpu in &data.gpu_types {
        let name = gpu.display_name.as_ref().unwrap_or(&gpu.id);
        if !gpus.is_empty() && !gpus.iter().any(|wanted| name.contains(wanted.as_str())) {
            continue;
        }
        let bid = gpu.lowest_price.as_ref().and_then(|lowest| lowest.minimum_bid_price);
        let ways = [
            ("secure", OfferKind::Rent, gpu.secure_price),
            ("community", OfferKind::Rent, gpu.community_price),
            ("spot", OfferKind::Spot, bid),
        ];
        for (way, kind, rate) in ways {
            let named = format!("runpod {way} {name}");
            let Some(mut found) = offer(named, kind, name.clone(), 1, rate.map(|rate| rate.0)) else {
                continue;
            };
            found.memory_gib = gpu.memory_in_gb;
            offers.push(found);
        }
    }
    Ok(Parsed::of(Prices::Offers(bounded(offers)?)))
}
