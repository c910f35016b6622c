//! `infercost compare`: record, then report over the same files.

use std::process::ExitCode;

use crate::arguments::CompareArguments;
use crate::commands::{export, record, report};
use crate::config::Given;

pub(crate) fn run(arguments: &CompareArguments) -> anyhow::Result<ExitCode> {
    let given = Given::read(&arguments.judge)?;
    let folder = record::record(&arguments.record, &given)?;
    let code = report::print(std::slice::from_ref(&folder), None, &given, arguments.judge.json)?;
    export::after_run(&folder, &arguments.record.live, !arguments.record.no_content, &given);
    Ok(code)
}
