//! What other programs' traces say, as a table.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use infercost_analyzer::foreign::{ForeignModel, ForeignReport, Sum};
use infercost_core::{Irregularity, IrregularityKind, without_secrets};
use infercost_run::number::{self, UNKNOWN};

use crate::output::terminal::plain;

/// The whole answer as text; `names` are where it comes from.
pub(crate) fn render(report: &ForeignReport, names: &[String]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} calls in {}",
        report.calls,
        plain(&names.iter().map(|name| without_secrets(name)).collect::<Vec<_>>().join(", "))
    );
    for note in &report.notes {
        let _ = writeln!(text, "! {}", plain(note));
    }
    for (kind, found) in &report.irregularities {
        let _ = writeln!(text, "! {}", plain(&irregularity(*kind, found)));
    }

    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header([
        "model",
        "calls",
        "failed",
        "tokens in",
        "tokens out",
        "latency p50",
        "p95",
        "TTFT p50",
        "TPOT p50",
        "cost",
    ]);

    for model in &report.models {
        table.add_row([
            name(model),
            model.calls.to_string(),
            model.failures.to_string(),
            prompt_tokens(model),
            tokens(model.output_tokens, model.calls),
            seconds(model.latency_s.map(|found| found.p50)),
            seconds(model.latency_s.map(|found| found.p95)),
            seconds(model.ttft_s.map(|found| found.p50)),
            seconds(model.tpot_s.map(|found| found.p50)),
            costs(model),
        ]);
    }

    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }

    for model in &report.models {
        for cost in &model.costs {
            let _ = writeln!(
                text,
                "{}: {} {} over {} of {} calls, {} ({})",
                name(model),
                number::significant(cost.total),
                plain(&cost.currency),
                cost.calls,
                model.calls,
                match cost.basis {
                    "stated" => "as stated",
                    "by_token" => "by the token",
                    _ => "by the hour",
                },
                plain(&cost.source)
            );
        }
        for (unsaid, calls) in &model.unsaid {
            let _ = writeln!(text, "{}: {calls} of {} calls do not say {unsaid}", name(model), model.calls);
        }
    }

    text
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), number::seconds)
}

fn name(model: &ForeignModel) -> String {
    plain(model.model.as_deref().unwrap_or("(no model named)"))
}

fn tokens(sum: Sum, calls: u64) -> String {
    match sum.calls {
        0 => UNKNOWN.to_owned(),
        known if known < calls => format!("{:.0} of {known} calls", sum.sum),
        _ => format!("{:.0}", sum.sum),
    }
}

/// With what of them a cache served, and what was written to it.
fn prompt_tokens(model: &ForeignModel) -> String {
    let mut text = tokens(model.input_tokens, model.calls);
    for (sum, what) in [(model.cached_input_tokens, "cached"), (model.cache_write_tokens, "written")] {
        if sum.sum > 0.0 {
            let _ = write!(text, ", {:.0} {what}", sum.sum);
        }
    }
    text
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
        IrregularityKind::TotalMismatch => "calls state tokens that do not add up to the total beside them",
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

fn costs(model: &ForeignModel) -> String {
    // the trace's own word comes first; the others stand below the table
    match model.costs.first() {
        Some(cost) => format!("{} {}", number::significant(cost.total), plain(&cost.currency)),
        None => UNKNOWN.to_owned(),
    }
}
