//! The report's tables: variants, gates, latencies, energy, load tests, early stopping.

use infercost_core::report::{CandidateReport, Percentiles, Report};
use infercost_core::{EnergySource, Gate, GateResult, RunRecord, Verdict};

use crate::figures::{UNKNOWN, percent, seconds, significant};
use crate::samples::prompts_answered;
use crate::section::{Cell, Column, Names, Table, point_name};

/// Verdict, money and quality of every variant.
pub(crate) fn variants(report: &Report, names: &Names) -> Table {
    let currency = report.price_book.currency;
    let per_thousand = format!("{currency} per 1,000 inferences");
    let per_million = format!("{currency} per 1M output tokens");
    let mut table = Table::new(
        "variant",
        &[
            "saving",
            &per_thousand,
            &per_million,
            "task score",
            "KL divergence",
            "same top-1",
            "decode tokens/s",
            "TTFT p50",
            "J per inference",
            "failures",
        ],
    );
    table.columns.insert(1, Column { name: "verdict".to_owned(), number: false });

    for (place, candidate) in report.candidates.iter().enumerate() {
        let (cost, quality) = (&candidate.cost, &candidate.quality);
        let thousand = cost.per_inference.map(|amount| amount.map(|value| value * 1e3));
        let divergence = quality.kld_mean.as_ref();

        table.rows.push(vec![
            Cell::text(names.at(place).unwrap_or_default()),
            verdict(candidate, place == names.baseline()),
            Cell::estimate(candidate.saving.as_ref(), percent),
            Cell::estimate(thousand.as_ref(), significant),
            Cell::estimate(cost.per_million_output_tokens.as_ref(), significant),
            Cell::estimate(quality.task_score.as_ref(), percent)
                .with_class(broken(candidate, Gate::TaskScore)),
            Cell::estimate(divergence, significant).with_class(broken(candidate, Gate::KlDivergence)),
            Cell::estimate(quality.top1_agreement.as_ref(), percent)
                .with_class(broken(candidate, Gate::Top1Agreement)),
            Cell::estimate(candidate.decode_tokens_per_s.as_ref(), significant),
            Cell::number(candidate.ttft_s.map(|ttft| ttft.p50), seconds),
            joules(candidate),
            Cell::number(Some(candidate.failures as f64), |count| format!("{count:.0}")),
        ]);
    }
    table
}

fn verdict(candidate: &CandidateReport, is_baseline: bool) -> Cell {
    if is_baseline {
        return Cell::text("baseline");
    }
    if candidate.noise_floor {
        return Cell::text("noise floor");
    }
    match candidate.verdict {
        Verdict::Pass => Cell::text("✓ pass").with_class("pass"),
        Verdict::Fail => Cell::text("✗ fail").with_class("fail"),
        Verdict::Inconclusive => Cell::text("? inconclusive").with_class("unsure"),
    }
}

fn joules(candidate: &CandidateReport) -> Cell {
    let mut cell = Cell::estimate(candidate.energy.per_inference_j.as_ref(), significant);
    if candidate.energy.per_inference_j.is_none() && candidate.energy.gross_j.is_none() {
        cell.text = "not measured".to_owned();
    }
    if candidate.energy.source == EnergySource::Estimated && candidate.energy.per_inference_j.is_some() {
        cell.text.push_str(" estimated");
    }
    cell
}

/// `broken` where the gate failed.
fn broken(candidate: &CandidateReport, gate: Gate) -> &'static str {
    let failed = candidate.gates.iter().any(|result| result.gate == gate && result.verdict == Verdict::Fail);
    if failed { "broken" } else { "" }
}

/// Every gate of every candidate, in the report's words.
pub(crate) fn gates(report: &Report, names: &Names) -> Table {
    let mut table = Table::new("variant", &["limit", "measured"]);
    table.columns.insert(1, Column { name: "verdict".to_owned(), number: false });
    table.columns.push(Column { name: "why".to_owned(), number: false });

    for (place, candidate) in report.candidates.iter().enumerate() {
        if place == names.baseline() {
            continue;
        }
        for gate in &candidate.gates {
            table.rows.push(vec![
                Cell::text(names.at(place).unwrap_or_default()),
                gate_verdict(gate),
                Cell::number(Some(gate.threshold), significant),
                Cell::estimate(gate.measured.as_ref(), significant),
                Cell::text(gate.why.clone()),
            ]);
        }
    }
    table
}

fn gate_verdict(gate: &GateResult) -> Cell {
    match gate.verdict {
        Verdict::Pass => Cell::text("✓ pass").with_class("pass"),
        Verdict::Fail => Cell::text("✗ fail").with_class("fail"),
        Verdict::Inconclusive => Cell::text("? inconclusive").with_class("unsure"),
    }
}

/// Percentiles of every latency.
pub(crate) fn latency(report: &Report, names: &Names) -> Table {
    let mut table = Table::new("variant", &["p50", "p90", "p95", "p99", "n"]);
    table.columns.insert(1, Column { name: "latency".to_owned(), number: false });

    for (place, candidate) in report.candidates.iter().enumerate() {
        let kinds = [
            ("TTFT", candidate.ttft_s),
            ("TPOT", candidate.tpot_s),
            ("ITL", candidate.itl_s),
            ("request", candidate.latency_s),
        ];
        for (kind, percentiles) in kinds {
            let Some(percentiles) = percentiles else { continue };
            let mut row = vec![Cell::text(names.at(place).unwrap_or_default()), Cell::text(kind)];
            row.extend(percentile_cells(&percentiles));
            table.rows.push(row);
        }
    }
    table
}

fn percentile_cells(percentiles: &Percentiles) -> Vec<Cell> {
    let values = [percentiles.p50, percentiles.p90, percentiles.p95, percentiles.p99];
    let mut cells: Vec<Cell> = values.into_iter().map(|value| Cell::number(Some(value), seconds)).collect();
    cells.push(Cell::number(Some(percentiles.n as f64), |n| format!("{n:.0}")));
    cells
}

/// Joules of every variant, and where they were read.
pub(crate) fn energy(report: &Report) -> Table {
    let mut table =
        Table::new("variant", &["gross, J", "net, J", "idle, W", "unattributed, J", "J per inference"]);
    for name in ["source", "covers"] {
        table.columns.push(Column { name: name.to_owned(), number: false });
    }

    for candidate in &report.candidates {
        let energy = &candidate.energy;
        if energy.gross_j.is_none() {
            continue;
        }
        table.rows.push(vec![
            Cell::text(candidate.variant.variant_name()),
            Cell::number(energy.gross_j, significant),
            Cell::number(energy.net_j, significant),
            Cell::number(energy.idle_w, significant),
            Cell::number(energy.unattributed_j, significant),
            Cell::estimate(energy.per_inference_j.as_ref(), significant),
            Cell::text(energy.source.to_string()),
            Cell::text(energy.scope.clone()),
        ]);
    }
    table
}

/// Every operating point of the load tests.
pub(crate) fn operating_points(report: &Report, names: &Names) -> Table {
    let cost = format!("{} per 1,000 inferences", report.price_book.currency);
    let mut table = Table::new(
        "variant",
        &["requests/s", "output tokens/s", "TTFT p95", "TPOT p95", "goodput", &cost, "failures", "retries"],
    );
    table.columns.insert(1, Column { name: "load".to_owned(), number: false });
    table.columns.insert(2, Column { name: "state".to_owned(), number: false });

    for (place, candidate) in report.candidates.iter().enumerate() {
        for point in &candidate.operating_points {
            let thousand = point.cost_per_inference.map(|amount| amount.map(|value| value * 1e3));
            table.rows.push(vec![
                Cell::text(names.at(place).unwrap_or_default()),
                Cell::text(point_name(&point.operating_point)),
                Cell::text(state(point)),
                Cell::estimate(point.requests_per_s.as_ref(), significant),
                Cell::estimate(point.output_tokens_per_s.as_ref(), significant),
                Cell::number(point.ttft_s.map(|ttft| ttft.p95), seconds),
                Cell::number(point.tpot_s.map(|tpot| tpot.p95), seconds),
                Cell::estimate(point.goodput.as_ref(), percent),
                Cell::estimate(thousand.as_ref(), significant),
                Cell::number(Some(point.failures as f64), |count| format!("{count:.0}")),
                Cell::number(Some(point.retries as f64), |count| format!("{count:.0}")),
            ]);
        }
    }
    table
}

/// The one word that a reader needs of a point's state.
fn state(point: &infercost_core::report::OperatingPointReport) -> &'static str {
    if point.failing {
        return "failing";
    }
    if point.over_saturated {
        return "over-saturated";
    }
    if point.client_limited {
        return "limited by the client";
    }
    if !point.steady_state {
        return "not steady";
    }
    if point.knee { "knee" } else { "steady" }
}

/// After how many prompts each variant ended; empty where all of them answered every prompt.
pub(crate) fn early_stopping(report: &Report, names: &Names, runs: &[RunRecord]) -> Table {
    let answered = prompts_answered(runs);
    let planned = report.prompts.chosen as usize;
    let mut table = Table::new("variant", &["prompts answered", "of"]);
    table.columns.push(Column { name: "ended".to_owned(), number: false });

    let mut any = false;
    for (place, candidate) in report.candidates.iter().enumerate() {
        let count = answered.get(&candidate.variant).copied().unwrap_or(0);
        let stopped = count < planned;
        any |= stopped;
        table.rows.push(vec![
            Cell::text(names.at(place).unwrap_or_default()),
            Cell::number(Some(count as f64), |count| format!("{count:.0}")),
            Cell::number(Some(planned as f64), |count| format!("{count:.0}")),
            Cell::text(if stopped { ended_early(candidate.verdict) } else { "after every prompt" }),
        ]);
    }

    if !any {
        table.rows.clear();
    }
    table
}

fn ended_early(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "early: it had failed",
        Verdict::Pass => "early: it cannot be the cheapest",
        Verdict::Inconclusive => UNKNOWN,
    }
}
