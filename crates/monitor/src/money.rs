//! Joules and hours in money, by the same formula as every other cost.

use infercost_core::Reason;
use infercost_core::price::PriceBook;
use infercost_cost::{Amount, Amounts, MachineRate, Rates, RatesError, Usage, cost};

use crate::snapshot::{MoneyView, Shown};
use crate::tally::Tally;

/// Hours of a month, as clouds bill it: 8,760 ÷ 12.
pub const HOURS_PER_MONTH: f64 = 730.0;
/// The share of revenue from which cost is in the loss zone, where nobody says another.
pub const LOSS_ZONE: f64 = 0.15;
const SECONDS_PER_HOUR: f64 = 3600.0;
const MILLION: f64 = 1e6;

/// What joules, hours and answers are worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Tariffs {
    /// ISO 4217 code of every amount.
    pub currency: String,
    /// True where prices are the shipped example's.
    pub assumed: bool,
    /// Prices as rates.
    pub rates: Rates,
    /// Revenue of one answered request.
    pub revenue_per_request: Option<f64>,
    /// Revenue of a million output tokens.
    pub revenue_per_million: Option<f64>,
    /// The share of revenue from which cost is in the loss zone.
    pub loss_zone: f64,
}

impl Tariffs {
    /// Tariffs by a price book, without revenue.
    ///
    /// # Errors
    /// [`RatesError`] where the book makes no sense.
    pub fn of(book: &PriceBook) -> Result<Self, RatesError> {
        let (currency, assumed) = (book.currency.to_string(), book.assumed);
        Ok(Self { currency, assumed, rates: Rates::of(book)?, ..Self::default() })
    }

    /// The cost of a stretch of time: the machine's hours, whatever it does in them, and the energy in them. Where energy
    /// is known for a part of the time only, the rest is taken to draw as much.
    pub fn cost_of(&self, seconds: f64, joules: Result<f64, Reason>) -> Amounts {
        let usage = Usage {
            machine_hours: seconds / SECONDS_PER_HOUR,
            joules,
            // idle joules are among the others: the meter does not stop while nothing is served
            idle_seconds: 0.0,
            idle_watts: Err(Reason::NoIdlePower),
        };
        cost(&self.rates, &usage)
    }

    /// Money of a million output tokens in this stretch.
    pub fn per_million(&self, tally: &Tally) -> Shown<f64> {
        if tally.counted_s <= 0.0 {
            return Shown::missing("no server counts tokens");
        }
        if tally.output_tokens <= 0.0 {
            return Shown::missing("no token was generated");
        }

        let watts = mean_watts(tally).ok_or(Reason::NoEnergy);
        let amounts = self.cost_of(tally.counted_s, watts.map(|watts| watts * tally.counted_s));
        match known_sum(&amounts) {
            Some(sum) => Shown::Value(sum / tally.output_tokens * MILLION),
            None => Shown::missing("no price is known"),
        }
    }

    /// Costs and revenue an hour: costs as the last minute went, revenue as the last hour did.
    pub fn view(&self, minute: &Tally, hour: &Tally, longest: &Tally) -> MoneyView {
        let watts = mean_watts(minute);
        let amounts = self
            .cost_of(SECONDS_PER_HOUR, watts.map(|watts| watts * SECONDS_PER_HOUR).ok_or(Reason::NoEnergy));
        let cost_per_hour = known_sum(&amounts);
        let revenue = self.revenue_per_hour(hour);
        let cost_share = match (cost_per_hour, &revenue) {
            (None, _) => Shown::missing("the cost is not known"),
            (_, Shown::Missing(why)) => Shown::missing(why.as_str()),
            (Some(cost), Shown::Value(revenue)) if *revenue > 0.0 => Shown::Value(cost / revenue),
            (Some(_), Shown::Value(_)) => Shown::missing("nothing is earned"),
        };

        // Cost above nothing earned is a loss, however small.
        let in_loss_zone = match (&cost_share, &revenue) {
            (Shown::Value(share), _) => Shown::Value(*share >= self.loss_zone),
            (Shown::Missing(_), Shown::Value(_)) if cost_per_hour.is_some() => Shown::Value(true),
            (Shown::Missing(why), _) => Shown::missing(why.as_str()),
        };

        MoneyView {
            currency: self.currency.clone(),
            assumed: self.assumed,
            electricity_per_hour: shown(&amounts.energy),
            machine_per_hour: shown(&amounts.machine),
            operation_per_hour: shown(&amounts.operation),
            cost_per_hour: cost_per_hour.map_or_else(|| Shown::missing("no price is known"), Shown::Value),
            left_out: left_out(&amounts),
            revenue_per_hour: revenue,
            cost_share,
            loss_zone: self.loss_zone,
            in_loss_zone,
            idle_waste_per_hour: self.idle_waste(minute),
            idle_waste_per_month: match self.idle_waste(longest) {
                Shown::Value(per_hour) => Shown::Value(per_hour * HOURS_PER_MONTH),
                missing => missing,
            },
        }
    }

    /// Electricity an hour that was spent while nothing was served; zero where something was served all the time.
    fn idle_waste(&self, tally: &Tally) -> Shown<f64> {
        if tally.classified_s() <= 0.0 {
            return Shown::missing("whether something is served is not known");
        }
        if tally.classified_metered_s <= 0.0 {
            return Shown::missing("energy is not measured");
        }
        match self.rates.per_joule() {
            Ok(per_joule) => {
                let watts = tally.idle_joules / tally.classified_metered_s;
                Shown::Value(watts * SECONDS_PER_HOUR * per_joule)
            }
            Err(reason) => Shown::missing(reason.to_string()),
        }
    }

    fn revenue_per_hour(&self, hour: &Tally) -> Shown<f64> {
        if let Some(per_million) = self.revenue_per_million {
            if hour.counted_s <= 0.0 {
                return Shown::missing("no server counts tokens");
            }
            let per_hour = hour.output_tokens / hour.counted_s * SECONDS_PER_HOUR;
            return Shown::Value(per_hour / MILLION * per_million);
        }

        let Some(per_request) = self.revenue_per_request else {
            return Shown::missing("no [revenue] is given");
        };
        if hour.requests_counted_s <= 0.0 {
            return Shown::missing("no server counts requests; give --revenue-per-million");
        }
        Shown::Value(hour.requests / hour.requests_counted_s * SECONDS_PER_HOUR * per_request)
    }
}

/// Mean power where energy is known.
pub fn mean_watts(tally: &Tally) -> Option<f64> {
    (tally.metered_s > 0.0).then(|| tally.joules / tally.metered_s)
}

fn shown(amount: &Amount) -> Shown<f64> {
    match amount {
        Ok(amount) => Shown::Value(*amount),
        Err(reason) => Shown::missing(reason.to_string()),
    }
}

/// The known parts added up; `None` where none is known.
pub(crate) fn known_sum(amounts: &Amounts) -> Option<f64> {
    let known = [&amounts.energy, &amounts.machine, &amounts.operation];
    known.into_iter().filter_map(|amount| amount.as_ref().ok().copied()).reduce(|sum, amount| sum + amount)
}

/// The parts that are not known and not paid otherwise. Operation that nobody prices is no part.
fn left_out(amounts: &Amounts) -> Vec<String> {
    let mut names = Vec::new();
    for (name, amount) in [("electricity", &amounts.energy), ("machine", &amounts.machine)] {
        match amount {
            Ok(_) | Err(Reason::InRent) => {}
            Err(reason) => names.push(format!("{name}: {reason}")),
        }
    }
    names
}

impl Default for Tariffs {
    /// No price at all.
    fn default() -> Self {
        Self {
            currency: "USD".to_owned(),
            assumed: false,
            rates: Rates {
                machine: None::<MachineRate>,
                operation_per_hour: None,
                per_kilowatt_hour: None,
                pue: 1.0,
                electricity_in_rent: false,
            },
            revenue_per_request: None,
            revenue_per_million: None,
            loss_zone: LOSS_ZONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use infercost_core::CostPart;

    use super::*;

    fn tariffs() -> Tariffs {
        Tariffs {
            rates: Rates {
                machine: Some(MachineRate { per_hour: 0.5, part: CostPart::Hardware }),
                operation_per_hour: None,
                per_kilowatt_hour: Some(0.36),
                pue: 1.0,
                electricity_in_rent: false,
            },
            ..Tariffs::default()
        }
    }

    /// An hour at 1 kW, half of it idle at 500 W, with a million tokens and a thousand requests.
    fn hour() -> Tally {
        Tally {
            seen_s: 3600.0,
            metered_s: 3600.0,
            joules: 3.6e6,
            idle_s: 1800.0,
            serving_s: 1800.0,
            idle_metered_s: 1800.0,
            idle_joules: 0.9e6,
            classified_metered_s: 3600.0,
            counted_s: 3600.0,
            output_tokens: 1e6,
            requests_counted_s: 3600.0,
            requests: 1000.0,
            ..Tally::default()
        }
    }

    #[track_caller]
    fn close(shown: &Shown<f64>, expected: f64) {
        assert!(
            shown.value().is_some_and(|value| (value - expected).abs() < 1e-9),
            "{shown:?}, not {expected}"
        );
    }

    #[test]
    fn an_hour_by_hand() {
        let tariffs = Tariffs { revenue_per_request: Some(0.01), ..tariffs() };
        close(&tariffs.per_million(&hour()), 0.86);
        let view = tariffs.view(&hour(), &hour(), &hour());
        close(&view.electricity_per_hour, 0.36);
        close(&view.cost_per_hour, 0.86);
        close(&view.revenue_per_hour, 10.0);
        close(&view.cost_share, 0.086);
        assert_eq!(view.in_loss_zone, Shown::Value(false));
        // 0.9 MJ of the hour were drawn while nothing was served: 0.25 kWh
        close(&view.idle_waste_per_hour, 0.09);
        close(&view.idle_waste_per_month, 65.7);
    }

    #[test]
    fn loss_and_what_is_not_known() {
        let poor = Tariffs { revenue_per_request: Some(0.001), ..tariffs() };
        assert_eq!(poor.view(&hour(), &hour(), &hour()).in_loss_zone, Shown::Value(true));

        let idle = Tally { requests: 0.0, output_tokens: 0.0, ..hour() };
        let view = poor.view(&idle, &idle, &idle);
        assert_eq!(view.in_loss_zone, Shown::Value(true), "cost and no revenue");
        assert_eq!(view.cost_share.why(), Some("nothing is earned"));
        assert_eq!(poor.per_million(&idle).why(), Some("no token was generated"));

        let unmetered = Tally { metered_s: 0.0, classified_metered_s: 0.0, joules: 0.0, ..hour() };
        let view = tariffs().view(&unmetered, &unmetered, &unmetered);
        assert!(view.electricity_per_hour.value().is_none() && view.left_out.len() == 1, "{view:?}");
        close(&view.cost_per_hour, 0.5);
        assert_eq!(view.idle_waste_per_hour.why(), Some("energy is not measured"));
        assert_eq!(view.revenue_per_hour.why(), Some("no [revenue] is given"));
        assert!(view.in_loss_zone.value().is_none());

        let by_tokens = Tariffs { revenue_per_million: Some(2.0), ..tariffs() };
        close(&by_tokens.view(&hour(), &hour(), &hour()).revenue_per_hour, 2.0);
    }
}
