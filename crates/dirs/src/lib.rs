//! Stands in for the library of the same name, which brings copyleft code along for functions that nothing here
//! calls. hf-hub asks it for the home folder, and for nothing else.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

use std::path::PathBuf;

/// The user's home folder; `None` where the system names none.
pub fn home_dir() -> Option<PathBuf> {
    std::env::home_dir()
}
