//! `infercost optimize`: what could be changed, ranked by what it saves.

mod changed_requests;
pub(crate) mod cost_review;
mod measure;
mod other_hours;
mod other_places;
mod other_runs;
mod other_variants;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use infercost_core::price::PriceBook;
use infercost_core::{RunRecord, VariantId, Workload};
use infercost_economics::optimization::{Basis, Change, Effect, Kind, rank};
use infercost_economics::{Scenario, bill, scenario};
use infercost_run::economics_inputs::{self, EconomicsInputs};
use infercost_run::{models, run_folder, shell};

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::economics::EconomicsFlags;
use crate::flags::measure::MeasureFlags;
use crate::output::answer::delivery::{self, deliver};
use crate::remote::RunsUsed;
use crate::{exit, output};

/// What --currency does here: a sprint's prices are those of `compare`.
const CURRENCY: &str = "Currency of the answer; prices in another are converted at a dated rate, or refused without one \
                        and with --measure";

/// What could be changed.
#[derive(Debug, Args)]
#[command(mut_arg("currency", |currency| currency.help(CURRENCY)))]
#[command(after_help = "Examples:
  infercost optimize
  infercost optimize traces/sample/20261129-144944 --variant full
  infercost optimize traces/mine traces/mine-with-one-thread --json
  infercost optimize --measure
  infercost optimize --measure model.gguf --concurrency 8 --slo ttft=2s \\
    --serve \"llama-server -m {model} --port {port} -np {np}\" \\
    --vary np=1,2,4,8
  infercost optimize --measure model.gguf --draft small.gguf \\
    --serve \"llama-server -m {model} --port {port}\"

The first run is what is in use now; other runs of the same prompts, named or newest below --traces, show what \
other threads, loads and models cost. With --measure, settings are tried here and now, and MODELs are named in \
place of runs; docs/optimize.md says how.

Exit codes: 0 an answer: a saving of a tenth or more, or that there is none; 3 not settled: a saving may be a \
tenth or not, or the budget of --measure did not decide it")]
pub(crate) struct OptimizeCommand {
    /// Runs: what is in use now, then others [default: the newest, then others below --traces]; with --measure, models
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,

    #[command(flatten)]
    pub(crate) economics: EconomicsFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,

    #[command(flatten)]
    pub(crate) measure: MeasureFlags,
}

impl OptimizeCommand {
    /// Which runs it works with.
    pub(crate) fn runs_used(&self) -> RunsUsed<'_> {
        match self.runs.as_slice() {
            // what is named then are models
            _ if self.measure.measure => RunsUsed::Folder,
            [] => RunsUsed::Listed { since: None, most: Some(1 + OTHER_RUNS) },
            [one] => RunsUsed::NamedAndNewest { name: one, others: OTHER_RUNS },
            all => RunsUsed::Named(all.iter().map(String::as_str).collect()),
        }
    }
}

/// Other runs looked at where none are named.
const OTHER_RUNS: usize = 8;
const CONFIDENCE: f64 = 0.95;

pub(crate) fn run(arguments: &OptimizeCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    if arguments.measure.measure {
        return measure::run(arguments, global);
    }

    let business = EconomicsInputs::read(arguments.economics.request(global))?;
    let (mut first, others) = runs(arguments, &business)?;
    let variant = economics_inputs::variant(&first, business.request.variant.as_deref())?;
    let workload = economics_inputs::workload_of(&first, &variant, &business.request)?;
    let book = business.book_for(&first.header, &workload, None)?;
    business.reprice(&mut first, book.currency)?;
    let interest = business.load.interest.unwrap_or(0.0);
    let scenario = Scenario::of(&workload, &book, interest);
    let present = Present { run: &first, workload: &workload, book: &book, scenario, interest };
    let mut changes = other_variants::changes(&present)?;
    changes.extend(other_runs::changes(&present, &others, &business));
    changes.push(changed_requests::shared_prefix(&present));
    changes.push(changed_requests::output_limit(&present));
    changes.push(other_hours::change(&present, &business)?);
    changes.extend(other_places::changes(&present, &business));
    let mut answer = rank(format!("{variant} in run {}", first.header.id), &present.scenario, changes);
    answer.assumptions = scenario::assumptions(&book, interest);
    answer.assumptions.push(scenario::utilization(&book));

    let mut findings = economics_inputs::unpriced(&book);
    findings.extend(bill::stale(&answer.assumptions, business.today));
    findings.extend(economics_inputs::findings(&book, &workload));
    answer.findings.precede(findings);

    let shown = output::economics::optimize::answer(&answer);
    deliver(&shown, &answer, None, &arguments.answer, global)?;

    Ok(ExitCode::from(if answer.settled { 0 } else { exit::INCONCLUSIVE }))
}

/// The run in use, and others over the same prompts.
fn runs(
    arguments: &OptimizeCommand,
    business: &EconomicsInputs,
) -> anyhow::Result<(RunRecord, Vec<RunRecord>)> {
    let traces = &business.request.traces;
    let first = run_folder::named_or_newest(traces, arguments.runs.first().map(String::as_str))?;
    let named = arguments.runs.iter().skip(1).map(|name| run_folder::named(traces, name));
    let mut folders = named.collect::<anyhow::Result<Vec<_>>>()?;
    if arguments.runs.len() < 2 {
        let all = run_folder::newest_first(traces)?;
        folders.extend(all.into_iter().filter(|folder| *folder != first).take(OTHER_RUNS));
    }

    let first = infercost_trace::read_run(&first)?;
    let mut others = Vec::new();
    for folder in folders {
        // one that cannot be read is no reason to say nothing of the others
        let run = match infercost_trace::read_run(&folder) {
            Ok(run) => run,
            Err(error) => {
                output::note(&format!("! {} is left aside: {error}", folder.display()));
                continue;
            }
        };
        let (ours, theirs) = (&first.header.prompts, &run.header.prompts);
        let is_same = (&ours.sha256, &ours.chosen) == (&theirs.sha256, &theirs.chosen);
        if is_same && run.header.id != first.header.id {
            others.push(run);
        } else if !arguments.runs.is_empty() {
            output::note(&format!("{} is left aside: it is not of the same prompts", folder.display()));
        }
    }

    Ok((first, others))
}

/// What is in use now.
struct Present<'a> {
    run: &'a RunRecord,
    workload: &'a Workload,
    book: &'a PriceBook,
    scenario: Scenario,
    interest: f64,
}

impl Present<'_> {
    /// The prompt set that the run was recorded with, as an argument.
    fn prompts(&self) -> String {
        let header = &self.run.header;
        let file = match &header.spec {
            Some(spec) => spec.prompts.clone(),
            None => recorded_prompts(&header.arguments).map(PathBuf::from),
        };
        shell::prompts_argument(file.as_deref())
    }

    /// A variant of the run in use, as it is named on a command line.
    fn word(&self, variant: &VariantId) -> String {
        models::word_of(self.run.header.spec.as_ref(), variant)
    }
}

/// The prompt set in the command line of a run that was recorded before there were specifications.
fn recorded_prompts(arguments: &[String]) -> Option<String> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--prompts") {
            Some("") => return arguments.next().cloned(),
            Some(rest) => return rest.strip_prefix('=').map(str::to_owned),
            None => {}
        }
    }
    None
}

/// What gets the model of this word, or that it is used as it lies.
fn apply(word: &str) -> String {
    if models::can_be_pulled(word) {
        format!("infercost models pull {word}")
    } else {
        format!("use {word} in its place")
    }
}

/// The model of a variant, where its name says it.
fn model(variant: &VariantId) -> Option<&str> {
    variant.as_str().rsplit_once('/').map(|(model, _)| model)
}

/// A change of which nothing is known yet but what it is.
fn unknown(kind: Kind, to: &str, quality: &str, command: &str) -> Change {
    Change {
        kind,
        to: to.to_owned(),
        basis: Basis::Unknown,
        saving: None,
        effect: Effect::None,
        quality: quality.to_owned(),
        command: command.to_owned(),
        confirm: None,
        why: String::new(),
    }
}
