//! One variant's part of the report.

use std::collections::BTreeMap;

use infercost_schema::manifest::Provenance;
use infercost_schema::price::{HardwareCost, PriceBook};
use infercost_schema::report::{CandidateReport, CostComponents, CostReport, EnergyReport};
use infercost_schema::{EnergyScope, Estimate, OperatingPoint, Outcome, Verdict};

use crate::cost::{Parts, Rates, Usage};
use crate::energy_source;
use crate::judgement::{Judgement, QualityEvidence};
use crate::latency::latency;
use crate::notes;
use crate::quality;
use crate::report::Analysis;
use crate::sample::{Samples, VariantSample, at, own, pair};
use crate::sequential::Levels;
use crate::statistics::quantile::quantile;
use crate::wording::{count, quoted};

/// Idle power and what it covers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Idle {
    pub(crate) watts: f64,
    pub(crate) scope: EnergyScope,
}

/// One variant's energy, as far as the cost needs it.
struct Metered {
    report: EnergyReport,
    known: bool,
    /// False where any of it is an estimate.
    measured: bool,
    idle_watts: Option<f64>,
}

/// A saving with its resamples, and a sentence where it rests on fewer parts than the totals.
#[derive(Default)]
pub(crate) struct Saving {
    pub(crate) draws: Vec<f64>,
    pub(crate) note: Option<String>,
}

/// What every candidate's report needs.
pub(crate) struct Context<'a> {
    pub(crate) analysis: &'a Analysis<'a>,
    pub(crate) samples: &'a Samples<'a>,
    pub(crate) rates: Rates,
    pub(crate) idle: Option<&'a Idle>,
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
        let mut unknown = BTreeMap::new();
        let quality = quality::quality(self.samples, index, evidence, self.analysis.policy, &mut unknown);
        let metered = self.energy(index, variant, &mut unknown);
        let (cost, parts) = self.cost(index, &metered, &mut unknown);
        let (saving, draws) = self.saving(
            index,
            variant,
            parts.of_energy(metered.measured),
            evidence.levels.as_ref(),
            &mut unknown,
        );
        let timed = latency(variant.inferences());
        let decode = self.rate(index, own::DECODED, own::DECODE_TOKENS, own::DECODE_TIME);
        let prefill = self.rate(index, own::PREFILLED, own::PREFILL_TOKENS, own::PREFILL_TIME);
        for (name, missing) in
            [("decode_tokens_per_s", decode.is_none()), ("prefill_tokens_per_s", prefill.is_none())]
        {
            if missing {
                unknown.insert(name.into(), "fewer than two prompts have such a time".into());
            }
        }
        let bandwidth_share = self.bandwidth_share(variant, decode.as_ref(), &mut unknown);
        let mut failure_kinds: BTreeMap<String, u64> = BTreeMap::new();
        for inference in variant.inferences() {
            if let Outcome::Failed { kind, .. } = &inference.outcome {
                *failure_kinds.entry(kind.name().to_owned()).or_default() += 1;
            }
        }
        let output = variant.inferences().map(|inference| u64::from(inference.outcome.output_tokens())).sum();
        let input_tokens = input_tokens(variant, &mut unknown);
        let mut load_times: Vec<f64> =
            variant.loads.iter().map(|load| load.load_time.as_secs_f64()).collect();
        load_times.sort_unstable_by(f64::total_cmp);
        let report = CandidateReport {
            variant: variant.header.id.clone(),
            engine: variant.header.engine.clone(),
            provenance: variant.header.provenance.clone(),
            noise_floor: variant.header.noise_floor,
            inferences: variant.inferences().count() as u64,
            failures: failure_kinds.values().sum(),
            failure_kinds,
            input_tokens,
            output_tokens: output,
            load_s: quantile(&load_times, 0.5),
            ttft_s: timed.ttft,
            tpot_s: timed.tpot,
            itl_s: timed.itl,
            latency_s: timed.latency,
            prefill_tokens_per_s: prefill,
            decode_tokens_per_s: decode,
            bandwidth_share,
            energy: metered.report,
            cost,
            quality,
            verdict: judgement.verdict,
            reasons: reasons(index == self.samples.baseline, &judgement),
            gates: judgement.gates,
            saving,
            operating_points: Vec::new(),
            unknown,
        };
        (report, draws)
    }

    fn rate(&self, index: usize, presence: usize, tokens: usize, time: usize) -> Option<Estimate> {
        let first = self.samples.own(index);
        self.estimate(first + presence, |totals| at(totals, first + tokens) / at(totals, first + time))
    }

    fn estimate(&self, presence: usize, statistic: impl Fn(&[f64]) -> f64) -> Option<Estimate> {
        self.samples.resampled.distribution(presence, statistic)?.estimate(self.analysis.policy.confidence)
    }

    /// Share of the memory bandwidth that decode reaches: bytes of weights per token × tokens/s ÷ bandwidth
    /// (the KV cache is left out, so the share is a lower bound). Only one request at a time: a batch reads
    /// the weights once for all.
    fn bandwidth_share(
        &self,
        variant: &VariantSample<'_>,
        decode: Option<&Estimate>,
        unknown: &mut BTreeMap<String, String>,
    ) -> Option<f64> {
        let mut because = |reason: &str| {
            unknown.insert("bandwidth_share".into(), reason.into());
            None
        };
        let bandwidth = self.analysis.memory_bandwidth.filter(|bandwidth| *bandwidth > 0.0);
        let Some(bandwidth) = bandwidth else { return because("the memory bandwidth was not measured") };
        let Some(bytes) = variant.header.engine.weight_bytes_per_token else {
            return because("the bytes read per token are unknown");
        };
        if variant.windows.iter().any(|window| window.operating_point != OperatingPoint::SEQUENTIAL) {
            return because("requests ran side by side");
        }
        decode.map(|decode| bytes.0 as f64 * decode.point / bandwidth)
    }

    fn energy(
        &self,
        index: usize,
        variant: &VariantSample<'_>,
        unknown: &mut BTreeMap<String, String>,
    ) -> Metered {
        let readable = variant.windows.iter().filter(|window| !window.interrupted);
        let metered: Vec<_> =
            readable.filter_map(|window| Some((window, window.energy.joules()?.get()))).collect();
        let source = energy_source::of(metered.iter().map(|(window, _)| &window.energy));
        let scopes: Vec<EnergyScope> = metered.iter().map(|(window, _)| window.energy.scope()).collect();
        let scope = scopes.iter().fold(EnergyScope::default(), |all, scope| all.union(scope));
        let known = !metered.is_empty();
        let gross: f64 = metered.iter().map(|(_, joules)| joules).sum();
        let seconds: f64 = metered.iter().map(|(window, _)| window.wall_time.as_secs_f64()).sum();
        // Idle power of another boundary cannot be taken off.
        let same_boundary =
            self.idle.filter(|idle| !known || scopes.iter().all(|scope| *scope == idle.scope));
        // Nor is this machine's idle power that of a server elsewhere.
        let idle_watts = same_boundary.filter(|_| known || is_here(variant)).map(|idle| idle.watts);
        let first = self.samples.own(index);
        let share = |totals: &[f64]| at(totals, first + own::JOULES) / at(totals, first + own::METERED);
        let per_inference = if known { self.estimate(first + own::ANSWERED, share) } else { None };
        if !known {
            unknown.insert("energy".into(), notes::no_energy(variant));
        } else if per_inference.is_none() {
            unknown.insert("per_inference_j".into(), "fewer than two prompts ran in metered windows".into());
        }
        if idle_watts.is_none() {
            let reason = if !is_here(variant) && !known {
                "the server runs on another machine"
            } else if self.idle.is_some() {
                "the idle power covers other parts of the machine than the windows"
            } else {
                "no idle power was measured"
            };
            unknown.insert("net_j".into(), reason.into());
        }
        let report = EnergyReport {
            source: source.to_owned(),
            scope: scope.to_string(),
            gross_j: known.then_some(gross),
            net_j: idle_watts.filter(|_| known).map(|watts| gross - watts * seconds),
            idle_w: idle_watts,
            unattributed_j: known.then_some(variant.unattributed),
            per_inference_j: per_inference,
            prefill_share: self.prefill_share(variant).filter(|_| known),
        };
        let measured = source != "estimated";
        Metered { report, known, measured, idle_watts }
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

    /// Parts that the cost of the variant at `index` holds, and why others are left out.
    fn parts(&self, index: usize, metered: &Metered) -> (Parts, BTreeMap<String, String>) {
        let (mut parts, mut left_out) = self.rates.parts(metered.known, metered.idle_watts.is_some());
        let provenance = self.samples.variants.get(index).map(|variant| &variant.header.provenance);
        if let Some(why) = provenance.and_then(|from| foreign_hardware(from, self.analysis.prices)) {
            parts.hardware = false;
            left_out.insert("hardware".into(), why);
        }
        (parts, left_out)
    }

    fn cost(
        &self,
        index: usize,
        metered: &Metered,
        unknown: &mut BTreeMap<String, String>,
    ) -> (CostReport, Parts) {
        let (parts, left_out) = self.parts(index, metered);
        let first = self.samples.own(index);
        let idle_watts = metered.idle_watts;
        let per_inference =
            |totals: &[f64]| self.rates.cost(&usage(totals, first + own::INFERENCES, idle_watts), parts);
        let observed = usage(self.samples.resampled.observed(), first + own::INFERENCES, idle_watts);
        let ran = observed.busy.is_finite();
        let (components, sum) =
            if ran { self.rates.components(&observed, parts) } else { (CostComponents::default(), None) };
        let presence = first + own::ANSWERED;
        let exact = |estimate: Estimate| sum.map(|sum| Estimate { point: sum, ..estimate });
        let estimate = |statistic: &dyn Fn(&[f64]) -> f64| {
            if parts.any() { self.estimate(presence, statistic) } else { None }
        };
        let of_cost = estimate(&per_inference).and_then(exact);
        let per_correct = estimate(&|totals| {
            per_inference(totals) * at(totals, first + own::SCORED) / at(totals, first + own::SCORE)
        });
        let per_million = estimate(&|totals| {
            per_inference(totals) * 1e6 * at(totals, first + own::INFERENCES)
                / at(totals, first + own::OUTPUT)
        });
        let mut because = |name: &str, missing: bool, reason: &str| {
            if missing {
                let reason = if parts.any() { reason } else { "no part of the cost is known" };
                unknown.insert(name.into(), reason.into());
            }
        };
        because("per_inference", of_cost.is_none(), "fewer than two prompts were answered");
        because("per_correct", per_correct.is_none(), "no answer, or too few, were graded and right");
        because("per_million_output_tokens", per_million.is_none(), "no output, or too little, was written");
        let report = CostReport {
            currency: self.analysis.prices.currency,
            per_inference: of_cost,
            per_correct,
            per_million_output_tokens: per_million,
            components,
            left_out,
        };
        (report, parts)
    }

    /// Saving against the baseline over the prompts that both answered: 1 − cost ÷ cost of the baseline.
    fn saving(
        &self,
        index: usize,
        variant: &VariantSample<'_>,
        parts: Parts,
        levels: Option<&Levels>,
        unknown: &mut BTreeMap<String, String>,
    ) -> (Option<Estimate>, Saving) {
        let Some(baseline) = self.samples.variants.first().filter(|_| index != self.samples.baseline) else {
            return (None, Saving::default());
        };
        let mut ignored = BTreeMap::new();
        let reference = self.energy(self.samples.baseline, baseline, &mut ignored);
        let (of_baseline, _) = self.parts(self.samples.baseline, &reference);
        let of_baseline = of_baseline.of_energy(reference.measured);
        let common = parts.common(of_baseline);
        if !common.any() {
            unknown.insert("saving".into(), "the costs have no known part in common".into());
            return (None, Saving::default());
        }
        let name = variant.header.id.variant_name();
        let note = (parts != of_baseline).then(|| {
            let names = common.names();
            format!("The saving of {name} compares only what is known of both costs: {names}.")
        });
        let own_idle = self.idle.map(|idle| idle.watts);
        let first = self.samples.pair(index);
        let saving = |totals: &[f64]| {
            let cost = |column| self.rates.cost(&usage(totals, first + column, own_idle), common);
            1.0 - cost(pair::VARIANT) / cost(pair::BASELINE)
        };
        let confidence = self.analysis.policy.confidence;
        let alpha = (1.0 - confidence) / 2.0;
        let (below, above) = levels.map_or((alpha, alpha), Levels::two_sided);
        let distribution = self.samples.resampled.distribution(first + pair::SHARED, saving);
        let estimate = distribution.and_then(|found| found.interval(below, above, confidence));
        if estimate.is_none() {
            unknown.insert("saving".into(), "fewer than two prompts were answered by both".into());
        }
        (estimate, Saving { draws: self.samples.resampled.draws(saving), note })
    }
}

/// Prompt tokens of all answers; a failure has none that count.
fn input_tokens(variant: &VariantSample<'_>, unknown: &mut BTreeMap<String, String>) -> Option<u64> {
    let answers = || variant.inferences().filter(|one| matches!(one.outcome, Outcome::Completed { .. }));
    let untold = answers().filter(|one| one.input_tokens.is_none()).count();
    if untold > 0 {
        let all = answers().count() as u64;
        let reason = format!("nobody counted the prompt tokens of {untold} of {}", count(all, "answer"));
        unknown.insert("input_tokens".into(), reason);
        return None;
    }
    Some(answers().filter_map(|one| one.input_tokens).map(u64::from).sum())
}

/// True for what runs on the machine that measured.
fn is_here(variant: &VariantSample<'_>) -> bool {
    variant.header.provenance.other_machine().is_none()
}

/// Why the price of the hardware does not hold for a server on another machine; `None` where it does. A rate by the
/// hour holds for whatever is rented.
pub(crate) fn foreign_hardware(provenance: &Provenance, prices: &PriceBook) -> Option<String> {
    let rented = matches!(prices.hardware, Some(HardwareCost::Rented { .. }));
    let host = provenance.other_machine().filter(|_| !rented && prices.hardware.is_some())?;
    Some(format!(
        "the server runs on {}, and what that machine costs is unknown; give its rate per hour",
        quoted(&host)
    ))
}

/// Mean usage from column sums: inferences, busy seconds, joules, metered inferences, from `first` on.
fn usage(totals: &[f64], first: usize, idle_watts: Option<f64>) -> Usage {
    let joules = at(totals, first + 2) / at(totals, first + 3);
    Usage {
        busy: at(totals, first + 1) / at(totals, first),
        joules: joules.is_finite().then_some(joules),
        idle_watts,
    }
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
