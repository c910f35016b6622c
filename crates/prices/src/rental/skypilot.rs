//! SkyPilot's catalogs: instances of one cloud, on demand and spot, as a table whose columns come in any order.

use infercost_core::market::OfferKind;
use rust_decimal::Decimal;

use crate::fetch::{Client, FetchError, encoded};
use crate::rental::{bounded, offer};
use crate::snapshot::Prices;
use crate::source::{Parsed, Query, answered, base};
use crate::table::Table;

const BASE: &str = "https://raw.githubusercontent.com/skypilot-org/skypilot-catalog/master/catalogs/v8";

/// Asks for the catalog of a cloud.
pub(crate) fn fetch(client: &Client, query: &Query) -> Result<(String, Parsed), FetchError> {
    let cloud = query.zone.as_deref();
    let cloud = cloud.ok_or_else(|| {
        FetchError::Question("skypilot needs --zone, the cloud: aws, gcp, lambda …".to_owned())
    })?;
    let url = format!("{}/{}/vms.csv", base(query, BASE), encoded(cloud));
    answered(&url, &client.get(&url, None)?, |text| parse(text, query))
}

/// Reads a catalog; an empty or zero price is not on offer. Rows that cannot be read are counted.
pub(crate) fn parse(text: &str, query: &Query) -> Result<Parsed, String> {
    let table = Table::parse(text, &["InstanceType", "Price", "Region"])?;
    let cloud = query.zone.as_deref().unwrap_or("cloud");
    let (mut offers, mut broken) = (Vec::new(), 0_usize);
    for row in table.rows() {
        let accelerator = row.get("AcceleratorName");
        let wanted = |gpu: &String| accelerator.contains(gpu.as_str());
        if !query.gpus.is_empty() && !query.gpus.iter().any(wanted) {
            continue;
        }
        let instance = row.get("InstanceType");
        let hardware = if accelerator.is_empty() { instance } else { accelerator };
        let count =
            row.get("AcceleratorCount").parse::<f64>().ok().filter(|count| (1.0..1e4).contains(count));
        let count = count.map_or(1, |count| count as u32);
        for (kind, column) in [(OfferKind::Rent, "Price"), (OfferKind::Spot, "SpotPrice")] {
            let text = row.get(column);
            if text.is_empty() {
                continue;
            }
            let Ok(rate) = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)) else {
                broken += 1;
                continue;
            };
            let name = format!("{cloud} {instance} {}", row.get("Region"));
            let Some(mut found) = offer(name, kind, hardware.to_owned(), count, Some(rate)) else { continue };
            found.region = Some(row.get("Region").to_owned()).filter(|region| !region.is_empty());
            offers.push(found);
        }
    }
    let left_out = if broken > 0 { vec![format!("{broken} prices that are no numbers")] } else { Vec::new() };
    Ok(Parsed { left_out, ..Parsed::of(Prices::Offers(bounded(offers)?)) })
}
