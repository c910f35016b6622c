//! What variants are called on the page.

use infercost_core::report::Report;
use infercost_core::{OperatingPoint, VariantId};

use crate::figures::significant;

/// The variants' names, by their place in the report.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    ids: Vec<VariantId>,
    shown: Vec<String>,
    baseline: usize,
}

impl Names {
    /// Names without the model where all variants share it.
    pub(crate) fn of(report: &Report) -> Self {
        let ids: Vec<VariantId> =
            report.candidates.iter().map(|candidate| candidate.variant.clone()).collect();
        let model = report.baseline.as_str().rsplit_once('/').map(|(model, _)| model);
        let shared = ids.iter().all(|id| id.as_str().rsplit_once('/').map(|(model, _)| model) == model);

        let mut shown = Vec::with_capacity(ids.len());
        for id in &ids {
            let name = if shared { id.variant_name() } else { id.as_str() };
            shown.push(name.to_owned());
        }
        let baseline = ids.iter().position(|id| *id == report.baseline).unwrap_or(0);
        Self { ids, shown, baseline }
    }

    pub(crate) fn all(&self) -> &[String] {
        &self.shown
    }

    pub(crate) fn at(&self, place: usize) -> Option<&str> {
        self.shown.get(place).map(String::as_str)
    }

    pub(crate) fn place(&self, variant: &VariantId) -> Option<usize> {
        self.ids.iter().position(|id| id == variant)
    }

    /// The baseline's place.
    pub(crate) fn baseline(&self) -> usize {
        self.baseline
    }
}

/// An operating point in words.
pub(crate) fn point_name(point: &OperatingPoint) -> String {
    match point {
        OperatingPoint::Closed { concurrency } => format!("{concurrency} in flight"),
        OperatingPoint::Open { rate } => format!("{} requests/s", significant(*rate)),
    }
}
