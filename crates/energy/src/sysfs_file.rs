//! Bounded reads of small sysfs files, with errors that say which file and what to do.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No sysfs value is longer than this.
const MAX_BYTES: u64 = 256;

/// Why a file gave no number.
#[derive(Debug)]
pub(crate) struct FileFault {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Io(io::Error),
    NotAFile,
    NotANumber(String),
}

impl FileFault {
    /// One plain line that names the file.
    pub(crate) fn reason(&self) -> String {
        match &self.cause {
            Cause::Io(error) => format!("cannot read {}: {}", self.path.display(), plain(error)),
            Cause::NotAFile => format!("{} is not a plain file", self.path.display()),
            Cause::NotANumber(text) => {
                format!("{} holds {text:?} instead of a whole number", self.path.display())
            }
        }
    }

    /// The file that could not be read.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether only the permission is missing.
    pub(crate) fn is_permission(&self) -> bool {
        matches!(&self.cause, Cause::Io(error) if error.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Whether the file is not there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(&self.cause, Cause::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a file of one line, without the line's end; control characters are escaped.
pub(crate) fn read_text(path: &Path) -> Result<String, FileFault> {
    let fault = |error| FileFault { path: path.to_owned(), cause: Cause::Io(error) };
    // A pipe would block for ever on opening.
    if !std::fs::metadata(path).map_err(fault)?.is_file() {
        return Err(FileFault { path: path.to_owned(), cause: Cause::NotAFile });
    }
    let file = File::open(path).map_err(fault)?;
    let mut bytes = Vec::with_capacity(32);
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(fault)?;
    Ok(String::from_utf8_lossy(&bytes).trim().escape_debug().to_string())
}

/// Reads a file that holds one whole number.
pub(crate) fn read_number(path: &Path) -> Result<u64, FileFault> {
    let text = read_text(path)?;
    text.parse().map_err(|_| FileFault { path: path.to_owned(), cause: Cause::NotANumber(text) })
}

/// The first line of a longer file that starts with `prefix`, control characters escaped.
pub(crate) fn line_starting_with(path: &Path, prefix: &str) -> Option<String> {
    /// The first processor's lines of `cpuinfo` fit many times over.
    const MAX_TEXT: u64 = 64 * 1024;
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_TEXT).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().find(|line| line.starts_with(prefix))?;
    Some(line.replace('\t', " ").escape_debug().to_string())
}

/// The names of a folder's entries, sorted with numbers in numeric order; empty where it cannot be read.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    /// More entries than any real class folder has.
    const MAX_ENTRIES: usize = 4096;
    let Ok(read) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = read
        .take(MAX_ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.chars().any(char::is_control))
        .collect();
    names.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    names
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    }
}
