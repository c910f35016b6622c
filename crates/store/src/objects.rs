//! Requests to a store. Whoever asks waits for the answer; many small objects are fetched at once.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use tokio::runtime::{Builder, Runtime};

use crate::address::{Patience, StoreAddress, Variable};
use crate::error::{self, RemoteError};

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

/// What stands behind a prefix in an object's name; `None` where it does not begin with it.
fn behind(object: &ObjectPath, prefix: &ObjectPath) -> Option<String> {
    let rest = object.prefix_match(prefix)?;
    let parts: Vec<String> = rest.map(|part| part.as_ref().to_owned()).collect();
    Some(parts.join("/"))
}
