//! The answer of a sprint: what to do, what it rests on, and why.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use infercost_core::text::{count, percent};
use infercost_run::number::UNKNOWN;
use infercost_run::sprint::{Lever, LeverBasis, SettingOutcome, SprintOutcome};
use infercost_sprint::Answer as Outcome;
use infercost_sprint::roofline::Roofline;

use crate::commands::optimize::cost_review::CostReview;
use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::layout::{share, styled, thousand};
use crate::output::terminal::{DOUBT, FAINT, STRONG, SUCCESS, plain};

/// Settings that are shown; the others are in the JSON.
const SHOWN: usize = 12;
/// Ways to host that are shown.
const WAYS: usize = 6;
/// Columns of a line.
const WIDTH: usize = 80;

/// The answer for Markdown, CSV and files: every setting that was tried, and what it rests on.
pub(crate) fn answer(outcome: &SprintOutcome) -> Answer {
    let cost = outcome
        .present_cost
        .map_or(UNKNOWN.to_owned(), |cost| format!("{} {}", thousand(cost), outcome.prices.currency));
    let mut answer = Answer {
        tone: match outcome.answer {
            Outcome::Found { .. } => Tone::Good,
            Outcome::Nothing => Tone::Plain,
            Outcome::Unsettled { .. } => Tone::Doubt,
        },
        headline: outcome.sentence.clone(),
        subject: format!("{} · 1,000 answers cost {cost} as it is", outcome.workload),
        table: columns(&outcome.settings),
        steps: outcome.command.iter().chain(&outcome.confirm).cloned().collect(),
        ..Answer::default()
    }
    .with_notes(&outcome.notes);

    let mut bounds = Vec::new();
    bounds.extend(outcome.roofline.as_ref().map(|now| format!("as it is: {}", now.sentence)));
    answer.explain(Section::lines("bound by", bounds));
    let mut levers = Vec::new();
    for lever in &outcome.levers {
        levers.push(lever_line(lever));
    }
    answer.explain(Section::lines("other than flags", levers));
    answer.explain(Section::lines("basis", basis(outcome)));
    answer
}

/// A row a setting, the best first.
fn columns(settings: &[SettingOutcome]) -> Vec<Column> {
    let mut names = Vec::new();
    let mut savings = Vec::new();
    let mut rounds = Vec::new();
    let mut outcomes = Vec::new();
    for one in settings {
        names.push(Cell::words(one.setting.to_string()));
        savings.push(Cell::estimate(one.saving(), share));
        rounds.push(Cell::number(f64::from(one.standing.rounds), one.standing.rounds.to_string()));
        outcomes.push(Cell::words(one.outcome.clone()));
    }
    vec![
        Column::left("setting", 0, names),
        Column::right("saves", 0, savings),
        Column::right("rounds", 0, rounds),
        Column::left("outcome", 0, outcomes),
    ]
}

/// The whole answer as text.
pub(crate) fn render(outcome: &SprintOutcome, review: Option<&CostReview>) -> String {
    let mut text = headline(outcome);
    text.push_str(&settings(outcome));
    text.push_str(&because(outcome));
    text.push_str(&cost_review(outcome, review));
    text.push_str(&levers(outcome));
    text.push_str(&footing(outcome));
    text
}

fn headline(outcome: &SprintOutcome) -> String {
    let style = match outcome.answer {
        Outcome::Found { .. } => SUCCESS,
        Outcome::Nothing => STRONG,
        Outcome::Unsettled { .. } => DOUBT,
    };
    let mut text = format!("{} ", styled(style, "→"));
    text.push_str(&wrapped(&outcome.sentence, 2, STRONG));
    if let Some(command) = &outcome.command {
        let _ = writeln!(text, "\n    {}", plain(command));
    }
    text.push('\n');
    text
}

fn settings(outcome: &SprintOutcome) -> String {
    let cost = outcome.present_cost.map_or(UNKNOWN.to_owned(), |cost| {
        format!("{} {} per 1,000 answers", thousand(cost), outcome.prices.currency)
    });
    let mut rows = vec![vec!["as it is".to_owned(), "–".to_owned(), String::new(), cost]];
    for one in outcome.settings.iter().take(SHOWN) {
        rows.push(row(one));
    }

    let mut text = table(&["setting", "saves", "rounds", "outcome"], rows);
    if outcome.settings.len() > SHOWN {
        let _ = writeln!(text, " … and {} more (--json shows all)", outcome.settings.len() - SHOWN);
    }
    text
}

fn row(one: &SettingOutcome) -> Vec<String> {
    let room = WIDTH / 2;
    let outcome: String = one.outcome.chars().take(room).collect();
    let cut = if one.outcome.chars().nth(room).is_some() { "…" } else { "" };
    vec![
        one.setting.to_string(),
        one.saving().map_or(UNKNOWN.to_owned(), share),
        one.standing.rounds.to_string(),
        format!("{outcome}{cut}"),
    ]
}

/// What bounds the present setting, and the winner where it is another thing.
fn because(outcome: &SprintOutcome) -> String {
    let mut text = String::from("\n");
    if let Some(now) = &outcome.roofline {
        let _ = write!(text, "{} ", styled(STRONG, "Bound by"));
        text.push_str(&wrapped(&now.sentence, 9, anstyle::Style::new()));
        text.push_str(&figures(now));
    }
    let Outcome::Found { candidate, .. } = &outcome.answer else { return text };
    let winner = outcome.settings.iter().find(|one| one.candidate == *candidate);
    if let Some(then) = winner.and_then(|winner| winner.roofline.as_ref()) {
        let _ = write!(text, "{} ", styled(STRONG, "Then by"));
        text.push_str(&wrapped(&then.sentence, 8, anstyle::Style::new()));
        text.push_str(&figures(then));
    }
    text
}

fn known(share: Option<f64>) -> String {
    share.map_or(UNKNOWN.to_owned(), percent)
}

fn figures(found: &Roofline) -> String {
    let mut parts = vec![
        format!("busy {}", percent(found.busy)),
        format!("in flight {:.1}", found.in_flight),
        format!("prefill {}", percent(found.prefill)),
        format!("decode {}", percent(found.decode)),
        format!("queue {}", known(found.queue)),
        format!("bandwidth {}", known(found.bandwidth_share)),
        format!("peak {}", known(found.peak_share)),
    ];
    if let Some(watts) = found.watts {
        parts.push(format!("{watts:.0} W"));
    }
    format!("  {}", wrapped(&parts.join(" · "), 2, FAINT))
}

/// The three steps of a cost review, each with what this sprint says of it and the command that goes on.
fn cost_review(outcome: &SprintOutcome, review: Option<&CostReview>) -> String {
    let mut text = format!("\n{}\n", styled(STRONG, "Cost review"));
    let sprint = match &outcome.answer {
        Outcome::Found { saving, .. } => format!("{} found, at kept quality", percent(saving.point)),
        Outcome::Nothing => format!("nothing here saves {}", percent(outcome.wanted)),
        Outcome::Unsettled { .. } => "not settled; a larger --budget measures more".to_owned(),
    };
    let pivot = match review.map(|review| review.hosting.cheapest.as_slice()) {
        Some([]) | None => "where it is cheapest is not known".to_owned(),
        Some(cheapest) => format!("cheapest at this load: {}", cheapest.join(" = ")),
    };
    let rows = vec![
        step("1 audit", &audit(outcome, review), "infercost audit"),
        step("2 sprint", &sprint, "infercost optimize --measure"),
        step("3 pivot", &pivot, "infercost host"),
    ];
    text.push_str(&table(&[], rows));
    text.push_str(&review.map_or_else(String::new, ways));
    text
}

/// Cost against revenue, where anybody says what an answer earns.
fn audit(outcome: &SprintOutcome, review: Option<&CostReview>) -> String {
    let limit = review.and_then(|review| review.audit.as_ref()?.limits.first());
    match (limit, outcome.present_cost) {
        (Some(limit), _) => limit.why.to_string(),
        (None, Some(cost)) => {
            format!("{} {} per 1,000; what they earn: [revenue]", thousand(cost), outcome.prices.currency)
        }
        (None, None) => "what an answer costs is not known".to_owned(),
    }
}

/// The ways to host, the cheapest first.
fn ways(review: &CostReview) -> String {
    let mut rows = Vec::new();
    for way in review.hosting.ways.iter().take(WAYS) {
        let cost = way.per_inference.as_ref().map_or(UNKNOWN.to_owned(), |cost| thousand(cost.point));
        rows.push(vec![format!("  {}", way.name), way.kind.to_owned(), cost]);
    }
    let header = format!("{} per 1,000", review.hosting.currency);
    let mut text = table(&["  ways to host", "", &header], rows);
    if let Some(finding) = &review.finding {
        text.push_str(&wrapped(&finding.to_string(), 0, FAINT));
    }
    text
}

fn levers(outcome: &SprintOutcome) -> String {
    let mut text = format!("\n{}\n", styled(STRONG, "Next to flags"));
    for lever in &outcome.levers {
        let _ = write!(text, " · {}", wrapped(&lever_line(lever), 3, anstyle::Style::new()));
    }
    if outcome.levers.is_empty() { String::new() } else { text }
}

fn lever_line(lever: &Lever) -> String {
    let saving = lever.saving.map_or(UNKNOWN.to_owned(), percent);
    let basis = match lever.basis {
        LeverBasis::Measured => "measured",
        LeverBasis::Computed => "computed",
        LeverBasis::Unknown => "not known",
    };
    format!("{}: {saving} ({basis}): {}", lever.name, lever.why)
}

fn step(name: &str, what: &str, command: &str) -> Vec<String> {
    vec![name.to_owned(), what.to_owned(), command.to_owned()]
}

/// What the answer rests on.
fn footing(outcome: &SprintOutcome) -> String {
    let mut lines = basis(outcome);
    if let Some(confirm) = &outcome.confirm {
        lines.push(format!("confirm: {confirm}"));
    }
    lines.extend(outcome.notes.iter().cloned());

    let mut text = String::from("\n");
    for line in lines {
        let _ = write!(text, "{}", wrapped(&line, 0, FAINT));
    }
    text
}

/// What the answer rests on, a line each.
fn basis(outcome: &SprintOutcome) -> Vec<String> {
    let mut lines = Vec::new();
    let prices = if outcome.prices.assumed { "assumed, not yours" } else { "yours" };
    let parts =
        if outcome.cost_parts.is_empty() { "time alone".to_owned() } else { outcome.cost_parts.join(" + ") };
    lines.push(format!("cost is {parts}; prices: {} ({prices})", outcome.prices.name));
    lines.push(format!("workload: {}", outcome.workload));
    lines.push(format!(
        "{} in {} of {}, in {}",
        measurements(outcome),
        clock(outcome.took_s),
        clock(outcome.budget_s),
        outcome.folder
    ));
    if let Some(run) = &outcome.quality_run {
        lines.push(format!("quality: infercost report {run}"));
    }
    lines
}

/// Seconds below two minutes, minutes above.
fn clock(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.1} min", seconds / 60.0) }
}

/// How many measurements were made: those that chose, beside what the whole grid would have taken, and those that confirmed.
fn measurements(outcome: &SprintOutcome) -> String {
    let chose = outcome.visits.saturating_sub(outcome.confirmation_visits);
    let spared = match outcome.grid_visits {
        0 => String::new(),
        grid => format!(" ({} of the grid's {grid})", percent(chose as f64 / grid as f64)),
    };
    let confirmed = match outcome.confirmation_visits {
        0 => String::new(),
        confirmed => format!(", and {confirmed} that confirmed"),
    };
    format!("{}{spared}{confirmed}", count(chose, "measurement"))
}

/// Text in lines of at most 80 columns, those behind the first indented.
fn wrapped(text: &str, indent: usize, style: anstyle::Style) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = indent;
    for word in plain(text).split_whitespace() {
        let size = word.chars().count();
        if !line.is_empty() && length + 1 + size > WIDTH {
            lines.push(std::mem::take(&mut line));
            length = indent;
        }
        if !line.is_empty() {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += size;
    }
    lines.push(line);

    let mut shown = String::new();
    for (index, line) in lines.iter().enumerate() {
        let blanks = if index == 0 { 0 } else { indent };
        let _ = writeln!(shown, "{}{}", " ".repeat(blanks), styled(style, line));
    }
    shown
}

/// Rows in columns, without blanks at the ends of lines.
fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }

    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| plain(cell)).collect();
        table.add_row(cells);
    }

    let mut text = String::new();
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
