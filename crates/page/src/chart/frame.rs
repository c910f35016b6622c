//! What charts with two axes share: the area inside the labels, grid lines and the axes' names.

use crate::axis::{Axis, Scale, tick_text};
use crate::chart::Width;
use crate::svg::{Anchor, Area, Point, Svg};

/// The ends of one axis as values, before there is a drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) scale: Scale,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    /// Written beside the axis.
    pub(crate) label: String,
}

/// A drawing with a horizontal and a vertical axis.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) svg: Svg,
    pub(crate) across: Axis,
    pub(crate) up: Axis,
    pub(crate) inside: Area,
}

impl Frame {
    /// Draws grid, tick labels and axis names.
    pub(crate) fn new(width: Width, height: f64, across: &Span, up: &Span) -> Self {
        let (left, right, top, bottom) = (58.0, 14.0, 12.0, 46.0);
        let inside =
            Area { x: left, y: top, width: width.units() - left - right, height: height - top - bottom };
        let mut svg = Svg::new(width.units(), height);
        let across_axis = axis(across, inside.x, inside.x + inside.width);
        let up_axis = axis(up, inside.y + inside.height, inside.y);

        // The horizontal axis: one line and one label a tick.
        for tick in across_axis.ticks(width.ticks()) {
            let foot = Point { x: tick.at, y: inside.y + inside.height };
            svg.line("grid", Point { x: tick.at, y: inside.y }, foot);
            svg.text("tick", Point { x: foot.x, y: foot.y + 16.0 }, Anchor::Middle, &tick_text(tick.value));
        }
        let middle = Point { x: inside.x + inside.width / 2.0, y: height - 8.0 };
        svg.text("axis", middle, Anchor::Middle, &across.label);

        // The vertical axis.
        for tick in up_axis.ticks(5) {
            let foot = Point { x: inside.x, y: tick.at };
            svg.line("grid", foot, Point { x: inside.x + inside.width, y: tick.at });
            svg.text("tick", Point { x: foot.x - 6.0, y: foot.y + 4.0 }, Anchor::End, &tick_text(tick.value));
        }
        svg.upright("axis", Point { x: 13.0, y: inside.y + inside.height / 2.0 }, &up.label);

        Self { svg, across: across_axis, up: up_axis, inside }
    }

    /// Where a pair of values lies.
    pub(crate) fn point(&self, across: f64, up: f64) -> Point {
        Point { x: self.across.place(across), y: self.up.place(up) }
    }

    /// A dashed line at a value of the vertical axis, with its name.
    pub(crate) fn limit_across(&mut self, value: f64, name: &str) {
        let y = self.up.place(value);
        let end = self.inside.x + self.inside.width;
        self.svg.line("limit", Point { x: self.inside.x, y }, Point { x: end, y });
        self.svg.text("limit-name", Point { x: end - 4.0, y: y - 4.0 }, Anchor::End, name);
    }
}

fn axis(span: &Span, from: f64, to: f64) -> Axis {
    match span.scale {
        Scale::Linear => Axis::linear(span.least, span.greatest, from, to),
        Scale::Logarithmic => Axis::logarithmic(span.least, span.greatest, from, to),
    }
}
