//! The bill of what a monitor recorded.

use std::fmt::Write as _;

use infercost_core::text::percent;
use infercost_monitor::Shown;
use infercost_monitor::bill::{BilledTime, MonitoredBill};

use crate::output::monitor::wording::{count, joules, money, number, share};
use crate::output::terminal::{DOUBT, FAILURE, SUCCESS, Stream, plain, style};

/// The answer first, then where it comes from.
pub(crate) fn render(bill: &MonitoredBill) -> String {
    let mut text = format!("{}\n\n", answer(bill));
    let _ = writeln!(
        text,
        "{} since {}, {:.2} h",
        plain(&bill.machine),
        bill.started_at.strftime("%Y-%m-%d %H:%M UTC"),
        bill.total.hours
    );
    let _ = writeln!(
        text,
        "\n {:<10} {:>8} {:>10} {:>14} {:>14} {:>14}",
        "time", "hours", "energy", "electricity", "machine", "cost"
    );
    for (name, time) in
        [("serving", &bill.serving), ("idle", &bill.idle), ("unclear", &bill.unclear), ("all", &bill.total)]
    {
        if time.hours > 0.0 || name == "all" {
            text.push_str(&row(name, time, &bill.currency));
        }
    }

    let currency = bill.currency.as_str();
    let _ = writeln!(text, "\n a million output tokens  {}", money(&bill.per_million, currency));
    let _ = writeln!(text, " a request                {}", money(&bill.per_request, currency));
    let _ = writeln!(text, " output tokens            {}", count(&bill.output_tokens));
    let _ = writeln!(text, " revenue                  {}", money(&bill.revenue, currency));
    for note in &bill.notes {
        let _ = writeln!(text, "! {}", plain(note));
    }
    text
}

fn row(name: &str, time: &BilledTime, currency: &str) -> String {
    let energy = number(&time.joules, |energy| joules(*energy));
    let (electricity, machine, cost) =
        (money(&time.electricity, currency), money(&time.machine, currency), money(&time.cost, currency));
    let hours = time.hours;
    format!(" {name:<10} {hours:>8.2} {energy:>10} {electricity:>14} {machine:>14} {cost:>14}\n")
}

fn answer(bill: &MonitoredBill) -> String {
    let cost = money(&bill.total.cost, &bill.currency);
    let idle = match (bill.total.cost.value(), bill.idle.cost.value()) {
        (Some(total), Some(idle)) if *total > 0.0 => {
            format!(", {} of it while nothing was served", percent(idle / total))
        }
        _ => String::new(),
    };
    let (tone, verdict) = match &bill.in_loss_zone {
        Shown::Value(true) => (
            FAILURE,
            format!(
                "; in the loss zone: {} of revenue, from {} on",
                share(&bill.cost_share),
                percent(bill.loss_zone)
            ),
        ),
        Shown::Value(false) => (SUCCESS, format!("; {} of revenue", share(&bill.cost_share))),
        Shown::Missing(why) => (DOUBT, format!("; against revenue: not known, {}", plain(why))),
    };
    format!("{} It cost {cost}{idle}{verdict}", style(Stream::Output, tone, "→"))
}
