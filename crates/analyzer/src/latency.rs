//! Latency: percentiles of pooled values, in seconds. Percentiles are never averaged.

use std::time::Duration;

use infercost_core::chunk_arrivals::Iter;
use infercost_core::report::Percentiles;
use infercost_core::{InferenceRecord, Outcome};

use infercost_stats::quantile::percentiles;

/// Latency of completed inferences; `None` where there is nothing to measure.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    /// Time to first token.
    pub ttft: Option<Percentiles>,
    /// Time per output token, over inferences of at least two tokens.
    pub tpot: Option<Percentiles>,
    /// Gaps between chunks.
    pub itl: Option<Percentiles>,
    /// From issue to end.
    pub latency: Option<Percentiles>,
}

/// Pools the latencies of inferences; failures have none. Nothing is copied: a run may hold some ten million gaps.
pub fn latency<'a>(inferences: impl Iterator<Item = &'a InferenceRecord> + Clone) -> Latency {
    let outcomes = inferences.map(|inference| &inference.outcome);
    let completed = outcomes.filter(|outcome| matches!(outcome, Outcome::Completed { .. }));

    Latency {
        ttft: percentiles(completed.clone().filter_map(Outcome::time_to_first_token).map(seconds)),
        tpot: percentiles(completed.clone().filter_map(Outcome::time_per_output_token).map(seconds)),
        itl: percentiles(completed.clone().flat_map(gaps)),
        latency: percentiles(completed.map(Outcome::latency).map(seconds)),
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// Seconds between the chunks of an answer.
fn gaps(outcome: &Outcome) -> impl Iterator<Item = f64> + Clone + '_ {
    let arrivals = match outcome {
        Outcome::Completed { arrivals, .. } => arrivals.iter(),
        Outcome::Failed { .. } => Iter::default(),
    };
    let gaps = arrivals.clone().zip(arrivals.skip(1));
    gaps.map(|(one, next)| next.at.saturating_sub(one.at).as_secs_f64())
}
