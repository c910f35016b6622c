//! `[tariff]`: what turns exchange prices into a bill, and a tariff by time of use.

use infercost_core::Currency;
use infercost_core::market::{Curve, CurveUnit, Slot};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::day::Day;
use crate::price_error::PriceError;
use crate::sections::within;

/// `[tariff]` as a user writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffSection {
    /// Added to each exchange price per kWh: grid fees, levies, the supplier's margin.
    pub(crate) adder: Option<Amount>,
    /// Tax on top of price and adder, as a share.
    tax: Option<f64>,
    /// Whose figures these are; an adder or tax without it is refused.
    source: Option<String>,
    date: Option<Day>,
    time_of_use: Option<TimeOfUse>,
}

/// `[tariff.time_of_use]`: prices by the clock and the day of the week.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeOfUse {
    currency: Currency,
    /// IANA name or POSIX rule of the zone that the clock times are in.
    time_zone: String,
    /// What holds outside all periods, per kWh.
    otherwise: Amount,
    #[serde(default)]
    periods: Vec<Period>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    /// `mon`, `tue`, …; every day where empty.
    #[serde(default)]
    days: Vec<String>,
    from: String,
    /// May be at or before `from`: then it ends on the next day. `24:00` is midnight.
    to: String,
    per_kwh: Amount,
}

/// What makes an exchange price a bill: (price + adder) × (1 + tax).
#[derive(Debug, Clone, PartialEq)]
pub struct Adders {
    /// Per kWh, in the curve's currency.
    pub adder: Decimal,
    /// A share.
    pub tax: Decimal,
    /// Whose figures these are, with their day.
    pub source: String,
}

impl TariffSection {
    /// The adders, where there are any.
    ///
    /// # Errors
    /// [`PriceError::Setting`] for a tax out of range, or figures without a source and date.
    pub fn adders(&self) -> Result<Option<Adders>, PriceError> {
        if self.adder.is_none() && self.tax.is_none() {
            return Ok(None);
        }
        let tax = self.tax.unwrap_or(0.0);
        within("tariff.tax", (0.0..=1.0).contains(&tax), "is a share on top: write 0.19 for 19 %")?;
        let (Some(source), Some(Day(date))) = (&self.source, &self.date) else {
            let reason = "needs `source` and `date`: whose figures are they, as of when?".into();
            return Err(PriceError::Setting { field: "tariff", reason });
        };
        Ok(Some(Adders {
            adder: self.adder.map_or(Decimal::ZERO, |adder| adder.0),
            tax: format!("{tax}").parse().unwrap_or_default(),
            source: format!("{source}, {date}"),
        }))
    }

    /// The tariff by time of use as a curve over the days from `from` to `until`, both included; `None` where
    /// none is given. Clock changes lengthen and shorten slots as they do days.
    ///
    /// # Errors
    /// [`PriceError::Setting`] for a zone, clock time or day that cannot be read, or more than 400 days.
    pub fn time_of_use(&self, from: Date, until: Date, now: Timestamp) -> Result<Option<Curve>, PriceError> {
        let Some(tariff) = &self.time_of_use else { return Ok(None) };

        let zone = time_zone(&tariff.time_zone)?;
        let periods: Vec<CheckedPeriod> =
            tariff.periods.iter().map(CheckedPeriod::of).collect::<Result<_, _>>()?;

        let mut slots: Vec<Slot> = Vec::new();
        let mut day = from;
        for _ in 0..400 {
            if day > until {
                break;
            }
            add_day(day, &zone, &periods, tariff.otherwise.0, &mut slots)?;
            day = day.tomorrow().map_err(|_| out_of_range())?;
        }
        within("tariff.time_of_use", day > until, "at most 400 days at a time")?;

        let source = match &self.source {
            Some(source) => format!("{source}: time of use"),
            None => "infercost.toml: time of use".to_owned(),
        };
        Ok(Some(Curve {
            unit: CurveUnit::PerKilowattHour(tariff.currency),
            slots: merged(slots),
            zone: tariff.time_zone.clone(),
            wholesale: false,
            source,
            fetched_at: now,
        }))
    }
}

/// A zone by its IANA name (`Europe/Berlin`) or POSIX rule (`CET-1CEST,M3.5.0,M10.5.0/3`).
///
/// # Errors
/// [`PriceError::Setting`] where it is neither, or this system holds no zone data.
pub fn time_zone(name: &str) -> Result<TimeZone, PriceError> {
    TimeZone::get(name).or_else(|_| TimeZone::posix(name)).map_err(|_| PriceError::Setting {
        field: "time_zone",
        reason: format!(
            "`{}` is not a time zone known here; use an IANA name or a POSIX rule such as CET-1CEST,M3.5.0,M10.5.0/3",
            name.escape_debug()
        ),
    })
}

struct CheckedPeriod {
    days: Vec<Weekday>,
    from: Time,
    /// `None` is the end of the day.
    to: Option<Time>,
    per_kwh: Decimal,
}

impl CheckedPeriod {
    fn of(period: &Period) -> Result<Self, PriceError> {
        let to = if period.to == "24:00" { None } else { Some(clock(&period.to)?) };
        Ok(Self {
            days: period.days.iter().map(|day| weekday(day)).collect::<Result<_, _>>()?,
            from: clock(&period.from)?,
            to,
            per_kwh: period.per_kwh.0,
        })
    }

    fn on(&self, day: Date) -> bool {
        self.days.is_empty() || self.days.contains(&day.weekday())
    }

    /// True where the clock of that day stands within the period; one past midnight belongs to the day on which
    /// it began.
    fn holds(&self, at: DateTime) -> bool {
        let (day, clock) = (at.date(), at.time());
        let yesterday = day.yesterday().unwrap_or(day);
        match self.to {
            None => self.on(day) && clock >= self.from,
            Some(to) if to > self.from => self.on(day) && clock >= self.from && clock < to,
            Some(to) => self.on(day) && clock >= self.from || self.on(yesterday) && clock < to,
        }
    }
}

fn clock(text: &str) -> Result<Time, PriceError> {
    text.parse()
        .map_err(|_| wrong_period(format!("`{}` is not a clock time: write HH:MM", text.escape_debug())))
}

fn weekday(text: &str) -> Result<Weekday, PriceError> {
    Ok(match text {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        other => {
            return Err(wrong_period(format!("`{}` is not a day: write mon, tue, …", other.escape_debug())));
        }
    })
}

fn wrong_period(reason: String) -> PriceError {
    PriceError::Setting { field: "tariff.time_of_use.periods", reason }
}

/// Cuts a day where any period begins or ends; the first period that holds sets the price.
fn add_day(
    day: Date,
    zone: &TimeZone,
    periods: &[CheckedPeriod],
    otherwise: Decimal,
    slots: &mut Vec<Slot>,
) -> Result<(), PriceError> {
    let next = day.checked_add(1.day()).map_err(|_| out_of_range())?;
    let mut cuts = vec![day.to_datetime(Time::midnight()), next.to_datetime(Time::midnight())];
    for period in periods {
        cuts.extend([Some(period.from), period.to].into_iter().flatten().map(|clock| day.to_datetime(clock)));
    }

    cuts.sort_unstable();
    cuts.dedup();
    for pair in cuts.windows(2) {
        let [from, to] = pair else { continue };
        let (start, end) = (moment(*from, zone)?, moment(*to, zone)?);
        if end > start {
            let price =
                periods.iter().find(|period| period.holds(*from)).map_or(otherwise, |period| period.per_kwh);
            slots.push(Slot { start, end, amount: Some(price) });
        }
    }
    Ok(())
}

fn moment(at: DateTime, zone: &TimeZone) -> Result<Timestamp, PriceError> {
    zone.to_ambiguous_zoned(at).compatible().map(|at| at.timestamp()).map_err(|_| out_of_range())
}

/// Joins neighbors of the same price.
fn merged(slots: Vec<Slot>) -> Vec<Slot> {
    let mut joined: Vec<Slot> = Vec::new();
    for slot in slots {
        match joined.last_mut() {
            Some(last) if last.end == slot.start && last.amount == slot.amount => last.end = slot.end,
            _ => joined.push(slot),
        }
    }
    joined
}

fn out_of_range() -> PriceError {
    PriceError::Setting { field: "tariff.time_of_use", reason: "a day is out of range".into() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    const NIGHT: &str = "[time_of_use]\ncurrency = 'EUR'\ntime_zone = 'CET-1CEST,M3.5.0,M10.5.0/3'\notherwise = 0.30\n[[time_of_use.periods]]\nfrom = '22:00'\nto = '06:00'\nper_kwh = 0.18\n";

    fn hours(text: &str, day: &str) -> Vec<(String, f64)> {
        let section: TariffSection = toml::from_str(text).unwrap();
        let day: Date = day.parse().unwrap();
        let curve = section.time_of_use(day, day, Timestamp::UNIX_EPOCH).unwrap().unwrap();
        let hours = |slot: &Slot| slot.end.duration_since(slot.start).as_secs_f64() / 3600.0;
        curve.slots.iter().map(|slot| (slot.amount.unwrap().to_string(), hours(slot))).collect()
    }

    fn check(text: &str, day: &str, wanted: &[(&str, f64)]) {
        let wanted: Vec<(String, f64)> =
            wanted.iter().map(|(price, hours)| ((*price).to_owned(), *hours)).collect();
        assert_eq!(hours(text, day), wanted, "{day}");
    }

    #[test]
    fn days_are_as_long_as_the_clock_makes_them() {
        check(NIGHT, "2026-11-23", &[("0.18", 6.0), ("0.3", 16.0), ("0.18", 2.0)]);
        // clocks go back at 3:00 on 25 October and forward at 2:00 on 29 March
        check(NIGHT, "2026-10-25", &[("0.18", 7.0), ("0.3", 16.0), ("0.18", 2.0)]);
        check(NIGHT, "2026-03-29", &[("0.18", 5.0), ("0.3", 16.0), ("0.18", 2.0)]);
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began() {
        let weekdays = NIGHT.replace("from = '22:00'", "days = ['fri']\nfrom = '22:00'");
        check(&weekdays, "2026-11-20", &[("0.3", 22.0), ("0.18", 2.0)]);
        check(&weekdays, "2026-11-21", &[("0.18", 6.0), ("0.3", 18.0)]);
    }

    #[test]
    fn broken_tariffs() {
        let check = |text: &str, wanted: &str| {
            let section: TariffSection = toml::from_str(text).unwrap();
            let day: Date = "2026-11-23".parse().unwrap();
            let error = section.time_of_use(day, day, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error} lacks {wanted}");
        };
        check(&NIGHT.replace("CET-1CEST,M3.5.0,M10.5.0/3", "Nowhere"), "Nowhere");
        check(&NIGHT.replace("06:00", "6 pm"), "6 pm");
        check(&NIGHT.replace("from = '22:00'", "days = ['today']\nfrom = '22:00'"), "today");
        let adders: TariffSection = toml::from_str("adder = 0.1").unwrap();
        assert!(adders.adders().unwrap_err().to_string().contains("source"));
    }
}
