//! The machine's memory (proc_meminfo(5)).

use std::path::Path;

use infercost_core::Bytes;

use super::Known;
use crate::sysfs_file;

/// Memory in use and in all.
pub(super) struct MemoryUse {
    pub(super) used: Known<Bytes>,
    pub(super) total: Known<Bytes>,
}

/// What `/proc/meminfo` says: in use is what is not available to a new program.
pub(super) fn read(proc_root: &Path) -> MemoryUse {
    let total = kibibytes(proc_root, "MemTotal:");
    let available = kibibytes(proc_root, "MemAvailable:");
    let used = match (&total, available) {
        (Ok(total), Ok(available)) => Ok(Bytes(total.saturating_sub(available))),
        (Err(reason), _) => Err(reason.clone()),
        (Ok(_), Err(reason)) => Err(reason),
    };

    MemoryUse { used, total: total.map(Bytes) }
}

/// The bytes behind a key; the file counts in kibibytes.
fn kibibytes(proc_root: &Path, key: &str) -> Known<u64> {
    let file = proc_root.join("meminfo");
    let line = sysfs_file::line_starting_with(&file, key);
    let number = line.as_deref().and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    let number = number.ok_or_else(|| format!("{} has no {key}", file.display()))?;
    Ok(number.saturating_mul(1024))
}
