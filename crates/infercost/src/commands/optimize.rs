//! `infercost optimize`: what could be changed, ranked by what it saves.

mod changed_requests;
mod other_hours;
mod other_places;
mod other_runs;
mod other_variants;

use std::process::ExitCode;

use infercost_core::price::PriceBook;
use infercost_core::{RunRecord, Workload};
use infercost_economics::optimization::{Basis, Change, Effect, Kind, rank};
use infercost_economics::{Scenario, bill, scenario};

use crate::arguments::economics::OptimizeCommand;
use crate::business::{self, Business};
use crate::{exit, output, run_folder};

/// Other runs looked at where none are named.
const OTHER_RUNS: usize = 8;
const CONFIDENCE: f64 = 0.95;

pub(crate) fn run(arguments: &OptimizeCommand) -> anyhow::Result<ExitCode> {
    let business = Business::read(&arguments.economics)?;
    let (first, others) = runs(arguments)?;
    let variant = business::variant(&first, arguments.economics.variant.as_deref())?;
    let workload = business::workload_of(&first, &variant, &arguments.economics)?;
    let book = business.book(&first.header.prices)?;
    let interest = business.load.interest.unwrap_or(0.0);
    let scenario = Scenario::of(&workload, &book, interest);
    let present = Present { run: &first, workload: &workload, book: &book, scenario, interest };
    let mut changes = other_variants::changes(&present)?;
    changes.extend(other_runs::changes(&present, &others, arguments));
    changes.push(changed_requests::shared_prefix(&present));
    changes.push(changed_requests::output_limit(&present));
    changes.push(other_hours::change(&present, &business, arguments)?);
    changes.extend(other_places::changes(&present, &business));
    let mut answer = rank(format!("{variant} in run {}", first.header.id), &present.scenario, changes);
    answer.assumptions = scenario::assumptions(&book, interest);
    answer.assumptions.push(scenario::utilization(&book));
    let mut notes = bill::stale(&answer.assumptions, business.today);
    notes.extend(business::notes(&book, &workload));
    if workload.joules.is_none() {
        notes.push(format!("Energy is left out of the cost: {}", workload.energy_note));
    }
    answer.notes.splice(0..0, notes);
    if arguments.economics.json {
        output::line(&serde_json::to_string_pretty(&answer)?);
    } else {
        output::block(&output::economics::optimize::render(&answer));
    }
    Ok(ExitCode::from(if answer.worthwhile > 0 { 0 } else { exit::INCONCLUSIVE }))
}

/// The run in use, and others over the same prompts.
fn runs(arguments: &OptimizeCommand) -> anyhow::Result<(RunRecord, Vec<RunRecord>)> {
    let traces = &arguments.economics.traces;
    let first = run_folder::named_or_newest(traces, arguments.runs.first().map(String::as_str))?;
    let named = arguments.runs.iter().skip(1).map(|name| run_folder::named(traces, name));
    let mut folders = named.collect::<anyhow::Result<Vec<_>>>()?;
    if arguments.runs.len() < 2 {
        let mut all = infercost_trace::list_runs(traces)?;
        all.reverse();
        folders.extend(all.into_iter().filter(|folder| *folder != first).take(OTHER_RUNS));
    }
    let first = infercost_trace::read_run(&first)?;
    let mut others = Vec::new();
    for folder in folders {
        let run = infercost_trace::read_run(&folder)?;
        let same = |run: &RunRecord| (run.header.prompts.sha256.clone(), run.header.prompts.chosen.clone());
        if same(&run) == same(&first) && run.header.id != first.header.id {
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
        let mut after = self.run.header.arguments.iter().skip_while(|argument| *argument != "--prompts");
        after.nth(1).map_or_else(String::new, |file| format!(" --prompts {file}"))
    }
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
