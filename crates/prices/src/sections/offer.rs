//! `[[offers]]`: ways to get inferences answered, as a user writes them down.

use infercost_core::Currency;
use infercost_core::hosting::{Charge, HostingOffer};
use infercost_core::price::Price;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::day::Day;
use crate::section::PriceError;
use crate::sections::{price, within};

/// One `[[offers]]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum OfferSection {
    /// A machine by the hour.
    Rent {
        /// The offer's name.
        name: String,
        /// Rate per hour.
        per_hour: Amount,
        /// Seconds to which use is rounded up.
        #[serde(default = "one_second")]
        billing_seconds: f64,
        /// Storage, egress and the like per month.
        #[serde(default = "nothing")]
        other_per_month: Amount,
        /// Throughput relative to the measured machine.
        speed: Option<f64>,
        /// Currency of the amounts.
        currency: Currency,
        /// Whose figure it is.
        source: String,
        /// As of when.
        date: Day,
    },
    /// A machine that may be taken away.
    Spot {
        /// The offer's name.
        name: String,
        /// Rate per hour.
        per_hour: Amount,
        /// Interruptions in an hour of use.
        interruptions_per_hour: f64,
        /// Work that an interruption loses, in seconds.
        #[serde(default)]
        lost_seconds: f64,
        /// Share of hours in which nothing is to be had at this rate.
        #[serde(default)]
        fallback_share: f64,
        /// What an hour costs then; needed where the share is above 0.
        on_demand_per_hour: Option<Amount>,
        /// Throughput relative to the measured machine.
        speed: Option<f64>,
        /// Seconds to load the model there, instead of what was measured here.
        load_seconds: Option<f64>,
        /// Currency of the amounts.
        currency: Currency,
        /// Whose figure it is.
        source: String,
        /// As of when.
        date: Day,
    },
    /// A machine by the second of work.
    Serverless {
        /// The offer's name.
        name: String,
        /// Rate per second.
        per_second: Amount,
        /// Seconds that a worker waits for the next request before it is taken down; they are billed.
        #[serde(default)]
        keep_warm_seconds: f64,
        /// Share of requests that meet no warm worker, instead of what follows from the load.
        cold_share: Option<f64>,
        /// Throughput relative to the measured machine.
        speed: Option<f64>,
        /// Seconds to load the model there, instead of what was measured here.
        load_seconds: Option<f64>,
        /// Currency of the amounts.
        currency: Currency,
        /// Whose figure it is.
        source: String,
        /// As of when.
        date: Day,
    },
    /// Answers by the token.
    Api {
        /// The offer's name.
        name: String,
        /// Per million input tokens.
        input_per_million: Amount,
        /// Per million output tokens.
        output_per_million: Amount,
        /// Currency of the amounts.
        currency: Currency,
        /// Whose figure it is.
        source: String,
        /// As of when.
        date: Day,
    },
}

fn one_second() -> f64 {
    1.0
}

fn nothing() -> Amount {
    Amount(Decimal::ZERO)
}

impl OfferSection {
    /// Checks the entry.
    ///
    /// # Errors
    /// [`PriceError::Setting`] with the key that is out of range.
    pub fn checked(self) -> Result<HostingOffer, PriceError> {
        let leading = |unit, amount, currency, source, Day(date): Day, name: &str| {
            let mut price = price("offers", unit, currency, amount, source, Day(date), false)?;
            price.name = name.to_owned();
            Ok::<Price, PriceError>(price)
        };
        let offer = match self {
            Self::Rent {
                name,
                per_hour,
                billing_seconds,
                other_per_month,
                speed,
                currency,
                source,
                date,
            } => {
                within("offers.billing_seconds", at_least(billing_seconds, 1.0), "must be at least 1")?;
                within("offers.other_per_month", other_per_month.0 >= Decimal::ZERO, "must not be negative")?;
                sound_speed(speed)?;
                let price = leading("hour", per_hour, currency, source, date, &name)?;
                let charge = Charge::Rent { billing_seconds, other_per_month: other_per_month.0, speed };
                HostingOffer { name, charge, price }
            }
            Self::Spot {
                name,
                per_hour,
                interruptions_per_hour,
                lost_seconds,
                fallback_share,
                on_demand_per_hour,
                speed,
                load_seconds,
                currency,
                source,
                date,
            } => {
                within(
                    "offers.interruptions_per_hour",
                    at_least(interruptions_per_hour, 0.0),
                    "must not be negative",
                )?;
                within("offers.lost_seconds", at_least(lost_seconds, 0.0), "must not be negative")?;
                within("offers.fallback_share", (0.0..=1.0).contains(&fallback_share), "must be 0 to 1")?;
                let needs = fallback_share > 0.0 && on_demand_per_hour.is_none();
                within("offers.on_demand_per_hour", !needs, "is needed where fallback_share is above 0")?;
                sound_speed(speed)?;
                sound_load(load_seconds)?;
                let price = leading("hour", per_hour, currency, source, date, &name)?;
                let on_demand_per_hour = on_demand_per_hour.map(|amount| amount.0);
                let charge = Charge::Spot {
                    interruptions_per_hour,
                    lost_seconds,
                    fallback_share,
                    on_demand_per_hour,
                    speed,
                    load_seconds,
                };
                HostingOffer { name, charge, price }
            }
            Self::Serverless {
                name,
                per_second,
                keep_warm_seconds,
                cold_share,
                speed,
                load_seconds,
                currency,
                source,
                date,
            } => {
                within("offers.keep_warm_seconds", at_least(keep_warm_seconds, 0.0), "must not be negative")?;
                let share = cold_share.is_none_or(|share| (0.0..=1.0).contains(&share));
                within("offers.cold_share", share, "must be 0 to 1")?;
                sound_speed(speed)?;
                sound_load(load_seconds)?;
                let price = leading("second", per_second, currency, source, date, &name)?;
                let charge = Charge::Serverless { keep_warm_seconds, cold_share, speed, load_seconds };
                HostingOffer { name, charge, price }
            }
            Self::Api { name, input_per_million, output_per_million, currency, source, date } => {
                let million = Decimal::from(1_000_000);
                within(
                    "offers.input_per_million",
                    input_per_million.0 >= Decimal::ZERO,
                    "must not be negative",
                )?;
                let price =
                    leading("million output tokens", output_per_million, currency, source, date, &name)?;
                let each = |amount: Decimal| amount.checked_div(million).unwrap_or_default();
                let charge =
                    Charge::Api { input: each(input_per_million.0), output: each(output_per_million.0) };
                HostingOffer { name, charge, price }
            }
        };
        within("offers.name", !offer.name.trim().is_empty(), "an offer needs a name")?;
        Ok(offer)
    }
}

fn at_least(value: f64, least: f64) -> bool {
    value >= least && value.is_finite()
}

fn sound_speed(speed: Option<f64>) -> Result<(), PriceError> {
    let sound = speed.is_none_or(|speed| speed > 0.0 && speed <= 1e4);
    within("offers.speed", sound, "is throughput relative to the measured machine: above 0, at most 10000")
}

fn sound_load(seconds: Option<f64>) -> Result<(), PriceError> {
    within(
        "offers.load_seconds",
        seconds.is_none_or(|seconds| at_least(seconds, 0.0)),
        "must not be negative",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Result<(), &str>) {
        let text = format!("name = 'n'\ncurrency = 'USD'\nsource = 's'\ndate = 2026-11-01\n{text}");
        let found = toml::from_str::<OfferSection>(&text)
            .map_err(|error| error.to_string())
            .and_then(|section| section.checked().map_err(|error| error.to_string()));
        match (found, wanted) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error} lacks {wanted}"),
            (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
        }
    }

    #[test]
    fn offers() {
        check("kind = 'rent'\nper_hour = 1.5", Ok(()));
        check("kind = 'rent'\nper_hour = -1", Err("negative"));
        check("kind = 'rent'\nper_hour = 1\nbilling_seconds = 0", Err("billing_seconds"));
        check("kind = 'rent'\nper_hour = 1\nspeed = 0", Err("speed"));
        check("kind = 'rent'\nper_second = 1", Err("per_second"));
        check("kind = 'spot'\nper_hour = 0.4\ninterruptions_per_hour = 0.05", Ok(()));
        check(
            "kind = 'spot'\nper_hour = 0.4\ninterruptions_per_hour = 0.05\nfallback_share = 0.1",
            Err("on_demand"),
        );
        check("kind = 'serverless'\nper_second = 0.0004\nkeep_warm_seconds = 5", Ok(()));
        check("kind = 'serverless'\nper_second = 0.0004\ncold_share = 2", Err("cold_share"));
        check("kind = 'api'\ninput_per_million = 0.1\noutput_per_million = 0.4", Ok(()));
        check("kind = 'loan'", Err("loan"));
    }
}
