//! `[[offers]]`: ways to get inferences answered, as a user writes them down.

use infercost_core::Currency;
use infercost_core::hosting::{Charge, HostingOffer, OpenPart};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::day::Day;
use crate::price_error::PriceError;
use crate::sections::{price, within};

/// One `[[offers]]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OfferSection {
    #[serde(flatten)]
    named: Named,
    #[serde(flatten)]
    kind: KindSection,
}

/// What every offer has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Named {
    /// The offer's name.
    name: String,
    /// Says that a price of 0 is meant.
    #[serde(default)]
    free: bool,
    /// Currency of the amounts.
    currency: Currency,
    /// Whose figure it is.
    source: String,
    /// As of when.
    date: Day,
}

/// What each kind has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum KindSection {
    Rent(RentSection),
    Spot(SpotSection),
    Serverless(ServerlessSection),
    Api(ApiSection),
}

/// A machine by the hour.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RentSection {
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
}

/// A machine that may be taken away.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpotSection {
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
}

/// A machine by the second of work.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerlessSection {
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
}

/// Answers by the token.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiSection {
    /// Per million input tokens.
    input_per_million: Amount,
    /// Per million output tokens.
    output_per_million: Amount,
}

fn one_second() -> f64 {
    1.0
}

fn nothing() -> Amount {
    Amount(Decimal::ZERO)
}

/// What is paid, and which of it stands for the offer.
struct Checked {
    charge: Charge,
    /// The price that leads, and what it is for.
    leading: Amount,
    unit: &'static str,
    /// Whether any of the prices is 0.
    has_zero: bool,
}

impl OfferSection {
    /// The offer's name.
    pub fn name(&self) -> &str {
        &self.named.name
    }

    /// Checks the entry.
    ///
    /// # Errors
    /// [`PriceError::Setting`] with the key that is out of range.
    pub fn checked(self) -> Result<HostingOffer, PriceError> {
        let Checked { charge, leading, unit, has_zero } = match self.kind {
            KindSection::Rent(section) => section.checked()?,
            KindSection::Spot(section) => section.checked()?,
            KindSection::Serverless(section) => section.checked()?,
            KindSection::Api(section) => section.checked()?,
        };

        let Named { name, free, currency, source, date } = self.named;
        within("offers.name", !name.trim().is_empty(), "an offer needs a name")?;
        within("offers.free", !free || has_zero, "stands with a price above 0; leave it out, or write 0")?;

        let mut price = price("offers", unit, currency, leading, source, date, false)?;
        price.name.clone_from(&name);
        let open = if has_zero && !free { vec![OpenPart::free_claim()] } else { Vec::new() };
        Ok(HostingOffer { name, charge, price, open })
    }
}

impl RentSection {
    fn checked(self) -> Result<Checked, PriceError> {
        let Self { per_hour, billing_seconds, other_per_month, speed } = self;
        within("offers.billing_seconds", at_least(billing_seconds, 1.0), "must be at least 1")?;
        within("offers.other_per_month", other_per_month.0 >= Decimal::ZERO, "must not be negative")?;
        sound_speed(speed)?;

        let has_zero = per_hour.0.is_zero();
        let charge = Charge::Rent { billing_seconds, other_per_month: other_per_month.0, speed };
        Ok(Checked { charge, leading: per_hour, unit: "hour", has_zero })
    }
}

impl SpotSection {
    fn checked(self) -> Result<Checked, PriceError> {
        let Self { per_hour, interruptions_per_hour, lost_seconds, fallback_share, .. } = self;
        let Self { on_demand_per_hour, speed, load_seconds, .. } = self;
        let interruptions = at_least(interruptions_per_hour, 0.0);
        within("offers.interruptions_per_hour", interruptions, "must not be negative")?;
        within("offers.lost_seconds", at_least(lost_seconds, 0.0), "must not be negative")?;
        within("offers.fallback_share", (0.0..=1.0).contains(&fallback_share), SHARE)?;
        let needs = fallback_share > 0.0 && on_demand_per_hour.is_none();
        within("offers.on_demand_per_hour", !needs, "is needed where fallback_share is above 0")?;
        sound_speed(speed)?;
        sound_load(load_seconds)?;

        let has_zero = per_hour.0.is_zero();
        let charge = Charge::Spot {
            interruptions_per_hour,
            lost_seconds,
            fallback_share,
            on_demand_per_hour: on_demand_per_hour.map(|amount| amount.0),
            speed,
            load_seconds,
        };
        Ok(Checked { charge, leading: per_hour, unit: "hour", has_zero })
    }
}

impl ServerlessSection {
    fn checked(self) -> Result<Checked, PriceError> {
        let Self { per_second, keep_warm_seconds, cold_share, speed, load_seconds } = self;
        within("offers.keep_warm_seconds", at_least(keep_warm_seconds, 0.0), "must not be negative")?;
        let share = cold_share.is_none_or(|share| (0.0..=1.0).contains(&share));
        within("offers.cold_share", share, SHARE)?;
        sound_speed(speed)?;
        sound_load(load_seconds)?;

        let has_zero = per_second.0.is_zero();
        let charge = Charge::Serverless { keep_warm_seconds, cold_share, speed, load_seconds };
        Ok(Checked { charge, leading: per_second, unit: "second", has_zero })
    }
}

impl ApiSection {
    fn checked(self) -> Result<Checked, PriceError> {
        let Self { input_per_million, output_per_million } = self;
        let input = input_per_million.0;
        within("offers.input_per_million", input >= Decimal::ZERO, "must not be negative")?;

        let has_zero = input.is_zero() || output_per_million.0.is_zero();
        let charge = Charge::Api { input: of_million(input), output: of_million(output_per_million.0) };
        Ok(Checked { charge, leading: output_per_million, unit: "million output tokens", has_zero })
    }
}

fn of_million(amount: Decimal) -> Decimal {
    amount.checked_div(Decimal::from(1_000_000)).unwrap_or_default()
}

/// The message for a share outside its range.
const SHARE: &str = "must be 0 to 1; write 0.1 for 10 %";

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
        check("kind = 'api'\ninput_per_million = 0.1", Err("output_per_million"));
        check("kind = 'rent'\nper_hour = 1\nfree = true", Err("a price above 0"));
    }

    /// 0 may be a gift, a gap in a list or a trial; it wins nothing until somebody says that it is meant.
    #[test]
    fn a_price_of_0_is_a_claim() {
        for (text, claims) in [
            ("kind = 'rent'\nper_hour = 0", 1),
            ("kind = 'rent'\nper_hour = 0\nfree = true", 0),
            ("kind = 'rent'\nper_hour = 0.1", 0),
            ("kind = 'api'\ninput_per_million = 0\noutput_per_million = 0.4", 1),
            ("kind = 'api'\ninput_per_million = 0\noutput_per_million = 0\nfree = true", 0),
            ("kind = 'serverless'\nper_second = 0", 1),
        ] {
            let text = format!("name = 'n'\ncurrency = 'USD'\nsource = 's'\ndate = 2026-11-01\n{text}");
            let offer = toml::from_str::<OfferSection>(&text).map_err(|error| error.to_string());
            let offer = offer.and_then(|section| section.checked().map_err(|error| error.to_string()));
            assert_eq!(offer.map(|offer| offer.open.len()), Ok(claims), "{text}");
        }
    }
}
