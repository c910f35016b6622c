//! What a report says about single inferences, for their spans.

use std::collections::HashMap;

use infercost_analyzer::ledger::{Entry, Ledger};
use infercost_core::RunHeader;
use infercost_trace::outgoing::{CostShare, EnergyShare, SpanEnrichment};
use infercost_trace::span_ids::{SpanId, SpanIds};

/// Facts by span id.
pub fn of_ledger(run: &RunHeader, ledger: &Ledger) -> HashMap<SpanId, SpanEnrichment> {
    let ids = SpanIds::new(run);
    let mut all = HashMap::new();
    for ((variant, prompt, repetition), entry) in &ledger.entries {
        all.insert(ids.inference(variant, prompt, *repetition), facts(ledger, entry));
    }
    all
}

fn facts(ledger: &Ledger, entry: &Entry) -> SpanEnrichment {
    SpanEnrichment {
        energy: entry.gross_j.map(|gross_j| EnergyShare {
            gross_j,
            net_j: entry.net_j,
            source: entry.energy_source.name(),
        }),
        priced_as: None,
        cost: entry.total.map(|total| CostShare {
            currency: ledger.currency,
            parts: entry.cost,
            total,
            prompt: entry.prompt_cost().unwrap_or_default(),
        }),
        task_score: entry.task_score,
        kld_mean: entry.kld_mean,
    }
}
