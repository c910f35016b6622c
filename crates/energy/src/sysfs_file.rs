//! Bounded reads of small sysfs files, with errors that say which file and what to do.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// No sysfs value is longer than this.
const MAX_BYTES: usize = 256;

/// Why a file gave no number.
#[derive(Debug)]
pub(crate) struct FileFault {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Io(io::Error),
    NotANumber(String),
}

impl FileFault {
    /// One plain line that names the file.
    pub(crate) fn reason(&self) -> String {
        match &self.cause {
            Cause::Io(error) => format!("cannot read {}: {}", self.path.display(), plain(error)),
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
///
/// Opens the file anew each time, since a handle that is kept outlives a device that went away; three
/// system calls, since this runs many times a second.
pub(crate) fn read_text(path: &Path) -> Result<String, FileFault> {
    let fault = |error| FileFault { path: path.to_owned(), cause: Cause::Io(error) };
    let mut bytes = [0; MAX_BYTES];
    // The kernel hands out a sysfs value in one piece.
    let length = open(path).and_then(|mut file| file.read(&mut bytes)).map_err(fault)?;
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
    Ok(text.trim().escape_debug().to_string())
}

/// Opens without waiting, since a pipe in a file's place would block for ever.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    options.custom_flags(libc::O_NONBLOCK);
    options.open(path)
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
    let mut bytes = Vec::new();
    open(path).ok()?.take(MAX_TEXT).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().find(|line| line.starts_with(prefix))?;
    Some(line.replace('\t', " ").escape_debug().to_string())
}

/// The names of a folder's entries, sorted with numbers in numeric order; empty where it cannot be read.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    /// More than any class folder has, and than a machine has processes.
    const MAX_ENTRIES: usize = 100_000;
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
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;
    use std::fs;

    #[test]
    fn numbers_and_what_is_not_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("value");
        let long = "9".repeat(5_000);
        for (content, expected) in [
            ("42\n", Ok(42)),
            ("  42", Ok(42)),
            ("18446744073709551615\n", Ok(u64::MAX)),
            ("", Err("holds \"\"")),
            ("-1\n", Err("holds \"-1\"")),
            ("n/a\u{1b}[2J", Err("instead of a whole number")),
            (long.as_str(), Err("instead of a whole number")),
        ] {
            fs::write(&file, content).unwrap();
            match (read_number(&file), expected) {
                (Ok(number), Ok(right)) => assert_eq!(number, right),
                (Err(fault), Err(part)) => {
                    let reason = fault.reason();
                    assert!(reason.contains(part) && reason.contains("value"), "{reason}");
                    assert!(!reason.contains('\u{1b}') && reason.len() < 600, "{reason}");
                }
                (got, _) => panic!("{content:?}: {got:?}"),
            }
        }
        assert!(read_number(folder.path()).unwrap_err().reason().contains("it is a folder"));
        assert!(read_number(&folder.path().join("none")).unwrap_err().is_absent());
    }
}
