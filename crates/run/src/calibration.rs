//! The fitted factor between this machine's own meter and a wall meter, kept in the cache folder.

use std::fs;
use std::path::PathBuf;

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
    let read = || -> anyhow::Result<WallFactor> {
        anyhow::ensure!(size <= LARGEST, "it is too large");
        let factor: WallFactor = serde_json::from_str(&fs::read_to_string(&path)?)?;
        anyhow::ensure!(factor.is_sound(), "its numbers are not those of a machine");
        Ok(factor)
    };
    match read() {
        Ok(factor) => (factor.host == host).then_some(factor),
        Err(error) => {
            let advice = "calibrate again with `infercost doctor --calibrate`";
            console::warn(&format!("{} is left out: {error}; {advice}", path.display()));
            None
        }
    }
}

/// Keeps a factor, in place of an earlier one, and says where.
pub fn keep(factor: &WallFactor) -> anyhow::Result<PathBuf> {
    let path = path()?;
    let cannot = || format!("cannot keep the factor in {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    let fresh = path.with_extension("json.new");
    fs::write(&fresh, serde_json::to_vec_pretty(factor)?).with_context(cannot)?;
    fs::rename(&fresh, &path).with_context(cannot)?;
    Ok(path)
}

fn path() -> anyhow::Result<PathBuf> {
    Ok(cache_root()?.join(FILE))
}
