//! Two runs side by side, as a person reads them.

use infercost_core::diff::{Change, Metric, MetricDiff, RunDiff};
use infercost_core::{Estimate, Verdict};
use infercost_run::number;

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::terminal::plain;

/// The answer.
pub(crate) fn answer(diff: &RunDiff) -> Answer {
    let mut answer = Answer {
        tone: tone(diff),
        headline: headline(diff),
        subject: format!("{} → {}", ids(&diff.old.run_ids), ids(&diff.new.run_ids)),
        table: table(diff),
        ..Answer::default()
    };

    // A limit that is given is part of the answer.
    let mut limits = Vec::new();
    for limit in &diff.limits {
        let word = match limit.verdict {
            Verdict::Pass => "kept",
            Verdict::Fail => "✗ passed",
            Verdict::Inconclusive => "not settled",
        };
        limits.push(format!("limit {word}: {}", limit.why));
    }
    if !limits.is_empty() {
        answer.more.push(Section::lines("", limits));
    }

    let mut notes = diff.notes.clone();
    for (word, variants) in [("old", &diff.only_old), ("new", &diff.only_new)] {
        for variant in variants {
            notes.push(format!("{variant} is in the {word} run alone"));
        }
    }
    answer.explain(Section::lines("how it is judged", judged(diff)));
    answer.with_notes(&notes)
}

/// What was set against what, and what a difference is.
fn judged(diff: &RunDiff) -> Vec<String> {
    let mut lines = Vec::new();
    for (word, side) in [("old", &diff.old), ("new", &diff.new)] {
        let version = &side.infercost_version;
        lines.push(format!("{word}: {}, {}, infercost {version}", ids(&side.run_ids), side.machine));
    }

    lines.push(format!(
        "differences of up to {} are called none; all claims together hold at {}",
        number::percent(diff.tolerance),
        number::percent(diff.confidence)
    ));
    lines
}

fn tone(diff: &RunDiff) -> Tone {
    if has_limit(diff, Verdict::Fail) {
        Tone::Bad
    } else if has_limit(diff, Verdict::Inconclusive) {
        Tone::Doubt
    } else if count(diff, Change::Worse) > 0 {
        Tone::Bad
    } else if count(diff, Change::Better) > 0 {
        Tone::Good
    } else {
        Tone::Plain
    }
}

fn has_limit(diff: &RunDiff, verdict: Verdict) -> bool {
    diff.limits.iter().any(|limit| limit.verdict == verdict)
}

/// How many metrics became better, worse, or show no difference.
fn headline(diff: &RunDiff) -> String {
    let worse = count(diff, Change::Worse);
    let better = count(diff, Change::Better);
    match (worse, better) {
        (0, 0) if count(diff, Change::NoDifferenceShown) == 0 => "nothing to compare".to_owned(),
        (0, 0) => "no difference shown".to_owned(),
        (0, better) => format!("better: {better} of {}", compared(diff)),
        (worse, 0) => format!("worse: {worse} of {}", compared(diff)),
        (worse, better) => format!("worse: {worse}, better: {better}, of {}", compared(diff)),
    }
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

fn table(diff: &RunDiff) -> Vec<Column> {
    let mut variants = Vec::new();
    let mut metrics = Vec::new();
    let mut old = Vec::new();
    let mut new = Vec::new();
    let mut changes = Vec::new();
    let mut verdicts = Vec::new();
    for variant in &diff.variants {
        for metric in &variant.metrics {
            variants.push(Cell::words(variant.variant.variant_name()));
            metrics.push(Cell::words(name(metric.metric)));
            old.push(value(metric.metric, metric.old));
            new.push(value(metric.metric, metric.new));
            changes.push(Cell::estimate(metric.change.as_ref(), number::percent_estimate));
            verdicts.push(Cell::words(verdict(metric)));
        }
    }

    vec![
        Column::left("variant", 0, variants),
        Column::left("metric", 0, metrics),
        Column::right("old", 2, old),
        Column::right("new", 1, new),
        Column::right("change", 0, changes),
        Column::left("verdict", 0, verdicts),
    ]
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

fn value(metric: Metric, estimate: Option<Estimate>) -> Cell {
    let Some(estimate) = estimate else { return Cell::Unknown };
    let point = estimate.point;
    match metric {
        Metric::Cost => Cell::number(point * 1e3, number::significant(point * 1e3)),
        Metric::Ttft => Cell::number(point, number::seconds(point)),
        Metric::TaskScore | Metric::Failures => Cell::number(point, number::percent(point)),
        Metric::Energy | Metric::Prefill | Metric::Decode => Cell::number(point, number::significant(point)),
    }
}

/// Why a metric cannot be compared, where that is known.
fn not_measured(metric: &MetricDiff) -> String {
    metric.why.0.as_ref().map_or_else(|| "not measured".to_owned(), ToString::to_string)
}

fn verdict(metric: &MetricDiff) -> String {
    match metric.verdict {
        Change::Better => "better".to_owned(),
        Change::Worse => "worse".to_owned(),
        Change::NoDifferenceShown => "no difference shown".to_owned(),
        Change::NotComparable => {
            format!("not comparable: {}", plain(&not_measured(metric)))
        }
    }
}
