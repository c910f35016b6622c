//! One variant's part of the report.

use std::collections::BTreeMap;

use infercost_core::manifest::Provenance;
use infercost_core::price::{HardwareCost, PriceBook};
use infercost_core::report::{CandidateReport, CostComponents, CostReport, EnergyReport, LatencyIntervals};
use infercost_core::{EnergyScope, Estimate, OperatingPoint, Outcome, Verdict, WindowRecord};

use crate::cost::{Parts, Rates, Usage};
use crate::energy_source;
use crate::judgement::{Judgement, QualityEvidence};
use crate::latency::latency;
use crate::notes;
use crate::quality;
use crate::recommendation::SavingReplicates;
use crate::report::{Analysis, idle_behind};
use crate::sample::{Samples, TOO_FEW_BLOCKS, VariantSample, at, own, pair};
use crate::sequential::Levels;
use infercost_stats::blocks::FEWEST_TO_COMPARE;
use infercost_stats::percentile::{Timed, percentile};
use infercost_stats::quantile::quantile;
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
    pub(crate) replicates: SavingReplicates,
    pub(crate) note: Option<String>,
}

/// What every candidate's report needs.
pub(crate) struct Context<'a> {
    pub(crate) analysis: &'a Analysis<'a>,
    pub(crate) samples: &'a Samples<'a>,
    pub(crate) rates: Rates,
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
        let mut unknown = BTreeMap::new();
        let quality = quality::quality(self.samples, index, evidence, self.analysis.policy, &mut unknown);
        let metered = self.energy(index, variant, &mut unknown);
        let (cost, parts) = self.cost(index, &metered, &mut unknown);
        let (saving, replicates) = self.saving(
            index,
            variant,
            (parts.of_energy(metered.measured), metered.idle_watts),
            evidence.levels.as_ref(),
            &mut unknown,
        );
        let timed = latency(variant.inferences());
        let decode = self.rate(index, own::DECODED, own::DECODE_TOKENS, own::DECODE_TIME);
        let prefill = self.rate(index, own::PREFILLED, own::PREFILL_TOKENS, own::PREFILL_TIME);
        let decode = known(decode, "decode_tokens_per_s", &mut unknown);
        let prefill = known(prefill, "prefill_tokens_per_s", &mut unknown);
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
            latency_intervals: self.latency_intervals(variant),
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
        (report, replicates)
    }

    fn latency_intervals(&self, variant: &VariantSample<'_>) -> LatencyIntervals {
        let (ttft, tpot) = variant.timed();
        let (confidence, nested) = (self.analysis.policy.confidence, self.samples.blocks.is_nested());
        let of = |values: &[Timed], p: f64| percentile(values, p, confidence, nested);
        LatencyIntervals {
            ttft_p50_s: of(&ttft, 0.5),
            ttft_p95_s: of(&ttft, 0.95),
            tpot_p50_s: of(&tpot, 0.5),
            tpot_p95_s: of(&tpot, 0.95),
        }
    }

    fn rate(&self, index: usize, presence: usize, tokens: usize, time: usize) -> Known<Estimate> {
        let first = self.samples.own(index);
        let too_few = "fewer than two prompts have such a time";
        self.estimate(first + presence, too_few, |totals| {
            at(totals, first + tokens) / at(totals, first + time)
        })
    }

    fn estimate(
        &self,
        presence: usize,
        too_few_prompts: &'static str,
        statistic: impl Fn(&[f64]) -> f64,
    ) -> Known<Estimate> {
        let measured = self.samples.measured(presence, too_few_prompts, statistic)?;
        measured.estimate(self.analysis.policy.confidence).ok_or(TOO_FEW_BLOCKS)
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
        // Idle power of another boundary cannot be taken off, nor this machine's from a server elsewhere.
        let readable = || variant.windows_by_run().filter(|(_, window)| !window.interrupted);
        let is_metered = |(_, window): &(usize, &WindowRecord)| window.energy.joules().is_some();
        let idle = if known {
            idle_behind(self.idles, readable().filter(is_metered))
        } else if is_here(variant) {
            idle_behind(self.idles, variant.windows_by_run())
        } else {
            Err("the server runs on another machine")
        };
        let first = self.samples.own(index);
        let share = |totals: &[f64]| at(totals, first + own::JOULES) / at(totals, first + own::METERED);
        let too_few = "fewer than two prompts ran in metered windows";
        let per_inference = if known {
            self::known(self.estimate(first + own::METERED, too_few, share), "per_inference_j", unknown)
        } else {
            unknown.insert("energy".into(), notes::no_energy(variant));
            None
        };
        if let Err(reason) = idle {
            unknown.insert("net_j".into(), reason.into());
        }
        let idle_watts = idle.ok();
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
        let presence = first + if parts.energy { own::METERED } else { own::ANSWERED };
        let mut estimate = |name: &str, too_few: &'static str, statistic: &dyn Fn(&[f64]) -> f64| {
            let found = if parts.any() {
                self.estimate(presence, too_few, statistic)
            } else {
                Err("no part of the cost is known")
            };
            known(found, name, unknown)
        };
        let of_cost = estimate("per_inference", "fewer than two prompts were answered", &per_inference);
        let of_cost = of_cost.and_then(|estimate| sum.map(|sum| Estimate { point: sum, ..estimate }));
        let per_correct =
            estimate("per_correct", "no answer, or too few, were graded and right", &|totals| {
                per_inference(totals) * at(totals, first + own::SCORED) / at(totals, first + own::SCORE)
            });
        let name = "per_million_output_tokens";
        let per_million = estimate(name, "no output, or too little, was written", &|totals| {
            per_inference(totals) * 1e6 * at(totals, first + own::INFERENCES)
                / at(totals, first + own::OUTPUT)
        });
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
        (parts, idle_watts): (Parts, Option<f64>),
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
        // Each by the machines that it ran on.
        let idle = [(pair::BASELINE, reference.idle_watts), (pair::VARIANT, idle_watts)];
        let idle_of = |column| idle.iter().find(|(one, _)| *one == column).and_then(|(_, watts)| *watts);
        let first = self.samples.pair(index);
        let ratio = |totals: &[f64]| {
            let cost = |column| self.rates.cost(&usage(totals, first + column, idle_of(column)), common);
            cost(pair::VARIANT) / cost(pair::BASELINE)
        };
        let confidence = self.analysis.policy.confidence;
        let alpha = (1.0 - confidence) / 2.0;
        let (below, above) = levels.map_or((alpha, alpha), Levels::two_sided);
        let presence = first + if common.energy { pair::VARIANT_METERED } else { pair::SHARED };
        let found = self.samples.measured(presence, "fewer than two prompts were answered by both", ratio);
        let found =
            found.and_then(
                |found| {
                    if found.blocks() < FEWEST_TO_COMPARE { Err(TOO_FEW_BLOCKS) } else { Ok(found) }
                },
            );
        // What the ratio may lie below is what the saving may lie above.
        let interval = found.and_then(|found| found.interval(above, below, confidence).ok_or(TOO_FEW_BLOCKS));
        let estimate = known(interval, "saving", unknown).map(|ratio| ratio.map(|ratio| 1.0 - ratio));
        let saving = |totals: &[f64]| 1.0 - ratio(totals);
        let replicates = SavingReplicates {
            by_prompts: self.samples.resampled.draws(saving),
            without_block: self.samples.blocks.without_each(first + pair::SHARED, saving).1,
            is_nested: self.samples.blocks.is_nested(),
        };
        (estimate, Saving { replicates, note })
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

/// A value, or why there is none.
type Known<T> = Result<T, &'static str>;

/// Keeps the reason under the name of the field.
fn known<T>(found: Known<T>, name: &str, unknown: &mut BTreeMap<String, String>) -> Option<T> {
    found.map_err(|reason| unknown.insert(name.to_owned(), reason.to_owned())).ok()
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
