//! Which runs a store holds.
//!
//! A store that leaves objects out of a list would make a report over fewer runs than there are. So manifests and pieces are
//! listed apart, in opposite orders, and held against one another, and a manifest that the list does not show is asked for by its name.

use std::collections::BTreeSet;

use infercost_trace::is_run_id;

use crate::error::RemoteError;
use crate::manifest::{MANIFESTS, MAX_MANIFEST, Manifest, RUNS, RunFile};
use crate::remote_runs::RemoteRuns;

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The complete runs, newest first; of one age by name.
    pub runs: Vec<Manifest>,
    /// Runs whose manifest makes no sense, or that lack pieces.
    pub damaged: Vec<Damaged>,
    /// Ids of runs that are being pushed, or whose push was cut off.
    pub incomplete: Vec<String>,
}

/// A run that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Its id.
    pub run: String,
    /// What is wrong, escaped.
    pub reason: String,
}

impl RemoteRuns {
    /// The runs in the store.
    ///
    /// # Errors
    /// [`RemoteError::Request`], [`RemoteError::Later`]; [`RemoteError::ListIncomplete`] where the store leaves objects out.
    pub fn list(&self) -> Result<Listing, RemoteError> {
        self.check_layout()?;
        let manifests = self.objects.list(&self.within(&[MANIFESTS]))?;
        let pieces = self.objects.list(&self.within(&[RUNS]))?;

        // what does not look like a name of infercost's is somebody else's
        let visible: BTreeSet<&str> = manifests.keys().filter_map(|name| Manifest::run_of(name)).collect();
        let begun: BTreeSet<&str> = pieces
            .keys()
            .filter_map(|name| name.split_once('/'))
            .map(|(run, _)| run)
            .filter(|run| is_run_id(run))
            .collect();
        if let Some(run) = visible.difference(&begun).next() {
            return Err(self.list_incomplete(format!("run {run} has a manifest, and no files are listed")));
        }

        let runs: Vec<&str> = begun.into_iter().collect();
        let objects: Vec<_> = runs.iter().map(|run| Manifest::object(self.prefix(), run)).collect();
        let contents = self.objects.get_all(&objects, MAX_MANIFEST)?;

        let mut listing = Listing::default();
        for (run, content) in runs.into_iter().zip(contents) {
            match content.map(|json| Manifest::read(&json, run)) {
                None => listing.incomplete.push(run.to_owned()),
                Some(Err(reason)) => listing.damaged.push(Damaged { run: run.to_owned(), reason }),
                Some(Ok(manifest)) => listing.runs.push(manifest),
            }
        }

        for manifest in &listing.runs {
            self.check_pieces(manifest, |name| pieces.get(name).copied())?;
        }
        listing.runs.sort_by(|one, other| (other.started_at, &other.run).cmp(&(one.started_at, &one.run)));
        Ok(listing)
    }

    /// A piece that the list does not show although its run is visible: every one was read back before the manifest was
    /// written.
    fn check_pieces(
        &self,
        manifest: &Manifest,
        size: impl Fn(&str) -> Option<u64>,
    ) -> Result<(), RemoteError> {
        for file in RunFile::ALL {
            for (index, piece) in manifest.file(file).pieces.iter().enumerate() {
                let object = file.object(&self.within(&[]), &manifest.run, index, &piece.sha256);
                let name = object.filename().unwrap_or_default();
                if size(&format!("{}/{name}", manifest.run)).is_none() {
                    return Err(self.list_incomplete(format!("{name} of run {} is not listed", manifest.run)));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn list_incomplete(&self, reason: String) -> RemoteError {
        RemoteError::ListIncomplete { address: self.address().to_owned(), reason }
    }
}
