//! The code and the sentence of each reason.

use std::borrow::Cow;

use super::Reason;
use crate::coded::Coded as _;
use crate::economics::UnknownOf;
use crate::text::{count, printable};

impl Reason {
    /// Code and sentence.
    pub(super) fn words(&self) -> (&'static str, Cow<'_, str>) {
        let (code, sentence): (&'static str, Cow<'_, str>) = match self {
            Self::NothingAsked => ("nothing_asked", "nothing was asked of it".into()),
            Self::NoAnswer => ("no_answer", "no request was answered".into()),
            Self::TooFewAnswers { answered, needed } => (
                "too_few_answers",
                format!(
                    "n too small: {} answered, at least {needed} are needed",
                    if *answered == 1 { "1 prompt was".to_owned() } else { format!("{answered} prompts were") }
                )
                .into(),
            ),
            Self::TooFewPrompts { needed } => (
                "too_few_prompts",
                format!("n too small: at least {} must bear on it; run more prompts", count(*needed, "prompt"))
                    .into(),
            ),
            Self::TooFewBlocks => (
                "too_few_blocks",
                "the prompts ran in too few blocks to know how windows differ; more prompts, or a smaller \
                 --window-prompts, show it"
                    .into(),
            ),
            Self::TooWide => (
                "too_wide",
                "n too small: the interval would reach more than a factor of ten to either side; more prompts, or a \
                 quieter machine, narrow it"
                    .into(),
            ),

            Self::NoneRight => ("none_right", "no answer, or too few, were graded and right".into()),
            Self::NoOutput => ("no_output", "no output, or too little, was written".into()),

            Self::NoCost => ("no_cost", "no part of the cost is known".into()),
            Self::NoCommonCost => ("no_common_cost", "the costs have no known part in common".into()),
            Self::NoEnergy => ("no_energy", "the energy is unknown".into()),
            Self::NoMeter { why } => ("no_meter", printable(why)),
            Self::NoTariff => ("no_tariff", "no price of electricity is known".into()),
            Self::InRent => ("in_rent", "included in the rent".into()),
            Self::PaidByTokens => ("paid_by_tokens", "included in the price of the tokens".into()),
            Self::MachineCostInPart => (
                "machine_cost_in_part",
                "the price of tokens holds everything, and electricity or hardware of the machine next to it is unknown; \
                 --estimate or --assume-watts, and [prices], tell"
                    .into(),
            ),
            Self::NoHardwarePrice => ("no_hardware_price", "no price of the hardware is known".into()),
            Self::FreeClaim => (
                "free_claim",
                "0 is a claim; confirm it with `free = true` in an [[offers]] entry of your own".into(),
            ),
            Self::NotInPrice => (
                "not_in_price",
                "the listed price does not hold it; give the whole price in an [[offers]] entry".into(),
            ),
            Self::NoOperation => ("no_operation", "no operating cost is known".into()),

            Self::NoIdlePower => ("no_idle_power", "no idle power was measured".into()),
            Self::IdleOfOtherParts => (
                "idle_of_other_parts",
                "the idle power covers other parts of the machine than the windows".into(),
            ),

            Self::OtherMachine => ("other_machine", "the server runs on another machine".into()),
            Self::OtherMachinesPrice { host } => (
                "other_machines_price",
                format!(
                    "the server runs on {}, and what that machine costs is unknown; give its rate per hour",
                    printable(host)
                )
                .into(),
            ),

            Self::MachinePriceUnknown { machine } => (
                "machine_price_unknown",
                format!(
                    "what an hour of {} costs is unknown; give it a [[machines]] entry, or --market",
                    printable(machine)
                )
                .into(),
            ),
            Self::OtherMachinesReference => (
                "other_machines_reference",
                "it holds the baseline's weights, and divergences on its machine are taken from it".into(),
            ),
            Self::NoBandwidth => ("no_bandwidth", "the memory bandwidth was not measured".into()),
            Self::NoBytesPerToken => ("no_bytes_per_token", "the bytes read per token are unknown".into()),
            Self::SideBySide => ("side_by_side", "requests ran side by side".into()),
            Self::TokensNotReported { without, answers } => (
                "tokens_not_reported",
                format!("the prompt tokens of {without} of {} were not reported", count(*answers, "answer"))
                    .into(),
            ),
            Self::HiddenThinking => (
                "hidden_thinking",
                "the server thinks before its first token and does not show it, so nothing tells when prefill ended".into(),
            ),

            Self::LikelihoodsNotReported => (
                "likelihoods_not_reported",
                "the server did not report the likelihood of every token of the baseline's answers".into(),
            ),
            Self::KnownFromBelow => (
                "known_from_below",
                "the server lists only its likeliest tokens, so the divergence is known from below only".into(),
            ),

            Self::NotGraded => ("not_graded", "no prompt that both answered was graded".into()),
            Self::BaselineNotGraded { why } => (
                "baseline_not_graded",
                format!("the baseline could not be graded: {}", printable(why)).into(),
            ),
            Self::SomeNotGraded { prompts, why } => (
                "some_not_graded",
                format!(
                    "{} could not be graded and count as wrong ({})",
                    count(*prompts, "prompt"),
                    printable(why)
                )
                .into(),
            ),
            Self::SomeNotCompared { prompts, why } => (
                "some_not_compared",
                format!("{} could not be compared ({})", count(*prompts, "prompt"), printable(why)).into(),
            ),

            Self::BaselineAllWrong { prompts } => (
                "baseline_all_wrong",
                format!(
                    "the baseline gets none of {} right, so answers cannot show damage; check its chat template, the \
                     model's name and the graders, or take prompts that it can answer",
                    count(*prompts, "graded prompt")
                )
                .into(),
            ),
            Self::BaselineAllRight { prompts } => (
                "baseline_all_right",
                format!(
                    "the baseline gets all of {} right, so the prompts are too easy to show damage; take harder ones",
                    count(*prompts, "graded prompt")
                )
                .into(),
            ),
            Self::NoLossDetectable => (
                "no_loss_detectable",
                "n too small: not even the loss of every right answer would be found with 80 % power".into(),
            ),

            Self::NeverSteady => (
                "never_steady",
                "steady state was never reached; a longer --duration may reach it".into(),
            ),
            Self::TooFewInSteadyState => (
                "too_few_in_steady_state",
                "too few requests were answered in the steady state; a longer --duration brings more".into(),
            ),
            Self::NoThroughput => ("no_throughput", "the throughput is unknown".into()),
            Self::NoTargets => ("no_targets", "no targets were given (--slo)".into()),
            Self::NoneIssued => ("none_issued", "no request was issued in the steady state".into()),

            Self::CacheNotReported { served: true } => (
                "cache_not_reported",
                "the server does not report what it takes from a prompt cache".into(),
            ),
            Self::CacheNotReported { served: false } => {
                ("cache_not_reported", "what came from a prompt cache was not reported".into())
            }

            Self::CutOff => ("cut_off", "their window was cut off".into()),
            Self::OutOfRange => ("out_of_range", "the amount is out of range".into()),

            Self::NoWholeWindow => ("no_whole_window", "no complete window was recorded".into()),
            Self::MeasuredAgain => {
                ("measured_again", "the report takes the times of the windows in their place".into())
            }
            Self::NoSuchPoint => ("no_such_point", "the report has no such operating point".into()),

            Self::EnergyOfMachine { which, why: None } => {
                ("energy_of_machine", format!("of {} is unknown", which.name()).into())
            }
            Self::EnergyOfMachine { which, why: Some(why) } => {
                ("energy_of_machine", format!("of {} is unknown: {why}", which.name()).into())
            }
            Self::EnergyUnpriced => ("energy_unpriced", "has no price: no tariff is known".into()),
            Self::IdleOfMachines { which } => ("idle_of_machines", {
                let power = format!("power of {} is unknown", which.name());
                let neither = if *which == UnknownOf::Both { "" } else { ", so that of neither is counted" };
                format!("{power}{neither}").into()
            }),

            Self::ReadingsOfOtherParts { before, after } => (
                "readings_of_other_parts",
                format!("the readings cover different parts: {before} before, {after} now").into(),
            ),
            Self::CostsOfOtherParts => (
                "costs_of_other_parts",
                "the costs hold different parts: energy or the machine is known in one run alone".into(),
            ),
            Self::NotKnownInRun { is_old } => (
                "not_known_in_run",
                if *is_old { "not known in the old run" } else { "not known in the new run" }.into(),
            ),
            Self::IntervalReachesZero => {
                ("interval_reaches_zero", "an interval reaches zero: too few measurements".into())
            }
            Self::TooFewGradedInBoth => {
                ("too_few_graded_in_both", "fewer than two graded prompts are in both runs".into())
            }
            Self::NothingAskedInOne => {
                ("nothing_asked_in_one", "nothing was asked in one of the runs".into())
            }

            Self::Economics(reason) => (reason.code(), reason.to_string().into()),
            Self::Stated { why } => ("stated", printable(why)),
        };

        (code, sentence)
    }
}
