//! Which fetched offers are those of a hardware, and what each is as a way of hosting.

use std::collections::BTreeSet;

use infercost_core::Reason;
use infercost_core::hosting::{Charge, HostingOffer, OpenPart};
use infercost_core::market::{Offer, OfferKind, TokenPrice};
use infercost_core::price::Price;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::fetch::quoted;
use crate::snapshot::{Prices, Snapshot};

/// Names that an error lists.
const MAX_NAMES: usize = 8;

/// The cheapest offers of a hardware among snapshots, each as a way of hosting: one to rent, one spot, where there are
/// such.
///
/// A name that is just the one asked for wins over names that hold it, so that `A10` is no `A100`. Whole accelerators
/// come first, the fewest of them; then those whose price leaves something out, which are never the cheapest; shares of
/// an accelerator come last, and their names say so.
///
/// # Errors
/// A sentence, where the text is part of several hardware's names and the whole name of none.
pub fn offers_of(snapshots: &[&Snapshot], hardware: &str) -> Result<Vec<HostingOffer>, String> {
    let matching = matching(snapshots, hardware)?;

    let mut found = Vec::new();
    for kind in [OfferKind::Rent, OfferKind::Spot] {
        let of_kind = matching.iter().filter(|listed| listed.offer.kind == kind);
        let best = of_kind.min_by(|one, other| one.order().total_cmp(&other.order()));
        found.extend(best.map(Listed::as_hosting));
    }
    Ok(found)
}

/// The cheapest rent of a machine with so many of a GPU, as the driver names it: `NVIDIA GeForce RTX 4090`. Only an offer
/// of just that product and number counts, whose rate holds the whole machine; `None` where none is listed.
pub fn rent_of(snapshots: &[&Snapshot], gpu: &str, number: usize) -> Option<Price> {
    let wanted = product(gpu);
    let mut best: Option<Listed<'_>> = None;

    for snapshot in snapshots {
        let Prices::Offers(offers) = &snapshot.prices else { continue };
        for offer in offers {
            let fits = offer.kind == OfferKind::Rent
                && product(&offer.hardware) == wanted
                && (offer.count - number as f64).abs() <= 0.0
                && offer.leaves_out.is_empty()
                && offer.per_hour > Decimal::ZERO;
            if fits && best.is_none_or(|best| offer.per_hour < best.offer.per_hour) {
                best = Some(Listed { offer, snapshot });
            }
        }
    }
    best.map(|listed| listed.as_hosting().price)
}

/// The name of a GPU as markets write it: without the maker and the family that every such product has.
fn product(name: &str) -> String {
    let name = plain(name);
    name.strip_prefix("geforce").unwrap_or(&name).to_owned()
}

/// An offer, and where it is listed.
#[derive(Clone, Copy)]
struct Listed<'a> {
    offer: &'a Offer,
    snapshot: &'a Snapshot,
}

/// What decides between offers, the first difference first.
#[derive(PartialEq)]
struct Order {
    is_share: bool,
    leaves_out: bool,
    count: f64,
    per_hour: Decimal,
}

impl Order {
    fn total_cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.is_share, self.leaves_out)
            .cmp(&(other.is_share, other.leaves_out))
            .then(self.count.total_cmp(&other.count))
            .then(self.per_hour.cmp(&other.per_hour))
    }
}

/// The offers of a hardware, by its whole name where there are such, else by a part of one name.
fn matching<'a>(snapshots: &[&'a Snapshot], hardware: &str) -> Result<Vec<Listed<'a>>, String> {
    let wanted = plain(hardware);
    let mut whole = Vec::new();
    let mut part = Vec::new();
    for snapshot in snapshots {
        let Prices::Offers(offers) = &snapshot.prices else { continue };
        for offer in offers {
            let name = plain(&offer.hardware);
            if name == wanted {
                whole.push(Listed { offer, snapshot });
            } else if name.contains(&wanted) {
                part.push(Listed { offer, snapshot });
            }
        }
    }
    if !whole.is_empty() {
        return Ok(whole);
    }

    let names: BTreeSet<String> = part.iter().map(|listed| plain(&listed.offer.hardware)).collect();
    if names.len() > 1 {
        let shown: BTreeSet<String> = part.iter().map(|listed| quoted(&listed.offer.hardware)).collect();
        let shown: Vec<String> = shown.into_iter().take(MAX_NAMES).collect();
        return Err(format!("several fetched hardware names hold that; name one: {}", shown.join(", ")));
    }
    Ok(part)
}

/// A hardware's name without its maker and without what separates words: `NVIDIA A100-SXM4-80GB` is `A100 SXM4 80GB`.
fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("nvidia").or_else(|| name.strip_prefix("amd")).unwrap_or(&name);
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

impl Listed<'_> {
    fn order(&self) -> Order {
        let Offer { count, per_hour, leaves_out, .. } = self.offer;
        let leaves_out = !leaves_out.is_empty();
        Order { is_share: !self.offer.is_whole(), leaves_out, count: *count, per_hour: *per_hour }
    }

    /// The offer as a way of hosting. Spot prices say nothing of interruptions, so none are counted, and the name says
    /// so.
    fn as_hosting(&self) -> HostingOffer {
        let Self { offer, snapshot } = self;
        let charge = match offer.kind {
            OfferKind::Spot => Charge::Spot {
                interruptions_per_hour: 0.0,
                lost_seconds: 0.0,
                fallback_share: 0.0,
                on_demand_per_hour: None,
                speed: None,
                load_seconds: None,
            },
            _ => Charge::Rent { billing_seconds: 1.0, other_per_month: Decimal::ZERO, speed: None },
        };

        let price = Price {
            name: self.name(),
            value: offer.per_hour,
            currency: offer.currency,
            unit: "hour".to_owned(),
            source: snapshot.cited(),
            date: day(snapshot),
        };
        HostingOffer { name: self.name(), charge, price, open: self.open() }
    }

    /// Where it is, how many of what it is with how much memory, and on what terms.
    fn name(&self) -> String {
        let offer = self.offer;
        let mut name = format!("{}, {}", offer.name, offer.machine());
        if let Some(product) = &offer.product {
            name.push_str(&format!(", {product}"));
        }
        if offer.kind == OfferKind::Spot {
            name.push_str(", spot, if never interrupted");
        }
        quoted(&name)
    }

    fn open(&self) -> Vec<OpenPart> {
        let parts = self.offer.leaves_out.iter();
        parts.map(|part| OpenPart { part: *part, why: Reason::NotInPrice }).collect()
    }
}

/// A fetched price of a hosted model's tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedTokens {
    /// The price.
    pub price: TokenPrice,
    /// Who says so, and what else the list states.
    pub source: String,
    /// As of when.
    pub date: Date,
}

/// The price of the model of just that name in the first of the snapshots, newest first, that has one.
pub fn tokens_of(snapshots: &[&Snapshot], model: &str) -> Option<ListedTokens> {
    snapshots.iter().find_map(|snapshot| {
        let Prices::Tokens(models) = &snapshot.prices else { return None };
        let price = models.iter().find(|one| one.model == model)?;
        let source = match price.not_used.as_slice() {
            [] => snapshot.cited(),
            others => format!("{}; not computed with: {}", snapshot.cited(), others.join(", ")),
        };
        Some(ListedTokens { price: price.clone(), source, date: day(snapshot) })
    })
}

impl ListedTokens {
    /// The price as a way of hosting.
    pub fn as_hosting(&self) -> HostingOffer {
        let TokenPrice { model, input, output, currency, .. } = &self.price;
        let open = match input.is_zero() || output.is_zero() {
            true => vec![OpenPart::free_claim()],
            false => Vec::new(),
        };
        let price = Price {
            name: model.clone(),
            value: *output,
            currency: *currency,
            unit: "output token".to_owned(),
            source: self.source.clone(),
            date: self.date,
        };
        HostingOffer {
            name: model.clone(),
            charge: Charge::Api { input: *input, output: *output },
            price,
            open,
        }
    }
}

fn day(snapshot: &Snapshot) -> Date {
    snapshot.fetched_at.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Query, source};

    fn snapshot(catalog: &str) -> Result<Snapshot, String> {
        let source = source("skypilot").ok_or("no such source")?;
        let query = Query { zone: Some("cloud".to_owned()), ..Query::default() };
        let header = "InstanceType,AcceleratorName,AcceleratorCount,GpuInfo,Price,SpotPrice,Region\n";
        let now = jiff::Timestamp::UNIX_EPOCH;
        let parsed = source.parse(&format!("{header}{catalog}"), &query, now)?;
        Ok(Snapshot {
            schema: String::new(),
            source: "skypilot".to_owned(),
            subject: "cloud".to_owned(),
            address: String::new(),
            license: None,
            fetched_at: now,
            prices: parsed.prices,
            left_out: Vec::new(),
            remarks: Vec::new(),
        })
    }

    fn check(catalog: &str, hardware: &str, expected: Result<&[&str], &str>) -> Result<(), String> {
        let snapshot = snapshot(catalog)?;
        match (offers_of(&[&snapshot], hardware), expected) {
            (Ok(offers), Ok(names)) => {
                let found: Vec<&str> = offers.iter().map(|offer| offer.name.as_str()).collect();
                assert_eq!(found, names, "{hardware}");
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (got, _) => panic!("{hardware}: {got:?}"),
        }
        Ok(())
    }

    #[test]
    fn the_exact_name_first_and_whole_accelerators() -> Result<(), String> {
        let catalog = "\
a1,A10,0.167,,0.454,,east
a3,A10,1.0,\"{'Gpus': [{'Name': 'A10', 'MemoryInfo': {'SizeInMiB': 24576}}]}\",3.2,0.8,east
a6,A10,2.0,,1.1,,east
a100,A100,1.0,,0.1,,east
l1,L40S,8.0,,9,,east
";
        check(
            catalog,
            "A10",
            Ok(&[
                "cloud a3 east, 1 × A10 24 GiB",
                "cloud a3 east, 1 × A10 24 GiB, spot, if never interrupted",
            ]),
        )?;
        check(
            catalog,
            "nvidia a-10",
            Ok(&[
                "cloud a3 east, 1 × A10 24 GiB",
                "cloud a3 east, 1 × A10 24 GiB, spot, if never interrupted",
            ]),
        )?;
        check(catalog, "L40", Ok(&["cloud l1 east, 8 × L40S"]))?;
        check(catalog, "A1", Err("name one: A10, A100"))?;
        check(catalog, "H100", Ok(&[]))?;
        check("a1,A10,0.167,,0.454,,east\n", "A10", Ok(&["cloud a1 east, 0.167 × A10"]))
    }

    #[test]
    fn a_machine_is_rented_whole() -> Result<(), String> {
        let catalog = snapshot(
            "\
a1,RTX4090,1.0,,0.5,0.1,east
a2,RTX4090,1.0,,0.4,,west
a3,RTX4090,2.0,,0.7,,east
a4,RTX4090,0.5,,0.2,,east
a5,RTX4090-Laptop,1.0,,0.1,,east
",
        )?;
        let rent = |number: usize| rent_of(&[&catalog], "NVIDIA GeForce RTX 4090", number);
        let amounts = [1, 2, 3].map(|number| rent(number).map(|price| price.value.to_string()));
        assert_eq!(amounts, [Some("0.4".to_owned()), Some("0.7".to_owned()), None]);
        assert_eq!(rent_of(&[&catalog], "NVIDIA A100", 1), None);
        Ok(())
    }

    #[test]
    fn an_accelerator_without_its_host_has_no_known_price() -> Result<(), String> {
        let catalog = snapshot(",T4,1.0,,0.35,,central\nn1,,,,0.2368,,central\n")?;
        let offers = offers_of(&[&catalog], "T4")?;
        let open: Vec<_> = offers.iter().flat_map(|offer| &offer.open).map(|open| open.part).collect();
        assert_eq!(open, [infercost_core::CostPart::HostMachine]);
        let whole = snapshot(",T4,1.0,,0.35,,central\nn1-t4,T4,1.0,,0.55,,central\n")?;
        let offers = offers_of(&[&whole], "T4")?;
        assert!(matches!(offers.as_slice(), [one] if one.name.contains("n1-t4") && one.open.is_empty()));
        Ok(())
    }
}
