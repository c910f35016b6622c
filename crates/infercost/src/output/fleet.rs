//! What a fleet's inferences took, as a person reads it.

use infercost_core::text::{count, percent};
use infercost_fleet::question::answer::{FleetAnswer, FleetRow, Zone};
use infercost_fleet::question::movers::{Mover, Movers};
use infercost_run::number::{self, UNKNOWN};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;

/// The answer.
pub(crate) fn answer(answer: &FleetAnswer, movers: Option<&Movers>) -> Answer {
    let (tone, headline) = headline(answer);
    let mut shown =
        Answer { tone, headline, subject: period(answer), table: table(answer), ..Answer::default() };
    if let Some(movers) = movers {
        let title = format!("against {} to {}", movers.from, movers.to);
        shown.more.push(Section::table(title, movers_table(answer, movers)));
    }

    shown.explain(Section::lines(
        "percentiles",
        vec![format!(
            "of latency, from mergeable bins: each is within {} of the one of the sorted latencies",
            percent(answer.latency_relative_error)
        )],
    ));
    shown.with_notes(&notes(answer))
}

fn headline(answer: &FleetAnswer) -> (Tone, String) {
    let inferences: u64 = answer.totals.iter().map(|total| total.inferences).sum();
    if inferences == 0 {
        return (Tone::Doubt, "no inferences in these tables and days".to_owned());
    }

    let mut amounts = Vec::new();
    for total in &answer.totals {
        if let (Some(cost), Some(currency)) = (total.cost, &total.currency) {
            amounts.push(format!("{} {currency}", money(cost)));
        }
    }
    let cost = match amounts.as_slice() {
        [] => "at a cost that is not known".to_owned(),
        known => format!("for {}", known.join(" and ")),
    };
    let inferences = count(inferences, "inference");

    match answer.worst_zone() {
        Some(Zone::Loss) => {
            let losing = answer.rows.iter().filter(|row| row.zone == Some(Zone::Loss)).count();
            (Tone::Bad, format!("{inferences} {cost}; {} in the loss zone", count(losing as u64, "row")))
        }
        Some(Zone::Open) => (Tone::Doubt, format!("{inferences} {cost}; the loss zone is not settled")),
        Some(Zone::Profit) => (Tone::Good, format!("{inferences} {cost}; no row in the loss zone")),
        None => (Tone::Plain, format!("{inferences} {cost}")),
    }
}

fn period(answer: &FleetAnswer) -> String {
    match (answer.from, answer.to) {
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("from {from}"),
        (None, Some(to)) => format!("to {to}"),
        (None, None) => String::new(),
    }
}

fn table(answer: &FleetAnswer) -> Vec<Column> {
    let rows = &answer.rows;
    let mut columns = Vec::new();
    for key in &answer.by {
        let cells = rows.iter().map(|row| key_cell(row.keys.get(key.name()))).collect();
        columns.push(Column::left(key.name(), 0, cells));
    }

    columns.push(column(rows, "inferences", 0, |row| whole(Some(row.inferences))));
    columns.push(column(rows, "cost", 0, |row| amount(row.cost)));
    columns.push(Column::left("", 0, rows.iter().map(|row| text(row.currency.as_deref())).collect()));
    columns.push(column(rows, "failures", 2, |row| whole(Some(row.failures))));
    columns.push(column(rows, "input tokens", 3, |row| whole(row.input_tokens)));
    columns.push(column(rows, "output tokens", 3, |row| whole(row.output_tokens)));
    columns.push(column(rows, "cached", 5, |row| Cell::maybe(row.cached_share, percent)));
    columns.push(column(rows, "joules", 4, |row| Cell::maybe(row.energy_j, number::significant)));
    columns.push(column(rows, "p50", 2, |row| seconds(row.latency_s.map(|latency| latency.p50))));
    columns.push(column(rows, "p95", 2, |row| seconds(row.latency_s.map(|latency| latency.p95))));
    columns.push(column(rows, "p99", 4, |row| seconds(row.latency_s.map(|latency| latency.p99))));
    if rows.iter().any(|row| row.revenue.is_some()) {
        columns.push(column(rows, "revenue", 0, |row| amount(row.revenue)));
        columns.push(Column::left("zone", 0, rows.iter().map(|row| text(row.zone.map(zone))).collect()));
    }
    columns
}

fn column(rows: &[FleetRow], header: &str, rank: u8, cell: impl Fn(&FleetRow) -> Cell) -> Column {
    Column::right(header, rank, rows.iter().map(cell).collect())
}

fn movers_table(answer: &FleetAnswer, movers: &Movers) -> Vec<Column> {
    let rows = &movers.rows;
    let mut columns = Vec::new();
    for key in &answer.by {
        let cells = rows.iter().map(|row| key_cell(row.keys.get(key.name()))).collect();
        columns.push(Column::left(key.name(), 0, cells));
    }

    columns.push(moved(rows, "before", |row| amount(row.before)));
    columns.push(moved(rows, "now", |row| amount(row.now)));
    columns.push(moved(rows, "change", |row| amount(row.change)));
    columns.push(Column::left("", 0, rows.iter().map(|row| text(row.currency.as_deref())).collect()));
    columns.push(moved(rows, "inferences before", |row| whole(Some(row.inferences_before))));
    columns.push(moved(rows, "inferences now", |row| whole(Some(row.inferences_now))));
    columns
}

fn moved(rows: &[Mover], header: &str, cell: impl Fn(&Mover) -> Cell) -> Column {
    Column::right(header, 0, rows.iter().map(cell).collect())
}

fn key_cell(value: Option<&Option<String>>) -> Cell {
    text(value.and_then(|value| value.as_deref()))
}

fn text(text: Option<&str>) -> Cell {
    text.map_or(Cell::Unknown, Cell::words)
}

fn whole(number: Option<u64>) -> Cell {
    number.map_or(Cell::Unknown, |number| Cell::number(number as f64, number::count(number)))
}

fn seconds(seconds: Option<f64>) -> Cell {
    Cell::maybe(seconds, number::seconds)
}

/// An amount: rounded for people, exact in CSV as far as a double goes.
fn amount(amount: Option<Decimal>) -> Cell {
    match amount.and_then(|exact| Some((exact, exact.to_f64()?))) {
        Some((exact, value)) => Cell::number(value, money(exact)),
        None => Cell::Unknown,
    }
}

/// Three digits of a small amount, two places of a large one.
fn money(amount: Decimal) -> String {
    if amount.abs() >= Decimal::ONE_HUNDRED {
        return amount.round_dp(2).to_string();
    }
    amount.to_f64().map_or_else(|| UNKNOWN.to_owned(), number::significant)
}

fn zone(zone: Zone) -> &'static str {
    match zone {
        Zone::Profit => "profit",
        Zone::Open => "not settled",
        Zone::Loss => "✗ loss",
    }
}

/// What the numbers leave out.
fn notes(answer: &FleetAnswer) -> Vec<String> {
    let mut notes = Vec::new();
    let unpriced: u64 = answer.totals.iter().map(|total| total.unknown.cost).sum();
    if unpriced > 0 {
        let answers = count(unpriced, "answer");
        notes.push(format!(
            "{answers} without a known cost are not in the costs; price them with --prices FILE"
        ));
    }
    let unmetered: u64 = answer.totals.iter().map(|total| total.unknown.energy).sum();
    if unmetered > 0 && answer.totals.iter().any(|total| total.energy_j.is_some()) {
        notes.push(format!("{} without known joules are not in the joules", count(unmetered, "inference")));
    }
    if answer.not_counted > 0 {
        let left_out = count(answer.not_counted, "inference");
        notes.push(format!("{left_out} of windows that were measured again or cut off are in no number"));
    }
    if !answer.services_without_inferences.is_empty() {
        let services = answer.services_without_inferences.join(", ");
        notes.push(format!(
            "no inference of {services} was found; --by service shows the names in the tables"
        ));
    }
    if !answer.repeated_sources.is_empty() {
        let sources = count(answer.repeated_sources.len() as u64, "source");
        notes.push(format!("{sources} in several of the folders, counted once"));
    }
    notes
}
