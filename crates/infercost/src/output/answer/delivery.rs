//! An answer in the form that was asked for, on stdout and in files.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use infercost_run::usage;
use serde::Serialize;

use super::{Answer, Detail, csv_form, markdown, text};
use crate::flags::GlobalFlags;
use crate::flags::answer::{AnswerFlags, ExportForm};
use crate::flags::format::TableFormat;
use crate::output;

/// An answer whose type knows nothing of versions, with that of its form.
#[derive(Debug, Serialize)]
pub(crate) struct WithSchema<'a, A: Serialize> {
    pub(crate) schema: &'static str,
    #[serde(flatten)]
    pub(crate) answer: &'a A,
}

/// Draws the chart of an answer; else says what is missing of it.
pub(crate) type Draw<'a> = &'a dyn Fn() -> Result<String, String>;

/// A file of `--export`, before it is written.
struct MadeFile<'a> {
    path: &'a Path,
    text: String,
}

/// Prints the answer, and writes it into the files of `--export`. `chart` draws it, where there is a chart of it.
///
/// # Errors
/// Where a file cannot be written.
pub(crate) fn deliver(
    answer: &Answer,
    json: &impl Serialize,
    chart: Option<Draw<'_>>,
    flags: &AnswerFlags,
    global: &GlobalFlags,
) -> anyhow::Result<()> {
    let shown = text::render(answer, flags.detail.detail());
    deliver_as(&shown, answer, json, chart, flags, global)
}

/// The same of a command that has a text of its own for people.
///
/// # Errors
/// Where a file cannot be written.
pub(crate) fn deliver_as(
    shown: &str,
    answer: &Answer,
    json: &impl Serialize,
    chart: Option<Draw<'_>>,
    flags: &AnswerFlags,
    global: &GlobalFlags,
) -> anyhow::Result<()> {
    let detail = flags.detail.detail();
    // one that cannot be made leaves no others behind, and the answer is shown all the same
    let files = files(answer, json, chart, flags);
    match flags.format.chosen(global) {
        TableFormat::Table => output::block(shown),
        TableFormat::Markdown => output::block(&markdown::render(answer, detail)),
        TableFormat::Csv => output::block(&csv_form::render(&answer.table)?),
        TableFormat::Json => output::line(&serde_json::to_string_pretty(json)?),
    }

    for file in files? {
        write(file.path, &file.text)?;
    }
    Ok(())
}

/// Every file of `--export`, or what one of them lacks.
fn files<'f>(
    answer: &Answer,
    json: &impl Serialize,
    chart: Option<Draw<'_>>,
    flags: &'f AnswerFlags,
) -> anyhow::Result<Vec<MadeFile<'f>>> {
    let detail = Detail { explain: true, ..flags.detail.detail() };
    let mut files = Vec::with_capacity(flags.export.len());
    for file in &flags.export {
        let path = file.path.as_path();
        let text = match file.form {
            ExportForm::Markdown => markdown::render(answer, detail),
            ExportForm::Csv => csv_form::render(&answer.table)?,
            ExportForm::Json => serde_json::to_string_pretty(json)? + "\n",
            ExportForm::Svg => {
                let draw = chart.with_context(|| no_chart(path))?;
                draw().map_err(|missing| anyhow::anyhow!("--export {}: {missing}", path.display()))?
            }
        };
        files.push(MadeFile { path, text });
    }
    Ok(files)
}

/// Refuses what cannot be exported before anything is measured or computed for it.
///
/// # Errors
/// A usage error that names the file.
pub(crate) fn check(flags: &AnswerFlags, has_chart: bool) -> anyhow::Result<()> {
    for file in &flags.export {
        let path = &file.path;
        if file.form == ExportForm::Svg && !has_chart {
            return Err(usage(no_chart(path)));
        }
        if path.is_dir() {
            return Err(usage(format!("--export {}: this is a folder; name a file in it", path.display())));
        }

        let folder = folder_of(path);
        if !folder.is_dir() {
            return Err(usage(format!(
                "--export {}: there is no folder {}",
                path.display(),
                folder.display()
            )));
        }
    }
    Ok(())
}

fn no_chart(path: &Path) -> String {
    format!("--export {}: this command draws no chart; write .md, .csv or .json", path.display())
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let mut temporary = tempfile::NamedTempFile::new_in(folder_of(path)).with_context(cannot)?;
    temporary.write_all(text.as_bytes()).with_context(cannot)?;
    temporary.persist(path).map_err(|error| error.error).with_context(cannot)?;
    output::note(&format!("wrote {}", path.display()));
    Ok(())
}

/// The folder that a file stands in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
