//! The answer of `infercost host`.

use std::fmt::Write as _;

use infercost_core::text::percent;
use infercost_economics::bill::double;
use infercost_economics::hosting::{Hosting, WayCost};
use infercost_economics::wording::plain as short;
use infercost_run::number::{UNKNOWN, significant};

use crate::output::layout::{assumptions, estimate, head, share, styled, table, thousand, thousand_estimate};
use crate::output::terminal::{DOUBT, STRONG, SUCCESS, plain};

/// The whole answer as text.
pub(crate) fn render(hosting: &Hosting) -> String {
    let title = format!(
        "{} · {} requests an hour · one machine answers {}",
        hosting.name,
        short(hosting.requests_per_hour),
        estimate(&hosting.capacity_per_hour)
    );
    let mut text = head(&title, &hosting.findings);
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
        let more = match (&way.more_than_best, way.tie) {
            (Some(_), true) => "tie".to_owned(),
            (Some(more), false) => format!("+{}", thousand_estimate(more)),
            (None, _) if way.per_inference.is_some() => "cheapest".to_owned(),
            (None, _) => UNKNOWN.to_owned(),
        };
        vec![
            way.name.clone(),
            way.kind.to_owned(),
            shown(&way.per_inference, thousand_estimate),
            more,
            shown(&way.per_hour, estimate),
            shown(&way.per_inference, |cost| significant(cost.point)),
            shown(&way.machines, ToString::to_string),
            shown(&way.utilization, |share| percent(*share)),
        ]
    });
    let header = [
        format!("costs in {}", hosting.currency),
        "kind".to_owned(),
        "1,000 inferences".to_owned(),
        "over the cheapest".to_owned(),
        "an hour".to_owned(),
        "an inference".to_owned(),
        "machines".to_owned(),
        "used".to_owned(),
    ];
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, rows.collect(), true)
}

/// A cell, where there is something to show.
fn shown<T>(value: &Option<T>, as_text: impl Fn(&T) -> String) -> String {
    value.as_ref().map_or_else(|| UNKNOWN.to_owned(), as_text)
}

fn parts(hosting: &Hosting) -> String {
    let rows = hosting.ways.iter().map(|way| {
        let parts = way.bill.parts.iter();
        let parts: Vec<String> =
            parts.map(|part| format!("{} {}", part.name, thousand(double(part.amount)))).collect();
        vec![way.name.clone(), parts.join(" + ")]
    });
    let header = format!("{} of 1,000 inferences", hosting.currency);
    table(&["parts", &header], rows.collect(), false)
}

fn by_utilization(hosting: &Hosting) -> String {
    let rows = hosting.ways.iter().map(|way| {
        let cells = way.by_utilization.iter().map(|cost| shown(cost, |cost| thousand(*cost)));
        std::iter::once(way.name.clone()).chain(cells).collect()
    });
    let header = format!("{} of 1,000, one machine used", hosting.currency);
    table(&[&header, "10 %", "30 %", "60 %", "100 %"], rows.collect(), true)
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
