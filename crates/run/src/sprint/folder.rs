//! The folder of a sprint: what it set out to do, and line by line what it measured.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use infercost_core::price::PriceBook;
use infercost_core::{LatencyTargets, RunId};
use infercost_sprint::Setting;
use infercost_sprint::journal::{self, Line, SPRINT_SCHEMA};
use serde::{Deserialize, Serialize};

use crate::run_folder;
use crate::usage::usage;

const HEADER: &str = "sprint.json";
const LINES: &str = "sprint.jsonl";
/// More than any sprint writes.
const MOST_BYTES: u64 = 256 << 20;

/// What a sprint set out to do. The command of its servers is not stored: whoever goes on gives it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) schema: String,
    pub(super) id: RunId,
    pub(super) started_at: jiff::Timestamp,
    pub(super) infercost_version: String,
    /// The models' weights, by hash.
    pub(super) models: Vec<(String, Option<String>)>,
    /// The settings in the order in which they are counted.
    pub(super) settings: Vec<Setting>,
    pub(super) present: Setting,
    /// True where single changes are combined later.
    pub(super) are_single: bool,
    pub(super) workload: String,
    pub(super) workload_sha256: String,
    pub(super) budget_s: f64,
    pub(super) wanted: f64,
    /// True where every setting is measured in every round.
    #[serde(default)]
    pub(super) exhaustive: bool,
    pub(super) seed: u64,
    pub(super) prices: PriceBook,
    pub(super) targets: Option<LatencyTargets>,
}

/// A sprint's folder, open for further lines.
pub(super) struct SprintFolder {
    pub(super) path: PathBuf,
    lines: File,
}

impl SprintFolder {
    /// A new folder below `traces`.
    pub(super) fn create(traces: &Path, header: &Header) -> anyhow::Result<Self> {
        let path = traces.join(header.id.as_str());
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let text = serde_json::to_string_pretty(header)?;
        fs::write(path.join(HEADER), text)
            .with_context(|| format!("cannot write into {}", path.display()))?;
        Self::open(path)
    }

    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file = path.join(LINES);
        let lines = OpenOptions::new().create(true).append(true).open(&file);
        let lines = lines.with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { path, lines })
    }

    /// A folder that is there, with what it set out to do and what it has. A line that a kill cut off is taken away.
    pub(super) fn resume(path: PathBuf) -> anyhow::Result<(Self, Header, Vec<Line>)> {
        let header: Header = serde_json::from_str(&infercost_text::read_regular(
            &path.join(HEADER),
            MOST_BYTES,
            "header of a sprint",
        )?)
        .with_context(|| format!("{} is not the header of a sprint", path.join(HEADER).display()))?;
        if header.schema != SPRINT_SCHEMA {
            return Err(usage(format!("{}: {} is not known to this version", path.display(), header.schema)));
        }

        let file = path.join(LINES);
        let text = match fs::metadata(&file) {
            Ok(_) => infercost_text::read_regular(&file, MOST_BYTES, "sprint")?,
            Err(_) => String::new(),
        };
        let lines = journal::read(&text)
            .map_err(|(line, reason)| usage(format!("{}:{line}: {reason}", file.display())))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            let file = OpenOptions::new().write(true).open(&file)?;
            file.set_len(u64::try_from(whole)?)?;
        }
        Ok((Self::open(path)?, header, lines))
    }

    /// Appends a line.
    pub(super) fn append(&mut self, line: &Line) -> anyhow::Result<()> {
        let written = self.lines.write_all(journal::written(line).as_bytes());
        written.with_context(|| format!("cannot write {}", self.path.join(LINES).display()))
    }
}

/// The folder of the sprint of that name, or of the newest one below `traces`.
///
/// # Errors
/// A usage error where there is none.
pub(super) fn named_or_newest(traces: &Path, name: Option<&str>) -> anyhow::Result<PathBuf> {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        let found =
            [PathBuf::from(name), traces.join(name)].into_iter().find(|path| path.join(HEADER).is_file());
        return found.ok_or_else(|| usage(format!("`{name}` is no sprint: there is no {name}/{HEADER}")));
    }

    let mut newest: Option<(String, PathBuf)> = None;
    for entry in fs::read_dir(traces).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_newer = newest.as_ref().is_none_or(|(known, _)| *known < name);
        if path.join(HEADER).is_file() && is_newer {
            newest = Some((name, path));
        }
    }
    newest.map(|(_, path)| path).ok_or_else(|| {
        usage(format!("no sprint below {}; `infercost optimize --measure` makes one", traces.display()))
    })
}

/// A name that is free: `sprint-20261129-101500`.
pub(super) fn free_id(traces: &Path, now: jiff::Timestamp) -> RunId {
    let run = run_folder::free_id(traces, now);
    let name = format!("sprint-{run}");
    let mut further = (2_u32..).map(|count| format!("{name}-{count}"));
    if traces.join(&name).exists() {
        RunId::from(further.find(|name| !traces.join(name).exists()).unwrap_or(name))
    } else {
        RunId::from(name)
    }
}
