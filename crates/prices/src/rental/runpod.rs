//! RunPod: GPUs by the hour, by GraphQL. Needs a key.

use infercost_core::market::OfferKind;
use jiff::Timestamp;
use serde::Deserialize;

use crate::amount::Amount;
use crate::fetch::{Client, FetchError, quoted};
use crate::query::{Parsed, Query, json};
use crate::rental::{Stated, bounded};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

const BASE: &str = "https://api.runpod.io";
const KEY: &str = "RUNPOD_API_KEY";
const QUESTION: &str = "query { gpuTypes { id displayName memoryInGb securePrice communityPrice lowestPrice(input: {gpuCount: 1}) { minimumBidPrice uninterruptablePrice stockStatus } } }";

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "runpod",
    kind: Kind::Offers,
    key_variable: Some(KEY),
    subject: |query| (!query.gpus.is_empty()).then(|| query.gpus.join(" ")),
    ask: Some(ask),
    parse: |text, query, _| parse(text, query),
};

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
fn ask(client: &Client, query: &Query, _: Timestamp) -> Result<Answered, FetchError> {
    let key = query.key_for("runpod", KEY, BASE)?;
    let url = format!("{}/graphql", query.base(BASE));
    let body = serde_json::json!({"query": QUESTION}).to_string();
    let bearer = format!("Bearer {key}");
    let text = client.post(&url, &body, Some(("authorization", &bearer)))?;
    Answered::of(&url, &text, |text| parse(text, query))
}

/// Reads an answer; 0 or null is not on offer. The query's accelerators choose by part of the name.
fn parse(text: &str, query: &Query) -> Result<Parsed, String> {
    let answer: Answer = json(text)?;
    let Some(data) = answer.data else {
        let message = answer.errors.iter().flatten().find_map(|problem| problem.message.clone());
        let message = message.map_or_else(|| "no data and no error".to_owned(), |message| quoted(&message));
        return Err(format!("the service answers: {message}"));
    };

    let mut offers = Vec::new();
    for gpu in &data.gpu_types {
        let name = gpu.display_name.as_ref().unwrap_or(&gpu.id);
        if !query.wants(name) {
            continue;
        }

        let bid = gpu.lowest_price.as_ref().and_then(|lowest| lowest.minimum_bid_price);
        let kinds = [
            ("secure", OfferKind::Rent, gpu.secure_price),
            ("community", OfferKind::Rent, gpu.community_price),
            ("spot", OfferKind::Spot, bid),
        ];
        for (cloud, kind, rate) in kinds {
            let stated = Stated {
                name: format!("runpod {cloud} {name}"),
                hardware: name.clone(),
                count: 1.0,
                per_hour: rate.map(|rate| rate.0),
                memory_gib: gpu.memory_in_gb,
                region: None,
            };
            offers.extend(stated.offer(kind));
        }
    }
    Ok(Parsed::of(Prices::Offers(bounded(offers)?)))
}
