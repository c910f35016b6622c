//! SkyPilot's catalogs: instances of one cloud, on demand and spot, as a table whose columns come in any order.
//!
//! Some rows are shares of an accelerator, and some an accelerator alone, whose host machine is another row: such a price
//! holds no machine to attach it to, and the offer says so.

use infercost_core::CostPart;
use infercost_core::market::OfferKind;
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::fetch::{Client, FetchError, encoded};
use crate::query::{Parsed, Query, counted};
use crate::rental::{Stated, bounded};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};
use crate::table::{Row, Table};

const BASE: &str = "https://raw.githubusercontent.com/skypilot-org/skypilot-catalog/master/catalogs/v8";

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "skypilot",
    kind: Kind::Offers,
    key_variable: None,
    subject: |query| query.zone.clone(),
    ask: Some(ask),
    parse: |text, query, _| parse(text, query),
};

/// Asks for the catalog of a cloud.
fn ask(client: &Client, query: &Query, _: Timestamp) -> Result<Answered, FetchError> {
    let cloud = query.zone.as_deref();
    let cloud = cloud.ok_or_else(|| {
        FetchError::Question("skypilot needs --zone, the cloud: aws, gcp, lambda …".to_owned())
    })?;
    let url = format!("{}/{}/vms.csv", query.base(BASE), encoded(cloud));
    Answered::of(&url, &client.get(&url, None)?, |text| parse(text, query))
}

/// Reads a catalog; an empty or zero price is not on offer. Rows that cannot be read are counted.
fn parse(text: &str, query: &Query) -> Result<Parsed, String> {
    let table = Table::parse(text, &["InstanceType", "Price", "Region"])?;
    let cloud = query.zone.as_deref().unwrap_or("cloud");

    let (mut offers, mut broken, mut attachable) = (Vec::new(), 0_usize, 0_usize);
    for row in table.rows().filter(|row| query.wants(row.get("AcceleratorName"))) {
        let alone = row.get("InstanceType").is_empty();
        for (kind, column) in [(OfferKind::Rent, "Price"), (OfferKind::Spot, "SpotPrice")] {
            let text = row.get(column);
            if text.is_empty() {
                continue;
            }
            let Ok(rate) = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)) else {
                broken += 1;
                continue;
            };

            let Some(mut found) = stated(cloud, &row, rate).offer(kind) else { continue };
            if alone {
                found.leaves_out.push(CostPart::HostMachine);
                attachable += 1;
            }
            offers.push(found);
        }
    }

    let left_out = counted(broken, "prices that are no numbers").into_iter().collect();
    let remarks =
        counted(attachable, "prices are of an accelerator alone, without the machine that hosts it");
    let remarks = remarks.into_iter().collect();
    Ok(Parsed { left_out, remarks, ..Parsed::of(Prices::Offers(bounded(offers)?)) })
}

fn stated(cloud: &str, row: &Row<'_>, rate: Decimal) -> Stated {
    let (instance, accelerator) = (row.get("InstanceType"), row.get("AcceleratorName"));
    let what = if instance.is_empty() { "attachable" } else { instance };
    Stated {
        name: format!("{cloud} {what} {}", row.get("Region")),
        hardware: if accelerator.is_empty() { instance } else { accelerator }.to_owned(),
        count: count(row.get("AcceleratorCount")),
        per_hour: Some(rate),
        memory_gib: memory_gib(row.get("GpuInfo")),
        region: Some(row.get("Region").to_owned()),
    }
}

/// Accelerators of a row, shares of one included; 1 where the row does not say.
fn count(text: &str) -> f64 {
    text.parse::<f64>().ok().filter(|count| *count > 0.0 && *count < 1e4).unwrap_or(1.0)
}

/// The memory of one accelerator, out of `{'Gpus': [{… 'MemoryInfo': {'SizeInMiB': 24576}}]}`.
fn memory_gib(info: &str) -> Option<f64> {
    let (_, rest) = info.split_once("SizeInMiB")?;
    let digits = rest.trim_start_matches(['\'', '"', ':', ' ']);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let mebibytes: f64 = digits.get(..end)?.parse().ok()?;
    Some(mebibytes / 1024.0)
}
