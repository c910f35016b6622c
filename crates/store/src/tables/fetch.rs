//! Tables on their way back: each file into the cache, under its name only when all of it is verified.

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use infercost_core::text::printable;
use sha2::{Digest as _, Sha256};

use super::entry::TableFile;
use super::remote_tables::RemoteTables;
use crate::error::RemoteError;
use crate::pieces::{hexadecimal, sha256};

/// Tables may hold prompts and answers.
const OWNER_ONLY_FOLDER: u32 = 0o700;
/// Hexadecimal digits of the folder of a store.
const DIGITS: usize = 16;

/// A file of tables that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFile {
    /// Where it would lie in a folder of tables.
    pub path: String,
    /// Where it lies on this machine.
    pub place: PathBuf,
}

impl RemoteTables {
    /// Brings the files whose rows count today, and whose paths are wanted, into a folder below `cache`. What lies there from
    /// before is taken: names follow from content. `shown` is told of each that has to be fetched: its path and its size.
    ///
    /// # Errors
    /// [`RemoteError::NoTables`]; [`RemoteError::DamagedTables`] where the log has a gap, or a file is not what the log says;
    /// [`RemoteError::Request`], [`RemoteError::File`].
    pub fn fetch(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        cache: &Path,
        shown: &mut dyn FnMut(&str, u64),
    ) -> Result<Vec<FetchedFile>, RemoteError> {
        self.read_whole()?;
        let hash: String = sha256(self.address().as_bytes()).chars().take(DIGITS).collect();
        let folder = cache.join("tables").join(hash);

        let log = self.log.borrow();
        let mut fetched = Vec::new();
        for entry in log.all() {
            for file in entry.files.iter().filter(|file| wanted(&file.path)) {
                let place = folder.join(&file.object);
                if !is_kept(&place, file) {
                    shown(&file.path, file.bytes);
                    self.bring(file, &place)?;
                }
                fetched.push(FetchedFile { path: file.path.clone(), place });
            }
        }
        Ok(fetched)
    }

    fn bring(&self, file: &TableFile, place: &Path) -> Result<(), RemoteError> {
        let folder = place.parent().unwrap_or(place);
        DirBuilder::new()
            .recursive(true)
            .mode(OWNER_ONLY_FOLDER)
            .create(folder)
            .map_err(RemoteError::file(folder))?;
        let mut partial = tempfile::Builder::new()
            .prefix(".infercost-")
            .suffix(".partial")
            .tempfile_in(folder)
            .map_err(RemoteError::file(folder))?;

        let object = self.objects.within(&file.object);
        let mut hash = Sha256::new();
        let copied = self.objects.get_into(&object, file.bytes, &mut |part| {
            hash.update(part);
            partial.write_all(part)
        })?;
        let again = "; write its source again";
        match copied {
            None => return Err(self.damaged(format!("{} is missing{again}", printable(&file.object)))),
            Some(bytes) if bytes != file.bytes || hexadecimal(&hash.finalize()) != file.sha256 => {
                let object = printable(&file.object);
                return Err(self.damaged(format!("the checksum of {object} does not match{again}")));
            }
            Some(_) => {}
        }

        partial.as_file().sync_all().map_err(RemoteError::file(place))?;
        partial.persist(place).map_err(|error| RemoteError::file(place)(error.error))?;
        Ok(())
    }
}

/// Whether a file was fetched before: its name holds its checksum, and nobody writes it but whole.
fn is_kept(place: &Path, file: &TableFile) -> bool {
    fs::symlink_metadata(place).is_ok_and(|facts| facts.is_file() && facts.len() == file.bytes)
}
