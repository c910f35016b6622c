//! What other programs' traces say, as a table.

use std::fmt::Write as _;

use infercost_analyzer::foreign::{ForeignCost, ForeignModel, ForeignReport, Sum};
use infercost_core::text::count;
use infercost_core::{Finding, Irregularity, IrregularityKind, Severity, without_secrets};
use infercost_run::number;

use crate::output::answer::{Answer, Caution, Cell, Section};
use crate::output::columns::Column;
use crate::output::terminal::plain;

/// The answer; `names` are where it comes from.
pub(crate) fn answer(report: &ForeignReport, names: &[String]) -> Answer {
    let from: Vec<String> = names.iter().map(|name| without_secrets(name).to_string()).collect();
    let mut answer = Answer {
        headline: headline(report),
        subject: from.join(", "),
        table: models(report),
        ..Answer::default()
    };

    // what is wrong with these traces comes before what is so of all of them
    let (warnings, others): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.severity == Severity::Warning);
    let mut notes: Vec<String> = warnings.into_iter().map(Finding::sentence).collect();
    for (kind, found) in &report.irregularities {
        notes.push(irregularity(*kind, found));
    }
    notes.extend(others.into_iter().map(Finding::sentence));
    answer.cautions = notes.iter().map(|note| Caution::of_note(note)).collect();

    answer.explain(Section::lines("costs", costs(report)));
    answer.explain(Section::lines("what the traces do not say", unsaid(report)));
    answer.explain(Section::lines("cautions", notes));
    answer
}

/// What was called, and what it cost.
fn headline(report: &ForeignReport) -> String {
    let calls = count(report.calls, "call");
    let models = count(report.models.len() as u64, "model");
    let cost = match report.models.as_slice() {
        [one] => one.costs.first().map(|cost| format!(": {}", covered(cost, one.calls))),
        _ => None,
    };
    format!("{calls} of {models}{}", cost.unwrap_or_default())
}

fn amount(cost: &ForeignCost) -> String {
    format!("{} {}", number::significant(cost.total), cost.currency)
}

/// An amount, with the calls that it is of where it is not of all.
fn covered(cost: &ForeignCost, calls: u64) -> String {
    if cost.calls < calls {
        format!("{} of {}", amount(cost), count(cost.calls, "call"))
    } else {
        amount(cost)
    }
}

fn models(report: &ForeignReport) -> Vec<Column> {
    let cells = |cell: fn(&ForeignModel) -> Cell| report.models.iter().map(cell).collect::<Vec<Cell>>();

    vec![
        Column::left("model", 0, cells(|model| Cell::words(name(model)))),
        Column::right("calls", 0, cells(|model| whole(model.calls))),
        // the trace's own word comes first; the others stand behind --explain
        Column::right(
            "cost",
            0,
            cells(|model| match model.costs.first() {
                Some(cost) => Cell::number(cost.total, covered(cost, model.calls)),
                None => Cell::Unknown,
            }),
        ),
        Column::right("failed", 2, cells(|model| whole(model.failures))),
        Column::right("tokens in", 3, cells(prompt_tokens)),
        Column::right("tokens out", 3, cells(|model| tokens(model.output_tokens, model.calls))),
        Column::right("TTFT p50", 4, cells(|model| seconds(model.ttft_s.map(|found| found.p50)))),
        Column::right("TPOT p50", 5, cells(|model| seconds(model.tpot_s.map(|found| found.p50)))),
        Column::right("latency p50", 6, cells(|model| seconds(model.latency_s.map(|found| found.p50)))),
        Column::right("p95", 7, cells(|model| seconds(model.latency_s.map(|found| found.p95)))),
    ]
}

fn whole(number: u64) -> Cell {
    Cell::number(number as f64, number.to_string())
}

fn seconds(value: Option<f64>) -> Cell {
    Cell::maybe(value, number::seconds)
}

/// Every cost with its basis and what it covers.
fn costs(report: &ForeignReport) -> Vec<String> {
    let mut lines = Vec::new();
    for model in &report.models {
        for cost in &model.costs {
            let basis = match cost.basis {
                "stated" => "as stated",
                "by_token" => "by the token",
                _ => "by the hour",
            };
            lines.push(format!(
                "{}: {} over {} of {}, {basis} ({})",
                name(model),
                amount(cost),
                cost.calls,
                count(model.calls, "call"),
                cost.source
            ));
        }
    }
    lines
}

fn unsaid(report: &ForeignReport) -> Vec<String> {
    let mut lines = Vec::new();
    for model in &report.models {
        for (what, calls) in &model.unsaid {
            let say = if *calls == 1 { "does" } else { "do" };
            let all = count(model.calls, "call");
            lines.push(format!("{}: {calls} of {all} {say} not say {what}", name(model)));
        }
    }
    lines
}

fn name(model: &ForeignModel) -> String {
    plain(model.model.as_deref().unwrap_or("(no model named)"))
}

fn tokens(sum: Sum, calls: u64) -> Cell {
    match sum.calls {
        0 => Cell::Unknown,
        known if known < calls => {
            Cell::number(sum.sum, format!("{:.0} of {}", sum.sum, count(known, "call")))
        }
        _ => Cell::number(sum.sum, format!("{:.0}", sum.sum)),
    }
}

/// With what of them a cache served, and what was written to it.
fn prompt_tokens(model: &ForeignModel) -> Cell {
    let cell = tokens(model.input_tokens, model.calls);
    let mut shown = cell.shown().to_owned();
    for (sum, what) in [(model.cached_input_tokens, "cached"), (model.cache_write_tokens, "written")] {
        if sum.sum > 0.0 {
            let _ = write!(shown, ", {:.0} {what}", sum.sum);
        }
    }
    match cell {
        Cell::Number { value, ends, .. } => Cell::Number { shown, value, ends },
        other => other,
    }
}

/// What was left out, how often, and the first of them.
pub(crate) fn irregularity(kind: IrregularityKind, found: &Irregularity) -> String {
    let Irregularity { count, example } = found;

    let words = match kind {
        IrregularityKind::OtherSignal => "objects of metrics, logs or profiles were left aside",
        IrregularityKind::Damaged => "lines or objects are damaged and were left out",
        IrregularityKind::CutOff => "lines or objects were cut off and left out",
        IrregularityKind::UnknownShape => "lines or objects are no spans in any known format",
        IrregularityKind::UnknownOperation => {
            "spans are of an operation that is not known, and are not counted as calls"
        }
        IrregularityKind::ImpossibleNumber => {
            "attributes hold no possible count or amount, and were not used"
        }
        IrregularityKind::TotalMismatch => "calls state tokens that do not add up to the total next to them",
        IrregularityKind::ZeroCost => {
            "calls state a cost of 0 for tokens that were used; it was taken for unknown"
        }
        IrregularityKind::UnknownCurrency => "costs are in a currency that is none",
        IrregularityKind::CacheConvention => {
            "calls do not show whether cached tokens are a part of the prompt's; they were taken for one"
        }
        IrregularityKind::SeenTwice => {
            "spans record a call or span that another one records too, and were left out"
        }
        IrregularityKind::Wrapper => "spans are around another call and were not counted again",
    };

    let example = if example.is_empty() { String::new() } else { format!(" (first: {example})") };
    format!("{count} {words}{example}")
}
