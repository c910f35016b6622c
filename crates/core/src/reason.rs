//! Why a number is not known: a code for programs, a sentence for people.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{count, printable};

/// Why a number is not known. Decisions match the variants; nobody reads the sentences but people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing was asked of the variant.
    NothingAsked,
    /// No request was answered.
    NoAnswer,
    /// Too few prompts were answered to say anything.
    TooFewAnswers {
        /// Prompts with an answer.
        answered: u64,
        /// Prompts that it takes.
        needed: u64,
    },
    /// Too few prompts bear on it.
    TooFewPrompts {
        /// Prompts that it takes.
        needed: u64,
    },
    /// The prompts ran in too few blocks to know how windows differ.
    TooFewBlocks,
    /// The interval spans so much that it says nothing.
    TooWide,
    /// No answer, or too few, were right.
    NoneRight,
    /// No output, or too little, was written.
    NoOutput,
    /// No part of the cost is known.
    NoCost,
    /// Two costs have no known part in common.
    NoCommonCost,
    /// The energy is not known.
    NoEnergy,
    /// The energy is not known, in the meter's own words.
    NoMeter {
        /// Those words.
        why: String,
    },
    /// No price of electricity is known.
    NoTariff,
    /// Electricity is in the rent.
    InRent,
    /// The tokens are paid, and the machine with them.
    PaidByTokens,
    /// A price of tokens holds everything, and the cost of the machine that it stands beside does not.
    MachineCostInPart,
    /// No price of the hardware is known.
    NoHardwarePrice,
    /// No operating cost is known.
    NoOperation,
    /// A price of 0, which may be a gift, a gap in a list or a trial.
    FreeClaim,
    /// The listed price does not hold it.
    NotInPrice,
    /// The idle power was not measured.
    NoIdlePower,
    /// The idle power covers other parts of the machine than the windows.
    IdleOfOtherParts,
    /// The server runs on another machine.
    OtherMachine,
    /// The server runs on another machine, whose price is not known.
    OtherMachinesPrice {
        /// That machine.
        host: String,
    },
    /// What an hour of one of several machines costs is not known, so that costs on it stand against no other's.
    MachinePriceUnknown {
        /// That machine.
        machine: String,
    },
    /// It holds the baseline's weights on another machine, where divergences are taken from it.
    OtherMachinesReference,
    /// The memory bandwidth was not measured.
    NoBandwidth,
    /// The bytes read per token are not known.
    NoBytesPerToken,
    /// Requests ran side by side, so that one read of the weights serves several.
    SideBySide,
    /// Prompt tokens were not reported.
    TokensNotReported {
        /// Answers without them.
        without: u64,
        /// All answers.
        answers: u64,
    },
    /// Likelihoods were not reported for every token of the baseline's answers.
    LikelihoodsNotReported,
    /// The server lists only its likeliest tokens, so that a divergence is known from below.
    KnownFromBelow,
    /// Nothing was graded.
    NotGraded,
    /// The baseline could not be graded.
    BaselineNotGraded {
        /// Why.
        why: String,
    },
    /// Prompts could not be graded and count as wrong.
    SomeNotGraded {
        /// How many.
        prompts: u64,
        /// Why.
        why: String,
    },
    /// Prompts could not be compared with the baseline.
    SomeNotCompared {
        /// How many.
        prompts: u64,
        /// Why.
        why: String,
    },
    /// The baseline gets no answer right, so that answers cannot show damage.
    BaselineAllWrong {
        /// Graded prompts.
        prompts: u64,
    },
    /// The baseline gets every answer right, so that the prompts are too easy to show damage.
    BaselineAllRight {
        /// Graded prompts.
        prompts: u64,
    },
    /// No loss that is possible is large enough to be found.
    NoLossDetectable,
    /// The steady state was never reached.
    NeverSteady,
    /// Too few requests were answered in the steady state.
    TooFewInSteadyState,
    /// The throughput is not known.
    NoThroughput,
    /// No latency targets were given.
    NoTargets,
    /// No request was issued in the steady state.
    NoneIssued,
    /// Nobody reported what came from a prompt cache.
    CacheNotReported {
        /// True for a server.
        served: bool,
    },
    /// The window was cut off.
    CutOff,
    /// The amount does not fit a decimal.
    OutOfRange,
    /// Anything else, in words.
    Stated {
        /// One sentence, without its full stop.
        why: String,
    },
}

impl Reason {
    /// A reason that only its words tell.
    pub fn stated(why: impl Into<String>) -> Self {
        Self::Stated { why: why.into() }
    }

    /// The code that programs go by; it never changes its meaning.
    pub fn code(&self) -> &'static str {
        self.words().0
    }

    /// True where more prompts, or more windows, would make it known.
    pub fn is_too_little(&self) -> bool {
        matches!(
            self,
            Self::TooFewPrompts { .. } | Self::TooFewAnswers { .. } | Self::TooFewBlocks | Self::TooWide
        )
    }

    /// Code and sentence.
    fn words(&self) -> (&'static str, Cow<'_, str>) {
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
                "the price of tokens holds everything, and electricity or hardware of the machine beside it is unknown; \
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
            Self::Stated { why } => ("stated", printable(why)),
        };
        (code, sentence)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().1)
    }
}

impl Serialize for Reason {
    /// The sentence. Codes stand beside it, see [`Unknown`] and [`LeftOut`].
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.words().1)
    }
}

impl<'de> Deserialize<'de> for Reason {
    /// A sentence; which variant it was is not recovered.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::stated)
    }
}

/// Fields that are null, each with its reason. In JSON two objects: `unknown`, field → sentence, and
/// `unknown_codes`, field → code.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unknown(BTreeMap<String, Reason>);

impl Unknown {
    /// Keeps the reason under the name of the field.
    pub fn insert(&mut self, field: impl Into<String>, reason: Reason) {
        self.0.insert(field.into(), reason);
    }

    /// Why a field is null; `None` where it is not.
    pub fn get(&self, field: &str) -> Option<&Reason> {
        self.0.get(field)
    }

    /// The same as a sentence.
    pub fn sentence(&self, field: &str) -> Option<String> {
        self.get(field).map(Reason::to_string)
    }

    /// All, by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reason)> {
        self.0.iter().map(|(field, reason)| (field.as_str(), reason))
    }

    /// The value, or `None` with the reason kept.
    pub fn known<T>(&mut self, field: &str, found: Result<T, Reason>) -> Option<T> {
        found.map_err(|reason| self.insert(field, reason)).ok()
    }
}

/// Part of a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostPart {
    /// Electricity while requests were answered.
    Energy,
    /// The machine: depreciation, interest.
    Hardware,
    /// The machine's rent.
    Rent,
    /// Electricity of unused hours.
    Idle,
    /// People, licenses, space.
    Operation,
    /// Storage and egress of a rented machine.
    #[serde(rename = "storage and egress")]
    StorageAndEgress,
    /// Interruptible machines.
    Spot,
    /// Loading a model again after an interruption.
    Restarts,
    /// On-demand machines where interruptible ones are gone.
    Fallback,
    /// Serverless execution.
    Execution,
    /// Loading a model for a request that finds none.
    #[serde(rename = "cold starts")]
    ColdStarts,
    /// Serverless workers that wait for the next request.
    Waiting,
    /// Tokens by their price.
    Tokens,
    /// Prompt tokens.
    #[serde(rename = "input tokens")]
    InputTokens,
    /// Output tokens.
    #[serde(rename = "output tokens")]
    OutputTokens,
    /// What a trace states that a call cost.
    Stated,
    /// The price itself, where what is listed is a claim.
    Price,
    /// The machine that an accelerator is attached to, where the listed price is the accelerator's alone.
    #[serde(rename = "host machine")]
    HostMachine,
}

impl CostPart {
    /// The name, as bills print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Hardware => "hardware",
            Self::Rent => "rent",
            Self::Idle => "idle",
            Self::Operation => "operation",
            Self::StorageAndEgress => "storage and egress",
            Self::Spot => "spot",
            Self::Restarts => "restarts",
            Self::Fallback => "fallback",
            Self::Execution => "execution",
            Self::ColdStarts => "cold starts",
            Self::Waiting => "waiting",
            Self::Tokens => "tokens",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::Stated => "stated",
            Self::Price => "price",
            Self::HostMachine => "host machine",
        }
    }
}

impl fmt::Display for CostPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parts that a cost leaves out, each with its reason. In JSON two objects: `left_out`, part → sentence, and
/// `left_out_codes`, part → code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<CostPart, Reason>);

impl LeftOut {
    /// Leaves a part out.
    pub fn insert(&mut self, part: CostPart, reason: Reason) {
        self.0.insert(part, reason);
    }

    /// Why a part is left out; `None` where it is not.
    pub fn get(&self, part: CostPart) -> Option<&Reason> {
        self.0.get(&part)
    }

    /// True where the part is left out.
    pub fn holds(&self, part: CostPart) -> bool {
        self.0.contains_key(&part)
    }

    /// True where the cost is whole.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, by part.
    pub fn iter(&self) -> impl Iterator<Item = (CostPart, &Reason)> {
        self.0.iter().map(|(part, reason)| (*part, reason))
    }
}

/// The two objects of [`Unknown`].
#[derive(Serialize, Deserialize)]
struct UnknownJson {
    #[serde(default)]
    unknown: BTreeMap<String, Reason>,
    #[serde(default)]
    unknown_codes: BTreeMap<String, String>,
}

impl Serialize for Unknown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let codes = self.0.iter().map(|(field, reason)| (field.clone(), reason.code().to_owned()));
        UnknownJson { unknown: self.0.clone(), unknown_codes: codes.collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        UnknownJson::deserialize(deserializer).map(|json| Self(json.unknown))
    }
}

/// The two objects of [`LeftOut`].
#[derive(Serialize, Deserialize)]
struct LeftOutJson {
    #[serde(default)]
    left_out: BTreeMap<CostPart, Reason>,
    #[serde(default)]
    left_out_codes: BTreeMap<CostPart, String>,
}

impl Serialize for LeftOut {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let codes = self.0.iter().map(|(part, reason)| (*part, reason.code().to_owned()));
        LeftOutJson { left_out: self.0.clone(), left_out_codes: codes.collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LeftOut {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        LeftOutJson::deserialize(deserializer).map(|json| Self(json.left_out))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Row {
        #[serde(flatten)]
        unknown: Unknown,
        #[serde(flatten)]
        left_out: LeftOut,
    }

    #[test]
    fn json_has_sentences_and_codes() {
        let mut row = Row { unknown: Unknown::default(), left_out: LeftOut::default() };
        row.unknown.insert("saving", Reason::TooWide);
        row.left_out.insert(CostPart::ColdStarts, Reason::NoTariff);

        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["unknown_codes"]["saving"], "too_wide");
        assert_eq!(json["left_out"]["cold starts"], "no price of electricity is known");
        assert_eq!(json["left_out_codes"]["cold starts"], "no_tariff");

        let read: Row = serde_json::from_value(json).unwrap();
        assert_eq!(read.unknown.sentence("saving"), row.unknown.sentence("saving"));
        assert!(read.left_out.holds(CostPart::ColdStarts));
    }
}
