//! Folders that are stores of tables, or copies of one, are read and written by their address alone.

use std::path::Path;

use super::error::TablesError;

/// The file that says so.
const MARKER: &str = "infercost-tables.json";

/// Makes sure that a folder is none of a store, whose files that count no more would be added up with the others.
pub(crate) fn refuse_store(folder: &Path) -> Result<(), TablesError> {
    if folder.join(MARKER).exists() {
        return Err(TablesError::Store { folder: folder.to_owned() });
    }
    Ok(())
}
