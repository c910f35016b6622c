//! The folders of runs: found by their names, and made sure of before a run begins.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use infercost_core::RunId;

use crate::exit::usage;

/// The folder of a run: a path, or a name below `traces`.
pub(crate) fn named(traces: &Path, name: &str) -> anyhow::Result<PathBuf> {
    [PathBuf::from(name), traces.join(name)]
        .into_iter()
        .find(|folder| folder.join("run.json").is_file())
        .ok_or_else(|| {
            usage(format!(
                "`{name}` is no run: there is no {name}/run.json, here or below {}",
                traces.display()
            ))
        })
}

/// The folder of the run of that name, or else of the newest one below `traces`.
pub(crate) fn named_or_newest(traces: &Path, name: Option<&str>) -> anyhow::Result<PathBuf> {
    match name {
        Some(name) => named(traces, name),
        None => infercost_trace::list_runs(traces)?.pop().ok_or_else(|| {
            usage(format!("no run below {}; `infercost compare` makes one", traces.display()))
        }),
    }
}

/// The folder of the newest run below `traces` that was cut off.
pub(crate) fn newest_unfinished(traces: &Path) -> anyhow::Result<PathBuf> {
    for folder in infercost_trace::list_runs(traces)?.into_iter().rev() {
        if !infercost_trace::is_finished(&folder)? {
            return Ok(folder);
        }
    }
    Err(usage(format!("no run below {} was cut off; nothing to resume", traces.display())))
}

/// A folder that cannot be written must be known before models are fetched and loaded.
pub(crate) fn probe(traces: &Path) -> anyhow::Result<()> {
    let cannot = || {
        format!(
            "cannot write into {}; make it writable, or name another folder with --traces",
            traces.display()
        )
    };
    fs::create_dir_all(traces).with_context(cannot)?;
    let probe = traces.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"probe").with_context(cannot)?;
    fs::remove_file(&probe).with_context(cannot)
}

/// The time as a name; counted on where two runs begin in one second.
pub(crate) fn free_id(traces: &Path, now: jiff::Timestamp) -> RunId {
    let name = now.strftime("%Y%m%d-%H%M%S").to_string();
    let taken = |name: &str| traces.join(name).exists();
    if !taken(&name) {
        return RunId(name);
    }
    RunId((2_u32..).map(|count| format!("{name}-{count}")).find(|name| !taken(name)).unwrap_or(name))
}
