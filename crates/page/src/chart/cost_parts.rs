//! What an inference costs, by its parts, one bar a variant.

use infercost_core::report::{CandidateReport, Report};

use crate::axis::{Scale, range};
use crate::chart::frame::Span;
use crate::chart::{Figure, LegendEntry, Width};
use crate::figures::{percent, significant};
use crate::section::Names;
use crate::svg::{Anchor, Area, Point, Svg};

const BAR: f64 = 22.0;
const ROW: f64 = 36.0;

/// A part of the cost: its name, the class that colors it, and its amount per inference.
struct Part {
    name: &'static str,
    class: &'static str,
    amount: f64,
}

/// The bars; `None` where no cost is known.
pub(crate) fn figure(report: &Report, names: &Names) -> Option<Figure> {
    let known = report.candidates.iter().filter(|candidate| candidate.cost.per_inference.is_some());
    if known.count() == 0 {
        return None;
    }

    let mut legend: Vec<LegendEntry> = Vec::new();
    for part in report.candidates.iter().flat_map(parts) {
        if !legend.iter().any(|entry| entry.class == part.class) {
            legend.push(LegendEntry { class: part.class.to_owned(), name: part.name.to_owned() });
        }
    }

    Some(Figure {
        caption: format!("What 1,000 inferences cost, by parts, in {}.", report.price_book.currency),
        wide: draw(report, names, Width::Wide),
        narrow: draw(report, names, Width::Narrow),
        legend,
    })
}

fn parts(candidate: &CandidateReport) -> Vec<Part> {
    let components = &candidate.cost.components;
    let all = [
        ("electricity", "p0", components.energy),
        ("machine", "p1", components.hardware),
        ("idle electricity", "p2", components.idle),
        ("operation", "p3", components.operation),
    ];

    let mut parts = Vec::new();
    for (name, class, amount) in all {
        if let Some(amount) = amount {
            parts.push(Part { name, class, amount });
        }
    }
    parts
}

fn draw(report: &Report, names: &Names, width: Width) -> String {
    let left = if width == Width::Wide { 130.0 } else { 90.0 };
    let height = ROW * report.candidates.len() as f64 + 40.0;
    let mut svg = Svg::new(width.units(), height);
    let totals =
        report.candidates.iter().map(|one| parts(one).iter().map(|part| part.amount).sum::<f64>() * 1e3);
    let (_, greatest) = range(totals).unwrap_or((0.0, 1.0));
    let span = Span { scale: Scale::Linear, least: 0.0, greatest, label: String::new() };
    let axis = crate::axis::Axis::linear(span.least, span.greatest, left, width.units() - 20.0);

    for tick in axis.ticks(width.ticks()) {
        svg.line("grid", Point { x: tick.at, y: 4.0 }, Point { x: tick.at, y: height - 32.0 });
        let foot = Point { x: tick.at, y: height - 14.0 };
        svg.text("tick", foot, Anchor::Middle, &crate::axis::tick_text(tick.value));
    }

    for (place, candidate) in report.candidates.iter().enumerate() {
        let top = 6.0 + ROW * place as f64;
        let name = names.at(place).unwrap_or_default();
        let label = Point { x: left - 8.0, y: top + BAR * 0.7 };
        svg.text("label", label, Anchor::End, &shortened(name, if width == Width::Wide { 18 } else { 11 }));

        let whole: f64 = parts(candidate).iter().map(|part| part.amount).sum();
        let mut from = 0.0;
        for part in parts(candidate) {
            let to = from + part.amount * 1e3;
            let share = if whole > 0.0 { part.amount / whole } else { 0.0 };
            let tip =
                format!("{name}, {}: {} ({})", part.name, significant(part.amount * 1e3), percent(share));
            let x = axis.place(from);
            let area = Area { x, y: top, width: axis.place(to) - x, height: BAR };
            svg.mark(&tip, |svg| svg.rect(part.class, area));
            from = to;
        }
    }
    svg.finish(width.class(), "Cost of 1,000 inferences by parts, one bar a variant")
}

/// A name of at most `most` characters; the cut is shown.
fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let kept: String = name.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}
