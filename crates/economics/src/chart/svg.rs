//! A drawing as SVG text.

use std::fmt::Write as _;

/// Ink.
pub(crate) const INK: &str = "#1f2933";
/// What steps back.
pub(crate) const FAINT: &str = "#7b8794";
/// Lines of a grid.
pub(crate) const GRID: &str = "#e4e7eb";
/// Worse.
pub(crate) const WARM: &str = "#c4532d";
/// Better.
pub(crate) const COOL: &str = "#2b6cb0";
/// One color for each of several things, told apart by the color-blind as well (Okabe & Ito 2008).
pub(crate) const SERIES: [&str; 7] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];

/// At most so many characters; what was cut off is marked.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Where a text hangs on its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing under construction; coordinates are in pixels from the upper left.
#[derive(Debug)]
pub(crate) struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

impl Drawing {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(crate) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        let (width, height) = (width.max(0.0), height.max(0.0));
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
        );
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, text: &str, anchor: Anchor, fill: &str) {
        self.styled(x, y, text, anchor, fill, 13.0, false);
    }

    pub(crate) fn small(&mut self, x: f64, y: f64, text: &str, anchor: Anchor) {
        self.styled(x, y, text, anchor, FAINT, 11.5, false);
    }

    pub(crate) fn title(&mut self, text: &str) {
        self.styled(16.0, 26.0, text, Anchor::Start, INK, 15.0, true);
    }

    #[expect(clippy::too_many_arguments, reason = "a text has as many properties")]
    fn styled(&mut self, x: f64, y: f64, text: &str, anchor: Anchor, fill: &str, size: f64, bold: bool) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };

        let weight = if bold { " font-weight=\"600\"" } else { "" };
        let text = escape(text);
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{fill}\" text-anchor=\"{anchor}\"{weight}>{text}</text>"
        );
    }

    /// The whole file. `described` is what a screen reader says.
    pub(crate) fn finish(self, described: &str) -> String {
        let Self { width, height, body } = self;
        let described = escape(described);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\" role=\"img\" aria-label=\"{described}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

/// Text that cannot end its element: names of models and offers come from files.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars().take(160) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }

    escaped
}

/// Round numbers that divide a range into about `count` parts.
pub(crate) fn ticks(lower: f64, upper: f64, count: usize) -> Vec<f64> {
    let range = upper - lower;
    if !range.is_finite() || range <= 0.0 || count == 0 {
        return Vec::new();
    }
    let rough = range / count as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= rough)
        .unwrap_or(power * 10.0);

    let first = (lower / step).ceil() as i64;
    let last = (upper / step).floor() as i64;
    (first..=last.min(first.saturating_add(50))).map(|index| index as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_files_stay_text() {
        let mut drawing = Drawing::new(10.0, 10.0);
        drawing.text(0.0, 0.0, "</text><script>&\"\u{1b}", Anchor::Start, INK);
        let whole = drawing.finish("a\"b");
        assert!(
            whole.contains("&lt;/text&gt;&lt;script&gt;&amp;&quot;\\u{1b}") && whole.contains("a&quot;b")
        );
    }

    #[test]
    fn ticks_are_round() {
        let check = |lower: f64, upper: f64, wanted: &[f64]| {
            let found = ticks(lower, upper, 5);
            assert!(
                found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9),
                "{found:?}"
            );
        };
        check(0.0, 1.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        check(-13.0, 40.0, &[0.0, 20.0, 40.0]);
        check(1.0, 1.0, &[]);
        check(0.0, f64::NAN, &[]);
    }
}
