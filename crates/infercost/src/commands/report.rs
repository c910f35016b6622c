//! `infercost report`: the answer, computed from traces alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use infercost_analyzer::Analysis;
use infercost_core::report::Report;
use infercost_core::{RunRecord, VariantId};
use infercost_run::config::SettingsOverrides;
use infercost_run::foreign_traces::is_foreign;
use infercost_run::usage;
use infercost_run::{baseline, run_folder};
use regex::Regex;

use crate::commands::foreign;
use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::judge::JudgeFlags;
use crate::flags::page::PageFlags;
use crate::flags::pattern::pattern;
use crate::output;
use crate::output::answer::delivery::{self, Draw, deliver};
use crate::output::page::Texts;
use crate::remote::RunsUsed;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost report
      the newest run
  infercost report traces/20261122-101500 --explain
  infercost report RUN --html report.html --open
  infercost report RUN --export report.md --export report.svg
  infercost report --all --format csv
  infercost report phoenix:http://localhost:6006/my-app
      another program's traces

Exit codes: 0 a variant is recommended: switch, or keep the baseline; 3 inconclusive: more prompts, or a quieter \
machine, would be needed; 4 no candidate stays within the limits")]
pub(crate) struct ReportCommand {
    /// Run folders, or run ids below --traces [default: the newest run]; or another program's traces: a file of
    /// OTLP (JSON Lines or protobuf), or phoenix:http://host:6006/PROJECT
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,

    /// Report on all runs below --traces, the oldest first
    #[arg(long, conflicts_with = "runs")]
    pub(crate) all: bool,

    /// Variant that the others are compared with [default: as recorded]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) baseline: Option<String>,

    /// Keep prompts and answers out of the page
    #[arg(long, requires = "html")]
    pub(crate) no_content: bool,

    /// Replace what matches this regular expression in the page's prompts and answers; may be repeated
    #[arg(long, value_name = "REGEX", requires = "html", value_parser = pattern)]
    pub(crate) redact: Vec<Regex>,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,

    #[command(flatten)]
    pub(crate) page: PageFlags,

    #[command(flatten)]
    pub(crate) judge: JudgeFlags,
}

impl ReportCommand {
    /// Which runs are read.
    pub(crate) fn runs_used(&self) -> RunsUsed<'_> {
        if self.all { RunsUsed::All } else { RunsUsed::Named(self.runs.iter().map(String::as_str).collect()) }
    }
}

/// What is printed of a report, and where its page goes.
pub(crate) struct Printing<'a> {
    pub(crate) global: &'a GlobalFlags,
    pub(crate) answer: &'a AnswerFlags,
    pub(crate) page: &'a PageFlags,
    pub(crate) texts: Texts,
}

pub(crate) fn run(arguments: &ReportCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let given = SettingsOverrides::read(&arguments.judge.policy(global))?;
    output::page::check(&arguments.page)?;
    delivery::check(&arguments.answer, true)?;
    if arguments.runs.first().is_some_and(|name| is_foreign(name)) {
        return foreign::run(&arguments.runs, &given, &arguments.answer, global);
    }
    let folders = if arguments.all {
        all(&global.traces)?
    } else if arguments.runs.is_empty() {
        vec![run_folder::named_or_newest(&global.traces, None)?]
    } else {
        let named = arguments.runs.iter().map(|name| run_folder::named(&global.traces, name));
        named.collect::<anyhow::Result<_>>()?
    };

    let texts = Texts { left_out: arguments.no_content, redact: arguments.redact.clone() };
    let printing = Printing { global, answer: &arguments.answer, page: &arguments.page, texts };
    print(&folders, arguments.baseline.as_deref(), &given, &printing)
}

/// Every run, the oldest first: the baseline is that of the first.
fn all(traces: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = run_folder::newest_first(traces)?;
    folders.reverse();
    if folders.is_empty() {
        return Err(usage(format!("no run below {}; `infercost compare` makes one", traces.display())));
    }
    Ok(folders)
}

/// What the chart of cost against quality lacks.
fn undrawn(report: &Report) -> String {
    let candidates = &report.candidates;
    let costs = candidates.iter().filter(|one| one.cost.per_inference.is_some()).count();
    let needed = "the chart shows cost against quality, and needs two variants with both";

    if candidates.len() < 2 {
        format!("{needed}; here is one variant")
    } else if costs < 2 {
        format!("{needed}; the cost of {costs} of {} is known", candidates.len())
    } else {
        format!(
            "{needed}; neither task scores nor divergences of two are known, which need prompts with a grader, or models in process"
        )
    }
}

/// Reads the runs, computes the report and prints it.
pub(crate) fn print(
    folders: &[PathBuf],
    baseline: Option<&str>,
    given: &SettingsOverrides,
    printing: &Printing<'_>,
) -> anyhow::Result<ExitCode> {
    // only a page shows prompts and answers
    let read = match printing.page.html {
        Some(_) => infercost_trace::read_run,
        None => infercost_trace::read_run_without_texts,
    };
    let mut runs: Vec<RunRecord> =
        folders.iter().map(|folder| Ok(read(folder)?)).collect::<anyhow::Result<_>>()?;
    infercost_analyzer::separate_machines(&mut runs);
    let Some(first) = runs.first() else { return Err(usage("no run to report on")) };
    let settings = given.over(&first.header.policy, &first.header.prices)?;
    let machine_prices = given.machine_prices(&runs, &settings)?;
    let (machine, spec) = (first.header.machine.clone(), first.header.spec.clone());
    let currency = machine_prices.first().map_or(settings.prices.currency, |own| own.prices.currency);
    given.reprice(&mut runs, currency)?;
    let variants = runs.iter().flat_map(|run| &run.header.variants).map(|variant| &variant.id);
    let variants: Vec<&VariantId> = variants.collect();
    let baseline = baseline.map(|name| baseline::named(&variants, name)).transpose()?;
    let report = infercost_analyzer::report(&Analysis {
        runs: &runs,
        policy: &settings.policy,
        prices: &settings.prices,
        machine_prices: &machine_prices,
        baseline,
        memory_bandwidth: machine.memory_bandwidth,
    })?;

    output::page::write(printing.page, &report, &runs, &printing.texts)?;
    let answer = output::table::answer(&report, folders, spec.as_ref());
    let draw: Draw<'_> = &|| infercost_page::cost_against_quality(&report).ok_or_else(|| undrawn(&report));
    deliver(&answer, &report, Some(draw), printing.answer, printing.global)?;

    // the program ends here, and the system takes a million records back faster than they are given back one by one
    std::mem::forget(runs);
    Ok(exit::of_report(&report))
}
