//! A report as a tired person reads it: the answer, one table that fits the terminal, two cautions.

use std::fmt::Write as _;
use std::path::PathBuf;

use infercost_core::report::{CandidateReport, Report};
use infercost_core::text::count;
use infercost_core::{EnergySource, Estimate, Finding, FindingCode, Gate, Recommendation, Severity, Verdict};
use infercost_run::number::{self, UNKNOWN};

use crate::output::columns::{Column, Fitted, fitted};
use crate::output::layout::{FAIL, PASS, UNSURE, common_model, short_name, styled as out, verdict};
use crate::output::terminal::{DOUBT, FAILURE, FAINT, STRONG, SUCCESS, plain};
use crate::output::{explained, load_table, terminal};

/// Cautions under the table; the rest is behind `--explain`.
const CAUTIONS: usize = 2;

/// How much is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Every column, however wide.
    pub(crate) wide: bool,
    /// Every interval, finding and gate as well.
    pub(crate) explain: bool,
}

/// The whole answer as text. `folders` are the runs' folders.
pub(crate) fn render(report: &Report, folders: &[PathBuf], detail: Detail) -> String {
    let width = if detail.wide { usize::MAX } else { terminal::width() };
    let mut text = format!("{}\n\n{}\n\n", answer(report), out(FAINT, &title(report)));

    let Fitted { lines, dropped } = fitted(columns(report), width);
    text.push_str(&colored(&lines));
    if let Some(load) = load_table::render(report) {
        let _ = writeln!(text, "\n{load}");
    }

    let _ = writeln!(text);
    for caution in
        report.findings.iter().filter(|finding| finding.severity == Severity::Warning).take(CAUTIONS)
    {
        let _ = writeln!(text, "{} {}", out(DOUBT, "!"), caution_line(caution, width));
    }

    if detail.explain {
        let _ = write!(text, "\n{}", explained::render(report));
    }
    let _ = write!(text, "{}", foot(report, folders, detail, dropped, width));
    text
}

/// The recommendation in the report's sentence.
fn answer(report: &Report) -> String {
    let (style, why) = match &report.recommendation {
        Recommendation::Switch { why, .. } => (SUCCESS, why),
        Recommendation::KeepBaseline { why, .. } => (STRONG, why),
        Recommendation::MeasureMore { why, .. } => (DOUBT, why),
    };
    format!("{} {}", out(style, "→"), out(STRONG, &plain(why)))
}

fn title(report: &Report) -> String {
    let prompts = &report.prompts;
    let part = if prompts.chosen < prompts.total {
        format!("{} of {} prompts of {}", prompts.chosen, prompts.total, prompts.set)
    } else {
        format!("{} prompts of {}", prompts.total, prompts.set)
    };
    let machine = report.machine.cpu.as_deref().unwrap_or("unknown CPU");
    let cores = report.machine.cores.map_or_else(String::new, |cores| format!(", {cores} logical cores"));
    let model = common_model(report).map_or_else(String::new, |model| format!("{model} · "));

    plain(&format!("{model}{part} · {machine}{cores}"))
}

/// A caution in one line: short words where there are some, else the finding's first sentence; and what to do.
fn caution_line(finding: &Finding, width: usize) -> String {
    let words = match finding.code() {
        FindingCode::MachineBusy => finding.sentence().trim_end_matches('.').to_owned(),
        FindingCode::PricesAssumed => "prices are an example machine's, not yours".to_owned(),
        FindingCode::EnergyUnavailable => "energy was not measured: the cost leaves it out".to_owned(),
        FindingCode::EnergyEstimated => "energy is estimated, not measured".to_owned(),
        FindingCode::Interrupted => "the run was cut off".to_owned(),
        _ => first_sentence(&finding.sentence()),
    };
    let fix = finding.fix.as_ref().map_or_else(String::new, |fix| format!(" ({fix})"));

    cut(&plain(&format!("{words}{fix}")), width.saturating_sub(2))
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned()
}

/// At most so many characters; what was cut off is marked.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Where the rest is, and what it is about.
fn foot(report: &Report, folders: &[PathBuf], detail: Detail, dropped: usize, width: usize) -> String {
    let mut lines = Vec::new();
    if dropped > 0 {
        lines.push(format!("  --wide     {}", count(dropped as u64, "further column")));
    }
    if !detail.explain {
        let mut topics = vec!["every interval".to_owned()];
        topics.extend(not_shown(report));
        lines.push(format!("  --explain  {}", topics.join(", ")));
    }

    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{}", out(FAINT, &cut(&line, width)));
    }
    for folder in folders {
        let _ = writeln!(text, "{}", out(FAINT, &format!("  trace: {}", folder.display())));
    }
    text
}

/// What the findings behind `--explain` are about, by their codes; each once.
fn not_shown(report: &Report) -> Vec<String> {
    let mut cautions = 0;
    let mut topics: Vec<String> = Vec::new();
    for finding in &report.findings {
        if finding.severity == Severity::Warning && cautions < CAUTIONS {
            cautions += 1;
            continue;
        }

        let topic =
            serde_json::to_value(finding.code()).ok().and_then(|code| code.as_str().map(str::to_owned));
        let topic = topic.unwrap_or_default().replace('_', " ");
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}

/// The columns, in their order, with a cell a candidate and the limits below.
fn columns(report: &Report) -> Vec<Column> {
    let currency = report.price_book.currency;
    let candidates = &report.candidates;
    let failed = candidates.iter().any(|candidate| candidate.failures > 0);
    let metered = candidates.iter().any(|candidate| candidate.energy.per_inference_j.is_some());

    let mut columns = vec![
        Column::left("variant", 0, names(report)),
        Column::left("verdict", 0, candidates.iter().map(|one| verdict(report, one).to_owned()).collect()),
        Column::right("saving", 0, cells(candidates, |one| shares(one.saving.as_ref()))),
        Column::right(
            format!("{currency}/1,000"),
            0,
            cells(candidates, |one| amount(one.cost.per_inference, 1e3)),
        ),
        Column::right(
            "task score",
            1,
            cells(candidates, |one| {
                marked(one, Gate::TaskScore, one.quality.task_score.map(|score| number::percent(score.point)))
            }),
        )
        .limited(margin(report)),
        Column::right(
            "KL div.",
            2,
            cells(candidates, |one| {
                marked(
                    one,
                    Gate::KlDivergence,
                    one.quality.kld_mean.map(|kld| number::significant(kld.point)),
                )
            }),
        )
        .limited(report.policy.max_kld.map(|limit| format!("≤ {limit}"))),
        Column::right(
            "top-1",
            3,
            cells(candidates, |one| {
                marked(
                    one,
                    Gate::Top1Agreement,
                    one.quality.top1_agreement.map(|share| number::percent(share.point)),
                )
            }),
        )
        .limited(report.policy.min_top1.map(|limit| format!("≥ {}", number::percent(limit)))),
    ];

    columns.push(Column::right(
        "failed",
        if failed { 1 } else { 9 },
        cells(candidates, |one| {
            let share = one.failure_rate.map(|rate| number::percent(rate.point));
            marked(one, Gate::FailureRate, share)
        }),
    ));
    columns.push(Column::right("J/inference", if metered { 4 } else { 8 }, cells(candidates, joules)));
    columns.push(Column::right(
        "decode tok/s",
        5,
        cells(candidates, |one| amount(one.decode_tokens_per_s, 1.0)),
    ));
    columns.push(Column::right(
        "TTFT",
        6,
        cells(candidates, |one| {
            one.ttft_s.map_or_else(|| UNKNOWN.to_owned(), |ttft| number::seconds(ttft.p50))
        }),
    ));
    columns.push(Column::right(
        format!("{currency}/1M out"),
        7,
        cells(candidates, |one| amount(one.cost.per_million_output_tokens, 1.0)),
    ));
    columns.push(Column::right(
        "size",
        8,
        cells(candidates, |one| {
            one.engine.file_size.map_or_else(|| UNKNOWN.to_owned(), |size| number::bytes(size.0))
        }),
    ));
    columns
}

fn names(report: &Report) -> Vec<String> {
    report.candidates.iter().map(|candidate| short_name(report, candidate)).collect()
}

fn cells(candidates: &[CandidateReport], cell: impl Fn(&CandidateReport) -> String) -> Vec<String> {
    candidates.iter().map(cell).collect()
}

/// `17 % [1.2 %, 32 %]`.
fn shares(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(|| UNKNOWN.to_owned(), number::percent_estimate)
}

/// The point alone, times `factor`: intervals stand behind `--explain`.
fn amount(estimate: Option<Estimate>, factor: f64) -> String {
    estimate.map_or_else(|| UNKNOWN.to_owned(), |estimate| number::significant(estimate.point * factor))
}

/// Joules of an inference; an estimate is called one.
fn joules(candidate: &CandidateReport) -> String {
    let shown = amount(candidate.energy.per_inference_j, 1.0);
    let is_estimate =
        candidate.energy.per_inference_j.is_some() && candidate.energy.source == EnergySource::Estimated;
    if is_estimate { format!("{shown} estimated") } else { shown }
}

/// A value with a mark where its limit is broken.
fn marked(candidate: &CandidateReport, gate: Gate, value: Option<String>) -> String {
    let Some(value) = value else { return UNKNOWN.to_owned() };
    let broken = candidate.gates.iter().any(|result| result.gate == gate && result.verdict == Verdict::Fail);
    if broken { format!("✗ {value}") } else { value }
}

/// The non-inferiority margin that was applied, as the loss that is tolerated.
fn margin(report: &Report) -> Option<String> {
    let mut gates = report.candidates.iter().flat_map(|candidate| &candidate.gates);
    let gate = gates.find(|gate| gate.gate == Gate::TaskScore)?;
    Some(format!("≥ −{}", number::percent(gate.threshold.abs())))
}

/// Colors verdicts and broken limits after the columns are laid out, so that color takes no width.
fn colored(table: &str) -> String {
    table
        .replace(&format!(" {PASS} "), &format!(" {} ", out(SUCCESS, PASS)))
        .replace(&format!(" {FAIL} "), &format!(" {} ", out(FAILURE, FAIL)))
        .replace(&format!(" {UNSURE} "), &format!(" {} ", out(DOUBT, UNSURE)))
        .replace("✗ ", &format!("{} ", out(FAILURE, "✗")))
}
