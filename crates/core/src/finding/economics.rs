//! What can be found about unit economics: prices, workloads, offers, schedules.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FindingCode;
use crate::number::plain;
use crate::text::{count, percent};

/// One thing that a reader must know with an audit, a comparison of hosting, a replacement, a schedule or advice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EconomicsFact {
    /// A price or another assumption is old.
    AssumptionOld {
        /// What is assumed, with its value.
        assumption: String,
        /// Its age in days.
        days: i32,
        /// Who says so.
        source: String,
    },
    /// Prices are the shipped example's.
    ExamplePrices,
    /// The utilization is assumed.
    ExampleUtilization {
        /// The share of hours.
        utilization: f64,
    },
    /// The utilization that is stated is not the one that follows from the load, which counts.
    UtilizationContradictsLoad {
        /// The share of hours that is stated.
        stated: f64,
        /// The share that follows.
        follows: f64,
    },
    /// What must be known of the energy.
    Energy {
        /// In the meter's words.
        note: String,
    },
    /// The cost leaves energy out.
    EnergyLeftOut {
        /// Why.
        why: String,
    },
    /// Offers are the shipped example's.
    ExampleOffers {
        /// As of when.
        date: jiff::civil::Date,
    },
    /// What an hour of the machine in use costs is unknown.
    MachineUnpriced,
    /// There are no offers, and the shipped example cannot be used.
    NoOffers {
        /// Why.
        why: String,
    },
    /// Two variants are compared.
    VariantsDiffer {
        /// On the old machine.
        old: String,
        /// On the new one.
        new: String,
    },
    /// The new machine's inferences are scaled to the old one's output length.
    ScaledToOldLength,
    /// The runs are of other inferences, and no length is known to scale them by.
    NoLengthToScaleBy,
    /// A quantity is known of some inferences only.
    KnownOfSome {
        /// Which quantity.
        quantity: String,
        /// Of how many inferences.
        known: u64,
        /// Of how many.
        of: u64,
        /// Of which model.
        model: String,
    },
    /// The cached length is known of some inferences only.
    CachedOfSome {
        /// Of how many inferences.
        known: u64,
        /// Of how many.
        of: u64,
        /// Of which model.
        model: String,
    },
    /// Inferences failed, and are billed to the answers.
    FailuresBilled {
        /// How many.
        failures: u64,
        /// Of how many.
        of: u64,
        /// Of which model.
        model: String,
    },
    /// Another program's traces state no cost, and no prices say what they cost.
    NoCostOfTraces,
    /// No call of a model that has a price says how many tokens it took.
    TokensNotCounted {
        /// How many calls there are.
        calls: u64,
        /// Of which model.
        model: String,
    },
    /// Another program's traces hold no joules.
    NoEnergyInTraces,
    /// Tokens written to a cache, for which a price names no surcharge.
    CacheWritesUnpriced {
        /// How many.
        tokens: u64,
        /// The model that the price is of.
        model: String,
    },
    /// A trace states no cost.
    NoCostStated,
    /// Savings are each against what is in use now.
    SavingsDoNotAddUp,
    /// Without energy the saving of waiting is a share only.
    ShareOnly {
        /// Why the energy is unknown.
        why: String,
    },
    /// The idle power is unknown, and waiting counts as free.
    WaitingFree,
    /// The idle power of a machine that is always on is unknown, and all that a job takes counts.
    IdlingUnknown,
    /// Prices are those of an exchange.
    ExchangePrices,
    /// The curve has gaps before the deadline.
    CurveGaps {
        /// Hours without a value.
        hours: f64,
    },
    /// At the slow end of the measured speed the deadline is missed.
    MayMissDeadline,
    /// Running now has no known price.
    NowNotPriced,
}

impl EconomicsFact {
    /// What kind of thing it is.
    pub fn code(&self) -> FindingCode {
        match self {
            Self::AssumptionOld { .. } => FindingCode::PricesOld,
            Self::ExamplePrices => FindingCode::PricesAssumed,
            Self::ExampleUtilization { .. } => FindingCode::UtilizationAssumed,
            Self::UtilizationContradictsLoad { .. } => FindingCode::UtilizationContradicted,
            Self::Energy { .. } => FindingCode::EnergyEstimated,

            Self::EnergyLeftOut { .. } | Self::ShareOnly { .. } | Self::NoEnergyInTraces => {
                FindingCode::EnergyUnavailable
            }

            Self::MachineUnpriced => FindingCode::MachineUnpriced,
            Self::ExampleOffers { .. } | Self::NoOffers { .. } => FindingCode::OffersAssumed,

            Self::VariantsDiffer { .. } | Self::ScaledToOldLength | Self::NoLengthToScaleBy => {
                FindingCode::RunsDiffer
            }

            Self::KnownOfSome { .. }
            | Self::CachedOfSome { .. }
            | Self::CacheWritesUnpriced { .. }
            | Self::NoCostOfTraces
            | Self::TokensNotCounted { .. }
            | Self::NoCostStated => FindingCode::TraceIncomplete,
            Self::FailuresBilled { .. } => FindingCode::Failures,
            Self::SavingsDoNotAddUp => FindingCode::SavingsOverlap,
            Self::WaitingFree | Self::IdlingUnknown => FindingCode::IdlePowerUnknown,
            Self::ExchangePrices => FindingCode::ExchangePrices,
            Self::CurveGaps { .. } | Self::NowNotPriced => FindingCode::CurveGaps,
            Self::MayMissDeadline => FindingCode::Deadline,
        }
    }

    /// What it is about, where that is one thing.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::AssumptionOld { assumption, .. } => Some(assumption),

            Self::KnownOfSome { model, .. }
            | Self::CachedOfSome { model, .. }
            | Self::CacheWritesUnpriced { model, .. }
            | Self::TokensNotCounted { model, .. }
            | Self::FailuresBilled { model, .. } => Some(model),
            _ => None,
        }
    }
}

impl fmt::Display for EconomicsFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AssumptionOld { assumption, days, source } => {
                let age = count(u64::from(days.unsigned_abs()), "day");
                write!(f, "{assumption} is {age} old ({source}); fetch or check it again")
            }
            Self::ExamplePrices => {
                f.write_str("Prices are an example machine's, not yours; put yours into infercost.toml.")
            }

            Self::ExampleUtilization { utilization } => write!(
                f,
                "Utilization of {} is assumed; set it in [prices], or requests_per_hour in [load].",
                percent(*utilization)
            ),

            Self::UtilizationContradictsLoad { stated, follows } => write!(
                f,
                "Utilization of {} contradicts [load], which says {}; leave one out.",
                percent(*stated),
                percent(*follows)
            ),

            Self::Energy { note } => f.write_str(note),
            Self::EnergyLeftOut { .. } => f.write_str(
                "Energy was not measured, and the cost leaves it out; infercost doctor, or --assume-watts.",
            ),

            Self::ExampleOffers { date } => write!(
                f,
                "Offers are an example table's, of {date}; infercost prices fetch vast --gpu NAME --fill."
            ),

            Self::MachineUnpriced => f.write_str(
                "What an hour of this machine costs is unknown; set hardware in [prices] of infercost.toml.",
            ),

            Self::NoOffers { why } => {
                write!(f, "There are no [[offers]], and the shipped example is left out: {why}.")
            }

            Self::VariantsDiffer { old, new } => write!(
                f,
                "Two variants are compared, {old} with {new}: quality may differ; `infercost report` judges it."
            ),

            Self::ScaledToOldLength => f.write_str(
                "The runs are not of the same inferences: the new machine's are scaled to the old one's output length.",
            ),

            Self::NoLengthToScaleBy => {
                f.write_str("The runs are not of the same inferences, and no length is known to scale them by.")
            }

            Self::KnownOfSome { quantity, known, of, model } => {
                write!(f, "{quantity} is known of {known} of {} of {model}", count(*of, "inference"))
            }

            Self::CachedOfSome { known, of, model } => write!(
                f,
                "cached length is known of {known} of {} of {model}; the others are taken to have read nothing from a cache",
                count(*of, "inference")
            ),

            Self::FailuresBilled { failures, of, model } => write!(
                f,
                "{failures} of {} of {model} failed; what they cost is billed to the others",
                count(*of, "inference")
            ),

            Self::NoCostOfTraces => f.write_str(
                "No cost: the traces state none, and infercost.toml has neither [[token_prices]] of these models nor \
                 [prices] of the machine.",
            ),

            Self::TokensNotCounted { calls, model } => write!(
                f,
                "No cost of {model}: it is priced by its tokens, and none of {} says how many it read and wrote.",
                count(*calls, "call")
            ),

            Self::NoEnergyInTraces => {
                f.write_str("The energy is unknown: another program's traces hold no joules.")
            }

            Self::CacheWritesUnpriced { tokens, model } => write!(
                f,
                "{tokens} tokens were written to a cache, and the price of {model} names none for that \
                 (cache_write_per_million): they are counted as other prompt tokens, which is too little where writing \
                 carries a surcharge."
            ),

            Self::NoCostStated => f.write_str(
                "The trace states no cost; name the price of its tokens with --api-model or [[token_prices]].",
            ),

            Self::SavingsDoNotAddUp => {
                f.write_str("Savings are each against what is in use now; they do not add up.")
            }

            Self::ShareOnly { why } => {
                write!(f, "Energy is unknown, so the saving is a share only, at steady power: {why}")
            }
            Self::WaitingFree => {
                f.write_str("The idle power is unknown, and waiting counts as free; give it with --assume-watts.")
            }

            Self::IdlingUnknown => f.write_str(
                "The idle power is unknown, and all that the job takes counts; give it with --assume-watts.",
            ),

            Self::ExchangePrices => f.write_str(
                "These are exchange prices without fees and taxes, not a bill; give adder and tax in [tariff].",
            ),

            Self::CurveGaps { hours } => write!(
                f,
                "The curve has no value for {} h before the deadline; no work is planned there, and waiting there is left \
                 out of the total.",
                plain(*hours)
            ),

            Self::MayMissDeadline => {
                f.write_str("At the slow end of the measured speed the job would miss the deadline.")
            }

            Self::NowNotPriced => f.write_str(
                "Running now cannot be compared: the curve has no value for part of that time.",
            ),
        }
    }
}
