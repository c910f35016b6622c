//! A report with everything that it rests on: every interval, every finding, every gate in words.

use std::fmt::Write as _;

use infercost_core::report::{CandidateReport, Report};
use infercost_core::{EnergySource, Estimate, Severity, Verdict};
use infercost_run::number;

use crate::output::energy_line;
use crate::output::layout::{aligned, columns, short_name, styled as out, unknown, verdict};
use crate::output::terminal::{DOUBT, STRONG, plain};

/// All of it as text.
pub(crate) fn render(report: &Report) -> String {
    let mut text = format!("{}\n{}\n", cost_table(report), quality_table(report));

    if let Some(energy) = energy_line::render(report) {
        let _ = writeln!(text, "{energy}\n");
    }
    for candidate in report.candidates.iter().filter(|candidate| candidate.variant != report.baseline) {
        for gate in candidate.gates.iter().filter(|gate| decides(gate.verdict, candidate.verdict)) {
            let name = short_name(report, candidate);
            let _ = writeln!(text, "{}: {}", out(STRONG, &name), plain(&gate.why));
        }
    }

    let _ = writeln!(text);
    for finding in &report.findings {
        let mark = if finding.severity == Severity::Warning { out(DOUBT, "!") } else { "-".to_owned() };
        let _ = writeln!(text, "{mark} {}", plain(&finding.sentence()));
    }
    text
}

/// A person asks why a candidate does not pass; why it passes stands in the table.
fn decides(gate: Verdict, candidate: Verdict) -> bool {
    gate == candidate && candidate != Verdict::Pass
}

fn cost_table(report: &Report) -> String {
    let typical = report.candidates.iter().find_map(|candidate| candidate.cost.per_inference);
    let (factor, prefix) = number::scale(typical.map_or(1.0, |estimate| estimate.point));
    let currency = report.price_book.currency;
    let header = ["variant", "size", "verdict", "decode tok/s", "TTFT p50", "J/inference"].map(str::to_owned);
    let money = [format!("{prefix}{currency}/inference"), "saving".to_owned()];
    let mut table = columns(header.into_iter().chain(money).collect());
    for candidate in &report.candidates {
        let joules = match &candidate.energy.per_inference_j {
            Some(energy) if candidate.energy.source == EnergySource::Estimated => {
                format!("{} estimated", number::estimate(energy))
            }
            Some(energy) => number::estimate(energy),
            None if candidate.energy.gross_j.is_some() => unknown(),
            None => "not measured".to_owned(),
        };
        table.add_row(vec![
            short_name(report, candidate),
            candidate.engine.file_size.map_or_else(unknown, |size| number::bytes(size.0)),
            verdict(report, candidate).to_owned(),
            candidate.decode_tokens_per_s.as_ref().map_or_else(unknown, number::estimate),
            ttft(candidate),
            joules,
            candidate
                .cost
                .per_inference
                .map_or_else(unknown, |cost| number::estimate(&cost.map(|amount| amount * factor))),
            candidate.saving.as_ref().map_or_else(unknown, number::percent_estimate),
        ]);
    }
    aligned(table)
}

/// The median time to first token, with its interval where it has one.
fn ttft(candidate: &CandidateReport) -> String {
    let point = candidate.ttft_s.map_or_else(unknown, |ttft| number::seconds(ttft.p50));
    candidate.latency_intervals.ttft_p50_s.map_or(point.clone(), |interval| {
        let end = |seconds: f64| number::seconds(seconds);
        format!("{point} [{}, {}]", end(interval.lower), end(interval.upper))
    })
}

fn quality_table(report: &Report) -> String {
    let header = [
        "quality",
        "failed",
        "task score",
        "against baseline",
        "KL divergence",
        "same top-1",
        "PPL ratio",
        "flips −/+",
    ];
    let mut table = columns(header.map(str::to_owned).to_vec());
    for candidate in &report.candidates {
        let quality = &candidate.quality;
        let shown = |estimate: &Option<Estimate>, show: fn(&Estimate) -> String| {
            estimate.as_ref().map_or_else(unknown, show)
        };
        table.add_row(vec![
            short_name(report, candidate),
            shown(&candidate.failure_rate, number::percent_estimate),
            shown(&quality.task_score, number::percent_estimate),
            shown(&quality.task_score_difference, number::percent_estimate),
            match &quality.kld_at_least {
                Some(bound) => format!("≥ {}", number::estimate(bound)),
                None => shown(&quality.kld_mean, number::estimate),
            },
            shown(&quality.top1_agreement, number::percent_estimate),
            shown(&quality.ppl_ratio, number::estimate),
            quality
                .flips
                .map_or_else(unknown, |flips| format!("{}/{}", flips.right_to_wrong, flips.wrong_to_right)),
        ]);
    }
    aligned(table)
}
