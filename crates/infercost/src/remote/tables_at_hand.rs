//! Tables of a store, brought into files of this machine for whoever asks them.

use std::path::{Path, PathBuf};

use infercost_core::text::printable;
use infercost_fleet::reading::files::{Days, FileAtHand, TablesPlace};
use infercost_run::{console, models};

use super::run_tables::open;
use super::runs_used::is_address;

/// Folders as they are; of a store, the files of the days that are asked for, each verified, and fetched once.
///
/// # Errors
/// A usage error for an address that is none; where a store cannot be reached, holds no tables, or damaged ones.
pub(crate) fn tables_at_hand(names: &[PathBuf], days: Days) -> anyhow::Result<Vec<TablesPlace>> {
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        places.push(if is_address(name) { fetched(name, days)? } else { TablesPlace::Folder(name.clone()) });
    }
    Ok(places)
}

fn fetched(name: &Path, days: Days) -> anyhow::Result<TablesPlace> {
    let store = open(name)?;
    let progress = console::activity();
    let mut show = |path: &str, bytes: u64| {
        let size = bytes as f64 / 1e6;
        progress.show(&format!("{} ({size:.1} MB) from {}", printable(path), store.address()));
    };
    let found = store.fetch(&|path| days.may_hold(path), &models::cache_root()?, &mut show)?;
    drop(progress);

    let mut files = Vec::with_capacity(found.len());
    for file in found {
        files.push(FileAtHand { path: PathBuf::from(file.path), place: file.place });
    }
    Ok(TablesPlace::Fetched { name: store.address().to_owned(), files })
}

/// True where one of the names is that of a store.
pub(crate) fn any_is_remote(names: &[PathBuf]) -> bool {
    names.iter().any(|name| is_address(name))
}
