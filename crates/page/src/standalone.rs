//! A chart as a file of its own: the drawing with its title, its legend and its colors.

use std::fmt::Write as _;

use infercost_core::report::Report;

use crate::chart::{self, Figure, LegendEntry, Width};
use crate::section::Names;
use crate::svg::escape;

/// Height of a drawing of the page, in its own units.
const DRAWING: f64 = 330.0;
/// Above the drawing, for the title.
const TITLE: f64 = 34.0;
/// A line of the legend.
const LEGEND_LINE: f64 = 20.0;

/// What the page's style sheet says of drawings, with its colors for a light ground.
const STYLE: &str = "text{font-family:system-ui,'Segoe UI',Roboto,'Liberation Sans',sans-serif}\
.title{font-size:15px;font-weight:600;fill:#1b1f24}.name{font-size:13px;fill:#1b1f24}\
.grid{stroke:#d5dae0;stroke-width:1}.tick,.axis,.label,.limit-name{fill:#57606a;font-size:12px}.label{fill:#1b1f24}\
.limit{stroke:#b3261e;stroke-width:1.5;stroke-dasharray:6 4}.limit-name{fill:#b3261e}\
.line{fill:none;stroke:currentColor;stroke-width:2}.whisker{stroke:currentColor;stroke-width:1.6;opacity:.75}\
.dot{fill:currentColor;stroke:#ffffff;stroke-width:1.5}.bar{fill:currentColor;opacity:.85}\
.s0{color:#0072b2}.s1{color:#c25100}.s2{color:#007a58}.s3{color:#a6437e}\
.s4{color:#6b5b00}.s5{color:#3f6fb5}.s6{color:#8a4b20}.s7{color:#5a5a5a}";

/// Cost against quality of every variant, as an SVG document; `None` where fewer than two have both.
pub fn cost_against_quality(report: &Report) -> Option<String> {
    let names = Names::of(report);
    let figure = chart::quality_cost(report, &names)?;
    Some(document(&figure))
}

fn document(figure: &Figure) -> String {
    let width = Width::Wide.units();
    let legend = TITLE + DRAWING + 6.0;
    let height = legend + LEGEND_LINE * figure.legend.len() as f64 + 10.0;

    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\
         <style>{STYLE}</style><rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    let _ = write!(text, "<text class=\"title\" x=\"12\" y=\"22\">{}</text>", escape(&figure.caption));
    let _ = write!(
        text,
        "<svg x=\"0\" y=\"{TITLE}\" width=\"{width}\" height=\"{DRAWING}\">{}</svg>",
        figure.wide
    );
    for (line, LegendEntry { class, name }) in figure.legend.iter().enumerate() {
        let middle = legend + LEGEND_LINE * (line as f64 + 0.5);
        let _ = write!(
            text,
            "<rect class=\"{class} bar\" x=\"14\" y=\"{:.1}\" width=\"11\" height=\"11\"/>\
             <text class=\"name\" x=\"32\" y=\"{:.1}\">{}</text>",
            middle - 6.0,
            middle + 4.0,
            escape(name)
        );
    }
    text.push_str("</svg>\n");
    text
}
