//! Does an answer keep the latency targets?

use std::time::Duration;

use infercost_core::{LatencyTargets, Outcome};

/// True for an answer within the targets.
pub(crate) fn keeps(slo: &LatencyTargets, outcome: &Outcome) -> bool {
    let first = outcome.time_to_first_token();
    let single = first.is_some() && outcome.output_tokens() == 1;

    matches!(outcome, Outcome::Completed { .. })
        && is_within(slo.ttft_s, first)
        && (single || is_within(slo.tpot_s, outcome.time_per_output_token()))
}

/// True where there is no limit, or the time is known and within it.
fn is_within(limit: Option<f64>, time: Option<Duration>) -> bool {
    limit.is_none_or(|limit| time.is_some_and(|time| time.as_secs_f64() <= limit))
}
