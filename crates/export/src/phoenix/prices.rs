//! Model prices in Phoenix's table.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Phoenix;
use crate::error::ExportError;

/// Most pages of models that are read.
const MOST_PAGES: usize = 100;

/// A price for one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPrice {
    /// The model as spans name it.
    pub model: String,
    /// Who serves it, as spans say.
    pub provider: String,
    /// For a million prompt tokens.
    pub input_per_million: f64,
    /// For a million output tokens.
    pub output_per_million: f64,
}

/// What registering prices changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PriceChanges {
    /// Models that were not there.
    pub created: usize,
    /// Models whose price was another one.
    pub updated: usize,
    /// Models with this price already.
    pub unchanged: usize,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "generativeModels")]
    models: Edges,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edges {
    edges: Vec<Edge>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Edge {
    node: Known,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Known {
    id: String,
    name: String,
    #[serde(default)]
    provider: Option<String>,
    name_pattern: String,
    kind: String,
    #[serde(default)]
    token_prices: Vec<KnownPrice>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct KnownPrice {
    token_type: String,
    cost_per_million_tokens: f64,
}

const LIST: &str = "query($after: String) { generativeModels(first: 500, after: $after) { edges { node { id name \
                    provider namePattern kind tokenPrices { tokenType costPerMillionTokens } } } \
                    pageInfo { hasNextPage endCursor } } }";
const CREATE: &str =
    "mutation($input: CreateModelMutationInput!) { createModel(input: $input) { model { id } } }";
const UPDATE: &str =
    "mutation($input: UpdateModelMutationInput!) { updateModel(input: $input) { model { id } } }";

impl Phoenix {
    /// Puts prices into Phoenix's table. A model that was registered before is updated and not added again.
    ///
    /// # Errors
    /// [`ExportError::Backend`].
    pub fn set_prices(&self, prices: &[ModelPrice]) -> Result<PriceChanges, ExportError> {
        let known = self.known_models()?;
        let mut changes = PriceChanges::default();

        for price in prices {
            let pattern = anchored(&price.model);
            let own = known.iter().find(|known| {
                known.kind == "CUSTOM" && (known.name_pattern == pattern || known.name == price.model)
            });
            let mut input = json!({
                "name": price.model,
                "provider": price.provider,
                "namePattern": pattern,
                "costs": [
                    {"tokenType": "input", "costPerMillionTokens": price.input_per_million, "kind": "PROMPT"},
                    {"tokenType": "output", "costPerMillionTokens": price.output_per_million, "kind": "COMPLETION"},
                ],
            });
            match own {
                Some(known) if known.has(price, &pattern) => changes.unchanged += 1,
                Some(known) => {
                    if let Value::Object(fields) = &mut input {
                        fields.insert("id".to_owned(), json!(known.id));
                    }
                    let _: Value = self.api.graphql("updating a price", UPDATE, &json!({"input": input}))?;
                    changes.updated += 1;
                }
                None => {
                    let _: Value = self.api.graphql("adding a price", CREATE, &json!({"input": input}))?;
                    changes.created += 1;
                }
            }
        }

        Ok(changes)
    }

    fn known_models(&self) -> Result<Vec<Known>, ExportError> {
        let mut known = Vec::new();
        let mut after = None;
        for _ in 0..MOST_PAGES {
            let page: Page = self.api.graphql("its table of prices", LIST, &json!({"after": after}))?;
            known.extend(page.models.edges.into_iter().map(|edge| edge.node));
            after = page.models.page_info.end_cursor.filter(|_| page.models.page_info.has_next_page);
            if after.is_none() {
                break;
            }
        }
        Ok(known)
    }
}

impl Known {
    /// True where nothing needs to be changed: prices agree to fifteen digits.
    fn has(&self, price: &ModelPrice, pattern: &str) -> bool {
        self.name_pattern == pattern
            && self.name == price.model
            && self.provider.as_deref().unwrap_or_default() == price.provider
            && self.token_prices.len() == 2
            && self.costs("input", price.input_per_million)
            && self.costs("output", price.output_per_million)
    }

    fn costs(&self, token_type: &str, wanted: f64) -> bool {
        self.token_prices.iter().any(|known| {
            known.token_type == token_type
                && (known.cost_per_million_tokens - wanted).abs() <= 1e-15 * wanted.abs()
        })
    }
}

/// The regular expression that finds this name and no other: Phoenix searches it in `llm.model_name`.
pub fn anchored(name: &str) -> String {
    format!("^{}$", regex::escape(name))
}

#[cfg(test)]
mod tests {
    use super::anchored;

    #[test]
    fn patterns_find_only_the_name() {
        assert_eq!(anchored("a/q8_0"), "^a/q8_0$");
        for name in ["a.b", "a+b (c)", "x#again", "[a]{2}", "a|b", "ü\\d"] {
            let pattern = regex::Regex::new(&anchored(name));
            assert!(pattern.as_ref().is_ok_and(|pattern| pattern.is_match(name)), "{name}");
            assert!(
                pattern.is_ok_and(|pattern| !pattern.is_match(&format!("{name}x")) && !pattern.is_match("b"))
            );
        }
    }
}
