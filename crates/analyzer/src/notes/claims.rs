//! What a server claimed that cannot be, and what it refused to be asked.

use infercost_core::run::VariantHeader;
use infercost_core::{InferenceRecord, ServerFact, UsageFault};

/// Faults of a server's counts.
pub(super) fn counts(answers: &[&InferenceRecord]) -> Vec<ServerFact> {
    let of = answers.len() as u64;
    let (mut disbelieved, mut totals, mut outside) = (Vec::new(), Vec::new(), Vec::new());

    // At most one fault of each kind an answer: answers are counted.
    for answer in answers {
        let faults = answer.served.as_ref().map(|served| served.usage_faults.as_slice()).unwrap_or_default();
        disbelieved.extend(faults.iter().copied().find(|fault| fault.is_disbelieved()));
        outside.extend(faults.iter().copied().find_map(added));
        totals.extend(faults.iter().copied().find_map(difference));
    }

    let mut facts = Vec::new();
    if let Some(first) = disbelieved.first() {
        facts.push(ServerFact::ClaimsDisbelieved { answers: disbelieved.len() as u64, of, first: *first });
    }
    if !outside.is_empty() {
        let tokens = outside.iter().map(|added| u64::from(*added)).sum();
        facts.push(ServerFact::ThinkingBeside { answers: outside.len() as u64, of, tokens });
    }
    if let Some(first) = totals.first() {
        facts.push(ServerFact::TotalsOff { answers: totals.len() as u64, of, first: *first });
    }
    facts
}

/// The parameters that a server refused; `None` where it refused none.
pub(super) fn parameters(header: &VariantHeader) -> Option<ServerFact> {
    let replaced = &header.engine.habits.as_ref()?.replaced;
    (!replaced.is_empty()).then(|| ServerFact::ParametersRefused { changes: replaced.clone() })
}

fn added(fault: UsageFault) -> Option<u32> {
    match fault {
        UsageFault::ThinkingOutsideCompletion { added } => Some(added),
        _ => None,
    }
}

fn difference(fault: UsageFault) -> Option<i64> {
    match fault {
        UsageFault::TotalDoesNotAddUp { difference } => Some(difference),
        _ => None,
    }
}
