//! Why a number of unit economics is not there.

use std::fmt;

use crate::coded::Coded;
use crate::cost_part::CostPart;
use crate::number::plain;
use crate::text::percent;

/// Why a number is not there, or holds only so far.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EconomicsReason {
    /// Electricity is in the rent.
    ElectricityInRent,
    /// Electricity is in the rent, so that no hour is cheaper than another.
    OneRentForAllHours,
    /// No price of electricity is known.
    NoTariff,
    /// No price of electricity is known, nor its share of the cost.
    NoTariffShare,
    /// The energy is unknown.
    EnergyUnknown,
    /// The energy is unknown, and its share of the cost.
    NoEnergyShare,
    /// The energy of the machine in use is unknown, and its cost.
    OwnEnergyUnknown,
    /// What an hour of the machine in use costs is unknown.
    OwnPriceUnknown,
    /// The idle power is unknown, and with it what work takes above it.
    NoIdlePower,
    /// The curve has less than an hour of known prices.
    ShortCurve,
    /// The machine lives a year or less.
    ShortLife,
    /// The machine is not owned.
    NotOwned,
    /// Nothing is rented.
    NotRented,
    /// Prefill and decode were not timed apart.
    NotTimedApart,
    /// Tokens are bought, and there is no machine.
    TokensBought,
    /// The cost is as a trace states it, and its parts are unknown.
    CostStated,
    /// The trace states no cost.
    CostNotStated,
    /// The cost is unknown.
    CostUnknown,
    /// The cost is unknown, or nothing.
    NoCost,
    /// One of the costs to compare is unknown.
    OneCostUnknown,
    /// No part of the cost is known.
    NoKnownPart,
    /// The two costs do not hold the same parts.
    OtherParts,
    /// The limit is zero.
    LimitIsZero,
    /// Even free electricity does not bring the cost there.
    FreeElectricityTooLittle,
    /// Even full use does not bring the cost there.
    FullUseTooLittle,
    /// Within what was measured there may be no such load.
    MayNotCross,
    /// Owning is cheaper only while the machine is used no more than this.
    OnlyUpToUse {
        /// Share of the machine's capacity.
        share: f64,
        /// Requests an hour from which it is cheaper again, with more machines; `None` where that was not found.
        again_from: Option<f64>,
    },
    /// Owning is cheaper only up to a load, from which it takes more machines.
    OnlyUpToLoad {
        /// Requests an hour.
        requests_per_hour: f64,
        /// Requests an hour from which it is cheaper again; `None` where that was not found.
        again_from: Option<f64>,
    },
    /// Owning is cheaper from a load on, and costs more again from another one: it takes whole machines.
    CostlierAgain {
        /// Requests an hour.
        from: f64,
        /// Requests an hour from which it is cheaper once more; `None` where that was not found.
        until: Option<f64>,
    },
    /// Owning costs more at any load.
    CostlierAtAnyLoad {
        /// Up to how many requests an hour that was looked for; `None` up to what one machine is planned for.
        up_to: Option<f64>,
    },
    /// Owning is cheaper at any load.
    CheaperAtAnyLoad {
        /// Up to how many requests an hour that was looked for; `None` up to what one machine is planned for.
        up_to: Option<f64>,
    },
    /// No purchase price is known.
    NoPurchasePrice,
    /// Running costs are as high as what they are compared with.
    NeverPaysBack,
    /// The time is the least that it takes: the costs leave something out.
    AtTheLeast {
        /// What is left out.
        left_out: Vec<CostPart>,
    },
    /// Nothing was graded, or nothing was right.
    NoneRight,
    /// Nobody says how many inferences a session has.
    NoSessions,
    /// Nobody says how many inferences a user has.
    NoUsers,
    /// The output tokens of an inference are unknown.
    NoOutputTokens,
    /// No load is given.
    NoLoad,
    /// No revenue is given.
    NoRevenue,
    /// The number of tokens is unknown.
    TokensUnknown,
    /// The load time of the model is unknown.
    LoadTimeUnknown,
    /// Prompts were kept out of the trace.
    NoPrompts,
    /// A prefix cache was already at work.
    CacheAtWork,
    /// Fewer than two prompts were answered.
    FewAnswers,
    /// No answer was written.
    NoAnswer,
    /// The longest tenth of the answers is no longer than the others.
    AnswersAlike {
        /// Tokens of the longest.
        tokens: u32,
    },
}

impl Coded for EconomicsReason {
    fn code(&self) -> &'static str {
        match self {
            Self::ElectricityInRent => "electricity_in_rent",
            Self::OneRentForAllHours => "one_rent_for_all_hours",
            Self::NoTariff => "no_tariff",
            Self::NoTariffShare => "no_tariff_share",
            Self::EnergyUnknown => "no_energy",
            Self::NoEnergyShare => "no_energy_share",
            Self::OwnEnergyUnknown => "own_energy_unknown",
            Self::OwnPriceUnknown => "own_price_unknown",
            Self::NoIdlePower => "no_idle_power",
            Self::ShortCurve => "short_curve",

            Self::ShortLife => "short_life",
            Self::NotOwned => "not_owned",
            Self::NotRented => "not_rented",
            Self::NotTimedApart => "not_timed_apart",

            Self::TokensBought => "tokens_bought",
            Self::CostStated => "cost_stated",
            Self::CostNotStated => "cost_not_stated",
            Self::CostUnknown => "cost_unknown",
            Self::NoCost => "no_cost",
            Self::OneCostUnknown => "one_cost_unknown",
            Self::NoKnownPart => "no_known_part",
            Self::OtherParts => "other_parts",

            Self::LimitIsZero => "limit_is_zero",
            Self::FreeElectricityTooLittle => "free_electricity_too_little",
            Self::FullUseTooLittle => "full_use_too_little",

            Self::MayNotCross => "may_not_cross",
            Self::OnlyUpToUse { .. } => "only_up_to_use",
            Self::OnlyUpToLoad { .. } => "only_up_to_load",
            Self::CostlierAgain { .. } => "costlier_again",
            Self::CostlierAtAnyLoad { .. } => "costlier_at_any_load",
            Self::CheaperAtAnyLoad { .. } => "cheaper_at_any_load",

            Self::NoPurchasePrice => "no_purchase_price",
            Self::NeverPaysBack => "never_pays_back",
            Self::AtTheLeast { .. } => "at_the_least",

            Self::NoneRight => "none_right",
            Self::NoSessions => "no_sessions",
            Self::NoUsers => "no_users",
            Self::NoOutputTokens => "no_output_tokens",
            Self::NoLoad => "no_load",
            Self::NoRevenue => "no_revenue",
            Self::TokensUnknown => "tokens_unknown",
            Self::LoadTimeUnknown => "load_time_unknown",

            Self::NoPrompts => "no_prompts",
            Self::CacheAtWork => "cache_at_work",
            Self::FewAnswers => "few_answers",
            Self::NoAnswer => "no_answer",
            Self::AnswersAlike { .. } => "answers_alike",
        }
    }
}

impl fmt::Display for EconomicsReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ElectricityInRent => "electricity is in the rent",
            Self::OneRentForAllHours => "electricity is in the rent, at one price for all hours",
            Self::NoTariff => "no price of electricity is known",
            Self::NoTariffShare => "no price of electricity is known, so its share of the cost is not",
            Self::EnergyUnknown => "the energy is unknown",
            Self::NoEnergyShare => "the energy is unknown, so its share of the cost is",
            Self::OwnEnergyUnknown => "the energy of the machine in use is unknown, so its cost is too",
            Self::OwnPriceUnknown => {
                "what an hour of the machine in use costs is unknown; set hardware in [prices] of infercost.toml"
            }
            Self::NoIdlePower => "the idle power is unknown, and only what work takes above it gets cheaper",
            Self::ShortCurve => "the curve has less than an hour of known prices",
            Self::ShortLife => "the machine lives a year or less",
            Self::NotOwned => "the machine is not owned",
            Self::NotRented => "nothing is rented",
            Self::NotTimedApart => "prefill and decode were not timed apart",
            Self::TokensBought => "tokens are bought; there is no machine",
            Self::CostStated => "the cost is as the trace states it; its parts are unknown",
            Self::CostNotStated => "the trace states no cost",
            Self::CostUnknown => "the cost is unknown",
            Self::NoCost => "the cost is not known, or nothing",
            Self::OneCostUnknown => "one of the costs is unknown",
            Self::NoKnownPart => "no part of the cost is known",
            Self::OtherParts => "the two costs do not hold the same parts",
            Self::LimitIsZero => "the limit is zero",
            Self::FreeElectricityTooLittle => "even free electricity does not bring it there",
            Self::FullUseTooLittle => "even full use does not bring it there",
            Self::MayNotCross => "within what was measured there may be no such load",

            Self::OnlyUpToUse { share, again_from } => {
                let (only, again) = (only(*again_from), again(*again_from));
                return write!(f, "{only}up to {} used: working costs it energy{again}", percent(*share));
            }
            Self::OnlyUpToLoad { requests_per_hour, again_from } => {
                let (only, again) = (only(*again_from), again(*again_from));
                let load = plain(*requests_per_hour);
                return write!(f, "{only}up to {load} requests an hour: then it takes more machines{again}");
            }
            Self::CostlierAgain { from, until } => {
                let until = until.map_or_else(String::new, |until| format!(" to {}", plain(until)));
                return write!(f, "owning costs more again from {}{until} requests an hour", plain(*from));
            }
            Self::CostlierAtAnyLoad { up_to } => {
                return write!(f, "owning costs more at any load{}", searched(*up_to));
            }
            Self::CheaperAtAnyLoad { up_to } => {
                return write!(f, "owning is cheaper at any load{}", searched(*up_to));
            }

            Self::NoPurchasePrice => "no purchase price is known",
            Self::NeverPaysBack => "it never pays back: running it costs as much",
            Self::AtTheLeast { left_out } => {
                return write!(f, "at the least: {} left out", and(left_out));
            }

            Self::NoneRight => "no answer was graded, or none was right",
            Self::NoSessions => {
                "how many inferences a session has is unknown; give revenue.inferences_per_session or --per-session"
            }
            Self::NoUsers => "how many inferences a user has is unknown",
            Self::NoOutputTokens => "the output tokens of an inference are unknown",
            Self::NoLoad => "no load is given; give requests_per_hour in [load]",
            Self::NoRevenue => "no revenue per inference is given; give [revenue] or --revenue",
            Self::TokensUnknown => "the number of tokens is unknown",
            Self::LoadTimeUnknown => "the load time is unknown",

            Self::NoPrompts => "prompts were kept out of the trace",
            Self::CacheAtWork => "a prefix cache was already at work",
            Self::FewAnswers => "fewer than two prompts were answered",
            Self::NoAnswer => "no answer was written",
            Self::AnswersAlike { tokens } => {
                return write!(
                    f,
                    "the longest tenth of the answers is no longer than the others, {tokens} tokens"
                );
            }
        })
    }
}

/// Says `only` of a load up to which owning is cheaper, where it is so nowhere else.
fn only(again_from: Option<f64>) -> &'static str {
    if again_from.is_some() { "" } else { "only " }
}

/// From where it is cheaper again.
fn again(again_from: Option<f64>) -> String {
    again_from.map_or_else(String::new, |load| format!("; again from {} requests an hour", plain(load)))
}

/// How far was looked, where that is further than one machine.
fn searched(up_to: Option<f64>) -> String {
    up_to.map_or_else(String::new, |load| format!(", up to {} requests an hour", plain(load)))
}

/// `energy and idle`.
pub(super) fn and(parts: &[CostPart]) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    names.join(" and ")
}
