//! A store of runs, opened.

use infercost_core::text::printable;
use object_store::path::Path as ObjectPath;

use crate::address::{Patience, StoreAddress, Variable};
use crate::error::RemoteError;
use crate::layout::Layout;
use crate::objects::Objects;

/// What says that a prefix is a store of runs, and the layout that is written and read here.
const LAYOUT: Layout = Layout { marker: "infercost-store.json", schema: "infercost.store/1" };

/// The runs below a URL.
pub struct RemoteRuns {
    pub(crate) objects: Objects,
}

impl RemoteRuns {
    /// Opens a store, reached as the variables say ([`crate::variables`] gives those of this process). No request is made yet.
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

    /// Makes sure that a run can be pushed here, before one is measured: that the store is reached, that it may be written,
    /// and that its layout is known.
    ///
    /// # Errors
    /// [`RemoteError::Request`], [`RemoteError::Later`].
    pub fn prepare(&self) -> Result<(), RemoteError> {
        LAYOUT.prepare(&self.objects)
    }

    /// Makes sure that the layout is one that is known here; false where nothing says that there is a store of runs.
    pub(crate) fn check_layout(&self) -> Result<bool, RemoteError> {
        LAYOUT.check(&self.objects)
    }

    pub(crate) fn prefix(&self) -> &ObjectPath {
        self.objects.address().prefix()
    }

    pub(crate) fn within(&self, names: &[&str]) -> ObjectPath {
        let mut path = self.prefix().clone();
        for name in names {
            path = path.join(*name);
        }
        path
    }

    pub(crate) fn damaged(&self, run: &str, reason: impl Into<String>) -> RemoteError {
        RemoteError::Damaged {
            address: self.address().to_owned(),
            run: printable(run).into_owned(),
            reason: reason.into(),
        }
    }
}
