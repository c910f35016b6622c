//! Prices that were fetched before.

use infercost_schema::market::ExchangeRate;

use crate::arguments::economics::StoreArguments;

/// Exchange rates of the newest snapshot that holds some.
pub(crate) fn rates(_store: &StoreArguments) -> anyhow::Result<Vec<ExchangeRate>> {
    Ok(Vec::new())
}

/// The newest fetched price of a hosted model's tokens.
pub(crate) fn token_price(
    _store: &StoreArguments,
    _name: &str,
) -> anyhow::Result<Option<(infercost_schema::market::TokenPrice, infercost_economics::Assumption)>> {
    Ok(None)
}

/// The cheapest fetched offers of a hardware.
pub(crate) fn offers(
    _store: &StoreArguments,
    _hardware: &str,
) -> anyhow::Result<Vec<infercost_schema::hosting::HostingOffer>> {
    Ok(Vec::new())
}

/// The fetched price of a hosted model.
pub(crate) fn hosted(
    _store: &StoreArguments,
    _model: &str,
) -> anyhow::Result<Option<infercost_schema::hosting::HostingOffer>> {
    Ok(None)
}
