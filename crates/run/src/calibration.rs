//! The fitted factor between this machine's own meter and a wall meter, kept in the cache folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use infercost_core::WallFactor;

use crate::console;
use crate::models::cache_root;

const FILE: &str = "wall-factor.json";
/// More than one factor takes.
const LARGEST: u64 = 64 << 10;

/// The kept factor, if it was fitted to the meter described by `host`. One that cannot be read is told and
/// left out.
pub fn matching(host: &str) -> Option<WallFactor> {
    let path = path().ok()?;
    let size = fs::metadata(&path).ok()?.len();
    match read(&path, size) {
        Ok(factor) => (factor.host == host).then_some(factor),
        Err(error) => {
            let advice = "calibrate again with `infercost doctor --calibrate`";
            console::warn(&format!("{} is left out: {error}; {advice}", path.display()));
            None
        }
    }
}

fn read(path: &Path, size: u64) -> anyhow::Result<WallFactor> {
    anyhow::ensure!(size <= LARGEST, "it is too large");
    let factor: WallFactor = serde_json::from_str(&fs::read_to_string(path)?)?;
    anyhow::ensure!(factor.is_sound(), "its numbers are not those of a machine");
    Ok(factor)
}

/// Keeps a factor, in place of an earlier one, and says where.
pub fn keep(factor: &WallFactor) -> anyhow::Result<PathBuf> {
    let path = path()?;
    let json = serde_json::to_vec_pretty(factor)?;
    write_whole(&path, &json).with_context(|| format!("cannot keep the factor in {}", path.display()))?;
    Ok(path)
}

/// Writes a file that appears whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("json.new");
    fs::write(&fresh, bytes)?;
    fs::rename(&fresh, path)
}

fn path() -> anyhow::Result<PathBuf> {
    Ok(cache_root()?.join(FILE))
}
