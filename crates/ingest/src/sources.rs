//! What the names on a command line stand for: files, all files of a folder, all objects of a store.

use std::fs;
use std::path::{Path, PathBuf};

use infercost_store::{Patience, RemoteFiles};

use crate::error::IngestError;

/// Files of a folder or a store that are looked at.
const MOST_FILES: usize = 1_000_000;
/// Folders within folders that are looked into.
const DEEPEST: usize = 64;

/// One file of traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// On this machine.
    File(PathBuf),
    /// In a store.
    Object {
        /// The store and prefix.
        store: String,
        /// The object's name below it.
        name: String,
        /// Its size.
        bytes: u64,
    },
}

impl Source {
    /// As it is shown.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object { store, name, .. } => format!("{store}/{name}"),
        }
    }
}

/// The files of traces that the names stand for, each once, in the order of their names. Of a folder, files that begin with a
/// dot are left out.
///
/// # Errors
/// [`IngestError::NoSource`], [`IngestError::File`], [`IngestError::Store`], [`IngestError::TooMany`].
pub fn sources(names: &[String]) -> Result<Vec<Source>, IngestError> {
    let mut all = Vec::new();
    for name in names {
        if name.contains("://") {
            all.extend(objects(name)?);
            continue;
        }

        let path = Path::new(name);
        if path.is_dir() {
            let mut files = Vec::new();
            files_below(path, path, 0, &mut files)?;
            files.sort();
            all.extend(files.into_iter().map(Source::File));
        } else if path.exists() {
            all.push(Source::File(path.to_owned()));
        } else {
            return Err(IngestError::NoSource { name: name.clone() });
        }
    }

    let mut seen = std::collections::HashSet::new();
    all.retain(|source| seen.insert(source.name()));
    Ok(all)
}

fn objects(address: &str) -> Result<Vec<Source>, IngestError> {
    let store = RemoteFiles::open(address, &infercost_store::variables(), Patience::default())?;
    let mut found = Vec::new();
    for (name, bytes) in store.list()? {
        if bytes > 0 {
            found.push(Source::Object { store: store.address().to_owned(), name, bytes });
        }
    }
    Ok(found)
}

/// Files below a folder; links lead nowhere.
fn files_below(root: &Path, folder: &Path, depth: usize, all: &mut Vec<PathBuf>) -> Result<(), IngestError> {
    for entry in fs::read_dir(folder).map_err(IngestError::file(folder))? {
        let entry = entry.map_err(IngestError::file(folder))?;
        let kind = entry.file_type().map_err(IngestError::file(&entry.path()))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }

        if kind.is_dir() && depth < DEEPEST {
            files_below(root, &entry.path(), depth + 1, all)?;
        } else if kind.is_file() {
            all.push(entry.path());
        }
        if all.len() > MOST_FILES {
            return Err(IngestError::TooMany { path: root.to_owned(), limit: MOST_FILES });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn a_folder_stands_for_its_files_each_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for name in ["b/c/2.jsonl", "a.jsonl", "b/1.jsonl.gz", ".hidden"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let root = folder.path().display().to_string();
        let found = sources(&[root.clone(), format!("{root}/a.jsonl")]).unwrap();
        let names: Vec<String> = found.iter().map(|one| one.name().replace(&root, "")).collect();
        assert_eq!(names, ["/a.jsonl", "/b/1.jsonl.gz", "/b/c/2.jsonl"]);

        let error = sources(&[format!("{root}/none")]).unwrap_err().to_string();
        assert!(error.contains("neither a file nor a folder"), "{error}");
    }
}
