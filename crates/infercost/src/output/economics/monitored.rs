//! The bill of what a monitor recorded.

use infercost_core::text::percent;
use infercost_monitor::Shown;
use infercost_monitor::bill::{BilledTime, MonitoredBill};
use infercost_run::number::significant;

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::monitor::wording::{count, money, share};
use crate::output::terminal::plain;

/// The answer: amounts in one unit a column.
pub(crate) fn answer(bill: &MonitoredBill) -> Answer {
    let (tone, headline) = sentence(bill);
    let mut notes = Vec::new();
    for note in &bill.notes {
        notes.push(plain(note));
    }

    let currency = bill.currency.as_str();
    let sums = vec![
        format!("a million output tokens: {}", money(&bill.per_million, currency)),
        format!("a request: {}", money(&bill.per_request, currency)),
        format!("output tokens: {}", count(&bill.output_tokens)),
        format!("revenue: {}", money(&bill.revenue, currency)),
    ];
    Answer {
        tone,
        headline,
        subject: subject(bill),
        table: columns(bill),
        more: vec![Section::lines("", sums)],
        ..Answer::default()
    }
    .with_notes(&notes)
}

fn columns(bill: &MonitoredBill) -> Vec<Column> {
    let currency = &bill.currency;
    let mut names = Vec::new();
    let mut hours = Vec::new();
    let mut energies = Vec::new();
    let [mut electricity, mut machine, mut cost] = [Vec::new(), Vec::new(), Vec::new()];
    for (name, time) in times(bill) {
        names.push(Cell::words(name));
        hours.push(Cell::number(time.hours, format!("{:.2}", time.hours)));
        energies.push(amount(&time.joules));
        electricity.push(amount(&time.electricity));
        machine.push(amount(&time.machine));
        cost.push(amount(&time.cost));
    }
    vec![
        Column::left("time", 0, names),
        Column::right("hours", 0, hours),
        Column::right("J", 0, energies),
        Column::right(format!("electricity, {currency}"), 0, electricity),
        Column::right(format!("machine, {currency}"), 0, machine),
        Column::right(format!("cost, {currency}"), 0, cost),
    ]
}

/// A number of the column's unit, where it is known.
fn amount(shown: &Shown<f64>) -> Cell {
    Cell::maybe(shown.value().copied(), significant)
}

/// The kinds of time that there were, and all of it.
fn times(bill: &MonitoredBill) -> Vec<(&'static str, &BilledTime)> {
    let all =
        [("serving", &bill.serving), ("idle", &bill.idle), ("unclear", &bill.unclear), ("all", &bill.total)];
    all.into_iter().filter(|(name, time)| time.hours > 0.0 || *name == "all").collect()
}

fn subject(bill: &MonitoredBill) -> String {
    let began = bill.started_at.strftime("%Y-%m-%d %H:%M UTC");
    format!("{} since {began}, {:.2} h", plain(&bill.machine), bill.total.hours)
}

fn sentence(bill: &MonitoredBill) -> (Tone, String) {
    let cost = money(&bill.total.cost, &bill.currency);
    let idle = match (bill.total.cost.value(), bill.idle.cost.value()) {
        (Some(total), Some(idle)) if *total > 0.0 => {
            format!(", {} of it while nothing was served", percent(idle / total))
        }
        _ => String::new(),
    };
    let (tone, verdict) = match &bill.in_loss_zone {
        Shown::Value(true) => (
            Tone::Bad,
            format!(
                "; in the loss zone: {} of revenue, from {} on",
                share(&bill.cost_share),
                percent(bill.loss_zone)
            ),
        ),
        Shown::Value(false) => (Tone::Good, format!("; {} of revenue", share(&bill.cost_share))),
        Shown::Missing(why) => (Tone::Doubt, format!("; against revenue: not known, {}", plain(why))),
    };
    (tone, format!("It cost {cost}{idle}{verdict}"))
}
