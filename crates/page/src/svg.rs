//! SVG as text: shapes with classes for colors, and marks that say their value on hover and focus.

use std::fmt::Write as _;

/// A drawing that grows shape by shape.
#[derive(Debug)]
pub(crate) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

/// Where a text stands against its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A point in the drawing's units, from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// The upper left corner of a rectangle and its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { body: String::new(), width, height }
    }

    pub(crate) fn line(&mut self, class: &str, from: Point, to: Point) {
        let _ = write!(
            self.body,
            r#"<line class="{class}" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
            from.x, from.y, to.x, to.y
        );
    }

    pub(crate) fn rect(&mut self, class: &str, area: Area) {
        let _ = write!(
            self.body,
            r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}"/>"#,
            area.x,
            area.y,
            area.width.max(0.0),
            area.height.max(0.0)
        );
    }

    /// A line through the points, in their order; nothing below two of them.
    pub(crate) fn path(&mut self, class: &str, points: &[Point]) {
        if points.len() < 2 {
            return;
        }

        let mut data = String::new();
        for (index, point) in points.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(data, "{command}{:.1} {:.1}", point.x, point.y);
        }

        let _ = write!(self.body, r#"<path class="{class}" d="{data}"/>"#);
    }

    pub(crate) fn text(&mut self, class: &str, at: Point, anchor: Anchor, text: &str) {
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{:.1}" y="{:.1}" text-anchor="{}">{}</text>"#,
            at.x,
            at.y,
            anchor.name(),
            escape(text)
        );
    }

    /// A text that is read from bottom to top, around its middle.
    pub(crate) fn upright(&mut self, class: &str, at: Point, text: &str) {
        let _ = write!(
            self.body,
            r#"<text class="{class}" transform="translate({:.1} {:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            at.x,
            at.y,
            escape(text)
        );
    }

    /// A dot for series `series`: each has a shape of its own, so that color is not the only difference.
    pub(crate) fn dot(&mut self, series: usize, at: Point, radius: f64) {
        let Point { x, y } = at;
        let r = radius;
        let class = series_class(series);

        match series % 4 {
            0 => {
                let _ =
                    write!(self.body, r#"<circle class="{class} dot" cx="{x:.1}" cy="{y:.1}" r="{r:.1}"/>"#);
            }
            1 => self.polygon(&class, &[(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]),
            2 => {
                let wide = r * 1.3;
                self.polygon(&class, &[(x, y - wide), (x + wide, y), (x, y + wide), (x - wide, y)]);
            }
            _ => {
                let wide = r * 1.2;
                self.polygon(&class, &[(x, y - wide), (x + wide, y + r), (x - wide, y + r)]);
            }
        }
    }

    fn polygon(&mut self, class: &str, corners: &[(f64, f64)]) {
        let points: Vec<String> = corners.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(self.body, r#"<polygon class="{class} dot" points="{}"/>"#, points.join(" "));
    }

    /// Shapes drawn by `draw` as one mark that can be focused and says `tip`.
    pub(crate) fn mark(&mut self, tip: &str, draw: impl FnOnce(&mut Self)) {
        let tip = escape(tip);
        let _ = write!(
            self.body,
            r#"<g class="mark" tabindex="0" role="img" aria-label="{tip}"><title>{tip}</title>"#
        );
        draw(self);
        self.body.push_str("</g>");
    }

    /// The drawing as an element, `class` on it.
    pub(crate) fn finish(self, class: &str, label: &str) -> String {
        format!(
            r#"<svg class="{class}" viewBox="0 0 {:.0} {:.0}" role="group" aria-label="{}">{}</svg>"#,
            self.width,
            self.height,
            escape(label),
            self.body
        )
    }
}

/// The class that colors series number `series`; there are eight colors, then they repeat.
pub(crate) fn series_class(series: usize) -> String {
    format!("s{}", series % 8)
}

/// Text as it may stand in markup, attributes included.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            control if control.is_control() && control != '\n' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        assert_eq!(escape(r#"<script a="b">'&"#), "&lt;script a=&quot;b&quot;&gt;&#39;&amp;");
        assert_eq!(escape("a\u{1b}[31mb"), "a\u{fffd}[31mb");

        let mut svg = Svg::new(10.0, 10.0);
        svg.mark("</title><script>x</script>", |svg| {
            svg.text("label", Point { x: 0.0, y: 0.0 }, Anchor::Middle, "<img src=x>");
        });
        let drawn = svg.finish("chart", "\"><script>");
        assert!(!drawn.contains("<script") && !drawn.contains("<img"), "{drawn}");
    }

    #[test]
    fn a_path_needs_two_points() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.path("line", &[Point { x: 1.0, y: 1.0 }]);
        assert!(!svg.finish("chart", "x").contains("<path"));
    }
}
