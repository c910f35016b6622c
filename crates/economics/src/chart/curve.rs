//! The price curve with the hours that were chosen.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::bill::double;
use crate::chart::svg::{Anchor, Drawing, FAINT, GRID, INK, WARM, ticks};
use crate::schedule::{Action, Schedule};
use crate::wording::plain;

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
    drawing.small(16.0, 46.0, &schedule.why, Anchor::Start);
    let known: Vec<f64> = schedule.curve.iter().filter_map(|slot| slot.amount).map(double).collect();
    let low = known.iter().copied().fold(0.0, f64::min);
    let high = known.iter().copied().fold(f64::MIN_POSITIVE, f64::max).max(low + 1e-9);
    let (Some(first), Some(last)) = (schedule.curve.first(), schedule.curve.last()) else {
        return drawing.finish("an empty curve");
    };
    let (begin, end) = (first.start.as_second(), last.end.as_second());
    let x = |at: Timestamp| {
        let share = (at.as_second() - begin) as f64 / (end - begin).max(1) as f64;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    };
    let room = (high - low) * 0.06;
    let (bottom, top) = (if low < 0.0 { low - room } else { 0.0 }, high + room);
    let y = |amount: f64| BOTTOM - (amount - bottom) / (top - bottom) * (BOTTOM - TOP);
    for block in schedule.blocks.iter().filter(|block| block.action == Action::Work) {
        drawing.rect(x(block.start), TOP, (x(block.stop) - x(block.start)).max(1.5), BOTTOM - TOP, SHADE);
    }

    for tick in ticks(bottom, top, 5) {
        drawing.line((LEFT, y(tick)), (WIDTH - RIGHT, y(tick)), GRID, 1.0);
        drawing.small(LEFT - 8.0, y(tick) + 4.0, &plain(tick), Anchor::End);
    }
    drawing.line((LEFT, y(0.0)), (WIDTH - RIGHT, y(0.0)), FAINT, 1.0);
    let mut before: Option<f64> = None;
    for slot in &schedule.curve {
        let Some(amount) = slot.amount.map(double) else {
            before = None;
            continue;
        };
        let color = if amount < 0.0 { WARM } else { INK };
        if let Some(before) = before {
            drawing.line((x(slot.start), y(before)), (x(slot.start), y(amount)), color, 1.5);
        }
        drawing.line((x(slot.start), y(amount)), (x(slot.end), y(amount)), color, 2.0);
        before = Some(amount);
    }

    hours(&mut drawing, begin, end, zone, &x);
    drawing.text(16.0, TOP - 12.0, &schedule.unit, Anchor::Start, INK);
    drawing.rect(WIDTH - RIGHT - 200.0, TOP - 24.0, 14.0, 14.0, SHADE);
    drawing.text(WIDTH - RIGHT - 180.0, TOP - 12.0, "at work", Anchor::Start, INK);
    drawing.line((WIDTH - RIGHT - 110.0, TOP - 17.0), (WIDTH - RIGHT - 96.0, TOP - 17.0), INK, 2.0);
    drawing.text(WIDTH - RIGHT - 90.0, TOP - 12.0, "curve", Anchor::Start, INK);
    drawing.finish(&schedule.why)
}

/// Clock times along the axis, about nine of them, and the day where it changes.
fn hours(drawing: &mut Drawing, begin: i64, end: i64, zone: &TimeZone, x: &dyn Fn(Timestamp) -> f64) {
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
            let local = moment.to_zoned(zone.clone());
            drawing.line((x(moment), BOTTOM), (x(moment), BOTTOM + 5.0), FAINT, 1.0);
            drawing.small(x(moment), BOTTOM + 20.0, &local.strftime("%H:%M").to_string(), Anchor::Middle);

            if day != Some(local.date()) {
                drawing.small(
                    x(moment),
                    BOTTOM + 38.0,
                    &local.strftime("%a %d %b").to_string(),
                    Anchor::Middle,
                );

                day = Some(local.date());
            }
        }

        at += step;
    }
}
