//! The answer of `infercost audit`: what an inference costs against what it earns.

use infercost_core::economics::Limited;
use infercost_core::number::plain as short;
use infercost_core::text::percent;
use infercost_core::{CostPart, Estimate, Findings};
use infercost_economics::audit::{Audit, Zone};
use infercost_economics::bill::double;
use infercost_run::number::{UNKNOWN, significant};

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::layout::{estimate, share, signed, thousand, thousand_estimate};

/// The answer about one thing, or about several models of production, one row each.
pub(crate) fn answer(audits: &[Audit]) -> Answer {
    match audits {
        [one] => of_one(one),
        all => of_several(all),
    }
}

fn of_one(audit: &Audit) -> Answer {
    let mut answer = Answer {
        tone: tone(audit),
        headline: headline(audit),
        subject: audit.name.clone(),
        table: costs(audit),
        ..Answer::default()
    };
    for section in sections(audit, "") {
        answer.explain(section);
    }
    answer.assume(&audit.assumptions);
    answer.with_findings(&audit.findings)
}

/// Models side by side: the costliest first, since that is where there is something to do.
fn of_several(audits: &[Audit]) -> Answer {
    let of_zone = |zone| audits.iter().find(|audit| audit.worst() == Some(zone));
    let worst = of_zone(Zone::Loss).or_else(|| of_zone(Zone::Open)).or_else(|| audits.first());
    let mut answer = Answer {
        tone: worst.map_or(Tone::Plain, tone),
        headline: worst.map_or_else(
            || "no inference was found".to_owned(),
            |audit| format!("{}: {}", audit.name, headline(audit)),
        ),
        table: models(audits),
        ..Answer::default()
    };
    for audit in audits {
        for section in sections(audit, &format!("{}: ", audit.name)) {
            answer.explain(section);
        }
    }
    if let Some(first) = audits.first() {
        answer.assume(&first.assumptions);
    }

    let mut findings = Findings::default();
    for audit in audits {
        findings.extend(audit.findings.clone());
    }

    let answer = answer.with_findings(&findings);
    Answer { topics: topics(&answer, audits), ..answer }
}

/// What stands behind `--explain`, each once: every model has the same sections.
fn topics(answer: &Answer, audits: &[Audit]) -> Vec<String> {
    let mut topics: Vec<String> = Vec::new();
    for section in &answer.sections {
        let title = section.title.as_str();
        let topic = audits.iter().find_map(|audit| title.strip_prefix(&audit.name)?.strip_prefix(": "));
        let topic = topic.unwrap_or(title);
        if !topics.iter().any(|known| known == topic) {
            topics.push(topic.to_owned());
        }
    }
    topics
}

fn tone(audit: &Audit) -> Tone {
    match audit.worst() {
        Some(Zone::Profit) => Tone::Good,
        Some(Zone::Loss) => Tone::Bad,
        Some(Zone::Open) => Tone::Doubt,
        None => Tone::Plain,
    }
}

/// The limit that is passed, else one that is not settled, else the first; without any, the cost itself.
fn headline(audit: &Audit) -> String {
    if audit.per_inference.is_none() {
        return format!("the cost of an inference is unknown{}", why_unknown(audit));
    }

    let of_zone = |zone| audit.limits.iter().find(|limit| limit.zone == zone);
    let first = [Zone::Loss, Zone::Open, Zone::Profit].into_iter().find_map(of_zone);
    if let Some(limit) = first {
        return limit.why.to_string();
    }

    let cost = audit.per_inference.as_ref().map_or_else(|| UNKNOWN.to_owned(), thousand_estimate);
    format!("1,000 inferences cost {cost} {}; give --revenue to see what is left of it", audit.currency)
}

/// Why there is no cost, and what gives one.
fn why_unknown(audit: &Audit) -> String {
    match audit.bill.left_out.get(CostPart::Hardware) {
        Some(why) => format!(": {why}; set hardware in [prices] of infercost.toml"),
        None => audit.unknown.sentence("per_inference").map_or_else(String::new, |why| format!(": {why}")),
    }
}

/// One model a row.
fn models(audits: &[Audit]) -> Vec<Column> {
    let currency = audits.first().map_or_else(String::new, |audit| audit.currency.to_string());
    let mut names = Vec::new();
    let mut verdicts = Vec::new();
    let mut costs = Vec::new();
    let mut shares = Vec::new();
    let mut tokens = Vec::new();
    for audit in audits {
        names.push(Cell::words(audit.name.clone()));
        verdicts.push(Cell::words(match audit.worst() {
            Some(Zone::Profit) => "within",
            Some(Zone::Loss) => "✗ passed",
            Some(Zone::Open) => "UNSURE",
            None => UNKNOWN,
        }));
        costs.push(Cell::estimate(audit.per_thousand.as_ref(), estimate));
        shares.push(Cell::estimate(audit.share.as_ref(), share));
        tokens.push(Cell::estimate(audit.per_million_output_tokens.as_ref(), estimate));
    }

    vec![
        Column::left("model", 0, names),
        Column::left("limits", 0, verdicts),
        Column::right(format!("{currency}/1,000"), 0, costs),
        Column::right("÷ revenue", 1, shares),
        Column::right(format!("{currency}/1M out"), 2, tokens),
    ]
}

/// What costs so much, and what of it comes back.
struct Row {
    of: String,
    cost: Option<Estimate>,
    /// Inferences that earn.
    inferences: Option<f64>,
    rank_when_unknown: bool,
}

/// Costs by what people pay for: a thousand inferences, a million tokens, a month.
fn costs(audit: &Audit) -> Vec<Column> {
    let row = |of: &str, cost: &Option<Estimate>, inferences: Option<f64>| Row {
        of: of.to_owned(),
        cost: *cost,
        inferences,
        rank_when_unknown: false,
    };
    let mut rows = vec![
        Row { rank_when_unknown: true, ..row("1,000 inferences", &audit.per_thousand, Some(1000.0)) },
        row("1M output tokens", &audit.per_million_output_tokens, None),
        row("a correct answer", &audit.per_correct, None),
        row("a user session", &audit.per_session, None),
        row("a user", &audit.per_user, None),
        row("an inference", &audit.per_inference, Some(1.0)),
    ];
    if let Some(inferences) = audit.inferences_per_month {
        let of = format!("a month of {} inferences", short(inferences.round()));
        rows.insert(1, row(&of, &audit.per_month, Some(inferences)));
    }
    rows.retain(|row| row.cost.is_some() || row.rank_when_unknown);

    let currency = audit.currency.to_string();
    let mut table = vec![
        Column::left("", 0, rows.iter().map(|row| Cell::words(row.of.clone())).collect()),
        Column::right(
            format!("cost in {currency}"),
            0,
            rows.iter().map(|row| Cell::estimate(row.cost.as_ref(), estimate)).collect(),
        ),
    ];

    let Some(revenue) = audit.revenue.as_ref().map(|revenue| double(revenue.value)) else { return table };
    let mut revenues = Vec::new();
    let mut margins = Vec::new();
    let mut shares = Vec::new();
    for row in &rows {
        let earned = row.inferences.map(|inferences| inferences * revenue);
        let margin = earned.zip(row.cost).map(|(earned, cost)| cost.map(|cost| earned - cost));
        revenues.push(Cell::maybe(earned, significant));
        margins.push(Cell::estimate(margin.as_ref(), estimate));
        shares.push(match (row.inferences, &audit.share) {
            (Some(_), Some(of)) => Cell::estimate(Some(of), share),
            _ => Cell::Unknown,
        });
    }
    table.push(Column::right("revenue", 1, revenues));
    table.push(Column::right("margin", 2, margins));
    let limit = audit.limits.iter().find(|limit| limit.what.0 == Limited::ShareOfRevenue);
    let limit = limit.map(|limit| format!("< {}", percent(limit.limit)));
    table.push(Column::right("cost ÷ revenue", 0, shares).limited(limit));
    table
}

/// What stands behind the cost, each under a title that begins with `of`.
fn sections(audit: &Audit, of: &str) -> Vec<Section> {
    let limits = audit.limits.iter().map(|limit| limit.why.to_string()).collect();
    let mut unknown: Vec<String> = Vec::new();
    for (part, why) in audit.bill.left_out.iter() {
        unknown.push(format!("{part} is left out of the cost: {why}"));
    }
    for (name, why) in audit.unknown.iter() {
        unknown.push(format!("{} is unknown: {why}", name.replace('_', " ")));
    }

    vec![
        Section::lines(format!("{of}limits"), limits),
        Section::table(format!("{of}parts"), parts(audit)),
        Section::table(format!("{of}by utilization"), utilizations(audit)),
        Section::table(format!("{of}what moves it"), tornado(audit)),
        Section::table(format!("{of}break-evens"), break_evens(audit)),
        Section::lines(format!("{of}what is not known"), unknown),
    ]
}

fn parts(audit: &Audit) -> Vec<Column> {
    let mut names = Vec::new();
    let mut amounts = Vec::new();
    for part in &audit.bill.parts {
        let amount = double(part.amount);
        names.push(Cell::words(part.name.to_string()));
        amounts.push(Cell::number(1000.0 * amount, thousand(amount)));
    }
    vec![Column::left("part", 0, names), Column::right(format!("{}/1,000", audit.currency), 0, amounts)]
}

fn utilizations(audit: &Audit) -> Vec<Column> {
    let mut shares = Vec::new();
    let mut costs = Vec::new();
    for one in &audit.utilizations {
        shares.push(Cell::number(one.utilization, percent(one.utilization)));
        let cost = one.per_inference.map(|cost| cost.map(|cost| 1000.0 * cost));
        costs.push(Cell::estimate(cost.as_ref(), estimate));
    }
    vec![Column::right("used", 0, shares), Column::right(format!("{}/1,000", audit.currency), 0, costs)]
}

fn tornado(audit: &Audit) -> Vec<Column> {
    let mut words = Vec::new();
    let mut changes = Vec::new();
    let mut shares = Vec::new();
    let mut reasons = Vec::new();
    for swing in &audit.tornado {
        words.push(Cell::words(swing.words));
        changes.push(match (&swing.share, swing.change) {
            (Some(ratio), Some(_)) => Cell::estimate(Some(ratio), change),
            _ => Cell::Unknown,
        });
        shares.push(Cell::maybe(swing.of_revenue, percent));
        reasons.push(Cell::words(swing.reason.sentence()));
    }

    let mut table = vec![Column::left("if", 0, words), Column::right("the cost changes by", 0, changes)];
    if audit.revenue.is_some() {
        table.push(Column::right("to ÷ revenue", 1, shares));
    }
    table.push(Column::left("", 0, reasons));
    table
}

/// A change with its sign; the interval where its ends differ.
fn change(ratio: &Estimate) -> String {
    if (ratio.upper - ratio.lower).abs() <= 1e-9 {
        return signed(ratio.point);
    }
    format!("{} [{}, {}]", signed(ratio.point), signed(ratio.lower), signed(ratio.upper))
}

fn break_evens(audit: &Audit) -> Vec<Column> {
    let mut what = Vec::new();
    let mut values = Vec::new();
    let mut units = Vec::new();
    for one in &audit.break_evens {
        let is_share = one.unit == "share of hours";
        what.push(Cell::words(one.what.to_string()));
        values.push(Cell::estimate(one.value.as_ref(), |value| {
            if is_share { share(value) } else { estimate(value) }
        }));
        units.push(Cell::words(match &one.value {
            None => one.reason.sentence(),
            Some(_) if is_share => "used".to_owned(),
            Some(_) => one.unit.clone(),
        }));
    }
    vec![Column::left("", 0, what), Column::right("at", 0, values), Column::left("", 0, units)]
}
