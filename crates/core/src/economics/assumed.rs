//! What a number of unit economics takes as given.

use std::fmt;

use rust_decimal::Decimal;

use crate::coded::Coded;
use crate::money::Currency;
use crate::number::plain;
use crate::price::Price;
use crate::text::{count, percent, years};

/// One thing that is taken as given, with its value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Assumed {
    /// A price.
    Price {
        /// What it is of.
        name: String,
        /// The amount.
        value: Decimal,
        /// Its currency.
        currency: Currency,
        /// What it is for one of.
        unit: String,
    },
    /// The price of a model's tokens; the amounts where a list names them by the token.
    TokenPrice {
        /// The model.
        model: String,
        /// Of an input token, and of an output token.
        each: Option<[Decimal; 2]>,
    },
    /// The cost of an inference, as a trace states it.
    StatedCost,
    /// What was measured.
    Measured {
        /// Inferences behind the numbers.
        inferences: u64,
        /// The machine, in words.
        machine: String,
    },
    /// What one machine can answer.
    Capacity {
        /// Requests an hour.
        requests_per_hour: f64,
    },
    /// The load.
    Load {
        /// Requests an hour, in hours with requests.
        requests_per_hour: f64,
        /// Hours a day with requests.
        hours_per_day: f64,
        /// Share of their capacity for which machines are planned, where that is part of the load.
        planned_for: Option<f64>,
    },
    /// The share of hours with paid work.
    Utilization(f64),
    /// Facility energy ÷ IT energy.
    Pue {
        /// The ratio.
        pue: f64,
        /// True where all energy is counted at the facility's meter.
        is_counted: bool,
    },
    /// How long a machine lives, and what it fetches then.
    Life {
        /// Years.
        years: f64,
        /// Share of its price.
        salvage_share: f64,
    },
    /// Yearly interest on what is bound in hardware.
    Interest(f64),
    /// What a new machine costs.
    NewMachine {
        /// Its price.
        purchase: f64,
        /// Currency of the price.
        currency: Currency,
        /// Years that it lives.
        life_years: f64,
    },
    /// What an old machine would fetch.
    OldMachine {
        /// Today.
        resale: f64,
        /// Currency of that.
        currency: Currency,
        /// Share of it that is lost each year.
        yearly_decline: f64,
    },
    /// A hosted model counts tokens as the measured tokenizer does.
    SameTokens {
        /// Where.
        way: String,
    },
    /// A rented machine is as fast as the measured one.
    SameSpeed {
        /// Which.
        way: String,
    },
    /// Requests arrive at random.
    RandomArrivals {
        /// Where.
        way: String,
    },
    /// The model loads as fast as the one time that was measured.
    SameLoadTime,
    /// A curve of prices or of carbon.
    Curve {
        /// What it is in.
        unit: String,
        /// Where it holds; empty where nobody says.
        zone: String,
    },
    /// What is added to each price of a curve.
    Retail {
        /// Per kWh.
        adder: f64,
        /// Share on top of the sum.
        tax: f64,
    },
    /// How long a start takes.
    Start {
        /// Seconds.
        seconds: f64,
    },
    /// The machine is on for the job alone.
    OnForJob,
    /// The machine idles until the job starts.
    OnUntilJob,
    /// The machine is always on.
    AlwaysOn,
    /// Into what time is cut.
    Steps {
        /// Seconds of a step.
        seconds: f64,
    },
}

impl Assumed {
    /// A price as it is written down.
    pub fn price(price: &Price) -> Self {
        Self::Price {
            name: price.name.clone(),
            value: price.value,
            currency: price.currency,
            unit: price.unit.clone(),
        }
    }
}

impl Coded for Assumed {
    fn code(&self) -> &'static str {
        match self {
            Self::Price { .. } => "price",
            Self::TokenPrice { .. } => "token_price",
            Self::StatedCost => "stated_cost",
            Self::Measured { .. } => "measured",
            Self::Capacity { .. } => "capacity",
            Self::Load { .. } => "load",
            Self::Utilization(_) => "utilization",
            Self::Pue { .. } => "pue",

            Self::Life { .. } => "life",
            Self::Interest(_) => "interest",
            Self::NewMachine { .. } => "new_machine",
            Self::OldMachine { .. } => "old_machine",

            Self::SameTokens { .. } => "same_tokens",
            Self::SameSpeed { .. } => "same_speed",
            Self::RandomArrivals { .. } => "random_arrivals",
            Self::SameLoadTime => "same_load_time",

            Self::Curve { .. } => "curve",
            Self::Retail { .. } => "retail",
            Self::Start { .. } => "start",
            Self::OnForJob => "on_for_job",
            Self::OnUntilJob => "on_until_job",
            Self::AlwaysOn => "always_on",
            Self::Steps { .. } => "steps",
        }
    }
}

impl fmt::Display for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Price { name, value, currency, unit } => write!(f, "{name} {value} {currency}/{unit}"),
            Self::TokenPrice { model, each: None } => write!(f, "price of the tokens of {model}"),
            Self::TokenPrice { model, each: Some([input, output]) } => {
                write!(f, "{model}: {input} an input token, {output} an output token")
            }
            Self::StatedCost => f.write_str("cost per inference"),

            Self::Measured { inferences, machine } => {
                write!(f, "{} measured on {machine}", count(*inferences, "inference"))
            }
            Self::Capacity { requests_per_hour } => {
                write!(f, "one machine answers {requests_per_hour} requests an hour")
            }
            Self::Load { requests_per_hour, hours_per_day, planned_for } => {
                let (requests, hours) = (plain(*requests_per_hour), plain(*hours_per_day));
                write!(f, "{requests} requests an hour, {hours} hours a day")?;
                match planned_for {
                    Some(share) => {
                        write!(f, ", machines planned for up to {} of their capacity", percent(*share))
                    }
                    None => Ok(()),
                }
            }
            Self::Utilization(share) => write!(f, "utilization of {}", percent(*share)),
            Self::Pue { pue, is_counted: false } => write!(f, "PUE {pue}"),
            Self::Pue { pue, is_counted: true } => write!(f, "PUE {pue}: all energy is the facility's"),

            Self::Life { years: life, salvage_share } => {
                write!(f, "life of {}, then {} of the price", years(*life), percent(*salvage_share))
            }
            Self::Interest(share) => {
                write!(f, "{} interest a year on what is bound in hardware", percent(*share))
            }
            Self::NewMachine { purchase, currency, life_years } => {
                write!(f, "the new machine costs {purchase} {currency} and lives {}", years(*life_years))
            }
            Self::OldMachine { resale, currency, yearly_decline } => {
                let lost = percent(*yearly_decline);
                write!(f, "the old machine would fetch {resale} {currency} and loses {lost} of that a year")
            }

            Self::SameTokens { way } => write!(f, "{way} counts tokens as the measured tokenizer does"),
            Self::SameSpeed { way } => write!(f, "{way} is as fast as the measured machine"),
            Self::RandomArrivals { way } => write!(f, "requests to {way} arrive at random (Poisson)"),
            Self::SameLoadTime => f.write_str("the model loads as fast as the one time that was measured"),

            Self::Curve { unit, zone } if zone.is_empty() => f.write_str(unit),
            Self::Curve { unit, zone } => write!(f, "{unit} of {zone}"),
            Self::Retail { adder, tax } => {
                write!(f, "adder {} and tax {} on each price", plain(*adder), percent(*tax))
            }
            Self::Start { seconds } => write!(f, "a start takes {} s", plain(*seconds)),
            Self::OnForJob => f.write_str("the machine is on for the job alone: waiting costs nothing"),
            Self::OnUntilJob => f.write_str("the machine idles until the job starts, and is off after it"),
            Self::AlwaysOn => {
                f.write_str("the machine is always on: the job costs what it takes above idling")
            }
            Self::Steps { seconds } => write!(f, "steps of {} s", plain(*seconds)),
        }
    }
}

/// Who says what load a machine has where nobody gives one: the machine itself, at a share of its capacity.
pub fn answered_at(share: f64) -> String {
    format!("what the old machine answers at {} of its capacity", percent(share))
}

/// Who says what was paid, and when: an invoice stays true, however old it is.
pub fn invoiced(price: &Price) -> String {
    format!("{}, {}", price.source, price.date)
}
