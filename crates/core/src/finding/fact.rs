//! What can be found about a run, each with its numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ComparisonFact, EconomicsFact, FindingCode, ServerFact};
use crate::board::CrossCheck;
use crate::cost_part::CostPart;
use crate::energy::EstimationMethod;
use crate::estimate::Estimate;
use crate::interference::DisturbedWindow;
use crate::machine::WallFactor;
use crate::price_per_million::PricePerMillion;
use crate::record::{IdlePhase, OperatingPoint};

/// One thing that was found, with the numbers that its sentence is made of. Shares are between 0 and 1; variants go by
/// their short names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// A sentence of an older report, whose numbers are not known any more.
    Stated {
        /// What kind of thing.
        code: FindingCode,
        /// What it said.
        sentence: String,
    },
    /// Windows that other programs, other machines on the same host, or heat disturbed.
    MachineBusy {
        /// Windows disturbed.
        disturbed: u64,
        /// Windows watched.
        watched: u64,
        /// Disturbed windows that were measured again.
        #[serde(default)]
        remeasured: u64,
        /// Disturbed windows whose times count all the same.
        #[serde(default)]
        left: u64,
        /// Processor time of others as a share of all; `None` where the system does not tell.
        others_share: Option<f64>,
    },
    /// Which windows were disturbed, by what, and what stands in their place.
    DisturbedWindows {
        /// In the order of the runs.
        windows: Vec<DisturbedWindow>,
    },
    /// Prices are the shipped example's.
    PricesAssumed {
        /// Its name.
        book: String,
    },
    /// The utilization is assumed.
    UtilizationAssumed {
        /// The share of hours.
        utilization: f64,
    },
    /// The baseline is an expansion of a quantized file.
    BaselineExpanded {
        /// The baseline.
        variant: String,
        /// The format that was published.
        from: String,
        /// True where the expansion was quantized again.
        requantized: bool,
    },
    /// Energy is unavailable.
    EnergyUnavailable {
        /// For which variants; empty for all of them.
        variants: Vec<String>,
        /// Why, in the meter's words.
        reason: String,
    },
    /// Energy is estimated.
    EnergyEstimated {
        /// Windows with an estimate.
        estimated: u64,
        /// Windows with any energy.
        windows: u64,
        /// How the first of them was made.
        method: EstimationMethod,
    },
    /// A price was old when the run began.
    PriceOld {
        /// What it is the price of.
        price: String,
        /// Its age in days.
        days: i32,
        /// Its date.
        date: jiff::civil::Date,
        /// Who says so.
        source: String,
    },
    /// No prompt was graded.
    NothingGraded,
    /// The non-inferiority margin of the task score.
    Margin {
        /// The margin of the task score.
        margin: f64,
        /// True where claims for several candidates are corrected together.
        several: bool,
        /// Where so few prompts cannot rule out the usual margin: what it rests on.
        limited: Option<LimitedMargin>,
    },
    /// The smallest loss that would have been found, by the answers that changed.
    DetectableLoss {
        /// By variant.
        losses: Vec<VariantShare>,
    },
    /// Divergence has no limit, since servers show little of it.
    DivergenceNotLimited,
    /// Multiple choice is judged by words where a variant gives no likelihoods.
    ChoicesByText {
        /// Those variants.
        variants: Vec<String>,
    },
    /// Windows without an energy reading among others that have one.
    EnergyGaps {
        /// Windows without.
        without: u64,
        /// All windows.
        windows: u64,
    },
    /// Windows too short for the meter's updates.
    ShortWindows {
        /// How many.
        short: u64,
        /// Of how many metered windows.
        metered: u64,
        /// The updates that a window should hold.
        wanted: u32,
        /// The fewest that one holds.
        fewest: u32,
    },
    /// Idle power was not the same at both ends.
    IdleDrift {
        /// Watts before the first window.
        first_w: f64,
        /// Watts after the last.
        last_w: f64,
        /// The change as a share of the first.
        drift: f64,
    },
    /// A board was held back.
    BoardThrottled {
        /// Its name.
        name: String,
        /// Its identifier.
        uuid: String,
        /// When it was seen so.
        seen: Vec<IdlePhase>,
        /// What held it back.
        reasons: Vec<String>,
        /// The last clock, in MHz.
        clock_mhz: Option<u32>,
    },
    /// Other processes used a board.
    BoardShared {
        /// Its name.
        name: String,
        /// Its identifier.
        uuid: String,
        /// When it was seen so.
        seen: Vec<IdlePhase>,
        /// The most of them at one time.
        processes: u32,
    },
    /// A board's temperature changed.
    BoardWarmed {
        /// Its name.
        name: String,
        /// Its identifier.
        uuid: String,
        /// When it was first read, and its °C.
        first: (IdlePhase, u32),
        /// When it was last read, and its °C.
        last: (IdlePhase, u32),
    },
    /// A board's energy counter and the integral of its power disagree.
    CounterDoubtful(CrossCheck),
    /// Costs take energy at the wall.
    AtTheWall(WallFactor),
    /// Runs with different wall factors are joined, so that none is applied.
    NoSharedWallFactor,
    /// A run was cut off, or windows were.
    CutOff {
        /// Windows that were cut off.
        windows: u64,
        /// Ids of runs that have no end.
        #[serde(default)]
        runs: Vec<String>,
    },
    /// Candidates were stopped early.
    StoppedEarly {
        /// Prompts planned.
        planned: u64,
        /// Which ones, and after how many prompts.
        stopped: Vec<StoppedVariant>,
    },
    /// Only a part of the set was to be run.
    PartPlanned {
        /// Prompts chosen.
        chosen: u32,
        /// Prompts in the set.
        total: u32,
        /// The set.
        set: String,
    },
    /// Only a part of the set was run.
    PartRun {
        /// Prompts chosen.
        chosen: u32,
        /// Prompts in the set.
        total: u32,
        /// The set.
        set: String,
    },
    /// Only a part of the chosen prompts was answered by every variant.
    PartAnswered {
        /// Prompts answered by all.
        complete: u32,
        /// Prompts chosen.
        chosen: u32,
        /// Prompts in the set.
        total: u32,
        /// The set.
        set: String,
    },
    /// A candidate costs more than the baseline.
    Costlier {
        /// Which one.
        variant: String,
        /// By which share.
        share: f64,
        /// Share of the memory bandwidth that its decoding reaches; `None` where unknown.
        bandwidth_share: Option<f64>,
    },
    /// What the baseline run a second time seems to save.
    NoiseFloor {
        /// Share of its own cost.
        saving: Estimate,
    },
    /// A saving compares fewer parts than the totals hold.
    CommonParts {
        /// Of which variant.
        variant: String,
        /// What is compared.
        parts: Vec<CostPart>,
    },
    /// A variant is paid by its tokens.
    PaidByTokens {
        /// Which one.
        variant: String,
        /// What they cost, who says so, and as of when.
        price: PricePerMillion,
    },
    /// A hosted model stands beside the variants by its price alone.
    ByPriceAlone {
        /// Which one.
        model: String,
        /// Whose tokens are counted.
        tokens_of: String,
        /// What it would save; `None` where that is not known.
        saving: Option<Estimate>,
        /// What the price is.
        price: PricePerMillion,
    },
    /// A price of tokens stands beside a machine's cost of which parts are unknown: the saving is one at least.
    SavingAtLeast {
        /// Of which variant.
        variant: String,
    },
    /// Savings hold for the lengths that were asked.
    SavingAtLengths {
        /// Tokens of a prompt on average; `None` where nobody counted them.
        prompt_tokens: Option<f64>,
        /// Tokens of the baseline's answer on average.
        answer_tokens: f64,
    },
    /// A candidate may save more than the one recommended, but is not judged.
    OpenQuestion {
        /// Which one.
        variant: String,
        /// What it may save.
        saving: Estimate,
        /// Prompts that would settle it; `None` where that cannot be told.
        prompts_needed: Option<u64>,
    },
    /// Inferences failed.
    Failures {
        /// Of which variant.
        variant: String,
        /// How many.
        failures: u64,
        /// Of how many.
        inferences: u64,
        /// By kind.
        kinds: BTreeMap<String, u64>,
    },
    /// What a server does that bears on the numbers.
    Server {
        /// The variant that it answers for.
        variant: String,
        /// What.
        server: ServerFact,
    },
    /// A model thought before it answered.
    Thought {
        /// Which one.
        variant: String,
        /// Answers with thinking.
        answers: u64,
        /// All answers.
        of: u64,
        /// Share of the output tokens that are thinking; `None` where some are not counted.
        share: Option<f64>,
    },
    /// Thinking used up the output limit.
    ThinkingUsedUp {
        /// Of which variant.
        variant: String,
        /// Answers that never began.
        answers: u64,
        /// All answers.
        of: u64,
        /// The lowest limit of those, in tokens.
        least: u32,
        /// The highest.
        most: u32,
    },
    /// How a window's energy is shared among its inferences.
    Attribution {
        /// Where prefill and decode are weighted apart.
        weighting: Weighting,
    },
    /// The runs come from several machines, and every variant is judged on each.
    SeveralMachines {
        /// Their names.
        machines: Vec<String>,
        /// Variants whose answers on other machines bear on their quality: the same weights, run by the same code.
        pooled: Vec<String>,
    },
    /// What an hour of some of several machines costs is not known.
    MachinesUnpriced {
        /// Their names.
        machines: Vec<String>,
    },
    /// Models in this process take part in a load test one request at a time.
    OneAtATime {
        /// Which ones.
        variants: Vec<String>,
    },
    /// More in flight brings hardly more throughput.
    Saturated {
        /// Which variant.
        variant: String,
        /// From which concurrency.
        concurrency: u32,
    },
    /// A variant was tested no harder.
    TestedNoHarder {
        /// Which one.
        variant: String,
        /// At which point.
        at: OperatingPoint,
        /// True where it was over-saturated; else infercost itself was the limit.
        over_saturated: bool,
    },
    /// Windows under load were cut off.
    LoadCutOff {
        /// How many.
        windows: u64,
    },
    /// No operating points with known costs can be compared.
    NoPointsCompared,
    /// How two runs that are compared differ.
    Comparison {
        /// In what.
        comparison: ComparisonFact,
    },
    /// What was found about unit economics.
    Economics {
        /// What.
        economics: EconomicsFact,
    },
}

/// Why a margin is wider than usual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LimitedMargin {
    /// Graded prompts.
    pub graded: u64,
    /// Share of answers that is planned to change.
    pub discordance: f64,
    /// The usual margin.
    pub usual: f64,
    /// Prompts that it would take for that one.
    pub needed: u64,
}

/// A share that belongs to a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantShare {
    /// The variant.
    pub variant: String,
    /// The share.
    pub share: f64,
}

/// A variant that was stopped early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedVariant {
    /// Which one.
    pub variant: String,
    /// After how many prompts.
    pub after: u64,
}

/// Where prefill and decode are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// For every variant.
    Everywhere,
    /// For some.
    InPart,
    /// For none.
    Nowhere,
}

impl Fact {
    /// What kind of thing it is.
    pub fn code(&self) -> FindingCode {
        match self {
            Self::Stated { code, .. } => *code,
            Self::MachineBusy { .. } | Self::DisturbedWindows { .. } => FindingCode::MachineBusy,
            Self::PricesAssumed { .. } => FindingCode::PricesAssumed,
            Self::UtilizationAssumed { .. } => FindingCode::UtilizationAssumed,
            Self::BaselineExpanded { .. } => FindingCode::BaselineExpanded,
            Self::EnergyUnavailable { .. } => FindingCode::EnergyUnavailable,
            Self::EnergyEstimated { .. } => FindingCode::EnergyEstimated,
            Self::PriceOld { .. } => FindingCode::PricesOld,
            Self::NothingGraded | Self::Margin { .. } => FindingCode::Margin,
            Self::DetectableLoss { .. } => FindingCode::DetectableLoss,
            Self::DivergenceNotLimited | Self::ChoicesByText { .. } => FindingCode::QualityBasis,
            Self::EnergyGaps { .. } | Self::ShortWindows { .. } => FindingCode::EnergyGaps,
            Self::IdleDrift { .. } => FindingCode::IdleDrift,
            Self::BoardThrottled { .. }
            | Self::BoardShared { .. }
            | Self::BoardWarmed { .. }
            | Self::CounterDoubtful(_) => FindingCode::Board,
            Self::AtTheWall(_) | Self::NoSharedWallFactor => FindingCode::WallFactor,
            Self::CutOff { .. } => FindingCode::Interrupted,
            Self::StoppedEarly { .. } => FindingCode::StoppedEarly,
            Self::PartPlanned { .. } | Self::PartRun { .. } | Self::PartAnswered { .. } => {
                FindingCode::PartOfSet
            }
            Self::Costlier { .. } => FindingCode::Costlier,
            Self::NoiseFloor { .. } => FindingCode::NoiseFloor,
            Self::CommonParts { .. } => FindingCode::CommonParts,
            Self::SavingAtLengths { .. } | Self::SavingAtLeast { .. } => FindingCode::SavingBasis,
            Self::PaidByTokens { .. } | Self::ByPriceAlone { .. } => FindingCode::Hosted,
            Self::OpenQuestion { .. } => FindingCode::OpenQuestion,
            Self::Failures { .. } => FindingCode::Failures,
            Self::Server { .. } => FindingCode::Server,
            Self::Thought { .. } | Self::ThinkingUsedUp { .. } => FindingCode::Thinking,
            Self::Attribution { .. } => FindingCode::Attribution,
            Self::SeveralMachines { .. } | Self::MachinesUnpriced { .. } => FindingCode::SeveralMachines,
            Self::OneAtATime { .. }
            | Self::Saturated { .. }
            | Self::TestedNoHarder { .. }
            | Self::LoadCutOff { .. }
            | Self::NoPointsCompared => FindingCode::LoadTest,
            Self::Comparison { comparison } => comparison.code(),
            Self::Economics { economics } => economics.code(),
        }
    }

    /// The command that resumes the first run without an end; `None` of any other fact.
    pub fn resume_command(&self) -> Option<String> {
        match self {
            Self::CutOff { runs, .. } => runs.first().map(|run| format!("infercost compare --resume={run}")),
            _ => None,
        }
    }

    /// What it is about, where that is one thing: a variant, a price, a board.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::BaselineExpanded { variant, .. }
            | Self::Costlier { variant, .. }
            | Self::CommonParts { variant, .. }
            | Self::PaidByTokens { variant, .. }
            | Self::SavingAtLeast { variant }
            | Self::OpenQuestion { variant, .. }
            | Self::Failures { variant, .. }
            | Self::Server { variant, .. }
            | Self::Thought { variant, .. }
            | Self::ThinkingUsedUp { variant, .. }
            | Self::Saturated { variant, .. }
            | Self::TestedNoHarder { variant, .. } => Some(variant),
            Self::Comparison { comparison } => comparison.subject(),
            Self::Economics { economics } => economics.subject(),
            Self::PricesAssumed { book } => Some(book),
            Self::ByPriceAlone { model, .. } => Some(model),
            Self::PriceOld { price, .. } => Some(price),
            Self::BoardThrottled { uuid, .. }
            | Self::BoardShared { uuid, .. }
            | Self::BoardWarmed { uuid, .. } => Some(uuid),
            Self::CounterDoubtful(check) => Some(&check.name),
            _ => None,
        }
    }
}

impl From<EconomicsFact> for Fact {
    fn from(fact: EconomicsFact) -> Self {
        Self::Economics { economics: fact }
    }
}

impl From<ComparisonFact> for Fact {
    fn from(fact: ComparisonFact) -> Self {
        Self::Comparison { comparison: fact }
    }
}
