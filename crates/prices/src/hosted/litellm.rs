//! LiteLLM's price map: hosted models of many providers. No key.

use std::collections::BTreeMap;

use infercost_core::Currency;
use infercost_core::market::TokenPrice;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::fetch::{Client, FetchError};
use crate::snapshot::Prices;
use crate::source::{Parsed, Query, answered, base, json};

const BASE: &str = "https://raw.githubusercontent.com/BerriAI/litellm/main";
/// No token costs more.
const HIGHEST: i64 = 1;

#[derive(Deserialize)]
struct Entry {
    input_cost_per_token: Option<Amount>,
    output_cost_per_token: Option<Amount>,
    cache_read_input_token_cost: Option<Amount>,
    litellm_provider: Option<String>,
    mode: Option<String>,
}

/// Asks for the whole map.
pub(crate) fn fetch(client: &Client, query: &Query) -> Result<(String, Parsed), FetchError> {
    let url = format!("{}/model_prices_and_context_window.json", base(query, BASE));
    answered(&url, &client.get(&url, None)?, parse)
}

/// Reads the map: models that write text and have both prices. Entries of another shape are counted, since the map
/// grows new kinds.
pub(crate) fn parse(text: &str) -> Result<Parsed, String> {
    let map: BTreeMap<String, serde_json::Value> = json(text)?;
    let (mut models, mut without, mut broken) = (Vec::new(), 0_usize, 0_usize);
    for (model, value) in map {
        let Ok(entry) = serde_json::from_value::<Entry>(value) else {
            broken += 1;
            continue;
        };
        let writes = matches!(entry.mode.as_deref(), None | Some("chat" | "completion" | "responses"));
        let sound = |amount: Amount| amount.0 >= Decimal::ZERO && amount.0 <= Decimal::from(HIGHEST);
        match (entry.input_cost_per_token, entry.output_cost_per_token) {
            (Some(input), Some(output))
                if writes && sound(input) && sound(output) && model != "sample_spec" =>
            {
                models.push(TokenPrice {
                    model,
                    provider: entry.litellm_provider,
                    input: input.0.normalize(),
                    output: output.0.normalize(),
                    cached_input: entry
                        .cache_read_input_token_cost
                        .filter(|cost| sound(*cost))
                        .map(|cost| cost.0),
                    currency: Currency::USD,
                });
            }
            _ => without += 1,
        }
    }
    if models.is_empty() {
        return Err("the map holds no model with prices for input and output".to_owned());
    }
    let mut left_out = Vec::new();
    if without > 0 {
        left_out.push(format!("{without} models that write no text or lack a price"));
    }
    if broken > 0 {
        left_out.push(format!("{broken} entries of an unknown shape"));
    }
    Ok(Parsed { left_out, ..Parsed::of(Prices::Tokens(models)) })
}
