//! Two runs side by side, as a person reads them.

use std::fmt::Write as _;

use infercost_core::diff::{Change, Metric, MetricDiff, RunDiff};
use infercost_core::{Estimate, Verdict};
use infercost_run::number::{self, UNKNOWN};

use crate::flags::format::TableFormat;
use crate::output::layout::styled;
use crate::output::sheet::Sheet;
use crate::output::terminal::{DOUBT, FAILURE, STRONG, SUCCESS, plain};

/// The answer, the table, what must be read with it.
pub(crate) fn render(diff: &RunDiff, format: TableFormat) -> anyhow::Result<String> {
    let sheet = sheet(diff);
    if format == TableFormat::Csv {
        return sheet.render(format);
    }

    let mut text = String::new();
    let mark = if format == TableFormat::Markdown { "**" } else { "" };
    let _ = writeln!(text, "{}\n", headline(diff, mark));
    text.push_str(&sheet.render(format)?);

    let _ = writeln!(text);
    for limit in &diff.limits {
        let word = match limit.verdict {
            Verdict::Pass => styled(SUCCESS, "kept"),
            Verdict::Fail => styled(FAILURE, "passed"),
            Verdict::Inconclusive => styled(DOUBT, "open"),
        };
        let _ = writeln!(text, "limit {word}: {}", plain(&limit.why));
    }
    for note in &diff.notes {
        let _ = writeln!(text, "note: {}", plain(note));
    }
    for (word, variants) in [("old", &diff.only_old), ("new", &diff.only_new)] {
        for variant in variants {
            let _ = writeln!(text, "note: {} is in the {word} run alone", plain(variant.as_str()));
        }
    }
    Ok(text)
}

/// One line: how many metrics became better, worse, or show no difference.
fn headline(diff: &RunDiff, mark: &str) -> String {
    let worse = count(diff, Change::Worse);
    let better = count(diff, Change::Better);
    let answer = match (worse, better) {
        (0, 0) if count(diff, Change::NoDifferenceShown) == 0 => "nothing to compare".to_owned(),
        (0, 0) => "no difference shown".to_owned(),
        (0, better) => format!("better: {better} of {}", compared(diff)),
        (worse, 0) => format!("worse: {worse} of {}", compared(diff)),
        (worse, better) => format!("worse: {worse}, better: {better}, of {}", compared(diff)),
    };
    let (old, new) = (ids(&diff.old.run_ids), ids(&diff.new.run_ids));

    format!("{mark}{}{mark} ({old} → {new})", styled(STRONG, &answer))
}

fn ids(ids: &[infercost_core::RunId]) -> String {
    let names: Vec<String> = ids.iter().map(|id| plain(id.as_str())).collect();
    names.join(", ")
}

fn count(diff: &RunDiff, change: Change) -> usize {
    let metrics = diff.variants.iter().flat_map(|variant| &variant.metrics);
    metrics.filter(|metric| metric.verdict == change).count()
}

fn compared(diff: &RunDiff) -> usize {
    diff.variants.iter().map(|variant| variant.metrics.len()).sum::<usize>()
        - count(diff, Change::NotComparable)
}

fn sheet(diff: &RunDiff) -> Sheet {
    let mut sheet =
        Sheet { header: vec!["variant", "metric", "old", "new", "change", "verdict"], rows: Vec::new() };
    for variant in &diff.variants {
        for metric in &variant.metrics {
            sheet.rows.push(vec![
                plain(variant.variant.variant_name()),
                name(metric.metric).to_owned(),
                value(metric.metric, metric.old),
                value(metric.metric, metric.new),
                change(metric),
                verdict(metric),
            ]);
        }
    }
    sheet
}

fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Cost => "cost per 1,000 inferences",
        Metric::Energy => "J per inference",
        Metric::Ttft => "TTFT p50",
        Metric::Prefill => "prefill tokens/s",
        Metric::Decode => "decode tokens/s",
        Metric::TaskScore => "task score",
        Metric::Failures => "failures",
    }
}

fn value(metric: Metric, estimate: Option<Estimate>) -> String {
    let Some(estimate) = estimate else { return UNKNOWN.to_owned() };
    match metric {
        Metric::Cost => number::significant(estimate.point * 1e3),
        Metric::Ttft => number::seconds(estimate.point),
        Metric::TaskScore | Metric::Failures => number::percent(estimate.point),
        Metric::Energy | Metric::Prefill | Metric::Decode => number::significant(estimate.point),
    }
}

fn change(metric: &MetricDiff) -> String {
    metric.change.as_ref().map_or_else(|| UNKNOWN.to_owned(), number::percent_estimate)
}

fn verdict(metric: &MetricDiff) -> String {
    match metric.verdict {
        Change::Better => "better".to_owned(),
        Change::Worse => "worse".to_owned(),
        Change::NoDifferenceShown => "no difference shown".to_owned(),
        Change::NotComparable => {
            format!("not comparable: {}", plain(metric.why.as_deref().unwrap_or("not measured")))
        }
    }
}
