//! The quality of a winner: equal answers prove it, else a run of both settings judges it, by the gates of any run.

use infercost_analyzer::{Analysis, report};
use infercost_core::report::CandidateReport;
use infercost_core::{VariantId, Verdict};
use infercost_sprint::{Quality, Setting};

use super::SprintRequest;
use super::bench::Bench;
use crate::config::SettingsOverrides;
use crate::recording;
use crate::request::{ContenderSetting, RunRequest};

/// The quality of a setting, and the run that shows it.
pub(super) struct Judged {
    pub(super) quality: Quality,
    pub(super) run: Option<String>,
}

/// Records the present setting and the winner over at most `most` prompts of the set, and judges the winner by the policy.
///
/// # Errors
/// As [`recording::record`].
pub(super) fn judge(
    bench: &mut Bench,
    setting: &Setting,
    request: &SprintRequest,
    overrides: &SettingsOverrides,
    most: u32,
) -> anyhow::Result<Judged> {
    let present = bench.space.present();
    let winner = contender(bench, setting)?;
    let id = winner.id.clone();
    let settings = vec![contender(bench, &present)?, winner];
    bench.clear();

    let mut run = RunRequest { settings, ..request.run.clone() };
    run.spec.load = None;
    run.spec.max_prompts = Some(run.spec.max_prompts.map_or(most, |wanted| wanted.min(most)));
    let folder = recording::record(run, overrides)?;
    let recorded = infercost_trace::read_run(&folder)?;
    let judged = report(&Analysis {
        runs: std::slice::from_ref(&recorded),
        policy: &recorded.header.policy,
        prices: &recorded.header.prices,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: recorded.header.machine.memory_bandwidth,
    })?;
    let quality = match judged.candidates.iter().find(|candidate| candidate.variant == id) {
        Some(candidate) => quality(candidate),
        None => Quality::Unsettled { reason: "the run does not hold it".to_owned() },
    };
    Ok(Judged { quality, run: Some(recorded.header.id.to_string()) })
}

fn contender(bench: &Bench, setting: &Setting) -> anyhow::Result<ContenderSetting> {
    let id: VariantId = bench.id(setting)?;
    Ok(ContenderSetting {
        id,
        variant: bench.model(setting)?.variant.clone(),
        threads: bench.threads(setting),
        serve: bench.command(setting),
        max_tokens: bench.max_tokens(setting),
    })
}

fn quality(candidate: &CandidateReport) -> Quality {
    let reason = candidate.reasons.first().cloned().unwrap_or_default();
    match candidate.verdict {
        Verdict::Pass => Quality::Kept { reason },
        Verdict::Fail => Quality::Lost { reason },
        Verdict::Inconclusive => Quality::Unsettled { reason },
    }
}
