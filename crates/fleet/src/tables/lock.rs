//! Writers of one folder put their files in place one after the other, and nobody lists files meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::error::TablesError;

/// The file that is locked.
const LOCK: &str = ".lock";
/// The folder of marks of sources whose files are being put in place.
const UNFINISHED: &str = ".unfinished";

/// A folder of tables that is held until this is dropped.
#[derive(Debug)]
pub struct FolderLock {
    folder: PathBuf,
    /// `None` where the folder cannot be written: then nobody writes it either.
    _file: Option<File>,
}

impl FolderLock {
    /// Makes sure that there is something to lock, before anything is there to be read.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub(crate) fn prepare(folder: &Path) -> Result<(), TablesError> {
        opened(folder).map(|_| ())
    }

    /// Waits until nobody lists or changes the folder.
    ///
    /// # Errors
    /// Where the folder cannot be written or locked.
    pub fn to_write(folder: &Path) -> Result<Self, TablesError> {
        let path = folder.join(LOCK);
        let cannot = || TablesError::file("lock", &path);
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(cannot())?;
        file.lock().map_err(cannot())?;
        Ok(Self { folder: folder.to_owned(), _file: Some(file) })
    }

    /// Waits until nobody changes the folder.
    ///
    /// # Errors
    /// Where the folder cannot be locked, or a writer ended in the middle.
    pub fn to_read(folder: &Path) -> Result<Self, TablesError> {
        let path = folder.join(LOCK);
        let file = match File::open(&path) {
            Ok(file) => {
                file.lock_shared().map_err(TablesError::file("lock", &path))?;
                Some(file)
            }
            // written by no writer of this machine, or copied without it
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                None
            }
            Err(source) => return Err(TablesError::File { doing: "open", path, source }),
        };

        match unfinished(folder)? {
            Some(unfinished) => Err(TablesError::Unfinished { folder: folder.to_owned(), unfinished }),
            None => Ok(Self { folder: folder.to_owned(), _file: file }),
        }
    }

    /// Notes that a source's files are being put in place. A writer that ends before [`FolderLock::unmark`] leaves the mark
    /// to readers.
    pub(crate) fn mark(&self, source: &str) -> Result<(), TablesError> {
        let path = self.folder.join(UNFINISHED);
        fs::create_dir_all(&path).map_err(TablesError::file("write", &path))?;
        let path = path.join(source);
        let file = File::create(&path).map_err(TablesError::file("write", &path))?;
        file.sync_all().map_err(TablesError::file("write", &path))
    }

    /// All of them are.
    pub(crate) fn unmark(&self, source: &str) -> Result<(), TablesError> {
        let path = self.folder.join(UNFINISHED).join(source);
        fs::remove_file(&path).map_err(TablesError::file("remove", &path))
    }
}

fn opened(folder: &Path) -> Result<File, TablesError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    file.map_err(TablesError::file("lock", &path))
}

/// A source whose files were not all put in place; `None` where there is none.
fn unfinished(folder: &Path) -> Result<Option<String>, TablesError> {
    let path = folder.join(UNFINISHED);
    let mut entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TablesError::File { doing: "read", path, source }),
    };
    let first = entries.next().transpose().map_err(TablesError::file("read", &path))?;
    Ok(first.map(|entry| entry.file_name().to_string_lossy().into_owned()))
}
