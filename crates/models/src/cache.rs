//! The folder in which fetched and made files are kept.
//!
//! ```text
//! <root>/files/<sha256>/<file>                            published, under the hash it was promised with
//! <root>/made/<model>.<recipe>.<source hash, 12>.v<N>.gguf made here; N is the converter's version
//! <root>/…/<file>.json                                    the record beside each: hash, length, provenance
//! <root>/tmp/                                             work in progress, removed after a day
//! <root>/locks/                                           one empty file for each file being made
//! ```
//! A file appears under its name only when it is whole, by renaming; a second process waits at the lock and
//! then finds the work done. Files of the hub lie in the hub's own cache instead.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infercost_core::manifest::Provenance;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::error::ModelError;
use crate::hash::sha256_of_file;
use crate::progress::ProgressSink;

const RECORD_SCHEMA: &str = "infercost.model/1";
/// Unfinished work older than this is nobody's any more.
const STALE: Duration = Duration::from_secs(24 * 3600);
const MAX_RECORD: u64 = 4 << 20;

/// The cache folder. Nothing is created until something is fetched or made.
#[derive(Debug, Clone)]
pub struct ModelCache {
    root: PathBuf,
}

/// What is known of a cached file, kept as JSON beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// `infercost.model/1`.
    pub schema: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u64,
    /// When the file was last written, in nanoseconds since 1970: where it differs, the file is hashed anew.
    pub modified_ns: u64,
    /// How the file came to be.
    pub provenance: Provenance,
}

impl ModelCache {
    /// The cache below that folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a published file of that hash is kept.
    pub fn published(&self, sha256: &str, file: &str) -> PathBuf {
        self.root.join("files").join(sha256.to_ascii_lowercase()).join(file)
    }

    /// Where a file made here is kept.
    pub fn made(&self, file: &str) -> PathBuf {
        self.root.join("made").join(file)
    }

    /// Creates the folder and writes a probe, so that a folder that cannot be written is known before long work.
    ///
    /// # Errors
    /// [`ModelError::Io`] naming the folder.
    pub fn prepare(&self) -> Result<(), ModelError> {
        let tmp = self.tmp();
        fs::create_dir_all(&tmp).map_err(ModelError::io(&tmp, "write"))?;
        self.remove_stale();
        let mut probe = self.temporary()?;
        probe.write_all(&[0; 4096]).map_err(ModelError::io(&tmp, "write"))?;
        probe.flush().map_err(ModelError::io(&tmp, "write"))
    }

    /// The record of a cached file, where the file is there and is still the one that was recorded.
    ///
    /// # Errors
    /// [`ModelError::Io`] where the file must be hashed anew and cannot be read.
    pub fn lookup(
        &self,
        path: &Path,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Option<FileRecord>, ModelError> {
        let Some(mut record) = Self::recorded(path) else { return Ok(None) };
        let Some((bytes, modified_ns)) = stamp(path) else { return Ok(None) };
        if bytes != record.bytes {
            return Ok(None);
        }
        if modified_ns != record.modified_ns {
            if sha256_of_file(path, progress)? != record.sha256 {
                return Ok(None);
            }
            record.modified_ns = modified_ns;

            // Without the new time the next look-up hashes again, which costs time only.
            self.write_record(path, &record).ok();
        }

        Ok(Some(record))
    }

    /// The record beside a file, unchecked but for the file's presence and length.
    pub(crate) fn recorded(path: &Path) -> Option<FileRecord> {
        let beside = record_path(path);
        if fs::metadata(&beside).ok()?.len() > MAX_RECORD {
            return None;
        }
        let record: FileRecord = serde_json::from_str(&fs::read_to_string(beside).ok()?).ok()?;
        let same_length = stamp(path).is_some_and(|(bytes, _)| bytes == record.bytes);
        (record.schema == RECORD_SCHEMA && same_length).then_some(record)
    }

    /// An unnamed file to work in, removed unless it is kept by [`Self::keep`].
    pub(crate) fn temporary(&self) -> Result<NamedTempFile, ModelError> {
        let tmp = self.tmp();
        crate::partial_file::create(&tmp).map_err(ModelError::io(&tmp, "write"))
    }

    /// A folder to work in, removed with what it holds.
    pub(crate) fn temporary_folder(&self) -> Result<tempfile::TempDir, ModelError> {
        let tmp = self.tmp();
        tempfile::tempdir_in(&tmp).map_err(ModelError::io(&tmp, "write"))
    }

    /// Puts a finished file in its place, with its record.
    pub(crate) fn keep(
        &self,
        finished: NamedTempFile,
        path: &Path,
        sha256: String,
        provenance: Provenance,
    ) -> Result<FileRecord, ModelError> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(ModelError::io(folder, "write"))?;
        finished.as_file().sync_all().map_err(ModelError::io(path, "write"))?;
        make_readable(finished.path());
        finished.persist(path).map_err(|error| ModelError::io(path, "write")(error.error))?;
        let (bytes, modified_ns) = stamp(path).unwrap_or_default();
        let record = FileRecord { schema: RECORD_SCHEMA.into(), sha256, bytes, modified_ns, provenance };
        self.write_record(path, &record)?;

        Ok(record)
    }

    /// Waits until no other process works on that file. Held as long as the returned handle lives.
    pub(crate) fn lock(&self, path: &Path) -> Result<File, ModelError> {
        let folder = self.root.join("locks");
        fs::create_dir_all(&folder).map_err(ModelError::io(&folder, "write"))?;
        let lock = folder.join(format!("{}.lock", crate::hash::file_name(path)));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(ModelError::io(&lock, "write"))?;
        file.lock().map_err(ModelError::io(&lock, "lock"))?;
        Ok(file)
    }

    fn write_record(&self, path: &Path, record: &FileRecord) -> Result<(), ModelError> {
        let beside = record_path(path);
        let mut temporary = self.temporary()?;
        serde_json::to_writer_pretty(&mut temporary, record)
            .map_err(std::io::Error::from)
            .and_then(|()| temporary.flush())
            .map_err(ModelError::io(&beside, "write"))?;
        make_readable(temporary.path());
        temporary.persist(&beside).map_err(|error| ModelError::io(&beside, "write")(error.error))?;
        Ok(())
    }

    fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn remove_stale(&self) {
        crate::partial_file::sweep(&self.tmp());
        let Ok(entries) = fs::read_dir(self.tmp()) else { return };
        for entry in entries.flatten() {
            let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > STALE) {
                // What cannot be removed is in nobody's way.
                if entry.path().is_dir() {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                }
                .ok();
            }
        }
    }
}

fn record_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

fn stamp(path: &Path) -> Option<(u64, u64)> {
    let data = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let modified = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let nanoseconds = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Some((data.len(), u64::try_from(nanoseconds).unwrap_or(0)))
}

/// Temporary files are private; what is kept may be read by all, as a downloaded file would be.
pub(crate) fn make_readable(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A file that stays private still serves its owner.
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).ok();
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn kept(cache: &ModelCache) -> PathBuf {
        cache.prepare().unwrap();
        let mut file = cache.temporary().unwrap();
        file.write_all(b"abc").unwrap();
        let path = cache.made("a.gguf");
        let hash = crate::hash::sha256_of_text("abc");
        cache.keep(file, &path, hash, Provenance::Local { file: "a".into() }).unwrap();
        path
    }

    #[test]
    fn a_kept_file_is_found_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ModelCache::at(folder.path());
        let path = kept(&cache);
        assert!(cache.lookup(&path, &mut |_| ()).unwrap().is_some());
        // Same length and content, other time: hashed and accepted.
        fs::write(&path, "abc").unwrap();
        assert!(cache.lookup(&path, &mut |_| ()).unwrap().is_some());
        // Same length, other content.
        fs::write(&path, "abd").unwrap();
        assert!(cache.lookup(&path, &mut |_| ()).unwrap().is_none());
        fs::write(&path, "ab").unwrap();
        assert!(cache.lookup(&path, &mut |_| ()).unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("file");
        fs::write(&in_the_way, "").unwrap();
        let error = ModelCache::at(in_the_way.join("cache")).prepare().unwrap_err().to_string();
        assert!(error.contains("cannot write"), "{error}");
        assert!(error.contains(&in_the_way.display().to_string()), "{error}");
    }
}
