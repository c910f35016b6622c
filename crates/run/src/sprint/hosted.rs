//! What one answer takes, as a sprint measured it, for the costs of hosting it elsewhere.

use infercost_core::{EnergyNote, EnergySource, Estimate, OperatingPoint, RunId, VariantId, Workload};
use infercost_stats::{amount_estimate, rate_estimate};
use jiff::tz::TimeZone;

use super::folder::Header;
use super::ledger::Account;
use super::workload::Work;
use crate::machine;

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

/// The workload of a setting; `None` where too little of it was measured.
pub(super) fn workload(
    variant: VariantId,
    threads: Option<u16>,
    account: &Account,
    work: &Work,
    header: &Header,
) -> Option<Workload> {
    let total = &account.total;
    let answers = total.answers as f64;
    if account.busy_s.len() < 2 || answers <= 0.0 {
        return None;
    }
    let busy_s = rate_estimate(&account.busy_s, CONFIDENCE)?;
    let is_measured = total.energy_source.is_measured() && account.joules.len() == account.busy_s.len();
    let joules = if is_measured { amount_estimate(&account.joules, CONFIDENCE) } else { None };
    let facts = machine::unmeasured_facts(&[]);

    Some(Workload {
        variant,
        run: RunId::from(header.id.to_string()),
        date: header.started_at.to_zoned(TimeZone::UTC).date(),
        machine: facts.processor(),
        prompts_sha256: work.sha256.clone(),
        inferences: total.answers + total.failures,
        failures: total.failures,
        threads: threads.map(u32::from),
        concurrency: match work.pace.point() {
            OperatingPoint::Closed { concurrency } => Some(concurrency),
            OperatingPoint::Open { .. } => None,
        },
        busy_s,
        prefill_share: None,
        energy_source: if joules.is_some() { total.energy_source } else { EnergySource::Unavailable },
        energy_note: joules.is_none().then_some(EnergyNote::NotMeasured),
        joules,
        idle_w: None,
        load_s: None,
        input_tokens: total.input_tokens.map(|tokens| exact(tokens as f64 / answers, account.busy_s.len())),
        output_tokens: Some(exact(total.output_tokens as f64 / answers, account.busy_s.len())),
        correct: None,
        per_output_token: None,
        per_right_answer: None,
    })
}

/// A mean that is counted and not estimated.
fn exact(value: f64, n: usize) -> Estimate {
    Estimate { point: value, lower: value, upper: value, confidence: CONFIDENCE, n }
}
