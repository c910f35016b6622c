//! A report as a tired person reads it: what must be known first, two tables, one sentence.

use std::fmt::Write as _;
use std::path::PathBuf;

use infercost_core::report::{CandidateReport, Report};
use infercost_core::{Estimate, Recommendation, Verdict};
use infercost_run::number::{self, UNKNOWN};

use crate::output::layout::{aligned, columns, common_model, short_name, styled as out, unknown};
use crate::output::terminal::{DOUBT, FAILURE, FAINT, STRONG, SUCCESS, plain};
use crate::output::{energy_line, load_table};

const PASS: &str = "PASS";
const FAIL: &str = "FAIL";
const UNSURE: &str = "UNSURE";

/// The whole answer as text. `folders` are the runs' folders.
pub(crate) fn render(report: &Report, folders: &[PathBuf]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", out(STRONG, &title(report)));
    for note in &report.notes {
        let _ = writeln!(text, "{} {}", out(DOUBT, "!"), plain(note));
    }
    let _ = writeln!(text, "\n{}\n{}", colored(&cost_table(report)), quality_table(report));
    if let Some(load) = load_table::render(report) {
        let _ = writeln!(text, "{load}");
    }
    if let Some(energy) = energy_line::render(report) {
        let _ = writeln!(text, "{energy}\n");
    }
    for candidate in report.candidates.iter().filter(|candidate| candidate.variant != report.baseline) {
        for gate in candidate.gates.iter().filter(|gate| decides(gate.verdict, candidate.verdict)) {
            let name = short_name(report, candidate);
            let _ = writeln!(text, "{}: {}", out(STRONG, &name), plain(&gate.why));
        }
    }
    let (style, why) = match &report.recommendation {
        Recommendation::Switch { why, .. } => (SUCCESS, why),
        Recommendation::KeepBaseline { why, .. } => (STRONG, why),
        Recommendation::MeasureMore { why, .. } => (DOUBT, why),
    };
    let _ = writeln!(text, "\n{} {}", out(style, "→"), out(STRONG, &plain(why)));
    for folder in folders {
        let _ = writeln!(text, "{}", out(FAINT, &format!("  trace: {}", folder.display())));
    }
    text
}

/// A person asks why a candidate does not pass; why it passes stands in the table.
fn decides(gate: Verdict, candidate: Verdict) -> bool {
    gate == candidate && candidate != Verdict::Pass
}

fn title(report: &Report) -> String {
    let prompts = &report.prompts;
    let part = if prompts.chosen < prompts.total {
        format!("{} of {} prompts of {}", prompts.chosen, prompts.total, prompts.set)
    } else {
        format!("{} prompts of {}", prompts.total, prompts.set)
    };
    let machine = report.machine.cpu.as_deref().unwrap_or("unknown CPU");
    let cores = report.machine.cores.map_or_else(String::new, |cores| format!("{cores} × "));
    let model = common_model(report).map_or_else(String::new, |model| format!("{model} · "));
    plain(&format!("{model}{part} · {cores}{machine}"))
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
            Some(energy) if candidate.energy.source == "estimated" => {
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

fn verdict(report: &Report, candidate: &CandidateReport) -> &'static str {
    if candidate.variant == report.baseline {
        return "baseline";
    }
    if candidate.noise_floor {
        return "noise";
    }
    match candidate.verdict {
        Verdict::Pass => PASS,
        Verdict::Fail => FAIL,
        Verdict::Inconclusive => UNSURE,
    }
}

/// Colors the verdicts after the columns are laid out, so that color takes no width.
fn colored(table: &str) -> String {
    table
        .replace(&format!(" {PASS} "), &format!(" {} ", out(SUCCESS, PASS)))
        .replace(&format!(" {FAIL} "), &format!(" {} ", out(FAILURE, FAIL)))
        .replace(&format!(" {UNSURE} "), &format!(" {} ", out(DOUBT, UNSURE)))
}
