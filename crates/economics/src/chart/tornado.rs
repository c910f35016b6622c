//! The tornado of an audit: what each change does to the cost, the biggest first.

use crate::audit::{Audit, Swing};
use crate::chart::svg::{Anchor, COOL, Drawing, FAINT, GRID, INK, WARM, shortened, ticks};
use infercost_core::text::percent;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 88.0;
const ROW: f64 = 38.0;

/// The chart; changes that do not apply are listed below the axis with their reason.
pub fn tornado(audit: &Audit) -> String {
    let (bars, others): (Vec<&Swing>, Vec<&Swing>) =
        audit.tornado.iter().partition(|swing| swing.share.is_some());

    let height = TOP + ROW * bars.len() as f64 + 44.0 + 18.0 * others.len() as f64 + 8.0;
    let mut drawing = Drawing::new(WIDTH, height);
    drawing.title("What moves the cost of an inference");
    drawing.small(16.0, 46.0, &audit.name, Anchor::Start);

    let mut axis = Axis { low: 0.0, high: 0.01 };
    for share in bars.iter().filter_map(|swing| swing.share) {
        axis.low = axis.low.min(share.lower);
        axis.high = axis.high.max(share.upper);
    }

    let bottom = TOP + ROW * bars.len() as f64;
    for tick in ticks(axis.low, axis.high, 5) {
        let x = axis.x(tick);
        drawing.line((x, TOP - 8.0), (x, bottom), GRID, 1.0);
        drawing.small(x, bottom + 18.0, &signed(tick), Anchor::Middle);
    }
    drawing.small(LEFT, 72.0, "change of the cost per inference; thin lines are intervals", Anchor::Start);

    for (index, swing) in bars.iter().enumerate() {
        let Some(share) = swing.share else { continue };
        let y = TOP + ROW * index as f64;
        let (from, to) = (axis.x(share.point.min(0.0)), axis.x(share.point.max(0.0)));
        drawing.rect(from, y + 7.0, to - from, ROW - 16.0, if share.point >= 0.0 { WARM } else { COOL });

        let middle = y + ROW / 2.0 - 1.0;
        drawing.line((axis.x(share.lower), middle), (axis.x(share.upper), middle), INK, 1.5);
        drawing.text(LEFT - 12.0, middle + 4.5, swing.words, Anchor::End, INK);
        let revenue = swing.of_revenue.map_or_else(String::new, |of| format!(" → {}", percent(of)));
        drawing.text(
            WIDTH - RIGHT + 10.0,
            middle + 4.5,
            &format!("{}{revenue}", signed(share.point)),
            Anchor::Start,
            INK,
        );
    }

    if bars.iter().any(|swing| swing.of_revenue.is_some()) {
        drawing.small(WIDTH - RIGHT + 10.0, 72.0, "→ of revenue", Anchor::Start);
    }
    drawing.line((axis.x(0.0), TOP - 8.0), (axis.x(0.0), bottom), INK, 1.5);

    for (index, swing) in others.iter().enumerate() {
        let y = bottom + 44.0 + 18.0 * index as f64;
        drawing.text(LEFT - 12.0, y, swing.words, Anchor::End, FAINT);

        drawing.small(
            LEFT,
            y,
            &format!("does not apply: {}", shortened(&swing.reason.sentence(), 72)),
            Anchor::Start,
        );
    }

    let biggest = bars.first().map_or("nothing", |swing| swing.words);
    drawing.finish(&format!("Tornado chart of {}; the biggest lever is {biggest}", audit.name))
}

/// The shares that the horizontal axis reaches over.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn x(&self, share: f64) -> f64 {
        LEFT + (share - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)
    }
}

fn signed(share: f64) -> String {
    let text = percent(share);
    if share > 0.0 { format!("+{text}") } else { text }
}
