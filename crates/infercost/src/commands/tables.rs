//! `infercost export --parquet`: recorded runs as tables.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use infercost_core::text::count;
use infercost_fleet::Written;
use infercost_fleet::recorded::RecordedRun;
use infercost_run::config::SettingsOverrides;
use infercost_run::exporting::AnalysedRun;
use infercost_run::{run_folder, usage};
use serde_json::json;

use crate::flags::GlobalFlags;
use crate::flags::tables::TablesFlags;
use crate::output;
use crate::remote::RunTables;

/// Writes every run into the tables of a folder or a store, one after the other.
pub(crate) fn export(
    runs: &[String],
    flags: &TablesFlags,
    tables: &Path,
    given: &SettingsOverrides,
    global: &GlobalFlags,
) -> anyhow::Result<ExitCode> {
    // Every name is made sure of before anything is written.
    let mut folders = Vec::new();
    for name in runs {
        folders.push(run_folder::named(&global.traces, name)?);
    }
    if folders.is_empty() {
        folders.push(run_folder::named_or_newest(&global.traces, None)?);
    }

    let tables = RunTables::open(tables)?;
    let mut sum = Written::default();
    for folder in &folders {
        let content = flags.content;
        let told = AnalysedRun::read(folder, given, content)?
            .ok_or_else(|| usage(format!("{}: the run is too large for a report", folder.display())))?;
        let recorded = RecordedRun { run: &told.run, report: &told.report, ledger: &told.ledger, content };
        let written = tables
            .write(&recorded)
            .with_context(|| format!("cannot write {} into tables", folder.display()))?;
        sum = added(sum, written);
    }

    if global.json {
        let object = json!({
            "schema": "infercost.tables-export/1",
            "runs": folders.len(),
            "folder": tables.name(),
            "inferences": sum.inferences,
            "windows": sum.windows,
            "evaluations": sum.evaluations,
            "variants": sum.runs,
            "files": sum.files,
            "replaced": sum.replaced,
        });
        output::line(&format!("{object:#}"));
    } else {
        let again = if sum.replaced > 0 { ", in place of what was there" } else { "" };
        output::line(&format!(
            "wrote {} of {} to {}{again}",
            count(sum.inferences, "inference"),
            count(folders.len() as u64, "run"),
            tables.name()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn added(sum: Written, more: Written) -> Written {
    Written {
        inferences: sum.inferences + more.inferences,
        windows: sum.windows + more.windows,
        evaluations: sum.evaluations + more.evaluations,
        runs: sum.runs + more.runs,
        files: sum.files + more.files,
        replaced: sum.replaced + more.replaced,
    }
}
