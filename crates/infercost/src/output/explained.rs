//! A report with everything that it rests on: every interval, every finding, every gate in words.

use infercost_core::report::{CandidateReport, Report};
use infercost_core::{EnergySource, Estimate, Severity, Verdict};
use infercost_run::number;

use crate::output::answer::{Cell, Section};
use crate::output::columns::Column;
use crate::output::energy_line;
use crate::output::layout::short_name;

/// All of it, below a title each.
pub(crate) fn sections(report: &Report) -> Vec<Section> {
    let mut reasons = Vec::new();
    for candidate in report.candidates.iter().filter(|candidate| candidate.variant != report.baseline) {
        for gate in candidate.gates.iter().filter(|gate| decides(gate.verdict, candidate.verdict)) {
            reasons.push(format!("{}: {}", short_name(report, candidate), gate.why));
        }
    }

    let mut findings = Vec::new();
    for finding in &report.findings {
        let mark = if finding.severity == Severity::Warning { "!" } else { "-" };
        findings.push(format!("{mark} {}", finding.sentence()));
    }

    vec![
        Section::table("costs", costs(report)),
        Section::table("quality", qualities(report)),
        Section::lines("energy", energy_line::render(report).into_iter().collect()),
        Section::lines("why", reasons),
        Section::lines("findings", findings),
    ]
}

/// A person asks why a candidate does not pass; why it passes stands in the table.
fn decides(gate: Verdict, candidate: Verdict) -> bool {
    gate == candidate && candidate != Verdict::Pass
}

fn costs(report: &Report) -> Vec<Column> {
    let currency = report.price_book.currency;
    let cells =
        |cell: fn(&CandidateReport) -> Cell| -> Vec<Cell> { report.candidates.iter().map(cell).collect() };

    vec![
        Column::left("variant", 0, names(report)),
        Column::right(
            "saving",
            0,
            cells(|one| Cell::estimate(one.saving.as_ref(), number::percent_estimate)),
        ),
        Column::right(
            format!("{currency}/1,000"),
            0,
            cells(|one| {
                let thousand = one.cost.per_inference.map(|cost| cost.map(|amount| amount * 1e3));
                Cell::estimate(thousand.as_ref(), number::estimate)
            }),
        ),
        Column::right(
            format!("{currency}/1M in"),
            0,
            cells(|one| Cell::estimate(one.cost.per_million_input_tokens.as_ref(), number::estimate)),
        ),
        Column::right(
            format!("{currency}/1M out"),
            0,
            cells(|one| Cell::estimate(one.cost.per_million_output_tokens.as_ref(), number::estimate)),
        ),
        Column::right("J/inference", 0, cells(joules)),
        Column::right(
            "decode tok/s",
            0,
            cells(|one| Cell::estimate(one.decode_tokens_per_s.as_ref(), number::estimate)),
        ),
        Column::right("TTFT p50", 0, cells(ttft)),
    ]
}

fn names(report: &Report) -> Vec<Cell> {
    report.candidates.iter().map(|candidate| Cell::words(short_name(report, candidate))).collect()
}

fn joules(candidate: &CandidateReport) -> Cell {
    match &candidate.energy.per_inference_j {
        Some(energy) if candidate.energy.source == EnergySource::Estimated => {
            Cell::estimate(Some(energy), |energy| format!("{} estimated", number::estimate(energy)))
        }
        Some(energy) => Cell::estimate(Some(energy), number::estimate),
        None if candidate.energy.gross_j.is_some() => Cell::Unknown,
        None => Cell::words("not measured"),
    }
}

/// The median time to first token, with its interval where it has one.
fn ttft(candidate: &CandidateReport) -> Cell {
    let Some(ttft) = candidate.ttft_s else { return Cell::Unknown };
    let point = number::seconds(ttft.p50);
    let interval = candidate.latency_intervals.ttft_p50_s;
    Cell::number(
        ttft.p50,
        interval.map_or(point.clone(), |interval| {
            format!("{point} [{}, {}]", number::seconds(interval.lower), number::seconds(interval.upper))
        }),
    )
}

fn share(value: &Option<Estimate>) -> Cell {
    Cell::estimate(value.as_ref(), number::percent_estimate)
}

fn qualities(report: &Report) -> Vec<Column> {
    let cells =
        |cell: fn(&CandidateReport) -> Cell| -> Vec<Cell> { report.candidates.iter().map(cell).collect() };

    let shares = |of: fn(&CandidateReport) -> &Option<Estimate>| -> Vec<Cell> {
        report.candidates.iter().map(|one| share(of(one))).collect()
    };

    vec![
        Column::left("variant", 0, names(report)),
        Column::right("failed", 0, shares(|one| &one.failure_rate)),
        Column::right("task score", 0, shares(|one| &one.quality.task_score)),
        Column::right("against baseline", 0, shares(|one| &one.quality.task_score_difference)),
        Column::right(
            "KL divergence",
            0,
            cells(|one| match &one.quality.kld_at_least {
                Some(bound) => Cell::estimate(Some(bound), |bound| format!("≥ {}", number::estimate(bound))),
                None => Cell::estimate(one.quality.kld_mean.as_ref(), number::estimate),
            }),
        ),
        Column::right("same top-1", 0, shares(|one| &one.quality.top1_agreement)),
        Column::right(
            "PPL ratio",
            0,
            cells(|one| Cell::estimate(one.quality.ppl_ratio.as_ref(), number::estimate)),
        ),
        Column::right(
            "flips −/+",
            0,
            cells(|one| {
                one.quality.flips.map_or(Cell::Unknown, |flips| {
                    Cell::words(format!("{}/{}", flips.right_to_wrong, flips.wrong_to_right))
                })
            }),
        ),
    ]
}
