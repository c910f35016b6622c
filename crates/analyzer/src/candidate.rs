//! One variant's part of the report.

use infercost_core::report::{CandidateReport, CostComponents, CostReport, EnergyReport, LatencyIntervals};
use infercost_core::{
    CostPart, EnergyScope, EnergySource, Estimate, Fact, LeftOut, OperatingPoint, Outcome, Reason, Unknown,
    Verdict,
};
use infercost_cost::Parts;
use infercost_stats::blocks::FEWEST_TO_COMPARE;
use infercost_stats::percentile::{Pooled, Timed};
use infercost_stats::quantile::quantile;

use crate::analysis::Analysis;
use crate::answer_counts::{FailureCounts, input_tokens};
use crate::energy_source;
use crate::idle_power::{Idle, idle_watts};
use crate::judgement::{Judgement, Measurement, QualityEvidence};
use crate::latency::latency;
use crate::notes;
use crate::pricing::{Basis, Compared, Metered, Pricing};
use crate::quality;
use crate::recommendation::SavingReplicates;
use crate::sample::known_lengths::{RatioAtLengths, RatioTails};
use crate::sample::{Own, Pair, Samples, Totals, VariantSample};
use crate::sequential::Levels;

/// Fewest prompts that both variants answered for a saving to be stated.
const FEWEST_ANSWERS: usize = 5;

/// One variant's energy, as far as the cost needs it.
struct Energy {
    report: EnergyReport,
    known: bool,
    /// False where any of it is an estimate.
    measured: bool,
    idle_watts: Option<f64>,
}

impl Energy {
    /// That of machines that nobody here sees.
    fn unseen() -> Self {
        let report = EnergyReport {
            source: EnergySource::Unavailable,
            scope: EnergyScope::default().to_string(),
            gross_j: None,
            net_j: None,
            idle_w: None,
            unattributed_j: None,
            per_inference_j: None,
            prefill_share: None,
        };
        Self { report, known: false, measured: true, idle_watts: None }
    }
}

/// A saving with its resamples, and what it compares where it rests on fewer parts than the totals.
#[derive(Default)]
pub(crate) struct Saving {
    estimate: Option<Estimate>,
    pub(crate) replicates: SavingReplicates,
    pub(crate) common_parts: Option<Fact>,
    /// What it holds for; `None` where it is not known, or holds for any lengths.
    pub(crate) basis: Option<Fact>,
}

/// What a candidate's report needs.
pub(crate) struct Context<'a> {
    pub(crate) analysis: &'a Analysis<'a>,
    pub(crate) samples: &'a Samples<'a>,
    /// The prices of its machine.
    pub(crate) pricing: Pricing<'a>,
    /// Those of the baseline's.
    pub(crate) reference_pricing: Pricing<'a>,
    /// The machine's name, where there are several.
    pub(crate) machine: Option<&'a str>,
    /// Bytes per second that its machine reads from memory, where measured.
    pub(crate) memory_bandwidth: Option<f64>,
    /// By run.
    pub(crate) idles: &'a [Option<Idle>],
}

impl Context<'_> {
    /// The report of the variant at `index`, and what its saving rests on.
    pub(crate) fn candidate(
        &self,
        index: usize,
        variant: &VariantSample<'_>,
        evidence: &QualityEvidence,
        judgement: Judgement,
    ) -> (CandidateReport, Saving) {
        let mut unknown = Unknown::default();
        let quality = quality::quality(self.samples, index, evidence, self.analysis.policy, &mut unknown);

        let energy = self.energy(index, variant, &mut unknown);
        let cost = self.cost(index, variant, &energy, &mut unknown);
        let own = basis(&self.pricing, variant, &energy);
        let saving = self.saving(index, variant, own, evidence.levels.as_ref(), &mut unknown);

        let timed = latency(variant.inferences());

        let decode = self.estimate(
            self.samples.layout.own(index, Own::Decoded),
            Reason::TooFewPrompts { needed: 2 },
            |totals| totals.of(index).decode_rate(),
        );

        let hides_thinking = variant.inferences().any(|inference| inference.outcome.hides_thinking());
        let prefill = self.estimate(
            self.samples.layout.own(index, Own::Prefilled),
            if hides_thinking { Reason::HiddenThinking } else { Reason::TooFewPrompts { needed: 2 } },
            |totals| totals.of(index).prefill_rate(),
        );

        let bandwidth_share = self.bandwidth_share(variant, &decode);
        let decode = unknown.known("decode_tokens_per_s", decode);

        let failures = FailureCounts::of(variant.first_inferences());
        let mut load_times: Vec<f64> =
            variant.loads.iter().map(|load| load.load_time.as_secs_f64()).collect();
        load_times.sort_unstable_by(f64::total_cmp);

        let report = CandidateReport {
            variant: variant.header.id.clone(),
            machine: self.machine.map(str::to_owned),
            engine: variant.header.engine.clone(),
            provenance: variant.header.provenance.clone(),
            noise_floor: variant.header.noise_floor,
            token_price: variant.header.token_price.clone(),
            inferences: failures.requests,
            failures: failures.failures,
            failure_kinds: failures.kinds,
            answers: failures.answers,
            failure_rate: unknown.known("failure_rate", self.failure_rate(variant)),
            input_tokens: unknown.known("input_tokens", input_tokens(variant)),
            output_tokens: failures.output_tokens,
            load_s: quantile(&load_times, 0.5),
            ttft_s: timed.ttft,
            tpot_s: timed.tpot,
            itl_s: timed.itl,
            latency_s: timed.latency,
            latency_intervals: self.latency_intervals(variant),
            prefill_tokens_per_s: unknown.known("prefill_tokens_per_s", prefill),
            decode_tokens_per_s: decode,
            bandwidth_share: unknown.known("bandwidth_share", bandwidth_share),
            energy: energy.report,
            cost,
            quality,
            verdict: judgement.verdict,
            reasons: reasons(index == self.samples.baseline, &judgement),
            gates: judgement.gates,
            saving: saving.estimate,
            operating_points: Vec::new(),
            unknown,
        };

        (report, saving)
    }

    /// The share of requests without an answer, by prompt.
    fn failure_rate(&self, variant: &VariantSample<'_>) -> Result<Estimate, Reason> {
        let shares: Vec<f64> = variant.asked.iter().filter_map(|prompt| variant.failed(prompt)).collect();
        let measured = Measurement::proportion(shares.iter().sum(), shares.len());
        measured
            .and_then(|measured| measured.two_sided(self.analysis.policy.confidence))
            .ok_or(Reason::NothingAsked)
    }

    fn latency_intervals(&self, variant: &VariantSample<'_>) -> LatencyIntervals {
        let [ttft_p50_s, ttft_p95_s] = self.percentiles(variant.timed(Outcome::time_to_first_token));
        let [tpot_p50_s, tpot_p95_s] = self.percentiles(variant.timed(Outcome::time_per_output_token));
        LatencyIntervals { ttft_p50_s, ttft_p95_s, tpot_p50_s, tpot_p95_s }
    }

    fn percentiles(&self, timed: Vec<Timed>) -> [Option<Estimate>; 2] {
        let pooled = Pooled::of(timed);
        let confidence = self.analysis.policy.confidence;
        [0.5, 0.95].map(|p| pooled.percentile(p, confidence, self.samples.blocks.is_nested()))
    }

    /// An interval by prompts and blocks, or why there is none.
    pub(crate) fn estimate(
        &self,
        presence: usize,
        too_few: Reason,
        statistic: impl Fn(Totals<'_>) -> f64,
    ) -> Result<Estimate, Reason> {
        let measured = self.samples.measured(presence, too_few, statistic)?;
        measured.estimate(self.analysis.policy.confidence).ok_or(Reason::TooWide)
    }

    /// Share of the memory bandwidth that decode reaches: bytes of weights per token × tokens/s ÷ bandwidth
    /// (the KV cache is left out, so the share is a lower bound). Only one request at a time: a batch reads
    /// the weights once for all.
    fn bandwidth_share(
        &self,
        variant: &VariantSample<'_>,
        decode: &Result<Estimate, Reason>,
    ) -> Result<f64, Reason> {
        let bandwidth = self.memory_bandwidth.filter(|bandwidth| *bandwidth > 0.0);
        let bandwidth = bandwidth.ok_or(Reason::NoBandwidth)?;
        let bytes = variant.header.engine.weight_bytes_per_token.ok_or(Reason::NoBytesPerToken)?;
        if variant.windows.iter().any(|window| window.operating_point != OperatingPoint::SEQUENTIAL) {
            return Err(Reason::SideBySide);
        }

        let decode = decode.as_ref().map_err(Reason::clone)?;
        Ok(bytes.0 as f64 * decode.point / bandwidth)
    }

    /// Energy of one variant. What is paid by its tokens took joules of machines that nobody here sees.
    fn energy(&self, index: usize, variant: &VariantSample<'_>, unknown: &mut Unknown) -> Energy {
        if variant.header.token_price.is_some() {
            unknown.insert("energy", Reason::PaidByTokens);
            return Energy::unseen();
        }

        let whole = variant.windows_by_run().filter(|(_, window)| !window.interrupted);
        let metered: Vec<_> = whole.filter(|(_, window)| window.energy.joules().is_some()).collect();
        let known = !metered.is_empty();

        let source = energy_source::of(metered.iter().map(|(_, window)| &window.energy));
        let mut scope = EnergyScope::default();
        let (mut gross, mut seconds) = (0.0, 0.0);

        for (_, window) in &metered {
            scope = scope.union(&window.energy.scope());
            gross += window.energy.joules().map_or(0.0, |joules| joules.get());
            seconds += window.wall_time.as_secs_f64();
        }

        // Idle power of another boundary cannot be taken off, nor this machine's from a server elsewhere.
        let idle = if known {
            idle_watts(self.idles, metered.into_iter())
        } else if variant.header.provenance.other_machine().is_none() {
            idle_watts(self.idles, variant.windows_by_run())
        } else {
            Err(Reason::OtherMachine)
        };

        let idle = unknown.known("net_j", idle);

        let per_inference_j = if known {
            let presence = self.samples.layout.own(index, Own::Asked);
            let no_answer = self.too_few_answers(variant.answered.len());
            let joules = self.estimate(presence, no_answer, |totals| totals.of(index).joules_per_answer());
            unknown.known("per_inference_j", joules)
        } else {
            unknown.insert("energy", notes::no_energy(variant));
            None
        };

        let report = EnergyReport {
            source,
            scope: scope.to_string(),
            gross_j: known.then_some(gross),
            net_j: idle.filter(|_| known).map(|watts| gross - watts * seconds),
            idle_w: idle,
            unattributed_j: known.then_some(variant.unattributed),
            per_inference_j,
            prefill_share: self.prefill_share(variant).filter(|_| known),
        };

        Energy { report, known, measured: source != EnergySource::Estimated, idle_watts: idle }
    }

    fn prefill_share(&self, variant: &VariantSample<'_>) -> Option<f64> {
        let powers = variant.powers?;
        let (mut prefill, mut all) = (0.0, 0.0);
        for share in variant.windows.iter().flat_map(|window| crate::attribution::time_shares(window)) {
            prefill += powers.prefill * share.prefill;
            all += powers.prefill * share.prefill + powers.decode * share.decode;
        }
        (all > 0.0).then(|| prefill / all)
    }

    /// Why a mean over answers is not known, where so many prompts were answered.
    pub(crate) fn too_few_answers(&self, answered: usize) -> Reason {
        if answered == 0 { Reason::NoAnswer } else { Reason::TooFewPrompts { needed: 2 } }
    }

    fn cost(
        &self,
        index: usize,
        variant: &VariantSample<'_>,
        energy: &Energy,
        unknown: &mut Unknown,
    ) -> CostReport {
        let (parts, left_out) = parts(&self.pricing, variant, energy);
        let of_one = CostOfOne { context: self, index, parts, idle_watts: energy.idle_watts };

        let observed = Metered::per_answer(self.samples.observed().of(index).spent(), energy.idle_watts);
        let (components, sum) = if observed.busy_s.is_finite() {
            self.pricing.components(&observed, parts)
        } else {
            (CostComponents::default(), None)
        };

        let answered = variant.answered.len();
        let of_cost = of_one.estimate(answered, self.too_few_answers(answered), |totals| of_one.cost(totals));
        let per_correct = of_one.estimate(answered, Reason::NoneRight, |totals| {
            of_one.cost(totals) / totals.of(index).right_per_answer()
        });
        let per_million = of_one.estimate(answered, Reason::NoOutput, |totals| {
            of_one.cost(totals) * 1e6 / totals.of(index).output_per_answer()
        });

        let per_million_input = match (&variant.header.token_price, input_tokens(variant)) {
            (Some(_), _) => Err(Reason::PaidByTokens),
            (None, Err(reason)) => Err(reason),
            (None, Ok(_)) => of_one.estimate(answered, Reason::TooFewPrompts { needed: 2 }, |totals| {
                of_one.cost(totals) * 1e6 * totals.of(index).prefill_per_input_token()
            }),
        };

        let of_cost = unknown.known("per_inference", of_cost);
        let per_correct = unknown.known("per_correct", per_correct);
        let per_million = unknown.known("per_million_output_tokens", per_million);
        let per_million_input = unknown.known("per_million_input_tokens", per_million_input);

        CostReport {
            currency: self.pricing.currency(),
            // The point is the sum of the rounded parts.
            per_inference: of_cost.and_then(|cost| Some(Estimate { point: sum?, ..cost })),
            per_correct,
            per_million_output_tokens: per_million,
            per_million_input_tokens: per_million_input,
            components,
            left_out,
        }
    }

    /// What the baseline's part in a comparison of costs rests on.
    pub(crate) fn reference(&self) -> Option<Basis> {
        let baseline = self.samples.variants.get(self.samples.baseline)?;
        let energy = self.energy(self.samples.baseline, baseline, &mut Unknown::default());
        Some(basis(&self.reference_pricing, baseline, &energy))
    }

    /// Saving against the baseline: 1 − cost of an answered request ÷ the baseline's, over the prompts that both
    /// answered, what failures took billed to the answers.
    fn saving(
        &self,
        index: usize,
        variant: &VariantSample<'_>,
        own: Basis,
        levels: Option<&Levels>,
        unknown: &mut Unknown,
    ) -> Saving {
        let Some(baseline) = self.samples.variants.first().filter(|_| index != self.samples.baseline) else {
            return Saving::default();
        };
        let Some(reference) = self.reference() else { return Saving::default() };
        let compared = match self.pricing.compared(&own, &self.reference_pricing, &reference) {
            Ok(compared) => compared,
            Err(reason) => {
                unknown.insert("saving", reason);
                return Saving::default();
            }
        };

        // Each by the prices and the idle power of the machine that it ran on.
        let ratio = |totals: Totals<'_>| {
            let pair = totals.pair(index);
            let took = Metered::per_answer(pair.variant(), own.idle_watts);
            let baseline = Metered::per_answer(pair.baseline(), reference.idle_watts);
            let baseline = self.reference_pricing.cost(&baseline, compared.reference);
            self.pricing.cost(&took, compared.own) / baseline
        };

        let both = variant.answered.both(&baseline.answered).count();
        let at_lengths = self.samples.at_known_lengths(index, self.analysis.runs, &ratio);
        let found = self.saving_interval(index, both, levels, &ratio, at_lengths.as_ref());
        let found = found.and_then(|saving| compared.said(saving));
        if matches!(found, Err(Reason::MachineCostInPart)) {
            unknown.insert("saving", Reason::MachineCostInPart);
            return Saving::default();
        }
        let estimate = unknown.known("saving", found);
        let basis = at_lengths.filter(|_| estimate.is_some()).map(|known| known.fact());

        let replicates = SavingReplicates {
            by_prompts: self.samples.draws(|totals| 1.0 - ratio(totals)),
            without_block: self.samples.without_each_block(index, |totals| 1.0 - ratio(totals)),
            blocks: self.samples.comparison_blocks(index),
            is_nested: self.samples.is_nested(index),
        };

        let common_parts = match compared.at_least {
            true => Some(Fact::SavingAtLeast { variant: variant.header.id.variant_name().to_owned() }),
            false => common_parts(variant, &own, &reference, &compared),
        };
        Saving { estimate, replicates, common_parts, basis }
    }

    fn saving_interval(
        &self,
        index: usize,
        both_answered: usize,
        levels: Option<&Levels>,
        ratio: &impl Fn(Totals<'_>) -> f64,
        at_lengths: Option<&RatioAtLengths>,
    ) -> Result<Estimate, Reason> {
        if both_answered < FEWEST_ANSWERS {
            let (answered, needed) = (both_answered as u64, FEWEST_ANSWERS as u64);
            return Err(Reason::TooFewAnswers { answered, needed });
        }

        let presence = self.samples.layout.pair(index, Pair::Shared);
        let too_few = Reason::TooFewPrompts { needed: FEWEST_ANSWERS as u64 };
        let measured = self.samples.compared(index, presence, too_few, ratio)?;
        if measured.blocks() < FEWEST_TO_COMPARE {
            return Err(Reason::TooFewBlocks);
        }

        let confidence = self.analysis.policy.confidence;
        let alpha = (1.0 - confidence) / 2.0;
        let (below, above) = levels.map_or((alpha, alpha), Levels::two_sided);

        // What the ratio may lie below is what the saving may lie above.
        let tails = RatioTails { below: above, above: below, confidence };
        let ratio = match at_lengths {
            Some(known) => known.interval(tails),
            None => measured.interval(tails.below, tails.above, confidence),
        };
        Ok(ratio.ok_or(Reason::TooWide)?.map(|ratio| 1.0 - ratio))
    }
}

/// The parts that a variant's cost holds, and why others are left out.
fn parts(pricing: &Pricing<'_>, variant: &VariantSample<'_>, energy: &Energy) -> (Parts, LeftOut) {
    let (parts, mut left_out) = pricing.parts(variant.header, energy.known, energy.idle_watts.is_some());
    match input_tokens(variant) {
        // a bill of the output tokens alone would be none
        Err(reason) if parts.tokens => {
            left_out.insert(CostPart::Tokens, reason);
            (Parts::default(), left_out)
        }
        _ => (parts, left_out),
    }
}

/// What a variant's part in a comparison of costs rests on.
fn basis(pricing: &Pricing<'_>, variant: &VariantSample<'_>, energy: &Energy) -> Basis {
    let (parts, left_out) = parts(pricing, variant, energy);
    Basis::of(parts, &left_out, energy.measured, energy.idle_watts)
}

/// The cost of one answered request of a variant, as a function of its totals.
struct CostOfOne<'c> {
    context: &'c Context<'c>,
    index: usize,
    parts: Parts,
    idle_watts: Option<f64>,
}

impl CostOfOne<'_> {
    fn cost(&self, totals: Totals<'_>) -> f64 {
        let metered = Metered::per_answer(totals.of(self.index).spent(), self.idle_watts);
        self.context.pricing.cost(&metered, self.parts)
    }

    /// The interval of something that follows from the cost, where so many prompts were answered.
    fn estimate(
        &self,
        answered: usize,
        too_few: Reason,
        statistic: impl Fn(Totals<'_>) -> f64,
    ) -> Result<Estimate, Reason> {
        if !self.parts.any() {
            return Err(Reason::NoCost);
        }
        if answered == 0 {
            return Err(Reason::NoAnswer);
        }

        let presence = self.context.samples.layout.own(self.index, Own::Asked);
        self.context.estimate(presence, too_few, statistic)
    }
}

/// That a saving compares fewer parts than a total holds; `None` where it compares all.
fn common_parts(
    variant: &VariantSample<'_>,
    own: &Basis,
    reference: &Basis,
    compared: &Compared,
) -> Option<Fact> {
    let mixed = own.known.tokens != reference.known.tokens;
    if mixed || (own.measured == compared.own && reference.measured == compared.reference) {
        return None;
    }

    let parts = compared.own.names();
    Some(Fact::CommonParts { variant: variant.header.id.variant_name().to_owned(), parts })
}

fn reasons(is_baseline: bool, judgement: &Judgement) -> Vec<String> {
    let mut reasons = Vec::new();
    if is_baseline {
        reasons.push("it is what the others are compared with".to_owned());
    }
    let mut gates: Vec<_> = judgement.gates.iter().collect();
    gates.sort_by_key(|gate| match gate.verdict {
        Verdict::Fail => 0,
        Verdict::Inconclusive => 1,
        Verdict::Pass => 2,
    });

    reasons.extend(gates.iter().map(|gate| gate.why.clone()));
    if reasons.is_empty() {
        reasons.push("no quality threshold could be applied: nothing was graded and none is set".to_owned());
    }
    reasons
}
