//! What a recommendation rests on, and the sentence of it.

use std::fmt;

use crate::estimate::Estimate;
use crate::number::{plain, plains};
use crate::reason::Reason;
use crate::record::OperatingPoint;
use crate::text::{about_prompts, percent, percents};

/// Why this is recommended. Variants go by their names in the report; ratios are of the baseline's cost.
#[derive(Debug, Clone, PartialEq)]
pub enum Grounds {
    /// A candidate is cheaper and good enough.
    Cheaper {
        /// Which one.
        variant: String,
        /// Share of the baseline's cost that it saves.
        saving: Estimate,
        /// One that costs about the same, at lower quality.
        tie: Option<String>,
    },
    /// There is nothing to compare with.
    NoOtherVariant,
    /// No candidate is good enough.
    NoneGoodEnough,
    /// No candidate keeps the latency targets, whatever else.
    NoneMeetsTargets,
    /// No candidate has a known saving.
    NoneCheaper,
    /// All that are good enough, or may be, cost more.
    AllCostlier {
        /// The cheapest of them.
        cheapest: String,
        /// What it saves: less than nothing.
        saving: Estimate,
    },
    /// Verdict or saving of a candidate is open.
    Open {
        /// Which one.
        variant: String,
        /// What is open.
        doubt: Doubt,
        /// Prompts that would settle it.
        prompts_needed: Option<usize>,
    },
    /// A candidate is cheaper under load.
    CheaperUnderLoad {
        /// Which one, and where.
        candidate: Loaded,
        /// Its cost as a ratio of the baseline's.
        ratio: Estimate,
        /// The baseline, and where it stands.
        baseline: Loaded,
        /// True where there are targets.
        has_targets: bool,
        /// True where the baseline meets them.
        baseline_meets: bool,
    },
    /// A candidate may be cheaper under load.
    OpenUnderLoad {
        /// Which one, and where.
        candidate: Loaded,
        /// Its cost as a ratio of the baseline's.
        ratio: Estimate,
        /// What is open.
        doubt: LoadDoubt,
    },
    /// The baseline stays, under load.
    KeptUnderLoad {
        /// The baseline, and where it stands.
        baseline: Loaded,
        /// What holds of it.
        standing: Standing,
        /// What holds of the candidates; `None` without any.
        candidates: Option<Rivals>,
    },
}

/// A variant at an operating point.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The variant.
    pub variant: String,
    /// The point.
    pub at: OperatingPoint,
}

/// What is open about a candidate in single requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// Its saving is not known.
    SavingUnknown(Option<Reason>),
    /// It passes, and saves no more than the baseline's second copy seems to.
    WithinNoise {
        /// What it saves.
        saving: Estimate,
        /// What the copy seems to save.
        noise: f64,
    },
    /// It passes, and may not be cheaper.
    Saving(Estimate),
    /// It is cheaper, and may not be good enough.
    Quality(Estimate),
    /// Neither is settled.
    Both(Estimate),
}

/// What is open about a candidate under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadDoubt {
    /// Whether it is good enough.
    Quality,
    /// Whether it fails more often than the baseline.
    Failures,
    /// Whether it meets the targets.
    Targets,
    /// Whether it is cheaper.
    Cost,
    /// What it saves: the baseline misses the targets.
    Saving,
}

/// What holds of the baseline under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It costs least there; no targets are asked for.
    CostsLeast,
    /// It meets the targets there.
    MeetsTargets,
    /// Whether it does is open.
    TargetsOpen,
    /// It meets them nowhere.
    MissesTargets,
}

/// What holds of the candidates under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rivals {
    /// None that stays within the limits, or may, is cheaper.
    NotCheaper,
    /// None that passes meets the targets.
    MissTargets,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.variant, self.at)
    }
}

impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cheaper { variant, saving, tie } => {
                let (share, interval) = (percent(saving.point), percents(saving));
                write!(f, "{variant} costs {share} less {interval} and stays within the thresholds")?;
                match tie {
                    Some(tie) => write!(f, "; {tie} costs about the same, at lower quality"),
                    None => Ok(()),
                }
            }

            Self::NoOtherVariant => f.write_str("there is no other variant to compare with"),
            Self::NoneGoodEnough => f.write_str("no candidate stays within the quality thresholds"),
            Self::NoneMeetsTargets => f.write_str("no candidate meets the latency targets"),
            Self::NoneCheaper => f.write_str("no candidate is cheaper"),

            Self::AllCostlier { cheapest, saving } => write!(
                f,
                "no candidate that stays within the thresholds, or may, is cheaper; the cheapest, {cheapest}, costs {} more (saving {})",
                percent(-saving.point),
                percents(saving)
            ),

            Self::Open { variant, doubt, prompts_needed } => {
                let advice = if doubt.is_about_prices() { "" } else { "measure again, because " };
                write!(f, "inconclusive: {advice}{}", doubt.words(variant))?;
                match prompts_needed {
                    Some(prompts) => write!(f, "; {} would settle it", about_prompts(*prompts)),
                    None => Ok(()),
                }
            }

            Self::CheaperUnderLoad { candidate, ratio, baseline, has_targets, baseline_meets } => {
                let how = if *has_targets { "meets the targets at" } else { "costs" };
                let but = if *has_targets && !baseline_meets { ", which does not meet them" } else { "" };
                write!(
                    f,
                    "{candidate} {how} {} {} of the baseline's cost ({baseline}{but}) and stays within the thresholds",
                    plain(ratio.point),
                    plains(ratio)
                )
            }

            Self::OpenUnderLoad { candidate, ratio, doubt } => write!(
                f,
                "inconclusive: measure again, because {candidate} costs {} {} of the baseline's cost, but {}",
                plain(ratio.point),
                plains(ratio),
                doubt.words()
            ),

            Self::KeptUnderLoad { baseline, standing, candidates } => {
                f.write_str(&standing.words(baseline))?;
                f.write_str(match candidates {
                    None => "",
                    Some(Rivals::NotCheaper) => {
                        ", and no candidate that stays within the limits, or may, is cheaper"
                    }
                    Some(Rivals::MissTargets) => ", and no candidate that passes does",
                })
            }
        }
    }
}

impl Doubt {
    /// True where a price settles it and no measurement.
    fn is_about_prices(&self) -> bool {
        matches!(
            self,
            Self::SavingUnknown(Some(Reason::NoCost | Reason::NoCommonCost | Reason::MachineCostInPart))
        )
    }

    fn words(&self, variant: &str) -> String {
        match self {
            Self::SavingUnknown(reason) => {
                let reason = reason.as_ref().map_or_else(|| "it is unknown".to_owned(), Reason::to_string);
                let fix = match self {
                    Self::SavingUnknown(Some(Reason::NoCost)) => {
                        "; set hardware in [prices] of infercost.toml"
                    }
                    _ => "",
                };
                format!("what {variant} saves is not known: {reason}{fix}")
            }

            Self::WithinNoise { saving, noise } => format!(
                "{variant} passes, but its saving of {} {} is no more than the baseline's second copy seems to save ({})",
                percent(saving.point),
                percents(saving),
                percent(*noise)
            ),

            Self::Saving(saving) => format!(
                "{variant} passes, but whether it is cheaper is not settled (saving {} {})",
                percent(saving.point),
                percents(saving)
            ),

            Self::Quality(saving) => format!(
                "{variant} would save {} {}, but whether it is good enough is not settled",
                percent(saving.point),
                percents(saving)
            ),

            Self::Both(saving) => format!(
                "whether {variant} is good enough, and whether it is cheaper, is not settled (saving {} {})",
                percent(saving.point),
                percents(saving)
            ),
        }
    }
}

impl LoadDoubt {
    fn words(self) -> &'static str {
        match self {
            Self::Quality => "whether it is good enough is not settled; more prompts would tell",
            Self::Failures => {
                "whether it fails more often than the baseline is not settled; a longer --duration would tell"
            }
            Self::Targets => "whether it meets the targets is not settled; a longer --duration would tell",
            Self::Cost => "whether it is cheaper is not settled; a longer --duration would tell",
            Self::Saving => "what it saves is not settled",
        }
    }
}

impl Standing {
    fn words(self, baseline: &Loaded) -> String {
        let variant = &baseline.variant;
        match self {
            Self::CostsLeast => format!("{variant} costs least at {}", baseline.at),
            Self::MeetsTargets => format!("{baseline} meets the targets"),
            Self::TargetsOpen => format!(
                "whether {baseline} meets the targets is not settled (a longer --duration would tell)"
            ),
            Self::MissesTargets => format!("{variant} meets the targets at no operating point measured"),
        }
    }
}
