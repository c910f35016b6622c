//! `infercost compare`: record, then report over the same files.

use std::process::ExitCode;

use clap::Args;
use infercost_core::RunSpec;
use infercost_run::config::SettingsOverrides;
use infercost_run::exporting;
use infercost_run::usage;

use crate::commands::report::Printing;
use crate::commands::{record, report};
use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::judge::JudgeFlags;
use crate::flags::page::PageFlags;
use crate::flags::record::RecordFlags;
use crate::output;
use crate::output::answer::delivery;
use crate::output::page::Texts;
use crate::remote;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost compare
  infercost compare smollm2-135m-instruct/full smollm2-135m-instruct/q6_k \\
    --prompts mine.jsonl
  infercost compare ./some.gguf ./other.gguf --prompts mine.jsonl \\
    --baseline other --json
  infercost compare model/q8_0 http://127.0.0.1:8080/v1#m --concurrency 1,2,4
      a server next to it, alone and under load
  infercost compare model.gguf --estimate \\
    --hosted https://api.openai.com/v1#gpt-4o-mini=0.15/0.60
      a hosted API, paid by its tokens (OPENAI_API_KEY)
  infercost compare --resume
      resume the newest run that was interrupted

Exit codes: 0 a variant is recommended: switch, or keep the baseline; 3 inconclusive: more prompts, or a quieter \
machine, would be needed; 4 no candidate stays within the limits; 5 no meter, with --require-measured")]
pub(crate) struct CompareCommand {
    #[command(flatten)]
    pub(crate) record: RecordFlags,
    #[command(flatten)]
    pub(crate) judge: JudgeFlags,
    #[command(flatten)]
    pub(crate) answer: AnswerFlags,

    #[command(flatten)]
    pub(crate) page: PageFlags,
}

/// `earlier` reads the command line of a run that was recorded before there were specifications.
pub(crate) fn run(
    arguments: &CompareCommand,
    global: &GlobalFlags,
    earlier: &dyn Fn(&[String]) -> Option<RunSpec>,
) -> anyhow::Result<ExitCode> {
    // a run that is resumed says itself whether it has a load test
    let (record, judge) = (&arguments.record, &arguments.judge);
    if judge.slo.is_some() && record.resume.is_none() && record.load.spec().is_none() {
        return Err(usage(
            "--slo needs --concurrency, --rate or --sweep: targets are kept under load, or not",
        ));
    }

    let given = SettingsOverrides::read(&arguments.judge.policy(global))?;
    output::page::check(&arguments.page)?;
    delivery::check(&arguments.answer, true)?;
    let request = arguments.record.request(global);
    let folder = record::record(&arguments.record, &request, &given, earlier)?;

    let printing =
        Printing { global, answer: &arguments.answer, page: &arguments.page, texts: Texts::default() };
    let code = report::print(std::slice::from_ref(&folder), None, &given, &printing)?;
    exporting::after_run(&folder, &request, &given);
    let is_pushed = remote::push_recorded(&folder, global);
    Ok(if is_pushed { code } else { exit::of_sending(false) })
}
