//! `[sources.NAME]`: settings of one price source.

use serde::Deserialize;

/// Settings of one source; a flag of `infercost prices fetch` wins over them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSection {
    /// Address to ask instead of the source's own; it is shown no key.
    pub base_url: Option<String>,
    /// Bidding zone, country or region.
    pub zone: Option<String>,
    /// Product code of a tariff, or operating system of a spot price.
    pub product: Option<String>,
    /// How the bill is paid, where a tariff tells that apart.
    pub payment_method: Option<String>,
    /// Names of accelerators to ask for.
    pub gpus: Option<Vec<String>>,
}
