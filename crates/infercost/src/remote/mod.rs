//! Runs in a store that a team shares: brought here for a command that reads them, pushed there after one was recorded.
//!
//! Every command reads and writes folders. Where `--traces` is a URL, what it needs is brought into a folder first, and what
//! it recorded is pushed from one afterwards. Tables go the same way.

#[cfg(feature = "fleet")]
mod fetching;
#[cfg(feature = "fleet")]
mod pushing;
#[cfg(feature = "fleet")]
mod run_tables;
mod runs_used;
#[cfg(feature = "fleet")]
mod tables_at_hand;
#[cfg(not(feature = "fleet"))]
mod without_stores;

#[cfg(feature = "fleet")]
pub(crate) use fetching::at_hand;
#[cfg(feature = "fleet")]
pub(crate) use pushing::{push, push_recorded};
#[cfg(feature = "fleet")]
pub(crate) use run_tables::RunTables;
pub(crate) use runs_used::{PushedRun, RunsUsed};
#[cfg(feature = "fleet")]
pub(crate) use tables_at_hand::{any_is_remote, tables_at_hand};
#[cfg(not(feature = "fleet"))]
pub(crate) use without_stores::{at_hand, push, push_recorded};
