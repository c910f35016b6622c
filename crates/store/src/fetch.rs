//! A run on its way back: into a folder of this machine, under its name only when all of it is verified.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use infercost_core::text::printable;
use infercost_trace::is_run_id;
use sha2::{Digest as _, Sha256};

use crate::error::RemoteError;
use crate::listing::Listing;
use crate::manifest::{Manifest, RunFile};
use crate::pieces::{hexadecimal, sha256};
use crate::remote_runs::RemoteRuns;

/// What a fetched run was fetched by, beside its files.
const KEPT_MANIFEST: &str = "manifest.json";
/// Runs hold prompts and answers.
const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;
/// Hexadecimal digits of the folder of a store.
const DIGITS: usize = 16;

impl RemoteRuns {
    /// The folder below `cache` that holds what was fetched from this store.
    pub fn cache_folder(&self, cache: &Path) -> PathBuf {
        let hash: String = sha256(self.address().as_bytes()).chars().take(DIGITS).collect();
        cache.join("runs").join(hash)
    }

    /// The manifest of the run of that name.
    ///
    /// # Errors
    /// [`RemoteError::NoRun`] where there is none, or the name can be none; [`RemoteError::Damaged`],
    /// [`RemoteError::Request`].
    pub fn named(&self, run: &str) -> Result<Manifest, RemoteError> {
        let none =
            || RemoteError::NoRun { address: self.address().to_owned(), run: printable(run).into_owned() };
        if !is_run_id(run) {
            return Err(none());
        }
        self.check_layout()?;
        self.manifest(run)?.ok_or_else(none)
    }

    /// Brings a run into its folder below `cache`, and returns that. What lies there from before is taken where it was
    /// fetched by the same manifest.
    ///
    /// # Errors
    /// [`RemoteError::Damaged`] where sizes or checksums are not those of the manifest; [`RemoteError::Request`],
    /// [`RemoteError::File`]. The folder is then not there, or as it was.
    pub fn fetch(&self, manifest: &Manifest, cache: &Path) -> Result<PathBuf, RemoteError> {
        let below = self.cache_folder(cache);
        let folder = below.join(&manifest.run);
        if is_kept(&folder, manifest) {
            return Ok(folder);
        }

        DirBuilder::new()
            .recursive(true)
            .mode(OWNER_ONLY_FOLDER)
            .create(&below)
            .map_err(RemoteError::file(&below))?;
        let partial = tempfile::Builder::new()
            .prefix(".infercost-")
            .suffix(".partial")
            .tempdir_in(&below)
            .map_err(RemoteError::file(&below))?;

        for file in RunFile::ALL {
            self.fetch_file(manifest, file, &partial.path().join(file.name()))?;
        }
        let kept = partial.path().join(KEPT_MANIFEST);
        let json = manifest.to_json().map_err(|error| self.damaged(&manifest.run, error.to_string()))?;
        new_file(&kept).and_then(|mut file| file.write_all(&json)).map_err(RemoteError::file(&kept))?;

        // an older state of the run makes room; another process may have brought the same one meanwhile
        let _ = fs::remove_dir_all(&folder);
        match fs::rename(partial.path(), &folder) {
            Err(_) if is_kept(&folder, manifest) => Ok(folder),
            Err(source) => Err(RemoteError::File { path: folder, source }),
            Ok(()) => Ok(folder),
        }
    }

    /// Removes fetched runs that the store no longer holds.
    ///
    /// # Errors
    /// [`RemoteError::ListIncomplete`] where one of them is still there, and only the list did not show it.
    pub fn forget_deleted(&self, listing: &Listing, cache: &Path) -> Result<(), RemoteError> {
        let below = self.cache_folder(cache);
        for folder in infercost_trace::list_runs(&below).unwrap_or_default() {
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if listing.runs.iter().any(|manifest| manifest.run == name) {
                continue;
            }
            if self.manifest(name).is_ok_and(|there| there.is_some()) {
                return Err(
                    self.list_incomplete(format!("run {} is there and is not listed", printable(name)))
                );
            }
            fs::remove_dir_all(&folder).map_err(|source| RemoteError::File { path: folder, source })?;
        }
        Ok(())
    }

    fn fetch_file(&self, manifest: &Manifest, file: RunFile, path: &Path) -> Result<(), RemoteError> {
        let described = manifest.file(file);
        let mut out = new_file(path).map_err(RemoteError::file(path))?;
        let mut whole = Sha256::new();

        for (index, piece) in described.pieces.iter().enumerate() {
            let object = file.object(self.prefix(), &manifest.run, index, &piece.sha256);
            let Some(bytes) = self.objects.get(&object, piece.bytes)? else {
                return Err(self.damaged(&manifest.run, format!("{object} is missing")));
            };
            if bytes.len() as u64 != piece.bytes || sha256(&bytes) != piece.sha256 {
                return Err(self.damaged(&manifest.run, format!("the checksum of {object} does not match")));
            }
            whole.update(&bytes);
            out.write_all(&bytes).map_err(RemoteError::file(path))?;
        }

        if hexadecimal(&whole.finalize()) != described.sha256 {
            let reason = format!("the checksum of {} does not match", file.name());
            return Err(self.damaged(&manifest.run, reason));
        }
        out.sync_all().map_err(RemoteError::file(path))
    }
}

/// Whether a folder holds a run that was fetched by this manifest, with files of its sizes.
fn is_kept(folder: &Path, manifest: &Manifest) -> bool {
    let kept = fs::read(folder.join(KEPT_MANIFEST)).unwrap_or_default();
    if manifest.to_json().ok().as_ref() != Some(&kept) {
        return false;
    }
    RunFile::ALL.into_iter().all(|file| {
        let length = folder.join(file.name()).metadata().map(|facts| facts.len());
        length.is_ok_and(|length| length == manifest.file(file).bytes)
    })
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)
}
