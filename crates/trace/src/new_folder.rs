//! The folder of a new run: there whole, with its header in it, or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the header's file in a run's folder.
pub const HEADER_FILE: &str = "run.json";
/// Folders and files of a run hold prompts and answers.
pub(crate) const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;
/// How the names of folders begin and end that are not whole yet.
const PREFIX: &str = ".infercost-";
const SUFFIX: &str = ".partial";
/// A folder without a file yet is nobody's after this time.
const ABANDONED: Duration = Duration::from_secs(60);

/// Makes a folder, and those above it that are missing. Their names are on the disk before this returns.
///
/// # Errors
/// What the system says.
pub(crate) fn make_all(folder: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();

    std::fs::create_dir_all(folder)?;
    for made in missing {
        sync_names(made.parent().unwrap_or(Path::new("/")));
    }
    Ok(())
}

/// Waits until the names in a folder are on the disk: syncing a file keeps its bytes, and may lose its name. Some network file
/// systems cannot do this with a folder, and nothing more can be done there.
pub(crate) fn sync_names(folder: &Path) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|folder| folder.sync_all()).ok();
}

/// Makes the folder `traces/name` with the header in it.
///
/// The header is on the disk, and the folder has its name there, before this returns: a run that has begun survives a loss
/// of power.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where there is something of that name; else what the system says.
pub(crate) fn create(traces: &Path, name: &str, header: &[u8]) -> io::Result<PathBuf> {
    let partial = traces.join(format!("{PREFIX}{name}-{}{SUFFIX}", std::process::id()));
    DirBuilder::new().mode(OWNER_ONLY_FOLDER).create(&partial)?;

    let made = fill(&partial, header).and_then(|lock| {
        let folder = traces.join(name);
        if folder.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }

        sync_names(&partial);
        std::fs::rename(&partial, &folder)?;
        drop(lock);
        sync_names(traces);
        Ok(folder)
    });

    if made.is_err() {
        // nothing was measured yet; an empty folder would only be in the way of the next attempt
        let _ = std::fs::remove_dir_all(&partial);
    }
    made.map_err(|error| match error.kind() {
        // another process was faster
        io::ErrorKind::DirectoryNotEmpty => io::ErrorKind::AlreadyExists.into(),
        _ => error,
    })
}

/// Writes the header, and gives the lock that says that its writer lives.
fn fill(partial: &Path, header: &[u8]) -> io::Result<File> {
    let path = partial.join(HEADER_FILE);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    // a file system without locks loses the sweep, not the run
    file.try_lock().ok();
    file.write_all(header)?;
    file.sync_all()?;
    Ok(file)
}

/// Writes a file below `traces`, which is made where it is missing, and removes it again.
///
/// # Errors
/// What the system says to that.
pub fn try_writing(traces: &Path) -> io::Result<()> {
    make_all(traces)?;
    let path = traces.join(format!("{PREFIX}probe-{}{SUFFIX}", std::process::id()));
    let mut probe =
        OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&path)?;
    probe.try_lock().ok();

    let written = probe.write_all(b"probe");
    let removed = std::fs::remove_file(&path);

    // Another process may have come before the lock, and taken the file for one that was left behind.
    let is_gone = removed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if is_gone { written } else { written.and(removed) }
}

/// Removes what was left below `traces` by runs that were killed before they had begun.
pub fn remove_abandoned(traces: &Path) {
    let Ok(entries) = std::fs::read_dir(traces) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_partial = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let Ok(kind) = entry.file_type() else { continue };

        // what cannot be removed is in nobody's way
        let path = entry.path();
        if is_partial && kind.is_dir() && is_abandoned(&path.join(HEADER_FILE), &path) {
            std::fs::remove_dir_all(path).ok();
        } else if is_partial && kind.is_file() && is_abandoned(&path, &path) {
            std::fs::remove_file(path).ok();
        }
    }
}

/// Whether nobody holds the lock on `file`, which lies in `partial` or is it.
fn is_abandoned(file: &Path, partial: &Path) -> bool {
    match File::open(file) {
        Ok(file) => file.try_lock().is_ok(),
        // its writer may be about to make it
        Err(_) => {
            let made = partial.metadata().and_then(|data| data.modified());
            made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > ABANDONED))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let traces = tempfile::tempdir().unwrap();
        let folder = create(traces.path(), "r1", b"{}").unwrap();
        assert_eq!(std::fs::read(folder.join(HEADER_FILE)).unwrap(), b"{}");

        let again = create(traces.path(), "r1", b"[]").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(folder.join(HEADER_FILE)).unwrap(), b"{}");

        std::fs::create_dir(traces.path().join("r2")).unwrap();
        assert_eq!(create(traces.path(), "r2", b"{}").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(traces.path()), ["r1", "r2"], "nothing is left behind");
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_is_written_stays() {
        let traces = tempfile::tempdir().unwrap();
        for name in ["killed", "alive", "begun"] {
            std::fs::create_dir(traces.path().join(format!("{PREFIX}{name}-1{SUFFIX}"))).unwrap();
        }
        std::fs::write(traces.path().join(".infercost-probe-1.partial"), "probe").unwrap();
        try_writing(traces.path()).unwrap();
        let _left = fill(&traces.path().join(".infercost-killed-1.partial"), b"{").map(drop);
        let _lock = fill(&traces.path().join(".infercost-alive-1.partial"), b"{").unwrap();

        remove_abandoned(traces.path());
        assert_eq!(names(traces.path()), [".infercost-alive-1.partial", ".infercost-begun-1.partial"]);
    }
}
