//! The same work at other hours.

use infercost_economics::optimization::{Basis, Change, Kind, quarter_hours, saving_of_hours};
use infercost_prices::sections::TariffSection;
use infercost_prices::sections::exchange::convert_curve;
use jiff::{Timestamp, ToSpan as _};

use super::{Present, unknown};
use crate::arguments::economics::OptimizeCommand;
use crate::business::Business;
use crate::exit::usage;
use crate::price_store;

/// A curve that ended longer ago tells nothing of the hours to come, in hours.
const RECENT: i64 = 744;

/// The cheapest third of the hours, by the stored curve or the tariff of the settings.
pub(super) fn change(
    present: &Present<'_>,
    business: &Business,
    arguments: &OptimizeCommand,
) -> anyhow::Result<Change> {
    let change = unknown(
        Kind::Hour,
        "the cheapest third of the hours",
        "none: the same answers, later",
        "infercost schedule --inferences N --deadline +1d --interruptible --run -- COMMAND",
    );
    let now = Timestamp::now();
    let stored = price_store::curve(&arguments.economics.store, false, now.saturating_sub(RECENT.hours())?)?;
    let week = |tariff: &TariffSection| {
        tariff.time_of_use(business.today, business.today.saturating_add(6.days()), now)
    };
    let found = match (stored, &business.tariff) {
        (None, Some(tariff)) => week(tariff).map_err(|error| usage(error.to_string()))?,
        (stored, _) => stored,
    };
    let Some(curve) = found else {
        let why =
            "no curve of prices is stored; `infercost prices fetch energy-charts` fetches one".to_owned();
        return Ok(Change { why, ..change });
    };
    let Ok(curve) = convert_curve(&curve, present.book.currency, &business.rates) else {
        let why =
            format!("the curve of {} is in another currency, and no exchange rate is known", curve.source);
        return Ok(Change { why, ..change });
    };
    let prices = quarter_hours(&curve);
    Ok(match saving_of_hours(&present.scenario, &prices) {
        Ok(saving) => Change {
            basis: Basis::Computed,
            saving: Some(saving),
            why: format!("the prices of {}; only what is paid for electricity falls", curve.source),
            ..change
        },
        Err(why) => Change { why, ..change },
    })
}
