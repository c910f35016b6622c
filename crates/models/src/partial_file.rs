//! Files that are being written: under a name of their own until they are whole, and gone when their writer is.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// How the names of unfinished files begin and end.
const PREFIX: &str = ".infercost-";
const SUFFIX: &str = ".partial";

/// A new file to write in that folder. A lock is held on it as long as its writer lives.
pub(crate) fn create(folder: &Path) -> io::Result<NamedTempFile> {
    let file = Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)?;
    // A file system without locks loses the sweep, not the file.
    file.as_file().try_lock().ok();
    Ok(file)
}

/// Removes what writers that were killed have left in that folder: unfinished files on which nobody holds a lock.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_partial = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_partial && is_file && is_left(&entry.path()) {
            // What cannot be removed is in nobody's way.
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Whether nobody holds the file's lock.
fn is_left(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_is_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let left = create(folder.path()).unwrap().keep().unwrap().1;
        let (other, written) = (folder.path().join(".infercost-notes"), create(folder.path()).unwrap());
        fs::write(&other, "mine").unwrap();
        sweep(folder.path());
        assert!(!left.exists() && written.path().exists() && other.exists());
    }
}
