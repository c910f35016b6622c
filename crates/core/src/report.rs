//! The report object that `compare --json` and `report --json` print (`infercost.report/1`).
//!
//! What is unknown is `null` with a sentence in `unknown` beside it, never 0.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::energy::{EnergyScope, EnergySource};
use crate::estimate::Estimate;
use crate::finding::{Finding, PointFact};
use crate::identity::{EngineIdentity, RunId, VariantId};
use crate::interference::DisturbedWindow;
use crate::machine::MachineFacts;
use crate::manifest::Provenance;
use crate::money::Currency;
use crate::policy::Policy;
use crate::price::{Price, PriceBook};
use crate::price_per_million::PricePerMillion;
use crate::reason::{LeftOut, Unknown};
use crate::record::OperatingPoint;
use crate::verdict::{GateResult, Recommendation, Verdict};

/// Version of the object.
pub const REPORT_SCHEMA: &str = "infercost.report/1";

/// Everything a run says, derived from its records, a policy and prices alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_SCHEMA`].
    pub schema: String,
    /// The runs behind it.
    pub run_ids: Vec<RunId>,
    /// What candidates are compared with.
    pub baseline: VariantId,
    /// Thresholds applied.
    pub policy: Policy,
    /// Prices applied.
    pub prices: Vec<Price>,
    /// The price book applied, with utilization and PUE.
    pub price_book: PriceBook,
    /// Where it ran; of several machines the baseline's. The host name is left out.
    pub machine: MachineFacts,
    /// The machines, where the runs come from several: each variant is judged on each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineReport>,
    /// What must be read with the numbers: the sentences of `findings`, the most important first.
    pub notes: Vec<String>,
    /// The same with a code, a weight, the numbers and what to do; what weighs most first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Prompts chosen of prompts in the set.
    pub prompts: PromptCount,
    /// What the meter read in all windows of single requests together; `None` where nothing was metered or estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyTotals>,
    /// What else the machine did; `None` where nobody watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interference: Option<InterferenceReport>,
    /// Baseline first, then the others in the run's order.
    pub candidates: Vec<CandidateReport>,
    /// Hosted models that were not asked, by what the baseline's tokens would cost there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosted: Vec<HostedReport>,
    /// What to deploy.
    pub recommendation: Recommendation,
}

/// One of several machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineReport {
    /// What the report calls it: what stands behind ` on ` in the names of its variants.
    pub name: String,
    /// What its runs recorded of it, without the host name.
    pub facts: MachineFacts,
    /// Its runs.
    pub run_ids: Vec<RunId>,
    /// The prices that its costs are computed with.
    pub price_book: PriceBook,
}

/// What else the machine did while it was measured, over all windows that were watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InterferenceReport {
    /// Windows, superseded ones included.
    pub windows: u64,
    /// Windows that were watched.
    pub watched: u64,
    /// Watched windows that other programs, other machines on the same host, or heat surely disturbed.
    pub disturbed: u64,
    /// Disturbed windows that were measured again: times, energy and cost are those of the last time.
    pub remeasured: u64,
    /// Disturbed windows whose times, energy and cost count all the same: not measured again, or disturbed again.
    #[serde(default)]
    pub left: u64,
    /// All disturbed windows, in the order of the runs.
    #[serde(default)]
    pub disturbed_windows: Vec<DisturbedWindow>,
    /// Processor time of others as a share of all processors' time; `None` where the system does not tell.
    pub foreign_cpu_share: Option<f64>,
}

/// How much of a prompt set was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptCount {
    /// The set's name.
    pub set: String,
    /// Prompts in the set.
    pub total: u32,
    /// Prompts chosen.
    pub chosen: u32,
    /// Prompts that every variant has answered at least once, failures included.
    pub complete: u32,
}

/// A hosted model that was not asked: what it would cost to have the baseline's prompts read and as many tokens written.
/// Its own tokenizer and answers may take more or fewer, and nothing is known of its quality and its speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostedReport {
    /// Its name, as the price has it.
    pub model: String,
    /// What its tokens cost.
    pub token_price: PricePerMillion,
    /// The variant whose tokens are counted.
    pub tokens_of: VariantId,
    /// Mean prompt tokens of an answer of that variant; `None` where a server did not tell.
    pub input_tokens: Option<f64>,
    /// Mean output tokens of an answer.
    pub output_tokens: Option<f64>,
    /// What so many tokens cost, per answer.
    pub cost_per_inference: Option<Estimate>,
    /// The same per million output tokens.
    pub cost_per_million_output_tokens: Option<Estimate>,
    /// Share of the baseline's cost that this price would save; negative where it costs more.
    pub saving: Option<Estimate>,
    /// Why a field above is null.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// One variant's measurements, cost, quality and verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// The variant; of several machines with ` on ` and the machine's name.
    pub variant: VariantId,
    /// The machine, by its name in [`Report::machines`]; `None` where there is one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// What ran it.
    pub engine: EngineIdentity,
    /// How its weights came to be.
    pub provenance: Provenance,
    /// True for the second copy of the baseline that measures noise.
    pub noise_floor: bool,
    /// What its tokens cost, where a hosted API is paid by them; `None` where the machine is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_price: Option<PricePerMillion>,
    /// Inferences, failures included.
    pub inferences: u64,
    /// Failures.
    pub failures: u64,
    /// Failures by kind.
    pub failure_kinds: BTreeMap<String, u64>,
    /// Requests that were answered with at least one token: what the cost is shared among.
    #[serde(default)]
    pub answers: u64,
    /// Share of requests without an answer, by prompt; `None` where nothing was asked.
    #[serde(default)]
    pub failure_rate: Option<Estimate>,
    /// Prompt tokens of all answers, summed; `None` where an answer's are unknown.
    pub input_tokens: Option<u64>,
    /// Output tokens, summed.
    pub output_tokens: u64,
    /// Model load time, in seconds.
    pub load_s: Option<f64>,
    /// Time to first token, in seconds.
    pub ttft_s: Option<Percentiles>,
    /// Time per output token, in seconds, over inferences of at least two tokens.
    pub tpot_s: Option<Percentiles>,
    /// Gaps between chunks, pooled, in seconds.
    pub itl_s: Option<Percentiles>,
    /// From issue to end, in seconds.
    pub latency_s: Option<Percentiles>,
    /// Intervals of some of these percentiles.
    #[serde(default)]
    pub latency_intervals: LatencyIntervals,
    /// Prompt tokens ÷ TTFT.
    pub prefill_tokens_per_s: Option<Estimate>,
    /// (Output tokens − 1) ÷ (latency − TTFT).
    pub decode_tokens_per_s: Option<Estimate>,
    /// Share of the machine's memory bandwidth that decode reaches; `None` where it was not measured.
    pub bandwidth_share: Option<f64>,
    /// Energy.
    pub energy: EnergyReport,
    /// Money.
    pub cost: CostReport,
    /// Quality against the baseline.
    pub quality: QualityReport,
    /// Good enough?
    pub verdict: Verdict,
    /// Each gate's part in the verdict.
    pub gates: Vec<GateResult>,
    /// The verdict in sentences, most important first.
    pub reasons: Vec<String>,
    /// Share of the baseline's cost per answered request that this variant saves; negative where it costs more.
    pub saving: Option<Estimate>,
    /// What was measured under load, by operating point; empty where none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operating_points: Vec<OperatingPointReport>,
    /// Why a field above is null.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// One variant at one operating point. Everything but the failures is of the steady state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatingPointReport {
    /// The load that the variant was put under.
    pub operating_point: OperatingPoint,
    /// What must be known of the point first.
    #[serde(default)]
    pub state: PointState,
    /// True where the operating point was reached. Rates are unknown all the same where too few requests were
    /// answered meanwhile.
    pub steady_state: bool,
    /// Length of the steady state, in seconds, over all windows.
    pub steady_s: f64,
    /// True where this program limited what was sent.
    pub client_limited: bool,
    /// True where the queue grew without end.
    pub over_saturated: bool,
    /// True where more load brings hardly more throughput: the smallest concurrency that reaches 95 % of the
    /// highest throughput measured.
    pub knee: bool,
    /// Requests that ended in the steady state, failures included.
    pub requests: u64,
    /// Answers in the whole windows, warm-up included: what a bill over the run counts. An answer without any token is
    /// none.
    #[serde(default)]
    pub answered: u64,
    /// Failures in the whole window.
    pub failures: u64,
    /// The same by kind.
    pub failure_kinds: BTreeMap<String, u64>,
    /// Share of requests without an answer in the whole window; `None` where none was sent.
    #[serde(default)]
    pub failure_rate: Option<Estimate>,
    /// True where more than a tenth of the requests in the whole window got no answer: such a point is never
    /// recommended.
    #[serde(default)]
    pub failing: bool,
    /// Attempts beyond the first, in the whole window.
    pub retries: u64,
    /// Share of the prompt tokens that came from a prefix cache; `None` where no server told.
    pub cached_share: Option<f64>,
    /// Answered requests per second.
    pub requests_per_s: Option<Estimate>,
    /// Output tokens per second, over all requests.
    pub output_tokens_per_s: Option<Estimate>,
    /// Time to first token, in seconds.
    pub ttft_s: Option<Percentiles>,
    /// Time per output token, in seconds.
    pub tpot_s: Option<Percentiles>,
    /// Gaps between chunks, in seconds.
    pub itl_s: Option<Percentiles>,
    /// From issue to end, in seconds.
    pub latency_s: Option<Percentiles>,
    /// Share of requests that keep the policy's targets; failures keep none.
    pub goodput: Option<Estimate>,
    /// Requests per second that keep them.
    pub goodput_per_s: Option<f64>,
    /// Does the share reach what the policy asks? `None` where it asks for nothing.
    pub meets_targets: Option<Verdict>,
    /// `counter`, `integrated`, `mixed` (some of either), `estimated` where any of it is, or `unavailable`.
    pub energy_source: EnergySource,
    /// Mean power of the windows × time per answered request, in joules.
    pub energy_per_inference_j: Option<Estimate>,
    /// Machine cost per hour ÷ (3600 × requests per second), and electricity.
    pub cost_per_inference: Option<Estimate>,
    /// The parts of `cost_per_inference.point`.
    pub cost_components: CostComponents,
    /// What must be read with these numbers: the sentences of `findings`.
    pub notes: Vec<String>,
    /// What must be known with them.
    #[serde(default)]
    pub findings: Vec<PointFact>,
    /// Why a field above is null.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// The most important thing about an operating point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointState {
    /// The queue grew without end.
    OverSaturated,
    /// This program limited what was sent.
    ClientLimited,
    /// Too many requests got no answer.
    Failing,
    /// The steady state was never reached.
    #[default]
    NotSteady,
    /// Steady, and too short for a rate.
    TooShort,
    /// The targets are missed.
    MissesTargets,
    /// Whether the targets are kept is not settled.
    TargetsOpen,
    /// More load brings hardly more throughput.
    Knee,
    /// The targets are kept.
    MeetsTargets,
    /// Steady, and no targets were given.
    Steady,
}

impl OperatingPointReport {
    /// The state that the facts of the point add up to: what spoils its numbers first.
    pub fn derived_state(&self) -> PointState {
        if self.over_saturated {
            PointState::OverSaturated
        } else if self.client_limited {
            PointState::ClientLimited
        } else if self.failing {
            PointState::Failing
        } else if !self.steady_state {
            PointState::NotSteady
        } else if self.requests_per_s.is_none() {
            PointState::TooShort
        } else {
            match self.meets_targets {
                Some(Verdict::Fail) => PointState::MissesTargets,
                Some(Verdict::Inconclusive) => PointState::TargetsOpen,
                Some(Verdict::Pass) | None if self.knee => PointState::Knee,
                Some(Verdict::Pass) => PointState::MeetsTargets,
                None => PointState::Steady,
            }
        }
    }
}

/// Percentiles of latency with their intervals, in seconds. `None` where there are too few prompts to say how high a
/// percentile may lie (for a 95th with two-sided confidence of 95 %, fewer than 72), or a single block of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyIntervals {
    /// Median time to first token.
    pub ttft_p50_s: Option<Estimate>,
    /// Its 95th percentile.
    pub ttft_p95_s: Option<Estimate>,
    /// Median time per output token.
    pub tpot_p50_s: Option<Estimate>,
    /// Its 95th percentile.
    pub tpot_p95_s: Option<Estimate>,
}

/// Percentiles of a pooled sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 90th.
    pub p90: f64,
    /// 95th.
    pub p95: f64,
    /// 99th.
    pub p99: f64,
    /// Sample size.
    pub n: usize,
}

/// Energy of one variant over all its windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyReport {
    /// `counter`, `integrated`, `mixed` (windows of either), `estimated` where any window is, or `unavailable`.
    pub source: EnergySource,
    /// What is covered, in words.
    pub scope: String,
    /// The meter's difference over all windows, in joules.
    pub gross_j: Option<f64>,
    /// Gross less idle power × time, not clamped, in joules.
    pub net_j: Option<f64>,
    /// Idle watts with the models resident.
    pub idle_w: Option<f64>,
    /// Energy of the windows that belongs to no inference (between requests), in joules.
    pub unattributed_j: Option<f64>,
    /// Gross energy per inference, in joules.
    pub per_inference_j: Option<Estimate>,
    /// Share of the attributed energy that went into prefill, where windows tell the two apart.
    pub prefill_share: Option<f64>,
}

/// Energy of all variants over all windows of single requests, with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyTotals {
    /// As in [`EnergyReport::source`].
    pub source: EnergySource,
    /// What readings cover: one boundary, or several where windows differ.
    pub covers: Vec<EnergyScope>,
    /// The instruments; empty where there are only estimates.
    pub meters: Vec<String>,
    /// The meter's differences, in joules.
    pub gross_j: f64,
    /// Gross less idle power × time, not clamped, in joules; `None` where a variant's is unknown.
    pub net_j: Option<f64>,
    /// Energy that belongs to no inference, in joules: gross is the inferences' shares and this.
    pub unattributed_j: f64,
    /// Idle power around the windows.
    pub idle: IdlePower,
}

/// Power while nothing was asked of any model, in watts. `None` was not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct IdlePower {
    /// Before models were loaded.
    pub before_load_w: Option<f64>,
    /// With all of them resident.
    pub resident_w: Option<f64>,
    /// After the last window.
    pub after_w: Option<f64>,
    /// After ÷ with the models resident − 1 (÷ before load where that is unknown); `None` where readings cover
    /// different parts of the machine.
    pub drift: Option<f64>,
}

/// Money of one variant. `per_inference.point` is the sum of the components that are known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostReport {
    /// Currency of every amount.
    pub currency: Currency,
    /// Per answered request: what failures took is billed to the answers.
    pub per_inference: Option<Estimate>,
    /// Per correct answer.
    pub per_correct: Option<Estimate>,
    /// Per million output tokens.
    pub per_million_output_tokens: Option<Estimate>,
    /// What reading prompts costs, per million input tokens: the share of the cost that falls before the first token, by
    /// time. Output tokens bear it as well in `per_million_output_tokens`: the two are not to be added.
    #[serde(default)]
    pub per_million_input_tokens: Option<Estimate>,
    /// The parts of `per_inference.point`.
    pub components: CostComponents,
    /// Parts that are not in the total, and why.
    #[serde(flatten)]
    pub left_out: LeftOut,
}

/// The parts of the cost of one inference, in the report's currency. `None` is left out, not free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CostComponents {
    /// Electricity while it ran, PUE included.
    pub energy: Option<f64>,
    /// Its share of the machine.
    pub hardware: Option<f64>,
    /// Electricity of the unused time that utilization puts on it.
    pub idle: Option<f64>,
    /// People, licenses, space.
    pub operation: Option<f64>,
    /// The tokens of a hosted API, in place of all of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
}

/// Quality of one variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// Mean task score, 0 to 1.
    pub task_score: Option<Estimate>,
    /// Task score minus the baseline's, paired by prompt.
    pub task_score_difference: Option<Estimate>,
    /// Smallest loss of task score that this many prompts can resolve at 80 % power; `None` where no possible loss is
    /// large enough.
    pub minimum_detectable_loss: Option<f64>,
    /// Mean KL divergence from the baseline, in nats per token.
    pub kld_mean: Option<Estimate>,
    /// A lower bound of it, where a server lists only its likeliest tokens; `kld_mean` is then unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kld_at_least: Option<Estimate>,
    /// Median over tokens.
    pub kld_median: Option<f64>,
    /// 99th percentile over tokens.
    pub kld_p99: Option<f64>,
    /// Share of positions with the baseline's most likely token.
    pub top1_agreement: Option<Estimate>,
    /// Candidate's perplexity ÷ the baseline's, on the baseline's continuations.
    pub ppl_ratio: Option<Estimate>,
    /// Prompts whose answer changed.
    pub flips: Option<Flips>,
}

/// Prompts whose answer changed against the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Flips {
    /// Right with the baseline, wrong with the candidate.
    pub right_to_wrong: u64,
    /// Wrong with the baseline, right with the candidate.
    pub wrong_to_right: u64,
    /// Two-sided exact McNemar p-value.
    pub mcnemar_p: f64,
}
