//! The break-even map: which way is cheapest over load and electricity price.

use crate::chart::svg::{Anchor, Drawing, FAINT, INK, SERIES, shortened, ticks};
use crate::hosting::Hosting;
use infercost_core::number::plain;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 78.0;
const TOP: f64 = 88.0;
const CELL: f64 = 24.0;
const MAP_WIDTH: f64 = 500.0;

/// The chart. Hatched cells are ties; a cross marks the load and tariff in question.
pub fn map(hosting: &Hosting) -> String {
    let grid = &hosting.map;
    let rows = grid.tariffs.len();

    let height = TOP + CELL * rows as f64 + 74.0;
    let mut drawing = Drawing::new(WIDTH, height);
    drawing.title("Which way is cheapest where");
    drawing.small(16.0, 46.0, &hosting.name, Anchor::Start);

    let width = MAP_WIDTH / grid.loads.len().max(1) as f64;
    let bottom = TOP + CELL * rows as f64;
    for (row, (winners, ties)) in grid.winners.iter().zip(&grid.ties).enumerate() {
        let y = bottom - CELL * (row as f64 + 1.0);
        for (column, (winner, tie)) in winners.iter().zip(ties).enumerate() {
            let x = LEFT + width * column as f64;
            let fill =
                winner.and_then(|index| SERIES.get(index % SERIES.len())).copied().unwrap_or("#cbd2d9");
            drawing.rect(x, y, width + 0.4, CELL + 0.4, fill);
            if *tie {
                drawing.line((x, y + CELL), (x + width, y), "#ffffff", 2.0);
            }
        }
    }

    let axes = Axes {
        low: grid.loads.first().copied().unwrap_or(1.0),
        high: grid.loads.last().copied().unwrap_or(10.0),
        top: grid.tariffs.last().copied().unwrap_or(1.0),
        bottom,
    };

    let mut decade = 10_f64.powf(axes.low.log10().ceil());
    while decade <= axes.high * 1.000_1 {
        let x = axes.x(decade);
        drawing.line((x, bottom), (x, bottom + 6.0), INK, 1.0);
        drawing.small(x, bottom + 21.0, &plain(decade), Anchor::Middle);
        decade *= 10.0;
    }

    drawing.text(LEFT + MAP_WIDTH / 2.0, bottom + 44.0, "requests an hour", Anchor::Middle, INK);
    for tick in ticks(0.0, axes.top, 5) {
        let y = axes.y(tick);
        drawing.line((LEFT - 6.0, y), (LEFT, y), INK, 1.0);
        drawing.small(LEFT - 10.0, y + 4.0, &plain(tick), Anchor::End);
    }
    drawing.text(16.0, TOP - 12.0, &format!("{}/kWh", hosting.currency), Anchor::Start, INK);

    if let Some(tariff) = grid.tariff {
        let (cx, cy) = (axes.x(grid.load), axes.y(tariff));
        for (color, size) in [("#ffffff", 5.0), ("#1f2933", 2.5)] {
            drawing.line((cx - 9.0, cy), (cx + 9.0, cy), color, size);
            drawing.line((cx, cy - 9.0), (cx, cy + 9.0), color, size);
        }
    }

    let legend = LEFT + MAP_WIDTH + 24.0;
    for (index, name) in grid.ways.iter().enumerate() {
        let y = TOP + 24.0 * index as f64;
        drawing.rect(legend, y, 14.0, 14.0, SERIES.get(index % SERIES.len()).copied().unwrap_or(FAINT));
        drawing.text(legend + 22.0, y + 12.0, &shortened(name, 18), Anchor::Start, INK);
    }

    let y = TOP + 24.0 * grid.ways.len() as f64 + 8.0;
    drawing.rect(legend, y, 14.0, 14.0, "#9aa5b1");
    drawing.line((legend, y + 14.0), (legend + 14.0, y), "#ffffff", 2.0);
    drawing.text(legend + 22.0, y + 12.0, "tie", Anchor::Start, INK);
    drawing.line((legend, y + 31.0), (legend + 14.0, y + 31.0), INK, 2.5);
    drawing.line((legend + 7.0, y + 24.0), (legend + 7.0, y + 38.0), INK, 2.5);
    drawing.text(legend + 22.0, y + 36.0, "your case", Anchor::Start, INK);
    if !grid.note.is_empty() {
        drawing.small(LEFT, bottom + 64.0, &grid.note, Anchor::Start);
    }
    drawing.finish(&format!("Map of the cheapest way over load and tariff: {}", hosting.why))
}

/// Where loads, on a logarithmic scale, and tariffs lie on the map.
struct Axes {
    low: f64,
    high: f64,
    top: f64,
    bottom: f64,
}

impl Axes {
    fn x(&self, load: f64) -> f64 {
        LEFT + (load / self.low).ln() / (self.high / self.low).ln() * MAP_WIDTH
    }

    fn y(&self, tariff: f64) -> f64 {
        self.bottom - tariff / self.top * (self.bottom - TOP)
    }
}
