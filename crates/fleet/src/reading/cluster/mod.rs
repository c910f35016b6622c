//! The same queries on a Ballista cluster: where it is, whether it can answer, and its answers.
//!
//! Its scheduler plans over the same files under the same paths, and its executors read them. Nothing of this program runs
//! there: what it needs are the engine's own functions.

#[cfg(not(feature = "cluster"))]
mod absent;
pub mod address;
#[cfg(feature = "cluster")]
mod client;
#[cfg(feature = "cluster")]
mod inlined;
#[cfg(feature = "cluster")]
mod scheduler;

#[cfg(not(feature = "cluster"))]
pub(crate) use absent::Cluster;
#[cfg(feature = "cluster")]
pub(crate) use client::Cluster;
