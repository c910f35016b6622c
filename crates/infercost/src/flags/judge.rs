//! Thresholds and the currency of prices, as every command that reports takes them.

use clap::Args;
use infercost_core::LatencyTargets;
use infercost_run::config::PolicyFlags;

use crate::flags::GlobalFlags;
use crate::flags::load::targets;
use crate::flags::numbers::{at_least_zero, confidence, share};

/// Thresholds and prices.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Verdict")]
pub(crate) struct JudgeFlags {
    /// Non-inferiority margin of the task score [default: 0.02, or the least that the set can resolve]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) margin: Option<f64>,

    /// Largest mean KL divergence from the baseline, in nats [default: 0.05]
    #[arg(long, value_name = "NATS", value_parser = at_least_zero)]
    pub(crate) max_kld: Option<f64>,

    /// Smallest share of positions with the baseline's most likely token [default: 0.9]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) min_top1: Option<f64>,

    /// Smallest task score of a candidate itself [default: none]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) min_score: Option<f64>,

    /// One-sided confidence of every gate [default: 0.95]
    #[arg(long, value_name = "SHARE", value_parser = confidence)]
    pub(crate) confidence: Option<f64>,

    /// Latencies to keep under load: ttft=500ms,tpot=50ms,share=0.9 (share of requests that must)
    #[arg(long, value_name = "TARGETS", value_parser = targets)]
    pub(crate) slo: Option<LatencyTargets>,

    #[command(flatten)]
    pub(crate) prices: PriceFlags,
}

/// Which prices count.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Verdict")]
pub(crate) struct PriceFlags {
    /// Stop where the machine's prices are in another currency; none is converted
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,

    /// Rent a machine that no `[[machines]]` entry prices at the cheapest fetched offer of its GPUs
    #[arg(long)]
    pub(crate) market: bool,
}

impl JudgeFlags {
    /// The same without the command line's form.
    pub(crate) fn policy(&self, global: &GlobalFlags) -> PolicyFlags {
        PolicyFlags {
            margin: self.margin,
            max_kld: self.max_kld,
            min_top1: self.min_top1,
            min_score: self.min_score,
            confidence: self.confidence,
            slo: self.slo,
            ..self.prices.policy(global)
        }
    }
}

impl PriceFlags {
    /// The same without the command line's form: thresholds are those of the run or the settings.
    pub(crate) fn policy(&self, global: &GlobalFlags) -> PolicyFlags {
        PolicyFlags {
            config: global.config.clone(),
            currency: self.currency.clone(),
            market: self.market,
            ..PolicyFlags::default()
        }
    }
}
