//! The same work somewhere else.

use infercost_economics::hosting::{HostingScenario, WaySaving, host};
use infercost_economics::optimization::{Basis, Change, Effect, Kind};
use infercost_prices::sections::exchange::convert_offer;
use infercost_run::economics_inputs::EconomicsInputs;

use super::{Present, unknown};
use crate::commands::host::demand;
use crate::flags::economics::DemandFlags;

/// The offers of the settings against what is in use, at the load of the settings.
pub(super) fn changes(present: &Present<'_>, business: &EconomicsInputs) -> Vec<Change> {
    let change = unknown(Kind::Place, "rented or hosted", "unknown", "infercost host");
    let offers: Result<Vec<_>, _> = business
        .offers
        .iter()
        .map(|offer| convert_offer(offer, present.book.currency, &business.rates))
        .collect();
    let Ok(offers) = offers else {
        let why = "an offer is in another currency, and no exchange rate is known".to_owned();
        return vec![Change { why, ..change }];
    };

    if offers.is_empty() {
        let why = "no [[offers]] are given in infercost.toml".to_owned();
        return vec![Change { why, ..change }];
    }

    let demand = demand(&DemandFlags::default(), business, present.book);
    let setting = HostingScenario::of(present.scenario.clone(), present.workload, demand);
    let hosting = host(String::new(), &setting, &offers);
    let savings = hosting.savings_against_own(&setting, &offers);

    savings
        .into_iter()
        .map(|WaySaving { way, kind, saving }| {
            let quality =
                if kind == "api" { "unknown: another model answers" } else { "none: the same weights" };
            let effect = if kind == "api" { Effect::Unknown } else { Effect::None };
            let (basis, saving, why) = match saving {
                Ok(saving) => (
                    Basis::Computed,
                    Some(saving),
                    "by `infercost host`, at the load of the settings".to_owned(),
                ),
                Err(why) => (Basis::Unknown, None, why.to_string()),
            };
            Change {
                to: format!("{way} ({kind})"),
                basis,
                saving,
                effect,
                quality: quality.to_owned(),
                why,
                ..change.clone()
            }
        })
        .collect()
}
