//! A scripted `libnvidia-ml` for tests: the C functions that the NVML meter calls, over boards whose true
//! watts are known.
//!
//! A test writes a [`Script`] with [`install`], which puts a copy of the library next to it, and loads that
//! copy by its path. Each copy reads the script next to it, so that tests in one process do not
//! share boards; that is the one design decision, since an environment variable would be shared.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod exports;
mod script;

pub use script::{Board, Script, install};
