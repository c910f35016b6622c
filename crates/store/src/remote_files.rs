//! Files of others in a store: listed, and copied one by one.

use std::fs::File;
use std::io::Write as _;

use crate::address::{Patience, StoreAddress, Variable};
use crate::error::RemoteError;
use crate::objects::Objects;

/// The objects below a URL, whatever they are.
pub struct RemoteFiles {
    objects: Objects,
}

impl RemoteFiles {
    /// Opens a store, as [`crate::RemoteRuns::open`] does.
    ///
    /// # Errors
    /// [`RemoteError::Address`], [`RemoteError::Settings`].
    pub fn open(address: &str, variables: &[Variable], patience: Patience) -> Result<Self, RemoteError> {
        let address = StoreAddress::parse(address)?;
        Ok(Self { objects: Objects::open(address, variables, patience)? })
    }

    /// The store, as it may be shown.
    pub fn address(&self) -> &str {
        self.objects.address().as_str()
    }

    /// Names below the URL, in their order, with their sizes.
    ///
    /// # Errors
    /// [`RemoteError::Request`], [`RemoteError::TooMany`].
    pub fn list(&self) -> Result<Vec<(String, u64)>, RemoteError> {
        Ok(self.objects.list(self.objects.address().prefix())?.into_iter().collect())
    }

    /// Copies an object of that size into a file.
    ///
    /// # Errors
    /// [`RemoteError::Request`] where it cannot be read, or has another size now; [`RemoteError::File`].
    pub fn copy(&self, name: &str, bytes: u64, file: &File) -> Result<(), RemoteError> {
        let object = self.objects.within(name);
        let mut file = file;
        let copied = self.objects.get_into(&object, bytes, &mut |part| file.write_all(part))?;
        if copied == Some(bytes) {
            return Ok(());
        }
        Err(RemoteError::Request {
            address: self.address().to_owned(),
            doing: format!("read {object}"),
            reason: format!("it was listed with {bytes} bytes, and is another one now"),
        })
    }
}
