//! The answer of `infercost host`.

use std::fmt::Write as _;

use infercost_economics::hosting::{Hosting, WayCost};
use infercost_core::text::percent;
use infercost_economics::wording::plain as short;
use infercost_run::number::UNKNOWN;

use crate::output::layout::{assumptions, estimate, head, money, money_estimate, share, styled, table};
use crate::output::terminal::{DOUBT, STRONG, SUCCESS, plain};

/// The whole answer as text.
pub(crate) fn render(hosting: &Hosting) -> String {
    let title = format!(
        "{} · {} requests an hour · one machine answers {}",
        hosting.name,
        short(hosting.requests_per_hour),
        estimate(&hosting.capacity_per_hour)
    );
    let mut text = head(&title, &hosting.notes);
    text.push_str(&costs(hosting));
    for way in &hosting.ways {
        for (part, why) in way.bill.left_out.iter() {
            let _ = writeln!(text, " {} leaves out {part}: {}", plain(&way.name), plain(&why.to_string()));
        }
    }
    let _ = write!(text, "\n{}", parts(hosting));
    let _ = write!(text, "\n{}", by_utilization(hosting));
    let _ = write!(text, "\n{}", break_evens(hosting));
    let _ = write!(text, "\n{}", sensitivity(hosting));
    text.push_str(&assumptions(&hosting.assumptions));
    let style = if hosting.open { DOUBT } else { SUCCESS };
    let _ = writeln!(text, "\n{} {}", styled(style, "→"), styled(STRONG, &plain(&hosting.why)));
    text
}

fn costs(hosting: &Hosting) -> String {
    let rows = hosting.ways.iter().map(|way| {
        let cost = |estimate: &Option<_>| {
            estimate.as_ref().map_or(UNKNOWN.to_owned(), |cost| money_estimate(cost, hosting.currency))
        };
        let more = match (&way.more_than_best, way.tie) {
            (Some(_), true) => "tie".to_owned(),
            (Some(more), false) => format!("+{}", money_estimate(more, hosting.currency)),
            (None, _) if way.per_inference.is_some() => "cheapest".to_owned(),
            (None, _) => UNKNOWN.to_owned(),
        };
        vec![
            way.name.clone(),
            way.kind.to_owned(),
            way.machines.map_or(UNKNOWN.to_owned(), |machines| machines.to_string()),
            way.utilization.map_or(UNKNOWN.to_owned(), percent),
            cost(&way.per_inference),
            cost(&way.per_hour),
            more,
        ]
    });
    table(
        &["way", "kind", "machines", "used", "per inference", "per hour", "more than the cheapest"],
        rows.collect(),
        true,
    )
}

fn parts(hosting: &Hosting) -> String {
    let rows = hosting.ways.iter().map(|way| {
        let parts: Vec<String> = way
            .bill
            .parts
            .iter()
            .map(|part| {
                let amount = infercost_economics::bill::double(part.amount);
                format!("{} {}", part.name, money(amount, hosting.currency))
            })
            .collect();
        vec![way.name.clone(), parts.join(" + ")]
    });
    table(&["parts", "of an inference"], rows.collect(), false)
}

fn by_utilization(hosting: &Hosting) -> String {
    let rows = hosting.ways.iter().map(|way| {
        let cells = way.by_utilization.iter();
        let shown = cells.map(|cost| cost.map_or(UNKNOWN.to_owned(), |cost| money(cost, hosting.currency)));
        std::iter::once(way.name.clone()).chain(shown).collect()
    });
    table(&["one machine used", "10 %", "30 %", "60 %", "100 %"], rows.collect(), true)
}

fn break_evens(hosting: &Hosting) -> String {
    let rows: Vec<Vec<String>> = hosting.ways.iter().filter_map(break_even).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["own against", "is cheaper from", "pays back after"], rows, false)
}

fn break_even(way: &WayCost) -> Option<Vec<String>> {
    let load = way.own_cheaper_from.as_ref()?;
    let from = match (&load.requests_per_hour, &load.utilization) {
        (Some(requests), Some(used)) => {
            format!("{} requests/h, {} used", estimate(requests), share(used))
        }
        _ => format!("{UNKNOWN} {}", load.reason),
    };
    let payback = way.own_pays_back.as_ref().map_or(UNKNOWN.to_owned(), |payback| match &payback.months {
        Some(months) if payback.reason.is_empty() => format!("{} months", estimate(months)),
        Some(months) => format!("{} months, {}", estimate(months), payback.reason),
        None => format!("{UNKNOWN} {}", payback.reason),
    });
    Some(vec![way.name.clone(), from, payback])
}

fn sensitivity(hosting: &Hosting) -> String {
    let rows = hosting.sensitivity.iter().map(|after| {
        let cheapest =
            if after.cheapest.is_empty() { UNKNOWN.to_owned() } else { after.cheapest.join(" = ") };
        vec![after.words.to_owned(), cheapest]
    });
    table(&["if", "the cheapest is"], rows.collect(), false)
}
