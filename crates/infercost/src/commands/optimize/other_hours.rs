//! What the hour of day would save: the work in the cheapest hours of a curve of prices.

use infercost_core::number::plain;
use infercost_core::text::percent;
use infercost_economics::optimization::{Basis, Change, Kind, saving_of_hours};
use infercost_prices::sections::exchange::convert_curve;
use infercost_run::economics_inputs::EconomicsInputs;
use infercost_run::price_store;
use infercost_run::usage;
use jiff::{Timestamp, ToSpan as _};

use super::{Present, unknown};

/// A curve that ended longer ago tells nothing of the hours to come, in hours.
const RECENT: i64 = 744;

/// The cheapest hours that the work needs, by the stored curve or the tariff of the settings.
pub(super) fn change(present: &Present<'_>, business: &EconomicsInputs) -> anyhow::Result<Change> {
    let change = unknown(
        Kind::Hour,
        "the cheapest hours",
        "none: the same answers, later",
        "infercost schedule --inferences N --deadline +1d --interruptible --run -- COMMAND",
    );
    let now = Timestamp::now();
    let stored = price_store::curve(
        business.request.price_store.as_deref(),
        false,
        now.saturating_sub(RECENT.hours())?,
    )?;
    let found = match (stored, &business.tariff) {
        (None, Some(tariff)) => {
            let week_on = business.today.saturating_add(6.days());
            let week = tariff.time_of_use(business.today, week_on, now);
            week.map_err(|error| usage(error.to_string()))?
        }
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

    let retail = business.retail(&curve)?;

    Ok(match saving_of_hours(&present.scenario, &curve, retail) {
        Ok(found) => {
            let bill = match (retail, curve.wholesale) {
                (Some(_), _) => ", with adder and tax",
                (None, true) => ", exchange prices without tax: give [tariff]",
                (None, false) => "",
            };
            Change {
                basis: Basis::Computed,
                saving: Some(found.saving),
                to: format!("the cheapest {} of the hours", percent(found.share)),
                why: format!(
                    "{} hours of {}{bill}: {} {}/kWh on average, {} in the cheapest that a utilization of {} needs; \
                     for a bill by the hour. Only what work takes above idle power gets cheaper",
                    plain(found.hours),
                    curve.source,
                    plain(found.mean),
                    present.book.currency,
                    plain(found.cheapest),
                    percent(present.scenario.utilization)
                ),
                ..change
            }
        }
        Err(why) => Change { why: why.to_string(), ..change },
    })
}
