//! The form of an answer, as every command that prints a table takes it.

use std::path::PathBuf;

use clap::Args;

use crate::flags::detail::DetailFlags;
use crate::flags::format::FormatFlags;

/// How an answer is written, and where.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct AnswerFlags {
    #[command(flatten)]
    pub(crate) format: FormatFlags,

    /// Also write the answer into this file, by its ending: .md, .csv, .json, or .svg for a chart; may be repeated
    #[arg(long, value_name = "FILE", value_parser = exported)]
    pub(crate) export: Vec<ExportFile>,

    #[command(flatten)]
    pub(crate) detail: DetailFlags,
}

/// A file and what goes into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportFile {
    pub(crate) path: PathBuf,
    pub(crate) form: ExportForm,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportForm {
    Markdown,
    Csv,
    Json,
    Svg,
}

fn exported(text: &str) -> Result<ExportFile, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let form = match ending.to_ascii_lowercase().as_str() {
        "md" | "markdown" => ExportForm::Markdown,
        "csv" => ExportForm::Csv,
        "json" => ExportForm::Json,
        "svg" => ExportForm::Svg,
        _ => return Err("the ending says what is written: .md, .csv, .json or .svg".to_owned()),
    };
    Ok(ExportFile { path, form })
}

/// A file for a chart.
pub(crate) fn chart_file(text: &str) -> Result<PathBuf, String> {
    match exported(text) {
        Ok(ExportFile { path, form: ExportForm::Svg }) => Ok(path),
        _ => Err("a chart is written as SVG: name a file that ends in .svg".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn the_ending_says_what_is_written() {
        assert_eq!(exported("a/b.CSV").unwrap().form, ExportForm::Csv);
        assert_eq!(exported("b.md").unwrap().form, ExportForm::Markdown);
        for refused in ["x.png", "-", "csv", "x"] {
            assert!(exported(refused).is_err() && chart_file(refused).is_err(), "{refused}");
        }
        assert!(chart_file("x.json").is_err());
        assert_eq!(chart_file("x.svg").unwrap(), PathBuf::from("x.svg"));
    }
}
