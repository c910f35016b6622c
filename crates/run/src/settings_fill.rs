//! What was fetched, added to a settings file.

use std::path::Path;

use anyhow::Context as _;
use infercost_core::Currency;
use infercost_prices::settings_file::{Answers, exchange_entry, offer_entry, replace};
use infercost_prices::{Prices, Snapshot, market};

use crate::config::{self, MAX_CONFIG_BYTES};
use crate::today::today;
use crate::usage::usage;

/// What of a snapshot is to be added.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Hardware whose cheapest offers are added.
    pub gpus: &'a [String],
    /// The hosted model whose price is added.
    pub model: Option<&'a str>,
}

/// Adds what the question was about to the file, which is begun where it is not there. Nothing that stands in it is
/// changed, and a file that would no longer be read is not written.
///
/// # Errors
/// Where nothing was named to be added, and where the file cannot be read or written.
pub fn fill(file: &Path, wanted: &Wanted<'_>, snapshot: &Snapshot) -> anyhow::Result<String> {
    let name = file.display();
    let before = match file.exists() {
        true => infercost_text::read(file, MAX_CONFIG_BYTES, "settings file")?,
        false => Answers::default().settings(today()),
    };
    let known = config::parse_text(file, &before)?;

    let mut added = Vec::new();
    let mut after = before.trim_end().to_owned() + "\n";
    for (title, entry) in entries(wanted, snapshot, known.currency())? {
        if !known.has_entry(&title) {
            after.push_str(&entry);
            added.push(title);
        }
    }
    if added.is_empty() {
        return Ok(format!("{name} holds it already"));
    }
    config::parse_text(file, &after)
        .context("the settings file with what was fetched could not be read again")?;
    replace(file, &after)?;
    Ok(format!("{name}: added {}", added.join("; ")))
}

/// What is to be added: a title and the text.
fn entries(
    wanted: &Wanted<'_>,
    snapshot: &Snapshot,
    currency: Currency,
) -> anyhow::Result<Vec<(String, String)>> {
    match &snapshot.prices {
        Prices::Offers(_) if wanted.gpus.is_empty() => {
            Err(usage("--fill: which hardware? name it with --gpu NAME"))
        }
        Prices::Offers(_) => {
            let mut found = Vec::new();
            for gpu in wanted.gpus {
                let offers = market::offers_of(&[snapshot], gpu)
                    .map_err(|error| usage(format!("--gpu {gpu}: {error}")))?;
                found.extend(offers.iter().map(|offer| (offer.name.clone(), offer_entry(offer))));
            }
            Ok(found)
        }
        Prices::Tokens(_) => {
            let model =
                wanted.model.ok_or_else(|| usage("--fill: which model? name it with --model NAME"))?;

            let tokens = market::tokens_of(&[snapshot], model)
                .ok_or_else(|| usage(format!("--model {model}: the list has no price of just that name")))?;
            Ok(vec![(model.to_owned(), offer_entry(&tokens.as_hosting()))])
        }
        Prices::Rates(rates) => {
            let used = [Currency::USD, currency];
            let used = rates.iter().filter(|rate| used.contains(&rate.to));
            Ok(used.map(|rate| (format!("{} to {}", rate.from, rate.to), exchange_entry(rate))).collect())
        }
        Prices::Curve(_) => Err(usage(
            "--fill: a curve is no setting; `infercost schedule` takes the newest one that is stored",
        )),
    }
}
