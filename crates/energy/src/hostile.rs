//! Ways in for tests that bring hostile bytes.

use crate::exposition::series_of;
use crate::overlap::{sum, without_overlap};
use crate::plug_answers::Way;

/// Reads a page of Prometheus's text format, series without labels and with, and chooses which of them add up.
pub fn exposition(page: &str) {
    let label = ("zone".to_owned(), "package".to_owned());
    if let Ok(series) = series_of(page, "node_rapl_package_joules_total", &[])
        && let Ok(selection) = without_overlap(&series)
    {
        let _ = sum(&selection.series, series.len(), &series);
    }
    let _ = series_of(page, "scaph_host_power_microwatts", &[label]);
}

/// Reads what a wall plug answers, in every way in which plugs do.
pub fn plug_answer(answer: &str) {
    for way in Way::SHELLY.iter().chain(Way::TASMOTA) {
        let _ = way.read(answer);
    }
}
