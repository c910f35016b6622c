//! A page of metrics: sums of what was asked for, by name. Prometheus's text format.

use std::collections::{BTreeMap, BTreeSet};

use infercost_energy::exposition::sample;

/// More labels with a model's name than any server has models.
const MOST_MODELS: usize = 32;
/// Longest name of a model that is kept.
const LONGEST_NAME: usize = 120;

/// What a page says of the wanted metrics.
#[derive(Debug, Default)]
pub(super) struct MetricsPage {
    /// Sums over all series of a name.
    sums: BTreeMap<String, Sum>,
    /// Values of the label `model_name`.
    pub(super) models: BTreeSet<String>,
    /// Lines that are samples, wanted or not.
    pub(super) samples: usize,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    sum: f64,
    series: f64,
}

impl MetricsPage {
    /// Reads a page: of the names that begin with `prefix`, the sum of each. What is no finite number is passed over.
    pub(super) fn read(text: &str, prefix: &str) -> Self {
        let mut page = Self::default();
        for line in text.lines() {
            let line = line.trim_start();
            // Buckets of histograms are most of a page, and are not asked for.
            if !line.starts_with(prefix)
                || line.split(['{', ' ']).next().is_some_and(|name| name.ends_with("_bucket"))
            {
                continue;
            }

            let Some(found) = sample(line) else { continue };
            page.samples += 1;
            if !found.series.value.is_finite() {
                continue;
            }

            if let Some(model) = found.series.label("model_name").filter(|_| page.models.len() < MOST_MODELS)
            {
                page.models.insert(infercost_core::text::printable_up_to(model, LONGEST_NAME).into_owned());
            }

            let sum = page.sums.entry(found.name.to_owned()).or_insert(Sum { sum: 0.0, series: 0.0 });
            sum.sum += found.series.value;
            sum.series += 1.0;
        }
        page
    }

    /// The sum of the first of these names that is there.
    ///
    /// # Errors
    /// One plain line that names what is missing.
    pub(super) fn sum(&self, names: &[&str]) -> Result<f64, String> {
        let found = names.iter().find_map(|name| self.sums.get(*name));
        found.map(|sum| sum.sum).ok_or_else(|| missing(names))
    }

    /// The mean over the series of the first of these names that is there: shares of several engines are not added up.
    ///
    /// # Errors
    /// One plain line that names what is missing.
    pub(super) fn mean(&self, names: &[&str]) -> Result<f64, String> {
        let found = names.iter().find_map(|name| self.sums.get(*name));
        found.map(|sum| sum.sum / sum.series).ok_or_else(|| missing(names))
    }
}

fn missing(names: &[&str]) -> String {
    format!("its metrics have no {}", names.join(" or "))
}
