//! The folder of fetched prices: one JSON file a snapshot, never overwritten.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::fetch::{FetchError, quoted};
use crate::snapshot::{Kind, Prices, SNAPSHOT_SCHEMA, Snapshot};
use crate::sources::SOURCES;

/// Largest file read.
const MAX_BYTES: u64 = 64 << 20;
/// Most files looked at.
const MAX_FILES: usize = 10_000;
/// Most names looked at.
const MAX_NAMES: usize = 1_000_000;

/// The folder.
#[derive(Debug, Clone)]
pub struct PriceStore {
    folder: PathBuf,
}

/// A snapshot and its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub snapshot: Snapshot,
}

impl PriceStore {
    /// The store in that folder; nothing is created until something is saved.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a snapshot; the file appears whole or not at all.
    ///
    /// # Errors
    /// [`FetchError::File`] where the folder cannot be written.
    pub fn save(&self, snapshot: &Snapshot) -> Result<PathBuf, FetchError> {
        let mut file = fs::create_dir_all(&self.folder)
            .and_then(|()| NamedTempFile::new_in(&self.folder))
            .map_err(|error| file_error(&self.folder, &error))?;
        let text = serde_json::to_string_pretty(snapshot).map_err(|error| FetchError::File {
            path: self.folder.display().to_string(),
            reason: error.to_string(),
        })?;
        file.write_all(text.as_bytes()).map_err(|error| file_error(&self.folder, &error))?;

        let stamp = snapshot.fetched_at.strftime("%Y%m%dT%H%M%SZ");
        let stem = format!("{}-{}-{stamp}", name(&snapshot.source), name(&snapshot.subject));
        for count in 0..1000 {
            let suffix = if count == 0 { String::new() } else { format!("-{count}") };
            let path = self.folder.join(format!("{stem}{suffix}.json"));
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => file = error.file,
                Err(error) => return Err(file_error(&path, &error.error)),
            }
        }
        Err(FetchError::File {
            path: stem,
            reason: "a thousand snapshots of one second; clear the folder".into(),
        })
    }

    /// Every snapshot, newest first, and a sentence for each file that is none. A folder that is not there is
    /// empty.
    ///
    /// # Errors
    /// [`FetchError::File`] where the folder cannot be listed.
    pub fn list(&self) -> Result<(Vec<Stored>, Vec<String>), FetchError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((Vec::new(), Vec::new()));
            }
            Err(error) => return Err(file_error(&self.folder, &error)),
        };

        let (mut all, mut broken) = (Vec::new(), Vec::new());
        for entry in entries.take(MAX_FILES) {
            let path = entry.map_err(|error| file_error(&self.folder, &error))?.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match read(&path) {
                Ok(snapshot) => all.push(Stored { path, snapshot }),
                Err(error) => broken.push(error.to_string()),
            }
        }

        all.sort_by(|one, other| {
            (other.snapshot.fetched_at, &other.path).cmp(&(one.snapshot.fetched_at, &one.path))
        });
        broken.sort_unstable();
        Ok((all, broken))
    }

    /// Snapshots of a kind, newest first, at most the `most` newest of each question to each source.
    ///
    /// Nothing is ever overwritten, so a store grows; their names say which files are the newest, and no other is
    /// opened. A file under a name of the user's own is.
    ///
    /// # Errors
    /// [`FetchError::File`] where the folder cannot be listed.
    pub fn recent(&self, kind: Kind, most: usize) -> Result<Vec<Stored>, FetchError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(file_error(&self.folder, &error)),
        };

        let mut questions: BTreeMap<String, Vec<(String, u32, PathBuf)>> = BTreeMap::new();
        let mut chosen = Vec::new();
        for entry in entries.take(MAX_NAMES) {
            let path = entry.map_err(|error| file_error(&self.folder, &error))?.path();
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match FileName::of(stem) {
                Some(name) if name.may_be(kind) => {
                    let (question, stamp) = (name.question.to_owned(), name.stamp.to_owned());
                    questions.entry(question).or_default().push((stamp, name.count, path));
                }
                Some(_) => {}
                None if chosen.len() < MAX_FILES => chosen.push((0, path)),
                None => {}
            }
        }

        for mut files in questions.into_values() {
            files.sort_unstable_by(|one, other| other.cmp(one));
            chosen.extend(files.into_iter().take(most).map(|(_, count, path)| (count, path)));
        }

        // `list` says what cannot be read.
        let mut found = Vec::new();
        for (count, path) in chosen {
            let Ok(snapshot) = read(&path) else { continue };
            if snapshot.prices.kind() == kind {
                found.push((snapshot.fetched_at, count, Stored { path, snapshot }));
            }
        }
        found.sort_by_key(|one| std::cmp::Reverse((one.0, one.1)));
        Ok(found.into_iter().map(|(_, _, stored)| stored).collect())
    }
}

/// What the name of a file says: `source-subject-20261123T101500Z`, and a count where a second saw several.
struct FileName<'a> {
    question: &'a str,
    stamp: &'a str,
    count: u32,
}

impl<'a> FileName<'a> {
    fn of(stem: &'a str) -> Option<Self> {
        let (stem, count) = match stem.rsplit_once('-') {
            Some((before, last)) if last.len() < 4 => match last.parse() {
                Ok(count) => (before, count),
                Err(_) => (stem, 0),
            },
            _ => (stem, 0),
        };
        let (question, stamp) = stem.rsplit_once('-')?;
        let is_stamp = stamp.len() == 16
            && stamp.bytes().enumerate().all(|(index, byte)| match index {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        is_stamp.then_some(Self { question, stamp, count })
    }

    /// By the source that it begins with.
    fn may_be(&self, kind: Kind) -> bool {
        SOURCES.iter().any(|source| {
            let rest = self.question.strip_prefix(source.name);
            source.kind == kind && rest.is_some_and(|rest| rest.starts_with('-'))
        })
    }
}

fn read(path: &Path) -> Result<Snapshot, FetchError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| file_error(path, &error))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| file_error(path, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(no_snapshot(path, &format!("larger than {MAX_BYTES} bytes; this is no snapshot")));
    }

    let snapshot: Snapshot = serde_json::from_slice(&bytes)
        .map_err(|error| no_snapshot(path, &format!("no snapshot: {}", quoted(&error.to_string()))))?;
    if snapshot.schema != SNAPSHOT_SCHEMA {
        let version = quoted(&snapshot.schema);
        return Err(no_snapshot(path, &format!("is of version {version}, not {SNAPSHOT_SCHEMA}")));
    }

    match snapshot.prices {
        Prices::Curve(curve) => {
            let curve = curve.ordered().map_err(|reason| no_snapshot(path, &reason))?;
            Ok(Snapshot { prices: Prices::Curve(curve), ..snapshot })
        }
        _ => Ok(snapshot),
    }
}

fn no_snapshot(path: &Path, reason: &str) -> FetchError {
    FetchError::File { path: path.display().to_string(), reason: reason.to_owned() }
}

fn file_error(path: &Path, error: &std::io::Error) -> FetchError {
    FetchError::File { path: path.display().to_string(), reason: error.to_string() }
}

/// What a source calls itself, as part of a file's name: it may hold anything.
fn name(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' })
        .take(40)
        .collect();
    if name.is_empty() { "all".to_owned() } else { name }
}
