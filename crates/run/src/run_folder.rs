//! The folders of runs: found by their names, and made sure of before a run begins.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use infercost_core::RunId;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::console;
use crate::usage::usage;

/// How far the clock that dated a run may have been ahead of this one.
const CLOCK_DRIFT: SignedDuration = SignedDuration::from_hours(1);
/// Folders that are looked into for a run that was named without its folder.
const MOST_FOLDERS: usize = 1000;
/// More than any header takes.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// What stands for the newest run.
pub const LATEST: &str = "latest";

/// The folder of a run: a path, a name below `traces`, or `latest`.
///
/// # Errors
/// A usage error that names what lies nearby.
pub fn named(traces: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let places = [PathBuf::from(name), traces.join(name)];
    if let Some(folder) = places.iter().find(|folder| folder.join("run.json").is_file()) {
        return Ok(folder.clone());
    }
    if name == LATEST {
        return named_or_newest(traces, None);
    }

    let near = near(traces, &places, name);
    let hint = match near.as_slice() {
        [] => format!("\nhint: `infercost runs` lists the runs below {}", traces.display()),
        [one] => format!("\nhint: did you mean {}?", one.display()),
        [one, ..] => format!("\nhint: there are {} runs in it, such as {}", near.len(), one.display()),
    };
    Err(usage(format!(
        "`{name}` is not a run: there is no {}{hint}",
        Path::new(name).join("run.json").display()
    )))
}

/// Runs in a folder of that name, and runs of that name one folder deeper than it was looked for.
fn near(traces: &Path, places: &[PathBuf], name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for place in places {
        found.extend(infercost_trace::list_runs(place).unwrap_or_default());
    }

    let deeper = fs::read_dir(traces).into_iter().flatten().flatten().take(MOST_FOLDERS);
    for folder in deeper {
        let run = folder.path().join(name);
        if run.join("run.json").is_file() {
            found.push(run);
        }
    }
    found
}

/// The folder of the run of that name, or else of the newest one below `traces`.
///
/// # Errors
/// A usage error where there is none.
pub fn named_or_newest(traces: &Path, name: Option<&str>) -> anyhow::Result<PathBuf> {
    match name {
        Some(name) => named(traces, name),
        None => newest_first(traces)?.into_iter().next().ok_or_else(|| {
            usage(format!("no run below {}; `infercost compare` makes one", traces.display()))
        }),
    }
}

/// The folder of the newest run below `traces` that was cut off; of the newest of all where none was, since a run may have
/// been cut off between its last record and its report.
///
/// # Errors
/// A usage error where there is no run.
pub(crate) fn newest_unfinished(traces: &Path) -> anyhow::Result<PathBuf> {
    let runs = newest_first(traces)?;
    for folder in &runs {
        match infercost_trace::is_finished(folder) {
            Ok(false) => return Ok(folder.clone()),
            Ok(true) => {}
            Err(error) => left_aside(folder, &error),
        }
    }
    runs.into_iter()
        .next()
        .ok_or_else(|| usage(format!("no run below {}; nothing to resume", traces.display())))
}

/// What orders runs by age.
#[derive(Deserialize)]
struct Begun {
    started_at: Timestamp,
}

/// The runs below `traces`, newest first. One whose header cannot be read is left aside, and one that claims to have begun
/// in the future comes last: its date is wrong, and no later run would ever be newer.
///
/// # Errors
/// Where the folder cannot be read.
pub fn newest_first(traces: &Path) -> anyhow::Result<Vec<PathBuf>> {
    described_newest_first(traces, |folder, _| folder.to_owned())
}

/// The same runs in the same order, each as `describe` makes it of its folder and the text of its header, which is read
/// once.
///
/// # Errors
/// As [`newest_first`].
pub(crate) fn described_newest_first<T>(
    traces: &Path,
    describe: impl Fn(&Path, &str) -> T,
) -> anyhow::Result<Vec<T>> {
    let latest = Timestamp::now().saturating_add(CLOCK_DRIFT)?;
    let mut runs = Vec::new();
    for folder in infercost_trace::list_runs(traces)? {
        match header_text(&folder).and_then(|text| Ok((begun(&text)?, text))) {
            Ok((started_at, text)) => {
                let described = describe(&folder, &text);
                runs.push(((started_at <= latest, started_at, folder), described));
            }
            Err(error) => left_aside(&folder, &error),
        }
    }

    runs.sort_by(|(one, _), (other, _)| other.cmp(one));
    Ok(runs.into_iter().map(|(_, described)| described).collect())
}

/// The header of a run as it lies on disk.
pub(crate) fn header_text(folder: &Path) -> anyhow::Result<String> {
    Ok(infercost_text::read_regular(&folder.join("run.json"), MAX_HEADER_BYTES, "header of a run")?)
}

/// When a run began, by its header; nothing else of it is looked at.
fn begun(header: &str) -> anyhow::Result<Timestamp> {
    let begun: Begun = serde_json::from_str(header)?;
    Ok(begun.started_at)
}

fn left_aside(folder: &Path, error: &dyn std::fmt::Display) {
    console::warn(&format!("{} is left aside: {error}", folder.display()));
}

/// A folder that cannot be written must be known before models are fetched and loaded. What runs left there that were
/// killed before they had begun is removed.
pub fn probe(traces: &Path) -> anyhow::Result<()> {
    infercost_trace::remove_abandoned(traces);

    infercost_trace::try_writing(traces).with_context(|| {
        format!(
            "cannot write into {}; make it writable, or name another folder with --traces",
            traces.display()
        )
    })
}

/// Characters of random text in the id of a run that is shared.
const RANDOM_CHARACTERS: usize = 6;

/// The time as a name, and the beginning of a run's random text: where many machines record, two begin in one second.
pub(crate) fn shared_id(now: jiff::Timestamp, random: &str) -> RunId {
    let random: String = random.chars().take(RANDOM_CHARACTERS).collect();
    RunId::from(format!("{}-{random}", now.strftime("%Y%m%d-%H%M%S")))
}

/// The time as a name; counted on where two runs begin in one second.
pub fn free_id(traces: &Path, now: jiff::Timestamp) -> RunId {
    let name = now.strftime("%Y%m%d-%H%M%S").to_string();
    if !traces.join(&name).exists() {
        return RunId::from(name);
    }

    let mut further = (2_u32..).map(|count| format!("{name}-{count}"));
    RunId::from(further.find(|name| !traces.join(name).exists()).unwrap_or(name))
}
