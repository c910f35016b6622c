//! A source's rows on their way to a store: its files first, each read back, and an entry of the log last.

use std::fs;
use std::path::{Path, PathBuf};

use super::entry::{ENTRY_SCHEMA, LogEntry, MAX_ENTRY, PARQUET, TableFile};
use super::remote_tables::RemoteTables;
use crate::error::RemoteError;
use crate::objects::Fingerprint;

/// Times that others may be first before this is given up.
const MOST_ATTEMPTS: usize = 1000;
/// Folders within a folder of tables.
const DEEPEST: usize = 4;

/// What publishing a source came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Its rows were not there, and are now.
    New,
    /// Its rows took the place of those that were there of it.
    Replaced,
    /// They were there already, and nothing was changed.
    Present,
    /// More of it was published before, and nothing was changed.
    Shorter,
}

/// A source that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// What was done.
    pub outcome: PublishOutcome,
    /// Its files.
    pub files: u64,
    /// Files of it that count no more, or were there already.
    pub replaced: u64,
    /// Bytes that had to be sent; the rest was there.
    pub sent: u64,
}

impl RemoteTables {
    /// Publishes the files of a folder of tables as the rows of a source, in place of those that were there of it. `bytes` is
    /// the size of traces that grow: where more of them was published before, nothing is done.
    ///
    /// Every file is read back and compared. All rows are there when the last step, an entry of the log, is done, and not
    /// before; files that count no more stay, and no entry names them.
    ///
    /// # Errors
    /// [`RemoteError::Request`], [`RemoteError::NotKept`], [`RemoteError::File`], [`RemoteError::DamagedTables`]: what was
    /// there of the source is there still. The next attempt sends what is missing.
    pub fn publish(&self, source: &str, bytes: Option<u64>, folder: &Path) -> Result<Published, RemoteError> {
        let staged = staged(folder)?;
        let mut sent = None;
        for _ in 0..MOST_ATTEMPTS {
            self.read_on()?;
            let before = self.log.borrow().newest(source).cloned();
            let replaced = before.as_ref().map_or(0, |before| before.files.len() as u64);
            let published = |outcome, sent| Published { outcome, files: staged.len() as u64, replaced, sent };

            if let Some(before) = &before {
                let is_shorter = before.source_bytes.zip(bytes).is_some_and(|(before, now)| before > now);
                if is_shorter {
                    return Ok(published(PublishOutcome::Shorter, 0));
                }
                if staged.iter().map(|staged| &staged.file).eq(&before.files) {
                    return Ok(published(PublishOutcome::Present, sent.unwrap_or(0)));
                }
            } else if staged.is_empty() {
                return Ok(published(PublishOutcome::New, 0));
            }

            let sent_bytes = match sent {
                Some(sent) => sent,
                None => *sent.insert(self.send(&staged)?),
            };
            let entry = LogEntry {
                schema: ENTRY_SCHEMA.to_owned(),
                number: self.log.borrow().next_number(),
                source: source.to_owned(),
                source_bytes: bytes,
                files: staged.iter().map(|staged| staged.file.clone()).collect(),
            };
            if self.append(&entry)? {
                let outcome = if before.is_some() { PublishOutcome::Replaced } else { PublishOutcome::New };
                return Ok(published(outcome, sent_bytes));
            }
        }
        Err(RemoteError::Crowded { address: self.address().to_owned() })
    }

    /// Writes an entry, and reads it back; false where another one has its number.
    fn append(&self, entry: &LogEntry) -> Result<bool, RemoteError> {
        let object = self.objects.within(&LogEntry::object(entry.number));
        let json = entry.to_json().map_err(|error| self.damaged(error.to_string()))?;
        let written = self.objects.put_new(&object, json.clone());

        // whatever was answered: what is there now is what counts
        let there = self.objects.get(&object, MAX_ENTRY)?;
        match (there, written) {
            (Some(there), _) if there == json => {
                self.log.borrow_mut().take(entry.clone());
                Ok(true)
            }
            (_, Err(error)) => Err(error),
            (Some(_), Ok(false)) => Ok(false),
            _ => Err(RemoteError::NotKept { address: self.address().to_owned(), object: object.to_string() }),
        }
    }

    /// Sends the files that are not there, and reads every one back; says how many bytes were sent.
    fn send(&self, staged: &[StagedFile]) -> Result<u64, RemoteError> {
        let mut sent = 0;
        for StagedFile { file, place } in staged {
            let object = self.objects.within(&file.object);
            let wanted = Fingerprint { bytes: file.bytes, sha256: file.sha256.clone() };
            if self.objects.fingerprint(&object, file.bytes).ok().flatten().as_ref() == Some(&wanted) {
                continue;
            }

            self.objects.put_file(&object, place)?;
            sent += file.bytes;
            if self.objects.fingerprint(&object, file.bytes)?.as_ref() != Some(&wanted) {
                return Err(RemoteError::NotKept {
                    address: self.address().to_owned(),
                    object: object.to_string(),
                });
            }
        }
        Ok(sent)
    }
}

/// A file of a folder of tables.
struct StagedFile {
    file: TableFile,
    place: PathBuf,
}

/// The files of a folder of tables, in the order of their paths.
fn staged(folder: &Path) -> Result<Vec<StagedFile>, RemoteError> {
    let mut paths = Vec::new();
    list(folder, "", 0, &mut paths)?;
    paths.sort();

    let mut staged = Vec::with_capacity(paths.len());
    for path in paths {
        let place = folder.join(&path);
        let Fingerprint { bytes, sha256 } = Fingerprint::of(&place).map_err(RemoteError::file(&place))?;
        staged.push(StagedFile { file: TableFile::new(path, bytes, sha256), place });
    }
    Ok(staged)
}

/// Parquet files below a folder; what begins with a dot is nobody's.
fn list(root: &Path, below: &str, depth: usize, paths: &mut Vec<String>) -> Result<(), RemoteError> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).map_err(RemoteError::file(&folder))? {
        let entry = entry.map_err(RemoteError::file(&folder))?;
        let kind = entry.file_type().map_err(RemoteError::file(&entry.path()))?;
        let name = entry.file_name();
        // names of tables are ASCII
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };

        if kind.is_dir() && depth < DEEPEST {
            list(root, &path, depth + 1, paths)?;
        } else if kind.is_file() && name.ends_with(PARQUET) {
            paths.push(path);
        }
    }
    Ok(())
}
