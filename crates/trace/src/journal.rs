//! A file that only ever holds whole lines.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::StoreError;

/// What a journal needs of a file; tests put a scripted one in its place.
pub(crate) trait AppendFile {
    /// Writes all bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to that many bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Waits until everything is on the disk.
    fn flush_to_disk(&mut self) -> io::Result<()>;
}

impl AppendFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn flush_to_disk(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Longest time between two waits for the disk, where something was written: waiting oftener would cost a spinning disk
/// more than it saves.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Appends lines without a buffer in this process, so that a killed process loses nothing it has appended.
#[derive(Debug)]
pub(crate) struct Journal<F> {
    path: PathBuf,
    file: F,
    length: u64,
    broken: bool,
    flushed_at: Instant,
}

impl<F: AppendFile> Journal<F> {
    /// Appends to a file that holds `length` bytes of whole lines.
    pub(crate) fn new(path: PathBuf, file: F, length: u64) -> Self {
        Self { path, file, length, broken: false, flushed_at: Instant::now() }
    }

    /// Appends one line, which ends with its line end.
    ///
    /// # Errors
    /// [`StoreError::Write`], after the part of the line that got through has been removed;
    /// [`StoreError::Broken`] where an earlier part could not be removed.
    pub(crate) fn append(&mut self, line: &[u8]) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken { path: self.path.clone() });
        }
        match self.file.append(line) {
            Ok(()) => {
                self.length = self.length.saturating_add(line.len() as u64);
                Ok(())
            }
            Err(source) => {
                self.broken = self.file.cut(self.length).is_err();
                let hint = write_hint(&source);
                Err(StoreError::Write { path: self.path.clone(), source, hint })
            }
        }
    }

    /// Waits until every line is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub(crate) fn flush_to_disk(&mut self) -> Result<(), StoreError> {
        self.flushed_at = Instant::now();
        self.file.flush_to_disk().map_err(|source| StoreError::Write {
            path: self.path.clone(),
            hint: write_hint(&source),
            source,
        })
    }
}

impl<F: AppendFile> Journal<F> {
    /// Waits for the disk where the last time is more than [`FLUSH_INTERVAL`] ago.
    ///
    /// # Errors
    /// As [`Journal::flush_to_disk`].
    pub(crate) fn flush_if_due(&mut self) -> Result<(), StoreError> {
        if self.flushed_at.elapsed() < FLUSH_INTERVAL {
            return Ok(());
        }
        self.flush_to_disk()
    }
}

/// What to try when a write failed.
pub(crate) fn write_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "The disk is full: make room, then resume the run",
        io::ErrorKind::QuotaExceeded => "Your disk quota is used up: make room, then resume the run",
        io::ErrorKind::FileTooLarge => {
            "A file size limit is in force (ulimit -f): raise it, then resume the run"
        }
        io::ErrorKind::PermissionDenied => "Choose a folder that you may write",
        io::ErrorKind::ReadOnlyFilesystem => "The disk is mounted read-only: choose another folder",
        _ => "What was measured before is safe: resume the run when the disk is well",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes, which may refuse to cut.
    #[derive(Debug, Default)]
    struct ScriptedFile {
        content: Vec<u8>,
        room: usize,
        cuts: bool,
    }

    impl AppendFile for ScriptedFile {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            let fits = bytes.len().min(self.room.saturating_sub(self.content.len()));
            self.content.extend(bytes.iter().take(fits));
            if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            if !self.cuts {
                return Err(io::ErrorKind::Other.into());
            }
            self.content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            Ok(())
        }

        fn flush_to_disk(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn journal(room: usize, cuts: bool) -> Journal<ScriptedFile> {
        Journal::new(PathBuf::from("spans.jsonl"), ScriptedFile { content: Vec::new(), room, cuts }, 0)
    }

    #[test]
    fn a_full_disk_leaves_whole_lines_and_can_go_on() {
        let mut journal = journal(12, true);
        assert!(journal.append(b"first\n").is_ok());
        let error = journal.append(b"second\n").map_err(|error| error.to_string());
        assert!(error.as_ref().is_err_and(|text| text.contains("disk is full")), "{error:?}");
        assert_eq!(journal.file.content, b"first\n");
        journal.file.room = 100;
        assert!(journal.append(b"third\n").is_ok());
        assert_eq!(journal.file.content, b"first\nthird\n");
    }

    #[test]
    fn half_a_line_is_never_followed_by_another() {
        let mut journal = journal(8, false);
        assert!(journal.append(b"first\n").is_ok());
        assert!(matches!(journal.append(b"second\n"), Err(StoreError::Write { .. })));
        journal.file.room = 100;
        assert!(matches!(journal.append(b"third\n"), Err(StoreError::Broken { .. })));
        assert_eq!(journal.file.content, b"first\nse");
    }
}
