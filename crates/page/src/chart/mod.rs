//! The page's charts: each drawn twice, for wide and for narrow screens, with its text alternative.

mod cost_parts;
mod distribution;
mod frame;
mod operating_points;
mod power;
mod quality_cost;

use std::collections::BTreeMap;

use infercost_core::VariantId;
use infercost_core::report::Report;
use serde::Serialize;

use crate::samples::{PowerWindow, Times};
use crate::section::Names;

/// Width of a drawing, in its own units; the page shows one or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Wide,
    Narrow,
}

impl Width {
    pub(crate) fn units(self) -> f64 {
        match self {
            Self::Wide => 760.0,
            Self::Narrow => 340.0,
        }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Wide => "chart wide",
            Self::Narrow => "chart narrow",
        }
    }

    /// Ticks that fit along the width.
    pub(crate) fn ticks(self) -> usize {
        match self {
            Self::Wide => 7,
            Self::Narrow => 4,
        }
    }
}

/// A chart with its caption.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) caption: String,
    pub(crate) wide: String,
    pub(crate) narrow: String,
    pub(crate) legend: Vec<LegendEntry>,
}

/// A series' name and the class that colors it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LegendEntry {
    pub(crate) class: String,
    pub(crate) name: String,
}

/// All charts; `None` where there is nothing to draw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) quality_cost: Option<Figure>,
    pub(crate) cost_parts: Option<Figure>,
    pub(crate) distributions: Vec<Figure>,
    pub(crate) power: Option<Figure>,
    pub(crate) throughput: Option<Figure>,
    pub(crate) cost_of_load: Option<Figure>,
}

/// Cost against quality alone.
pub(crate) fn quality_cost(report: &Report, names: &Names) -> Option<Figure> {
    quality_cost::figure(report, names)
}

/// Draws what the report and the records have.
pub(crate) fn all(
    report: &Report,
    names: &Names,
    times: &BTreeMap<VariantId, Times>,
    windows: &[PowerWindow],
) -> Figures {
    Figures {
        quality_cost: quality_cost::figure(report, names),
        cost_parts: cost_parts::figure(report, names),
        distributions: distribution::figures(names, times),
        power: power::figure(names, windows),
        throughput: operating_points::throughput(report, names),
        cost_of_load: operating_points::cost(report, names),
    }
}

/// A legend of the variants that `drawn` lists by their place.
pub(crate) fn legend(names: &Names, drawn: impl IntoIterator<Item = usize>) -> Vec<LegendEntry> {
    let mut entries = Vec::new();
    for place in drawn {
        if let Some(name) = names.at(place) {
            entries.push(LegendEntry { class: crate::svg::series_class(place), name: name.to_owned() });
        }
    }
    entries
}
