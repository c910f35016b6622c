//! LiteLLM's price map: hosted models of many providers. No key.

use std::collections::BTreeMap;

use infercost_core::Currency;
use infercost_core::market::TokenPrice;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use crate::amount::Amount;
use crate::fetch::{Client, FetchError, quoted};
use crate::query::{Parsed, Query, counted, json};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

const BASE: &str = "https://raw.githubusercontent.com/BerriAI/litellm/main";
/// No token costs more: a thousand dollars a million. What lists state beyond it is per thousand or per million tokens.
const HIGHEST: Decimal = Decimal::from_parts(1, 0, 0, false, 3);
/// More prices than a model has kinds of.
const MAX_OTHERS: usize = 20;

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "litellm",
    kind: Kind::Tokens,
    key_variable: None,
    subject: |query| query.zone.clone(),
    ask: Some(ask),
    parse: |text, _, _| parse(text),
};

#[derive(Deserialize)]
struct Entry {
    input_cost_per_token: Option<Amount>,
    output_cost_per_token: Option<Amount>,
    cache_read_input_token_cost: Option<Amount>,
    tiered_pricing: Option<Value>,
    litellm_provider: Option<String>,
    mode: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Asks for the whole map.
fn ask(client: &Client, query: &Query, _: Timestamp) -> Result<Answered, FetchError> {
    let url = format!("{}/model_prices_and_context_window.json", query.base(BASE));
    Answered::of(&url, &client.get(&url, None)?, parse)
}

/// Reads the map: models that write text and have both prices. Entries of another shape are counted, since the map
/// grows new kinds.
fn parse(text: &str) -> Result<Parsed, String> {
    let map: BTreeMap<String, Value> = json(text)?;

    let mut models = Vec::new();
    let (mut without, mut absurd, mut tiered, mut broken) = (0_usize, 0_usize, 0_usize, 0_usize);
    for (model, value) in map.into_iter().filter(|(model, _)| model != "sample_spec") {
        let Ok(entry) = serde_json::from_value::<Entry>(value) else {
            broken += 1;
            continue;
        };
        let (by_tiers, is_absurd) = (entry.tiered_pricing.is_some(), entry.is_absurd());
        match entry.price(model) {
            Some(price) => models.push(price),
            None if is_absurd => absurd += 1,
            None if by_tiers => tiered += 1,
            None => without += 1,
        }
    }
    if models.is_empty() {
        return Err("the map holds no model with prices for input and output".to_owned());
    }

    let mut left_out = Vec::new();
    left_out.extend(counted(without, "models that write no text or lack a price"));
    left_out.extend(counted(absurd, "models whose price cannot be one of a single token"));
    left_out.extend(counted(tiered, "models priced by the length of the prompt alone"));
    left_out.extend(counted(broken, "entries of an unknown shape"));
    let others = models.iter().filter(|model| !model.not_used.is_empty()).count();
    let remarks =
        counted(others, "models have further prices that nothing is computed with").into_iter().collect();
    Ok(Parsed { left_out, remarks, ..Parsed::of(Prices::Tokens(models)) })
}

impl Entry {
    /// True where a price is stated that no token has.
    fn is_absurd(&self) -> bool {
        let stated = [self.input_cost_per_token, self.output_cost_per_token];
        stated.into_iter().flatten().any(|amount| sound(Some(amount)).is_none())
    }

    /// The price of a model that writes text; `None` where it writes none, or lacks a price.
    fn price(self, model: String) -> Option<TokenPrice> {
        let writes = matches!(self.mode.as_deref(), None | Some("chat" | "completion" | "responses"));
        let (input, output) = (sound(self.input_cost_per_token)?, sound(self.output_cost_per_token)?);
        if !writes {
            return None;
        }

        let mut not_used: Vec<String> =
            self.rest.iter().filter_map(|(name, value)| other(name, value)).collect();
        if self.tiered_pricing.is_some() {
            not_used.push("tiered_pricing".to_owned());
        }
        not_used.truncate(MAX_OTHERS);
        Some(TokenPrice {
            model,
            provider: self.litellm_provider,
            input: input.normalize(),
            output: output.normalize(),
            cached_input: sound(self.cache_read_input_token_cost).map(|cost| cost.normalize()),
            not_used,
            currency: Currency::USD,
        })
    }
}

/// An amount that can be a token's price.
fn sound(amount: Option<Amount>) -> Option<Decimal> {
    amount.map(|amount| amount.0).filter(|cost| *cost >= Decimal::ZERO && *cost <= HIGHEST)
}

/// The name of another price: of long prompts, of thinking, of requests, of what is written to a cache. Prices of
/// pictures, sound, batches and other service tiers are for other work.
fn other(name: &str, value: &Value) -> Option<String> {
    const OTHER_WORK: [&str; 10] =
        ["image", "audio", "video", "character", "pixel", "batch", "priority", "flex", "second", "page"];
    let is_price = name.contains("cost");
    let is_zero = value.as_f64() == Some(0.0) || value.is_null();
    let is_other_work = OTHER_WORK.iter().any(|word| name.contains(word));
    (is_price && !is_zero && !is_other_work).then(|| quoted(name))
}
