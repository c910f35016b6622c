//! The runs below a folder: what each measured and recommends, newest first.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::thread;

use infercost_analyzer::Analysis;
use infercost_core::report::Report;
use infercost_core::{MachineFacts, Recommendation, RunHeader, RunRecord};
use jiff::Timestamp;
use serde::Serialize;

use crate::usage::usage;
use crate::{run_folder, summary};

/// Which runs are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// With a variant whose name holds this text.
    pub model: Option<String>,
    /// On a machine whose label, CPU or GPU holds this text.
    pub machine: Option<String>,
    /// That began on this day (UTC) or later.
    pub since: Option<jiff::civil::Date>,
    /// At most so many; `None` for all.
    pub most: Option<usize>,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// To its end.
    Finished,
    /// It was interrupted.
    CutOff,
    /// Its records were not read.
    Unknown,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunEntry {
    /// Its name.
    pub id: String,
    /// Its folder.
    pub folder: PathBuf,
    /// When it began; `None` where its header cannot be read.
    pub started_at: Option<Timestamp>,
    /// How far it came.
    pub state: RunState,
    /// Its label, CPU and GPUs.
    pub machine: Option<String>,
    /// What tells the machine from every other; `None` in runs of before there was an id.
    pub machine_id: Option<String>,
    /// The variants' ids, baseline first.
    pub variants: Vec<String>,
    /// Prompts chosen, of how many, of which set.
    pub prompts: Option<String>,
    /// Version of infercost that recorded it.
    pub version: Option<String>,
    /// What its report says first, with the policy and prices that were recorded: what it recommends, or what a model does
    /// and costs that has no rival. `None` where it was not computed.
    pub recommendation: Option<String>,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

/// The runs asked for, each with its recommendation.
///
/// # Errors
/// Where the folder cannot be read. A damaged run is listed with its problem.
pub fn list(traces: &Path, wanted: &Wanted) -> anyhow::Result<Vec<RunEntry>> {
    let mut entries = headers(traces, wanted)?;

    // each report is a run's own, so that thousands of them are shared out among the processors
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = entries.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        for part in entries.chunks_mut(share) {
            scope.spawn(move || {
                for entry in part.iter_mut().filter(|entry| entry.problem.is_none()) {
                    judge(entry);
                }
            });
        }
    });

    Ok(entries)
}

/// The runs asked for, by their headers alone.
///
/// # Errors
/// As [`list`].
pub fn headers(traces: &Path, wanted: &Wanted) -> anyhow::Result<Vec<RunEntry>> {
    let mut entries = run_folder::described_newest_first(traces, described)?;
    entries.retain(|entry| is_wanted(entry, wanted));
    entries.truncate(wanted.most.unwrap_or(usize::MAX));
    Ok(entries)
}

/// One run with its recommendation.
pub fn entry(folder: &Path) -> RunEntry {
    let mut entry = match run_folder::header_text(folder) {
        Ok(text) => described(folder, &text),
        Err(error) => RunEntry { problem: Some(format!("{error:#}")), ..unread(folder) },
    };
    if entry.problem.is_none() {
        judge(&mut entry);
    }
    entry
}

/// A run of which nothing is known but where it lies.
fn unread(folder: &Path) -> RunEntry {
    let id = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    RunEntry {
        id,
        folder: folder.to_owned(),
        started_at: None,
        state: RunState::Unknown,
        machine: None,
        machine_id: None,
        variants: Vec::new(),
        prompts: None,
        version: None,
        recommendation: None,
        problem: None,
    }
}

/// A run as its header describes it.
fn described(folder: &Path, header: &str) -> RunEntry {
    let mut entry = unread(folder);
    match serde_json::from_str::<RunHeader>(header) {
        Ok(header) => describe(&mut entry, &header),
        Err(error) => entry.problem = Some(error.to_string()),
    }
    entry
}

/// The folder of a run that may be deleted: a plain name of a folder below `traces` that holds a run, and no link.
///
/// # Errors
/// A usage error for anything else.
pub fn deletable(traces: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    if !plain {
        return Err(usage(format!(
            "`{name}` is not the id of a run; delete takes ids as `infercost runs` lists them"
        )));
    }

    let folder = traces.join(name);
    let is_folder = fs::symlink_metadata(&folder).is_ok_and(|facts| facts.is_dir());
    if !is_folder || !folder.join("run.json").is_file() {
        return Err(usage(format!("there is no run {name} below {}", traces.display())));
    }
    Ok(folder)
}

fn describe(entry: &mut RunEntry, header: &RunHeader) {
    let prompts = &header.prompts;

    entry.started_at = Some(header.started_at);
    entry.machine = shown_machine(&header.machine);
    entry.machine_id = header.machine.id.clone();
    entry.variants = header.variants.iter().map(|variant| variant.id.to_string()).collect();
    entry.prompts = Some(format!("{} of {} of {}", prompts.chosen.len(), prompts.total, prompts.set));
    entry.version = Some(header.infercost_version.clone());
}

/// `4090: Some CPU, NVIDIA GeForce RTX 4090`.
fn shown_machine(machine: &MachineFacts) -> Option<String> {
    match (&machine.label, machine.hardware()) {
        (Some(label), Some(hardware)) => Some(format!("{label}: {hardware}")),
        (Some(label), None) => Some(label.clone()),
        (None, hardware) => hardware,
    }
}

/// Reads a run's records, and what its report recommends.
fn judge(entry: &mut RunEntry) {
    match infercost_trace::read_run_without_texts(&entry.folder) {
        Ok(run) => recommend(entry, &run),
        Err(error) => entry.problem = Some(error.to_string()),
    }
}

fn recommend(entry: &mut RunEntry, run: &RunRecord) {
    entry.state = if run.finished_at.is_some() { RunState::Finished } else { RunState::CutOff };

    let analysis = Analysis {
        runs: std::slice::from_ref(run),
        policy: &run.header.policy,
        prices: &run.header.prices,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: run.header.machine.memory_bandwidth,
    };
    match infercost_analyzer::report(&analysis) {
        Ok(report) => {
            entry.recommendation = Some(answer(report));
        }
        Err(error) => entry.problem = Some(error.to_string()),
    }
}

/// What a report says first: what it recommends, or what a model does and costs that has no rival.
fn answer(report: Report) -> String {
    if let [only] = report.candidates.as_slice() {
        return summary::headline(only.variant.variant_name(), &report, only);
    }
    match report.recommendation {
        Recommendation::Switch { why, .. }
        | Recommendation::KeepBaseline { why, .. }
        | Recommendation::MeasureMore { why, .. } => why,
    }
}

fn is_wanted(entry: &RunEntry, wanted: &Wanted) -> bool {
    if let Some(model) = &wanted.model
        && !entry.variants.iter().any(|variant| variant.contains(model.as_str()))
    {
        return false;
    }
    if let Some(machine) = &wanted.machine
        && !entry.machine.as_ref().is_some_and(|facts| facts.to_lowercase().contains(&machine.to_lowercase()))
    {
        return false;
    }

    let Some(since) = wanted.since else { return true };
    entry.started_at.is_some_and(|began| began.to_zoned(jiff::tz::TimeZone::UTC).date() >= since)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn only_runs_below_the_folder_are_deleted() {
        let traces = tempfile::tempdir().unwrap();
        let run = traces.path().join("20260101-000000");
        fs::create_dir(&run).unwrap();
        fs::write(run.join("run.json"), "{}").unwrap();
        fs::create_dir(traces.path().join("other")).unwrap();

        assert_eq!(deletable(traces.path(), "20260101-000000").unwrap(), run);
        for name in ["..", ".", "", "/", "other", "nothing", "a/b", "../x", "20260101-000000/.."] {
            assert!(deletable(traces.path(), name).is_err(), "{name}");
        }

        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&run, traces.path().join("link")).unwrap();
            assert!(deletable(traces.path(), "link").is_err());
        }
    }
}
