//! Ways in for tests that bring hostile bytes.

use crate::exposition::series_of;
use crate::plug_answers::Way;

/// Reads a page of Prometheus's text format: a series without labels, and one with.
pub fn exposition(page: &str) {
    let label = ("zone".to_owned(), "package".to_owned());
    let _ = series_of(page, "node_rapl_package_joules_total", &[]);
    let _ = series_of(page, "scaph_host_power_microwatts", &[label]);
}

/// Reads what a wall plug answers, in every way in which plugs do.
pub fn plug_answer(answer: &str) {
    for way in Way::SHELLY.iter().chain(Way::TASMOTA) {
        let _ = way.read(answer);
    }
}
