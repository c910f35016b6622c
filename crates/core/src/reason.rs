//! Why a number is not known: a code for programs, a sentence for people.

mod words;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::coded::Coded;
use crate::cost_part::CostPart;
use crate::economics::{EconomicsReason, UnknownOf};

/// Why a number is not known. Decisions match the variants; nobody reads the sentences but people.
#[derive(Debug, Clone, PartialEq)]
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
    /// Thinking that the server does not show was generated before the first token that it does.
    HiddenThinking,
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
    /// No complete window was recorded.
    NoWholeWindow,
    /// The windows were disturbed, and others were measured in their place.
    MeasuredAgain,
    /// The report has no such operating point.
    NoSuchPoint,
    /// The energy of one of two machines is not known.
    EnergyOfMachine {
        /// Of which.
        which: UnknownOf,
        /// Why.
        why: Option<Box<Reason>>,
    },
    /// The energy of two machines has no price.
    EnergyUnpriced,
    /// The idle power of one of two machines is not known, or of both, and that of neither counts.
    IdleOfMachines {
        /// Of which.
        which: UnknownOf,
    },
    /// The readings of two runs cover different parts of the machine.
    ReadingsOfOtherParts {
        /// What the old run's cover.
        before: String,
        /// What the new run's cover.
        after: String,
    },
    /// The costs of two runs hold different parts.
    CostsOfOtherParts,
    /// It is not known in one of two runs.
    NotKnownInRun {
        /// True for the old one.
        is_old: bool,
    },
    /// An interval reaches zero, so that there is no ratio.
    IntervalReachesZero,
    /// Too few graded prompts are in both runs.
    TooFewGradedInBoth,
    /// Nothing was asked in one of two runs.
    NothingAskedInOne,
    /// What unit economics lacks.
    Economics(EconomicsReason),
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
}

impl Coded for Reason {
    fn code(&self) -> &'static str {
        self.words().0
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

/// Parts that a cost leaves out, each with its reason. In JSON two objects: `left_out`, part → sentence, and
/// `left_out_codes`, part → code.
#[derive(Debug, Clone, Default, PartialEq)]
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
