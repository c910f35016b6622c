//! The two sides: what they share, and what a reader must know of how they differ.

use std::collections::BTreeSet;

use infercost_core::diff::DiffSide;
use infercost_core::{ComparisonFact, Findings, MachineFacts, Severity, VariantId};

use crate::diff::Side;

/// Variants of both sides, in the new one's order.
pub(super) fn shared_variants(old: &Side<'_>, new: &Side<'_>) -> Vec<VariantId> {
    let known: BTreeSet<&VariantId> =
        old.report.candidates.iter().map(|candidate| &candidate.variant).collect();
    let shared = new.report.candidates.iter().map(|candidate| &candidate.variant);

    shared.filter(|variant| known.contains(variant)).cloned().collect()
}

/// Variants of the first side alone.
pub(super) fn only_first(first: &Side<'_>, second: &Side<'_>) -> Vec<VariantId> {
    let known: BTreeSet<&VariantId> =
        second.report.candidates.iter().map(|candidate| &candidate.variant).collect();
    let all = first.report.candidates.iter().map(|candidate| &candidate.variant);

    all.filter(|variant| !known.contains(variant)).cloned().collect()
}

/// Who stands on one side.
pub(super) fn side(side: &Side<'_>) -> DiffSide {
    let first = side.runs.first().map(|run| &run.header);
    DiffSide {
        run_ids: side.report.run_ids.clone(),
        started_at: first.map(|header| header.started_at),
        machine: machine(&side.report.machine),
        infercost_version: first.map_or_else(String::new, |header| header.infercost_version.clone()),
    }
}

/// A machine by its label and its hardware.
fn machine(facts: &MachineFacts) -> String {
    let mut parts = vec![facts.cpu.clone().unwrap_or_else(|| "unknown CPU".to_owned())];
    parts.extend(facts.gpus.iter().cloned());
    let hardware = parts.join(", ");
    match &facts.label {
        Some(label) => format!("{label}: {hardware}"),
        None => hardware,
    }
}

/// Both sides' machines where they are not the same one; those of one kind of hardware are told apart by their ids.
fn different_machines(old: &MachineFacts, new: &MachineFacts) -> Option<(String, String)> {
    let (before, after) = (machine(old), machine(new));
    if before != after {
        return Some((before, after));
    }

    // one label is one machine by its user's word, and runs of before there was an id may be of one
    let (id, other_id) = old.id.as_ref().zip(new.id.as_ref()).filter(|_| old.label.is_none())?;
    (id != other_id).then(|| (format!("{before} (id {id})"), format!("{after} (id {other_id})")))
}

/// How the sides differ beyond their numbers.
pub(super) fn findings(old: &Side<'_>, new: &Side<'_>) -> Findings {
    let mut findings = Findings::default();

    if let Some((before, now)) = different_machines(&old.report.machine, &new.report.machine) {
        findings.add(Severity::Warning, ComparisonFact::MachinesDiffer { before, now });
    }

    for candidate in &new.report.candidates {
        let variant = &candidate.variant;
        let Some(other) = old.report.candidates.iter().find(|one| one.variant == *variant) else { continue };
        let (one, two) = (&other.engine, &candidate.engine);
        if one.weights_sha256 != two.weights_sha256 {
            let variant = variant.to_string();
            findings.add(Severity::Warning, ComparisonFact::WeightsDiffer { variant });
        }
        if (&one.engine, &one.version) != (&two.engine, &two.version) {
            let (before, now) =
                (format!("{} {}", one.engine, one.version), format!("{} {}", two.engine, two.version));
            let variant = variant.to_string();
            findings.add(Severity::Limitation, ComparisonFact::EnginesDiffer { variant, before, now });
        }
        if one.threads != two.threads {
            let (before, now) = (one.threads, two.threads);
            let variant = variant.to_string();
            findings.add(Severity::Limitation, ComparisonFact::ThreadsDiffer { variant, before, now });
        }
    }

    if prompt_sets(old) != prompt_sets(new) {
        findings.add(Severity::Warning, ComparisonFact::PromptSetsDiffer);
    }
    findings
}

/// Hashes of the prompt sets behind a side.
fn prompt_sets<'a>(side: &Side<'a>) -> BTreeSet<&'a str> {
    side.runs.iter().map(|run| run.header.prompts.sha256.as_str()).collect()
}
