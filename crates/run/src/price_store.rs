//! Prices that were fetched before, and how they are found again.

use std::collections::BTreeSet;
use std::path::Path;

use infercost_core::hosting::{Charge, HostingOffer};
use infercost_core::market::{Curve, CurveUnit, ExchangeRate, Offer, OfferKind, TokenPrice};
use infercost_core::price::Price;
use infercost_economics::Assumption;
use infercost_prices::{Kind, PriceStore, Prices, Stored};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::models::cache_root;

/// Answers to one question that are looked at: the newest, and a few before it in case it cannot be read, or is to
/// another question of the same name.
const ANSWERS: usize = 4;
/// The same of curves, which are fetched day by day and joined.
const DAYS: usize = 64;

/// The folder of the flag, else `prices` in the cache.
pub fn open(folder: Option<&Path>) -> anyhow::Result<PriceStore> {
    Ok(match folder {
        Some(folder) => PriceStore::at(folder),
        None => PriceStore::at(cache_root()?.join("prices")),
    })
}

/// Exchange rates of the newest snapshot that holds some; none where there is no place for a store.
pub fn rates(folder: Option<&Path>) -> anyhow::Result<Vec<ExchangeRate>> {
    let Ok(store) = open(folder) else { return Ok(Vec::new()) };
    let newest = store.recent(Kind::Rates, ANSWERS)?.into_iter().next();
    Ok(match newest.map(|stored| stored.snapshot.prices) {
        Some(Prices::Rates(rates)) => rates,
        _ => Vec::new(),
    })
}

/// The newest curve of prices, or of carbon, that reaches beyond `after`.
pub fn curve(folder: Option<&Path>, carbon: bool, after: Timestamp) -> anyhow::Result<Option<Curve>> {
    let all = open(folder)?.recent(Kind::Curve, DAYS)?;
    let mut curves = all.into_iter().filter_map(|stored| {
        let source = stored.snapshot.cited();
        match stored.snapshot.prices {
            Prices::Curve(curve) => Some(Curve { source, ..curve }),
            _ => None,
        }
    });
    let newest = curves.find(|curve| {
        (curve.unit == CurveUnit::GramsPerKilowattHour) == carbon
            && curve.slots.last().is_some_and(|slot| slot.end > after)
    });
    let Some(mut joined) = newest else { return Ok(None) };

    // Days are fetched one by one; what an older answer knows beyond the newest one is taken from it.
    for older in curves {
        if is_of_one_source(&older, &joined) {
            joined = joined.filled(&older);
        }
    }
    Ok(Some(joined))
}

fn is_of_one_source(one: &Curve, other: &Curve) -> bool {
    (one.unit, &one.zone, one.wholesale, &one.source)
        == (other.unit, &other.zone, other.wholesale, &other.source)
}

fn day(stored: &Stored) -> Date {
    stored.snapshot.fetched_at.to_zoned(TimeZone::UTC).date()
}

/// The newest fetched price of a hosted model's tokens.
pub fn token_price(folder: Option<&Path>, name: &str) -> anyhow::Result<Option<(TokenPrice, Assumption)>> {
    let newest = open(folder)?.recent(Kind::Tokens, ANSWERS)?;
    let found = newest.into_iter().find(|stored| match &stored.snapshot.prices {
        Prices::Tokens(models) => models.iter().any(|one| one.model == name),
        _ => false,
    });
    let Some(stored) = found else { return Ok(None) };

    let date = Some(day(&stored));
    let source = stored.snapshot.cited();
    let Prices::Tokens(models) = stored.snapshot.prices else { return Ok(None) };
    Ok(models.into_iter().find(|one| one.model == name).map(|price| {
        let what = format!("{name}: {} an input token, {} an output token", price.input, price.output);
        (price, Assumption { what, source, date })
    }))
}

/// The fetched price of a hosted model, as an offer.
pub fn hosted(folder: Option<&Path>, model: &str) -> anyhow::Result<Option<HostingOffer>> {
    Ok(token_price(folder, model)?.map(|(tokens, assumption)| HostingOffer {
        name: model.to_owned(),
        price: Price {
            name: model.to_owned(),
            value: tokens.output,
            currency: tokens.currency,
            unit: "output token".to_owned(),
            source: assumption.source,
            date: assumption.date.unwrap_or_default(),
        },
        charge: Charge::Api { input: tokens.input, output: tokens.output },
    }))
}

/// The cheapest fetched offers of a hardware, one accelerator each where there are such: one to rent, one spot.
/// Spot offers say nothing of interruptions, so none are counted, and their name says so.
pub fn offers(folder: Option<&Path>, hardware: &str) -> anyhow::Result<Vec<HostingOffer>> {
    let mut all = open(folder)?.recent(Kind::Offers, ANSWERS)?;
    // Newest first: of each question only the last answer counts.
    let mut asked = BTreeSet::new();
    all.retain(|stored| asked.insert((stored.snapshot.source.clone(), stored.snapshot.subject.clone())));
    let mut found = Vec::new();
    for kind in [OfferKind::Rent, OfferKind::Spot] {
        let offers = all.iter().flat_map(|stored| offers_of(stored).iter().map(move |offer| (stored, offer)));
        let matching = offers.filter(|(_, offer)| offer.kind == kind && offer.hardware.contains(hardware));
        let cheapest = matching.min_by_key(|(_, offer)| (offer.count, offer.per_hour));
        found.extend(cheapest.map(|(stored, offer)| as_hosting(offer, stored.snapshot.cited(), day(stored))));
    }

    Ok(found)
}

fn offers_of(stored: &Stored) -> &[Offer] {
    match &stored.snapshot.prices {
        Prices::Offers(offers) => offers,
        _ => &[],
    }
}

fn as_hosting(offer: &Offer, source: String, date: Date) -> HostingOffer {
    let charge = match offer.kind {
        OfferKind::Spot => Charge::Spot {
            interruptions_per_hour: 0.0,
            lost_seconds: 0.0,
            fallback_share: 0.0,
            on_demand_per_hour: None,
            speed: None,
            load_seconds: None,
        },
        _ => Charge::Rent { billing_seconds: 1.0, other_per_month: rust_decimal::Decimal::ZERO, speed: None },
    };
    let name = match offer.kind {
        OfferKind::Spot => format!("{}, spot, if never interrupted", offer.name),
        _ => offer.name.clone(),
    };
    let price = Price {
        name: name.clone(),
        value: offer.per_hour,
        currency: offer.currency,
        unit: "hour".into(),
        source,
        date,
    };
    HostingOffer { name, charge, price }
}
