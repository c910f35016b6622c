//! A run on its way to a store: its pieces first, each read back, and its manifest last.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use infercost_core::text::printable;
use infercost_trace::run_reader::{MAX_HEADER, is_finished};
use infercost_trace::{is_run_id, open_regular};
use jiff::Timestamp;
use serde::Deserialize;

use crate::error::RemoteError;
use crate::manifest::{MANIFEST_SCHEMA, MAX_MANIFEST, Manifest, Piece, RunFile, StoredFile};
use crate::pieces::{PIECE, Pieces, sha256};
use crate::remote_runs::RemoteRuns;

/// What a push came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushOutcome {
    /// The run was not there, and is now.
    New,
    /// Less of it was there: it was cut off, and went on.
    Continued,
    /// It was there already, and nothing was changed.
    Present,
    /// More of it is there than on this disk, and nothing was changed.
    Ahead,
}

/// A run that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its id.
    pub run: String,
    /// What was done.
    pub outcome: PushOutcome,
    /// Size of the run there.
    pub bytes: u64,
    /// Bytes that had to be sent; the rest was there.
    pub sent: u64,
    /// False of a run that was cut off.
    pub finished: bool,
}

/// What of a header a push has to know.
#[derive(Deserialize)]
struct Header {
    id: String,
    started_at: Timestamp,
}

impl RemoteRuns {
    /// Pushes the run in a folder. Every piece is read back and compared; the run is visible when the last step, its
    /// manifest, is done, and not before. A push that was cut off goes on with the pieces that are missing.
    ///
    /// A run that was pushed before it was finished is replaced by what it has become.
    ///
    /// # Errors
    /// [`RemoteError::NotPushable`] where the folder holds no run, or one that is being recorded; [`RemoteError::Taken`] where
    /// another run of that name is there; [`RemoteError::Request`], [`RemoteError::NotKept`]. Nothing of a run that fails is
    /// visible, and the next push goes on with it.
    pub fn push(&self, folder: &Path) -> Result<Pushed, RemoteError> {
        let _held = held(folder)?;
        let header = header(folder)?;
        self.prepare()?;

        let mut sent = 0;
        let manifest = Manifest {
            schema: MANIFEST_SCHEMA.to_owned(),
            run: header.id.clone(),
            started_at: header.started_at,
            finished: is_finished(folder).map_err(|error| not_pushable(folder, error.to_string()))?,
            header: self.send(folder, &header.id, RunFile::Header, &mut sent)?,
            spans: self.send(folder, &header.id, RunFile::Spans, &mut sent)?,
        };

        let outcome = self.publish(&manifest)?;
        Ok(Pushed { outcome, bytes: manifest.bytes(), sent, finished: manifest.finished, run: manifest.run })
    }

    /// Sends the pieces of a file that are not there, and reads every one back.
    fn send(
        &self,
        folder: &Path,
        run: &str,
        file: RunFile,
        sent: &mut u64,
    ) -> Result<StoredFile, RemoteError> {
        let path = folder.join(file.name());
        let longest = match file {
            RunFile::Header => usize::try_from(MAX_HEADER).unwrap_or(usize::MAX),
            RunFile::Spans => PIECE,
        };

        let mut cut = Pieces::open(&path, longest).map_err(RemoteError::file(&path))?;
        let mut pieces = Vec::new();
        while let Some(bytes) = cut.next().map_err(RemoteError::file(&path))? {
            let piece = Piece { bytes: bytes.len() as u64, sha256: sha256(&bytes) };
            let object = file.object(self.prefix(), run, pieces.len(), &piece.sha256);

            if self.objects.get(&object, piece.bytes).ok().flatten().as_ref() != Some(&bytes) {
                self.objects.put(&object, bytes.clone())?;
                *sent += piece.bytes;

                if self.objects.get(&object, piece.bytes)?.as_ref() != Some(&bytes) {
                    return Err(RemoteError::NotKept {
                        address: self.address().to_owned(),
                        object: object.to_string(),
                    });
                }
            }
            pieces.push(piece);
        }
        Ok(cut.described(pieces))
    }

    /// Makes the run visible, or says what is there in its place.
    fn publish(&self, manifest: &Manifest) -> Result<PushOutcome, RemoteError> {
        let object = Manifest::object(self.prefix(), &manifest.run);
        let json = manifest.to_json().map_err(|error| self.damaged(&manifest.run, error.to_string()))?;
        let written = self.objects.put_new(&object, json.clone());
        if written.as_ref().is_ok_and(|is_new| *is_new) {
            self.read_back(object.as_ref(), manifest)?;
            return Ok(PushOutcome::New);
        }

        // an answer that was lost, or somebody was here before
        let there = self.objects.get(&object, MAX_MANIFEST);
        if matches!(&there, Ok(Some(there)) if *there == json) {
            return Ok(if written.is_ok() { PushOutcome::Present } else { PushOutcome::New });
        }
        written?;
        let there = there?.unwrap_or_default();

        // the same run, more or less of it, or another of the same name
        let before = Manifest::read(&there, &manifest.run).map_err(|why| self.damaged(&manifest.run, why))?;

        // a header holds random text, so that no two runs have the same
        if before.header != manifest.header {
            return Err(RemoteError::Taken { address: self.address().to_owned(), run: manifest.run.clone() });
        }
        if (before.finished, before.spans.bytes) > (manifest.finished, manifest.spans.bytes) {
            return Ok(PushOutcome::Ahead);
        }
        self.objects.put(&object, json)?;
        self.read_back(object.as_ref(), manifest)?;
        Ok(PushOutcome::Continued)
    }

    /// Makes sure that the manifest is there as it was written, or as another writer of the same run has written it.
    fn read_back(&self, object: &str, manifest: &Manifest) -> Result<(), RemoteError> {
        let there = self.manifest(&manifest.run)?;
        match there {
            Some(there) if there.header == manifest.header => Ok(()),
            _ => Err(RemoteError::NotKept { address: self.address().to_owned(), object: object.to_owned() }),
        }
    }

    /// The manifest of a run, if it is there.
    pub(crate) fn manifest(&self, run: &str) -> Result<Option<Manifest>, RemoteError> {
        let object = Manifest::object(self.prefix(), run);
        let Some(json) = self.objects.get(&object, MAX_MANIFEST)? else { return Ok(None) };
        Manifest::read(&json, run).map(Some).map_err(|why| self.damaged(run, why))
    }
}

/// The spans' file, locked as whoever records locks it: while it is held nobody adds to the run.
fn held(folder: &Path) -> Result<File, RemoteError> {
    let path = folder.join(RunFile::Spans.name());
    let file = open_regular(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => not_pushable(
            folder,
            "there is no run in it: run.json and spans.jsonl are not both there".to_owned(),
        ),
        _ => RemoteError::File { path: path.clone(), source },
    })?;

    match file.try_lock_shared() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(not_pushable(
            folder,
            "another process is recording into it; push it when that has ended".to_owned(),
        )),
        // some network file systems have no locks
        Err(std::fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(std::fs::TryLockError::Error(source)) => Err(RemoteError::File { path, source }),
    }
}

fn header(folder: &Path) -> Result<Header, RemoteError> {
    let path = folder.join(RunFile::Header.name());
    let mut file = open_regular(&path).map_err(RemoteError::file(&path))?;
    let length = file.metadata().map_err(RemoteError::file(&path))?.len();
    if length > MAX_HEADER {
        return Err(not_pushable(folder, format!("a header of {length} bytes is none of infercost's")));
    }

    let mut json = Vec::new();
    file.by_ref().take(MAX_HEADER).read_to_end(&mut json).map_err(RemoteError::file(&path))?;
    let header: Header = serde_json::from_slice(&json).map_err(|error| {
        not_pushable(folder, format!("its header cannot be read: {}", printable(&error.to_string())))
    })?;
    if !is_run_id(&header.id) {
        return Err(not_pushable(folder, format!("`{}` is no id of a run", printable(&header.id))));
    }
    Ok(header)
}

fn not_pushable(folder: &Path, reason: String) -> RemoteError {
    RemoteError::NotPushable { folder: folder.to_owned(), reason }
}
