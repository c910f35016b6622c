//! Requests to a store. Whoever asks waits for the answer; many small objects are fetched at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use sha2::{Digest as _, Sha256};
use tokio::runtime::{Builder, Runtime};

use crate::address::{Patience, StoreAddress, Variable};
use crate::error::{self, RemoteError};
use crate::pieces::{PIECE, hexadecimal};

/// Objects of a listing; more than a store of runs holds.
const MOST_OBJECTS: usize = 2_000_000;
/// Small objects that are asked for at once.
const AT_ONCE: usize = 16;

/// A store, and what requests to it run on.
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    address: StoreAddress,
    runtime: Runtime,
}

impl Objects {
    pub(crate) fn open(
        address: StoreAddress,
        variables: &[Variable],
        patience: Patience,
    ) -> Result<Self, RemoteError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|source| {
            RemoteError::Settings { address: address.to_string(), reason: source.to_string() }
        })?;
        let store = {
            // the clients of stores look for the runtime when they are built
            let _inside = runtime.enter();
            address.open(variables, patience)?
        };
        Ok(Self { store, address, runtime })
    }

    pub(crate) fn address(&self) -> &StoreAddress {
        &self.address
    }

    /// The object of that name below the address. Names are those of stores: what is escaped in them is not escaped again.
    pub(crate) fn within(&self, name: &str) -> ObjectPath {
        let prefix = self.address.prefix();
        let whole = if prefix.as_ref().is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // a name that no store has stands for one that is not there
        ObjectPath::parse(whole).unwrap_or_else(|_| prefix.clone().join(name))
    }

    /// An object of at most so many bytes; `None` where there is none.
    pub(crate) fn get(&self, object: &ObjectPath, most: u64) -> Result<Option<Vec<u8>>, RemoteError> {
        self.runtime.block_on(self.get_one(object, most))
    }

    /// Small objects, each as [`Self::get`] gives it, in the same order.
    pub(crate) fn get_all(
        &self,
        objects: &[ObjectPath],
        most: u64,
    ) -> Result<Vec<Option<Vec<u8>>>, RemoteError> {
        let requests = objects.iter().map(|object| self.get_one(object, most));
        self.runtime.block_on(futures_util::stream::iter(requests).buffered(AT_ONCE).try_collect())
    }

    /// Writes an object, whatever is there.
    pub(crate) fn put(&self, object: &ObjectPath, bytes: Vec<u8>) -> Result<(), RemoteError> {
        let written = self.runtime.block_on(self.store.put(object, PutPayload::from(bytes)));
        written.map(|_| ()).map_err(|error| self.failed(&format!("write {object}"), &error))
    }

    /// Writes an object where there is none; false where there is one. A store that cannot promise that is asked first.
    pub(crate) fn put_new(&self, object: &ObjectPath, bytes: Vec<u8>) -> Result<bool, RemoteError> {
        let payload = PutPayload::from(bytes.clone());
        let options = PutOptions::from(PutMode::Create);
        match self.runtime.block_on(self.store.put_opts(object, payload, options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(false)
            }
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                if self.get(object, u64::MAX)?.is_some() {
                    return Ok(false);
                }
                self.put(object, bytes)?;
                Ok(true)
            }
            Err(error) => Err(self.failed(&format!("write {object}"), &error)),
        }
    }

    /// Writes a file of any length as an object, whatever is there: in pieces where it is longer than one, of which one is in
    /// memory. It is there when all of it is.
    pub(crate) fn put_file(&self, object: &ObjectPath, path: &Path) -> Result<(), RemoteError> {
        let mut file = File::open(path).map_err(RemoteError::file(path))?;
        let first = next_piece(&mut file).map_err(RemoteError::file(path))?;
        if first.len() < PIECE {
            return self.put(object, first);
        }

        let sent = self.runtime.block_on(async {
            let mut upload = self.store.put_multipart(object).await.map_err(SendFault::Store)?;
            let sent = send_pieces(upload.as_mut(), first, &mut file).await;
            if sent.is_err() {
                // what was sent takes space where nobody sees it; the store may have lost it anyhow
                let _ = upload.abort().await;
            }
            sent
        });
        sent.map_err(|fault| match fault {
            SendFault::File(source) => RemoteError::File { path: path.to_owned(), source },
            SendFault::Store(error) => self.failed(&format!("write {object}"), &error),
        })
    }

    /// Size and SHA-256 of an object of at most so many bytes; `None` where there is none.
    pub(crate) fn fingerprint(
        &self,
        object: &ObjectPath,
        most: u64,
    ) -> Result<Option<Fingerprint>, RemoteError> {
        let mut hash = Sha256::new();
        let bytes = self.get_into(object, most, &mut |part| {
            hash.update(part);
            Ok(())
        })?;
        Ok(bytes.map(|bytes| Fingerprint { bytes, sha256: hexadecimal(&hash.finalize()) }))
    }

    /// The objects below a prefix with their sizes, by the part of their names behind it.
    pub(crate) fn list(&self, prefix: &ObjectPath) -> Result<BTreeMap<String, u64>, RemoteError> {
        self.runtime.block_on(async {
            let mut found = BTreeMap::new();
            let mut objects = self.store.list(Some(prefix));
            while let Some(object) = objects.next().await {
                let object = object.map_err(|error| self.failed(&format!("list {prefix}"), &error))?;
                if found.len() >= MOST_OBJECTS {
                    return Err(RemoteError::TooMany {
                        address: self.address.to_string(),
                        limit: MOST_OBJECTS,
                    });
                }
                if let Some(rest) = behind(&object.location, prefix) {
                    found.insert(rest, object.size);
                }
            }
            Ok(found)
        })
    }

    /// Whether there is any object below a prefix.
    pub(crate) fn has_any(&self, prefix: &ObjectPath) -> Result<bool, RemoteError> {
        let first = self.runtime.block_on(async { self.store.list(Some(prefix)).next().await });
        match first {
            None => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(self.failed(&format!("list {prefix}"), &error)),
        }
    }

    /// Hands an object of at most so many bytes over, part by part, and gives its length; `None` where there is none.
    pub(crate) fn get_into(
        &self,
        object: &ObjectPath,
        most: u64,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Option<u64>, RemoteError> {
        self.runtime.block_on(self.take_parts(object, most, take))
    }

    async fn get_one(&self, object: &ObjectPath, most: u64) -> Result<Option<Vec<u8>>, RemoteError> {
        let mut bytes = Vec::new();
        let length = self.take_parts(object, most, &mut |part| bytes.write_all(part)).await?;
        Ok(length.map(|_| bytes))
    }

    async fn take_parts(
        &self,
        object: &ObjectPath,
        most: u64,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Option<u64>, RemoteError> {
        let doing = format!("read {object}");
        let answer = match self.store.get(object).await {
            Ok(answer) => answer,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&doing, &error)),
        };

        if answer.meta.size > most {
            return Err(self.too_long(doing, most));
        }

        // what is announced is not believed: the answer ends where it may
        let mut length = 0_u64;
        let mut parts = answer.into_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|error| self.failed(&doing, &error))?;
            length = length.saturating_add(part.len() as u64);
            if length > most {
                return Err(self.too_long(doing, most));
            }
            take(&part).map_err(|error| RemoteError::Request {
                address: self.address.to_string(),
                doing: format!("keep {object}"),
                reason: error.to_string(),
            })?;
        }
        Ok(Some(length))
    }

    fn too_long(&self, doing: String, most: u64) -> RemoteError {
        RemoteError::Request {
            address: self.address.to_string(),
            doing,
            reason: format!("it is longer than the {most} bytes that it may have"),
        }
    }

    fn failed(&self, doing: &str, error: &object_store::Error) -> RemoteError {
        RemoteError::Request {
            address: self.address.to_string(),
            doing: doing.to_owned(),
            reason: error::words(error),
        }
    }
}

/// What tells a file from every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Its size.
    pub(crate) bytes: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub(crate) sha256: String,
}

impl Fingerprint {
    /// That of a file of this machine.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        loop {
            let piece = next_piece(&mut file)?;
            if piece.is_empty() {
                return Ok(Self { bytes, sha256: hexadecimal(&hash.finalize()) });
            }
            hash.update(&piece);
            bytes += piece.len() as u64;
        }
    }
}

/// Why a file was not sent.
enum SendFault {
    File(io::Error),
    Store(object_store::Error),
}

/// Sends a file whose first piece was read.
async fn send_pieces(
    upload: &mut dyn MultipartUpload,
    first: Vec<u8>,
    file: &mut File,
) -> Result<(), SendFault> {
    let mut piece = first;
    while !piece.is_empty() {
        upload.put_part(PutPayload::from(piece)).await.map_err(SendFault::Store)?;
        piece = next_piece(file).map_err(SendFault::File)?;
    }
    upload.complete().await.map(|_| ()).map_err(SendFault::Store)
}

/// The next bytes of a file; none at its end.
fn next_piece(file: &mut File) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    file.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

/// What stands behind a prefix in an object's name; `None` where it does not begin with it.
fn behind(object: &ObjectPath, prefix: &ObjectPath) -> Option<String> {
    let rest = object.prefix_match(prefix)?;
    let parts: Vec<String> = rest.map(|part| part.as_ref().to_owned()).collect();
    Some(parts.join("/"))
}
