//! The report as an HTML page: made, written whole or not at all, and shown.

use std::borrow::Cow;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use infercost_core::report::Report;
use infercost_core::{Outcome, RunRecord};
use infercost_page::PageInput;
use infercost_run::usage;
use regex::Regex;

use crate::flags::page::PageFlags;
use crate::output;

/// What stands for a text that a pattern matched.
const REDACTED: &str = "[redacted]";

/// What of the prompts and answers goes into a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    /// True keeps all of them out.
    pub(crate) left_out: bool,
    /// What matches is replaced.
    pub(crate) redact: Vec<Regex>,
}

/// Refuses a file that is there, or a folder that is not, before anything is measured for it.
///
/// # Errors
/// A usage error that says what to do.
pub(crate) fn check(flags: &PageFlags) -> anyhow::Result<()> {
    let Some(file) = &flags.html else { return Ok(()) };
    if file.is_dir() {
        return Err(usage(format!("--html {}: this is a folder; name a file in it", file.display())));
    }
    if file.exists() && !flags.force {
        return Err(usage(format!("--html {}: the file exists; --force replaces it", file.display())));
    }

    let folder = folder_of(file);
    if !folder.is_dir() {
        return Err(usage(format!("--html {}: there is no folder {}", file.display(), folder.display())));
    }
    Ok(())
}

/// Writes the page of a report, where one is asked for.
///
/// # Errors
/// Where the file cannot be written; an earlier one is then as it was.
pub(crate) fn write(
    flags: &PageFlags,
    report: &Report,
    runs: &[RunRecord],
    texts: &Texts,
) -> anyhow::Result<()> {
    let Some(file) = &flags.html else { return Ok(()) };
    check(flags)?;

    let runs = redacted(runs, &texts.redact);
    let command = runs.first().map(|run| format!("infercost report {}", run.header.id));
    let page = infercost_page::render(&PageInput {
        report,
        runs: &runs,
        with_texts: !texts.left_out,
        command: command.as_deref(),
        version: env!("CARGO_PKG_VERSION"),
    })?;

    let cannot = || format!("cannot write the page {}", file.display());
    let mut temporary = tempfile::NamedTempFile::new_in(folder_of(file)).with_context(cannot)?;
    temporary.write_all(page.as_bytes()).with_context(cannot)?;
    if flags.force {
        temporary.persist(file).map_err(|error| error.error).with_context(cannot)?;
    } else {
        temporary.persist_noclobber(file).map_err(|error| error.error).with_context(cannot)?;
    }
    output::note(&format!("page: {}", file.display()));

    if flags.open {
        show(file);
    }
    Ok(())
}

/// The folder that a file stands in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The records, or a copy in which what matches is replaced, in prompts, answers and messages.
fn redacted<'a>(runs: &'a [RunRecord], patterns: &[Regex]) -> Cow<'a, [RunRecord]> {
    if patterns.is_empty() {
        return Cow::Borrowed(runs);
    }

    let mut runs = runs.to_vec();
    let windows = runs.iter_mut().flat_map(|run| &mut run.windows);
    for inference in windows.flat_map(|window| &mut window.inferences) {
        if let Some(text) = &mut inference.input_text {
            redact(text, patterns);
        }
        match &mut inference.outcome {
            Outcome::Completed { text: Some(text), .. } => redact(text, patterns),
            Outcome::Failed { message, .. } => redact(message, patterns),
            Outcome::Completed { text: None, .. } => {}
        }
    }
    Cow::Owned(runs)
}

fn redact(text: &mut String, patterns: &[Regex]) {
    for pattern in patterns {
        *text = pattern.replace_all(text, REDACTED).into_owned();
    }
}

/// Shows the page with whatever shows pages here; that there is nothing is said and is no error.
fn show(file: &Path) {
    if let Err(error) = fs::canonicalize(file).and_then(open::that_detached) {
        output::note(&format!("cannot show {}: {error}", file.display()));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn what_matches_is_replaced() {
        let mut text = "call +49 30 1234 now".to_owned();
        redact(&mut text, &[Regex::new(r"\+[\d ]+\d").unwrap()]);
        assert_eq!(text, "call [redacted] now");
    }

    #[test]
    fn an_existing_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.html");
        let mut flags = PageFlags { html: Some(file.clone()), open: false, force: false };
        assert!(check(&flags).is_ok());

        fs::write(&file, "mine").unwrap();
        assert!(check(&flags).unwrap_err().to_string().contains("--force"));
        flags.force = true;
        assert!(check(&flags).is_ok());

        flags.html = Some(folder.path().to_owned());
        assert!(check(&flags).is_err());
        flags.html = Some(folder.path().join("none/page.html"));
        assert!(check(&flags).unwrap_err().to_string().contains("there is no folder"));
    }
}
