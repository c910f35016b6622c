//! Power over the run: one bar a window, as high as its mean power.

use infercost_core::text::count;

use crate::axis::{Scale, range};
use crate::chart::frame::{Frame, Span};
use crate::chart::{Figure, Width, legend};
use crate::figures::significant;
use crate::samples::PowerWindow;
use crate::section::Names;
use crate::svg::{Area, series_class};

/// Windows that a chart can show; of more, neighbors are drawn as their mean.
const MOST: usize = 600;

/// The bars; `None` where no window's energy is known.
pub(crate) fn figure(names: &Names, windows: &[PowerWindow]) -> Option<Figure> {
    if windows.is_empty() {
        return None;
    }
    let every = windows.len().div_ceil(MOST);

    let mut drawn: Vec<usize> = windows.iter().filter_map(|window| names.place(&window.variant)).collect();
    drawn.sort_unstable();
    drawn.dedup();
    let estimated = windows.iter().any(|window| window.estimated);
    let thinned = if every > 1 { format!(" One window in {every} is drawn.") } else { String::new() };
    Some(Figure {
        caption: format!(
            "Mean power of each window over the run{}.{thinned}",
            if estimated { ", estimated" } else { "" }
        ),
        wide: draw(names, windows, every, Width::Wide),
        narrow: draw(names, windows, every, Width::Narrow),
        legend: legend(names, drawn),
    })
}

fn draw(names: &Names, windows: &[PowerWindow], every: usize, width: Width) -> String {
    let (_, last) = range(windows.iter().map(|window| window.to_s)).unwrap_or((0.0, 1.0));
    let (_, most) = range(windows.iter().map(|window| window.watts)).unwrap_or((0.0, 1.0));
    let across = Span {
        scale: Scale::Linear,
        least: 0.0,
        greatest: last,
        label: "since the first window, s".to_owned(),
    };
    let up = Span { scale: Scale::Linear, least: 0.0, greatest: most * 1.05, label: "power, W".to_owned() };
    let mut frame = Frame::new(width, 240.0, &across, &up);

    for window in windows.iter().step_by(every) {
        let Some(place) = names.place(&window.variant) else { continue };
        let (from, to) = (frame.point(window.from_s, window.watts), frame.point(window.to_s, 0.0));
        let area = Area { x: from.x, y: from.y, width: (to.x - from.x).max(0.8), height: to.y - from.y };

        let tip = format!(
            "{}, {} to {} s: {} W{}, {}",
            names.at(place).unwrap_or_default(),
            significant(window.from_s),
            significant(window.to_s),
            significant(window.watts),
            if window.estimated { " estimated" } else { "" },
            count(window.inferences as u64, "inference"),
        );
        frame.svg.mark(&tip, |svg| svg.rect(&format!("{} bar", series_class(place)), area));
    }
    frame.svg.finish(width.class(), "Mean power of each window over the run")
}
