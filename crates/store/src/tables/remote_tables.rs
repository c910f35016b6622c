//! A store of tables, opened.

use std::cell::RefCell;

use super::log::Log;
use crate::address::{Patience, StoreAddress, Variable};
use crate::error::RemoteError;
use crate::layout::Layout;
use crate::objects::Objects;

/// What says that a prefix holds tables, and the layout that is written and read here.
pub(super) const LAYOUT: Layout =
    Layout { marker: "infercost-tables.json", schema: "infercost.tables-store/1" };
/// The folder of a table without which nothing is written.
const INFERENCES: &str = "inferences";

/// The tables below a URL.
pub struct RemoteTables {
    pub(super) objects: Objects,
    /// As far as it was read.
    pub(super) log: RefCell<Log>,
}

impl RemoteTables {
    /// Opens a store, as [`crate::RemoteRuns::open`] does. No request is made yet.
    ///
    /// # Errors
    /// [`RemoteError::Address`], [`RemoteError::Settings`].
    pub fn open(address: &str, variables: &[Variable], patience: Patience) -> Result<Self, RemoteError> {
        let address = StoreAddress::parse(address)?;
        Ok(Self { objects: Objects::open(address, variables, patience)?, log: RefCell::default() })
    }

    /// The store, as it may be shown.
    pub fn address(&self) -> &str {
        self.objects.address().as_str()
    }

    /// Makes sure that tables can be written here, before anything is read for them: that the store is reached, that it may
    /// be written, that its layout is known, and that its log is whole.
    ///
    /// # Errors
    /// [`RemoteError::Request`], [`RemoteError::Later`], [`RemoteError::DamagedTables`]; [`RemoteError::LooseTables`] where
    /// files of tables are there and no log of them.
    pub fn prepare(&self) -> Result<(), RemoteError> {
        let is_known = LAYOUT.check(&self.objects)?;
        if !is_known && self.objects.has_any(&self.objects.within(INFERENCES))? {
            return Err(RemoteError::LooseTables { address: self.address().to_owned() });
        }
        LAYOUT.prepare(&self.objects)?;
        self.read_whole()
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> RemoteError {
        RemoteError::DamagedTables { address: self.address().to_owned(), reason: reason.into() }
    }
}
