//! `infercost runs`: what was recorded, and what may go.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use infercost_run::history::{self, RunEntry, Wanted};
use infercost_run::run_folder;
use infercost_run::usage;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::date::date;
use crate::output;
use crate::output::answer::delivery::{self, WithSchema, deliver};
use crate::remote::RunsUsed;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost runs
      the 20 newest runs
  infercost runs --model q8_0 --all
      every run with such a variant
  infercost runs show 20261129-144944
  infercost runs prune --keep 50 --yes")]
pub(crate) struct RunsCommand {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,

    #[command(flatten)]
    pub(crate) filter: FilterFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

/// Which runs are listed.
#[derive(Debug, Clone, Args)]
pub(crate) struct FilterFlags {
    /// Runs with a variant whose name holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Option<String>,

    /// Runs on machines whose label, CPU or GPU holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) machine: Option<String>,

    /// Runs that began on this day (UTC) or later
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<jiff::civil::Date>,

    /// List all of them, and not the 20 newest
    #[arg(long)]
    pub(crate) all: bool,
}

impl FilterFlags {
    /// Whether only some runs are asked for.
    fn is_given(&self) -> bool {
        self.model.is_some() || self.machine.is_some() || self.since.is_some()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Show one run: what it measured, and where it lies
    #[command(after_help = "Examples:
  infercost runs show 20261129-144944")]
    Show {
        /// Its folder, or its id below --traces
        #[arg(value_name = "RUN")]
        run: String,

        #[command(flatten)]
        answer: AnswerFlags,
    },
    /// Delete runs, with all their files
    #[command(after_help = "Examples:
  infercost runs delete 20261101-080000 20261102-080000")]
    Delete {
        /// Their ids below --traces
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<String>,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Delete old runs
    #[command(after_help = "Examples:
  infercost runs prune --keep 50
  infercost runs prune --older-than 90 --yes")]
    Prune {
        /// Keep so many of the newest
        #[arg(long, value_name = "N", required_unless_present = "older_than")]
        keep: Option<usize>,

        /// Only runs that began so many days ago or earlier
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u32>,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl RunsCommand {
    /// Which runs are read. A filter that looks into headers needs all of them.
    pub(crate) fn runs_used(&self) -> RunsUsed<'_> {
        match &self.action {
            None => {
                let filter = &self.filter;
                let looks_inside = filter.all || filter.model.is_some() || filter.machine.is_some();
                RunsUsed::Listed { since: filter.since, most: (!looks_inside).then_some(LISTED) }
            }
            Some(Action::Show { run, .. }) => RunsUsed::Named(vec![run.as_str()]),
            Some(Action::Delete { .. } | Action::Prune { .. }) => RunsUsed::Folder,
        }
    }
}

/// Runs that are listed where nobody asks for all.
const LISTED: usize = 20;

pub(crate) fn run(arguments: &RunsCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    match &arguments.action {
        None => list(arguments, global),
        Some(Action::Show { run, answer }) => {
            delivery::check(answer, false)?;
            let folder = run_folder::named(&global.traces, run)?;
            let entry = history::entry(&folder);
            let object = WithSchema { schema: "infercost.runs-show/1", answer: &entry };
            deliver(&output::runs::one(&entry), &object, None, answer, global)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Action::Delete { runs, yes }) => delete(runs, *yes, global),
        Some(Action::Prune { keep, older_than, yes }) => {
            let names = outdated(&global.traces, keep.unwrap_or(0), *older_than)?;
            if names.is_empty() {
                output::note("no run is that old");
            }
            delete(&names, *yes, global)
        }
    }
}

/// What is printed of the list as JSON.
#[derive(Serialize)]
struct ListedRuns<'a> {
    schema: &'static str,
    runs: &'a [RunEntry],
}

fn list(arguments: &RunsCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let filter = &arguments.filter;
    let wanted = Wanted {
        model: filter.model.clone(),
        machine: filter.machine.clone(),
        since: filter.since,
        most: (!filter.all).then_some(LISTED),
    };
    let entries = history::list(&global.traces, &wanted)?;

    let answer = output::runs::list(&entries, &global.traces, filter.is_given());
    let object = ListedRuns { schema: "infercost.runs/2", runs: &entries };
    deliver(&answer, &object, None, &arguments.answer, global)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs beyond the newest `keep`, and at least so old.
fn outdated(traces: &Path, keep: usize, older_than_days: Option<u32>) -> anyhow::Result<Vec<String>> {
    let all = Wanted { model: None, machine: None, since: None, most: None };
    let limit = older_than_days
        .map(|days| Timestamp::now().checked_sub(SignedDuration::from_hours(24 * i64::from(days))))
        .transpose()?;

    let mut names = Vec::new();
    for entry in history::headers(traces, &all)?.into_iter().skip(keep) {
        let old_enough = match (limit, entry.started_at) {
            (Some(limit), Some(started)) => started <= limit,
            // A run that does not say when it began is deleted by name alone.
            (Some(_), None) => false,
            (None, _) => true,
        };
        if old_enough {
            names.push(entry.id);
        }
    }
    Ok(names)
}

fn delete(names: &[String], yes: bool, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    // Every name is made sure of before the first folder goes.
    let mut folders = Vec::with_capacity(names.len());
    for name in names {
        folders.push(history::deletable(&global.traces, name)?);
    }

    if !names.is_empty() && !yes && !confirmed(names)? {
        return Err(usage("nothing was deleted; --yes deletes without asking"));
    }
    for folder in &folders {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot delete {}", folder.display()))?;
        output::note(&format!("deleted {}", folder.display()));
    }

    if global.json {
        let deleted: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let object = json!({"schema": "infercost.runs-delete/1", "deleted": deleted});
        output::line(&serde_json::to_string_pretty(&object)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks on a terminal; elsewhere nobody can answer, so the answer is no.
fn confirmed(names: &[String]) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let what = if names.len() == 1 { "this run".to_owned() } else { format!("these {} runs", names.len()) };
    for name in names {
        output::note(&format!("  {name}"));
    }
    let mut out = io::stderr().lock();
    write!(out, "Delete {what}? [y/N] ")?;
    out.flush()?;

    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
