//! What the names on a command line stand for: files, all files of a folder, all objects of a store, a project of a Phoenix.

use std::fs;
use std::path::{Path, PathBuf};

use infercost_core::without_secrets;
use infercost_store::{Patience, RemoteFiles};

use crate::error::IngestError;

/// Files of a folder or a store that are looked at.
const MOST_FILES: usize = 1_000_000;
/// Folders within folders that are looked into.
const DEEPEST: usize = 64;
/// What begins the name of a project of a Phoenix.
const PHOENIX: &str = "phoenix:";

/// Where traces are.
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
    /// In a Phoenix.
    Phoenix {
        /// Its address.
        url: String,
        /// The project's name.
        project: String,
    },
}

impl Source {
    /// As it is shown.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object { store, name, .. } => format!("{store}/{name}"),
            Self::Phoenix { url, project } => format!("{PHOENIX}{}/{project}", without_secrets(url)),
        }
    }
}

/// The files of traces that the names stand for, each once, in the order of their names. Of a folder, files that begin with a
/// dot are left out.
///
/// # Errors
/// [`IngestError::NoSource`], [`IngestError::NoProject`], [`IngestError::File`], [`IngestError::Store`], [`IngestError::TooMany`].
pub fn sources(names: &[String]) -> Result<Vec<Source>, IngestError> {
    let mut all = Vec::new();
    for name in names {
        if let Some(address) = name.strip_prefix(PHOENIX) {
            all.push(project(address).ok_or_else(|| IngestError::NoProject { name: without_secrets(name) })?);
            continue;
        }
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

/// `http://localhost:6006/PROJECT`.
fn project(address: &str) -> Option<Source> {
    let (url, project) = address.trim_end_matches('/').rsplit_once('/')?;
    let is_whole = !project.is_empty() && url.split_once("://").is_some_and(|(_, host)| !host.is_empty());
    is_whole.then(|| Source::Phoenix { url: url.to_owned(), project: project.to_owned() })
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
    fn a_project_of_a_phoenix() {
        let found = sources(&["phoenix:http://user:hunter2@host:6006/x/".to_owned()]).unwrap();
        let (url, project) = ("http://user:hunter2@host:6006".to_owned(), "x".to_owned());
        assert_eq!(found, [Source::Phoenix { url, project }]);
        assert!(!found[0].name().contains("hunter2"), "{}", found[0].name());
        for name in ["phoenix:", "phoenix:x", "phoenix:http://host", "phoenix:http:///x"] {
            let error = sources(&[name.to_owned()]).unwrap_err().to_string();
            assert!(error.contains("write phoenix:http"), "{error}");
        }
    }

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
