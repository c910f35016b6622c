//! Other variants of the same run.

use infercost_analyzer::Analysis;
use infercost_core::report::CandidateReport;
use infercost_core::text::count;
use infercost_core::{Policy, VariantId, Verdict};
use infercost_economics::optimization::{Basis, Change, Effect, Kind};

use super::{CONFIDENCE, Present, apply, model};

/// Other variants of the run, judged as the report judges them.
pub(super) fn changes(present: &Present<'_>) -> anyhow::Result<Vec<Change>> {
    let now = &present.workload.variant;
    let policy = Policy { confidence: CONFIDENCE, ..present.run.header.policy.clone() };
    let report = infercost_analyzer::report(&Analysis {
        runs: std::slice::from_ref(present.run),
        policy: &policy,
        prices: present.book,
        machine_prices: &[],
        baseline: Some(now),
        memory_bandwidth: present.run.header.machine.memory_bandwidth,
    })?;
    let others =
        report.candidates.iter().filter(|candidate| candidate.variant != *now && !candidate.noise_floor);
    Ok(others.map(|candidate| of_candidate(present, now, candidate)).collect())
}

fn of_candidate(present: &Present<'_>, now: &VariantId, candidate: &CandidateReport) -> Change {
    let other = &candidate.variant;
    let kind = if model(other) == model(now) { Kind::Variant } else { Kind::Model };
    let effect = match candidate.verdict {
        Verdict::Pass => Effect::Passes,
        Verdict::Fail => Effect::Fails,
        Verdict::Inconclusive => Effect::Unknown,
    };
    let quality = match candidate.verdict {
        Verdict::Pass => "stays within the thresholds".to_owned(),
        Verdict::Fail => {
            format!("fails: {}", candidate.reasons.first().map_or("a threshold", String::as_str))
        }
        Verdict::Inconclusive => {
            candidate.reasons.first().cloned().unwrap_or_else(|| "not judged".to_owned())
        }
    };
    let why = match &candidate.saving {
        Some(_) => {
            format!("measured on {}, compared with {now}", count(candidate.inferences, "inference"))
        }
        None => candidate.unknown.sentence("saving").unwrap_or_else(|| "the saving is unknown".to_owned()),
    };

    let (word, then) = (present.word(now), present.word(other));
    let command = if present.scenario.cost().is_some() {
        apply(&then)
    } else {
        "set hardware in [prices] of infercost.toml".to_owned()
    };
    Change {
        kind,
        to: other.to_string(),
        basis: if candidate.saving.is_some() { Basis::Measured } else { Basis::Unknown },
        saving: candidate.saving,
        effect,
        quality,
        command,
        confirm: Some(format!(
            "infercost compare {word} {then} --baseline {word}{} --exhaustive",
            present.prompts()
        )),
        why,
    }
}
