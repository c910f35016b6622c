//! The price curve with the hours that were chosen.

use infercost_core::market::Slot;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::bill::double;
use crate::chart::svg::{Anchor, Drawing, FAINT, GRID, INK, WARM, ticks};
use crate::schedule::{Action, Schedule};
use infercost_core::number::plain;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 316.0;
const SHADE: &str = "#cfe3f6";

/// The chart, with times of `zone` along the axis.
pub fn curve(schedule: &Schedule, zone: &TimeZone) -> String {
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    drawing.title("When to run");
    drawing.small(16.0, 46.0, &schedule.why.to_string(), Anchor::Start);

    let known: Vec<f64> = schedule.curve.iter().filter_map(|slot| slot.amount).map(double).collect();
    let low = known.iter().copied().fold(0.0, f64::min);
    let high = known.iter().copied().fold(f64::MIN_POSITIVE, f64::max).max(low + 1e-9);
    let (Some(first), Some(last)) = (schedule.curve.first(), schedule.curve.last()) else {
        return drawing.finish("an empty curve");
    };
    let room = (high - low) * 0.06;
    let axes = Axes {
        begin: first.start.as_second(),
        end: last.end.as_second(),
        bottom: if low < 0.0 { low - room } else { 0.0 },
        top: high + room,
    };

    for block in schedule.blocks.iter().filter(|block| block.action == Action::Work) {
        let (from, to) = (axes.x(block.start), axes.x(block.stop));
        drawing.rect(from, TOP, (to - from).max(1.5), BOTTOM - TOP, SHADE);
    }

    for tick in ticks(axes.bottom, axes.top, 5) {
        let y = axes.y(tick);
        drawing.line((LEFT, y), (WIDTH - RIGHT, y), GRID, 1.0);
        drawing.small(LEFT - 8.0, y + 4.0, &plain(tick), Anchor::End);
    }
    drawing.line((LEFT, axes.y(0.0)), (WIDTH - RIGHT, axes.y(0.0)), FAINT, 1.0);

    prices(&mut drawing, &axes, &schedule.curve);
    hours(&mut drawing, &axes, zone);

    drawing.text(16.0, TOP - 12.0, &schedule.unit, Anchor::Start, INK);
    drawing.rect(WIDTH - RIGHT - 200.0, TOP - 24.0, 14.0, 14.0, SHADE);
    drawing.text(WIDTH - RIGHT - 180.0, TOP - 12.0, "at work", Anchor::Start, INK);
    drawing.line((WIDTH - RIGHT - 110.0, TOP - 17.0), (WIDTH - RIGHT - 96.0, TOP - 17.0), INK, 2.0);
    drawing.text(WIDTH - RIGHT - 90.0, TOP - 12.0, "curve", Anchor::Start, INK);
    drawing.finish(&schedule.why.to_string())
}

/// What the two axes reach over: seconds since 1970, and amounts.
struct Axes {
    begin: i64,
    end: i64,
    bottom: f64,
    top: f64,
}

impl Axes {
    fn x(&self, at: Timestamp) -> f64 {
        let share = (at.as_second() - self.begin) as f64 / (self.end - self.begin).max(1) as f64;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, amount: f64) -> f64 {
        BOTTOM - (amount - self.bottom) / (self.top - self.bottom) * (BOTTOM - TOP)
    }
}

/// The curve as steps; an unknown price leaves a gap.
fn prices(drawing: &mut Drawing, axes: &Axes, curve: &[Slot]) {
    let mut before: Option<f64> = None;

    for slot in curve {
        let Some(amount) = slot.amount.map(double) else {
            before = None;
            continue;
        };

        let color = if amount < 0.0 { WARM } else { INK };
        let (start, end) = (axes.x(slot.start), axes.x(slot.end));
        if let Some(before) = before {
            drawing.line((start, axes.y(before)), (start, axes.y(amount)), color, 1.5);
        }
        drawing.line((start, axes.y(amount)), (end, axes.y(amount)), color, 2.0);
        before = Some(amount);
    }
}

/// Clock times along the axis, about nine of them, and the day where it changes.
fn hours(drawing: &mut Drawing, axes: &Axes, zone: &TimeZone) {
    let Axes { begin, end, .. } = *axes;
    let rough = (end - begin) / 9;
    let step = [60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400]
        .into_iter()
        .find(|step| *step >= rough);
    let step = step.unwrap_or(172_800);
    let offset = Timestamp::from_second(begin).map_or(0, |at| i64::from(zone.to_offset(at).seconds()));

    let mut at = (begin + offset).div_euclid(step) * step - offset;
    let mut day = None;
    while at <= end {
        if at >= begin
            && let Ok(moment) = Timestamp::from_second(at)
        {
            let (x, local) = (axes.x(moment), moment.to_zoned(zone.clone()));
            drawing.line((x, BOTTOM), (x, BOTTOM + 5.0), FAINT, 1.0);
            drawing.small(x, BOTTOM + 20.0, &local.strftime("%H:%M").to_string(), Anchor::Middle);

            if day != Some(local.date()) {
                drawing.small(x, BOTTOM + 38.0, &local.strftime("%a %d %b").to_string(), Anchor::Middle);
                day = Some(local.date());
            }
        }

        at += step;
    }
}
