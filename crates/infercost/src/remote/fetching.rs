//! What a command reads, brought from a store into a folder of this machine.

use std::path::{Path, PathBuf};

use infercost_core::text::count;
use infercost_run::{console, foreign_traces, models, usage};
use infercost_store::{Listing, Manifest, Patience, RemoteError, RemoteRuns};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::runs_used::{RunsUsed, is_address};
use crate::flags::GlobalFlags;

/// Where a run is measured that is pushed to a store when it is done.
const MEASURED_IN: &str = "traces";
/// What stands for the newest run.
const LATEST: &str = "latest";

/// The flags with a folder for `--traces`: the same one, or the one into which what the command reads was brought. A store
/// that a run is to be pushed to is tried before anything is measured.
///
/// # Errors
/// A usage error for an address that is none or a command that works with folders alone; where the store cannot be reached,
/// or holds no such run, or a damaged one.
pub(crate) fn at_hand(global: GlobalFlags, used: &RunsUsed<'_>) -> anyhow::Result<GlobalFlags> {
    if !is_address(&global.traces) {
        return Ok(global);
    }
    if *used == RunsUsed::Folder {
        return Err(usage(
            "--traces takes a URL with compare, record, report, runs, runs show, diff, export, audit, host, replace, schedule and \
             optimize without --measure; this command works with a folder",
        ));
    }

    let address = global.traces.display().to_string();
    let store = open(&address)?;
    if *used == RunsUsed::Recorded {
        store.prepare()?;
        let push_to = Some(store.address().to_owned());
        return Ok(GlobalFlags { traces: PathBuf::from(MEASURED_IN), push_to, ..global });
    }

    let cache = models::cache_root()?;
    let reading = Reading { store: &store, cache: &cache };
    reading.bring(used)?;
    Ok(GlobalFlags { traces: store.cache_folder(&cache), ..global })
}

/// A store, reached as the variables of this process say.
pub(super) fn open(address: &str) -> anyhow::Result<RemoteRuns> {
    RemoteRuns::open(address, &infercost_store::variables(), Patience::default()).map_err(as_usage)
}

/// An address that is wrong is the user's to mend; so is the name of a run that is not there.
pub(super) fn as_usage(error: RemoteError) -> anyhow::Error {
    match error {
        RemoteError::Address { .. } | RemoteError::NoRun { .. } | RemoteError::NotPushable { .. } => {
            usage(error.to_string())
        }
        other => other.into(),
    }
}

/// A store that runs are read from, and where they are kept here.
struct Reading<'a> {
    store: &'a RemoteRuns,
    cache: &'a Path,
}

impl Reading<'_> {
    /// Brings what is used.
    fn bring(&self, used: &RunsUsed<'_>) -> anyhow::Result<()> {
        match used {
            RunsUsed::Named(names) if !names.is_empty() => self.fetch(&self.named(names)?),
            RunsUsed::Named(_) => {
                let newest = newest(self.store, &self.list()?)?;
                self.fetch(&[newest])
            }
            RunsUsed::NamedAndNewest { name, others } => {
                let mut wanted = self.named(&[name])?;
                // one of the newest may be the one that is named
                wanted.extend(self.list()?.runs.into_iter().take(others + 1));
                self.fetch(&wanted)
            }
            RunsUsed::All => {
                let listing = self.list()?;
                // a report over all runs is not one over all but those that cannot be read
                if let Some(damaged) = listing.damaged.first() {
                    let address = self.store.address().to_owned();
                    let (run, reason) = (damaged.run.clone(), damaged.reason.clone());
                    return Err(RemoteError::Damaged { address, run, reason }.into());
                }
                self.fetch(&listing.runs)
            }
            RunsUsed::Listed { since, most } => {
                let mut listing = self.list()?;
                listing.runs.retain(|run| since.is_none_or(|since| began(run) >= since));
                listing.runs.truncate(most.unwrap_or(usize::MAX));
                self.fetch(&listing.runs)
            }
            RunsUsed::Folder | RunsUsed::Recorded => Ok(()),
        }
    }

    /// The manifests of runs by their names; a folder of this machine and another program's traces need none.
    fn named(&self, names: &[&str]) -> anyhow::Result<Vec<Manifest>> {
        let mut manifests = Vec::new();
        for name in names {
            let is_here = Path::new(name).join("run.json").is_file() || foreign_traces::is_foreign(name);
            if *name == LATEST {
                manifests.push(newest(self.store, &self.list()?)?);
            } else if !is_here {
                manifests.push(self.store.named(name).map_err(as_usage)?);
            }
        }
        Ok(manifests)
    }

    /// What is there, and no more of what was fetched before than that.
    fn list(&self) -> anyhow::Result<Listing> {
        let listing = self.store.list()?;
        let address = self.store.address();
        for damaged in &listing.damaged {
            console::warn(&format!("{address}: run {} is left aside: {}", damaged.run, damaged.reason));
        }
        if !listing.incomplete.is_empty() {
            let runs = count(listing.incomplete.len() as u64, "run");
            console::note(&format!(
                "{address}: {runs} not pushed to the end yet: {}",
                listing.incomplete.join(", ")
            ));
        }

        self.store.forget_deleted(&listing, self.cache)?;
        Ok(listing)
    }

    fn fetch(&self, manifests: &[Manifest]) -> anyhow::Result<()> {
        let progress = console::activity();
        for (index, manifest) in manifests.iter().enumerate() {
            if manifests.len() > 1 || manifest.bytes() > 8 << 20 {
                progress.show(&format!(
                    "run {} of {}: {} from {}",
                    index + 1,
                    manifests.len(),
                    manifest.run,
                    self.store.address()
                ));
            }
            self.store.fetch(manifest, self.cache)?;
        }
        Ok(())
    }
}

fn newest(store: &RemoteRuns, listing: &Listing) -> anyhow::Result<Manifest> {
    let none = || usage(format!("no run in {}; `infercost push` takes some there", store.address()));
    listing.runs.first().cloned().ok_or_else(none)
}

/// The day on which a run began, as `runs --since` has it.
fn began(run: &Manifest) -> Date {
    run.started_at.to_zoned(TimeZone::UTC).date()
}
