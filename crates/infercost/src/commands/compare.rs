//! `infercost compare`: record, then report over the same files.

use std::process::ExitCode;

use crate::arguments::CompareArguments;
use crate::commands::{record, report};
use crate::config::Given;

pub(crate) fn run(arguments: &CompareArguments) -> anyhow::Result<ExitCode> {
    let given = Given::read(&arguments.judge)?;
    let folder = record::record(&arguments.record, &given)?;
    report::print(&[folder], None, &given, arguments.judge.json)
}
