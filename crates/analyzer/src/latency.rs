//! Latency: percentiles of pooled values, in seconds. Percentiles are never averaged.

use std::time::Duration;

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

/// Pools the latencies of inferences; failures have none.
pub fn latency<'a>(inferences: impl Iterator<Item = &'a InferenceRecord> + Clone) -> Latency {
    let outcomes = inferences.map(|inference| &inference.outcome);

    // a run may hold some ten million gaps: there is to be no room for as many again
    let gaps: usize = outcomes.clone().map(gaps).sum();
    let mut itl = Vec::with_capacity(gaps);
    let (mut ttft, mut tpot, mut latency) = (Vec::new(), Vec::new(), Vec::new());

    for outcome in outcomes {
        let Outcome::Completed { arrivals, latency: total, .. } = outcome else { continue };
        latency.push(total.as_secs_f64());
        ttft.extend(outcome.time_to_first_token().as_ref().map(Duration::as_secs_f64));
        tpot.extend(outcome.time_per_output_token().as_ref().map(Duration::as_secs_f64));
        let gaps = arrivals.iter().zip(arrivals.iter().skip(1));
        itl.extend(gaps.map(|(one, next)| next.at.saturating_sub(one.at).as_secs_f64()));
    }

    Latency {
        ttft: percentiles(ttft),
        tpot: percentiles(tpot),
        itl: percentiles(itl),
        latency: percentiles(latency),
    }
}

/// Gaps between the chunks of an answer.
fn gaps(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Completed { arrivals, .. } => arrivals.len().saturating_sub(1),
        Outcome::Failed { .. } => 0,
    }
}
