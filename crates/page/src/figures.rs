//! Numbers as people read them on the page.

use infercost_core::Estimate;
pub(crate) use infercost_core::number::{UNKNOWN, bytes, seconds, significant};
pub(crate) use infercost_core::text::percent;

/// A number with its interval.
pub(crate) fn with_interval(estimate: &Estimate, show: fn(f64) -> String) -> String {
    format!("{} [{}, {}]", show(estimate.point), show(estimate.lower), show(estimate.upper))
}
