//! `infercost optimize`: what could be changed, ranked by what it saves.

use std::process::ExitCode;

use infercost_analyzer::{Analysis, levers};
use infercost_economics::hosting::{Setting, host};
use infercost_economics::optimization::{Basis, Change, Effect, Kind, rank, saving_of};
use infercost_economics::wording::percent;
use infercost_economics::{Scenario, bill, scenario};
use infercost_prices::sections::exchange::convert_offer;
use infercost_schema::price::PriceBook;
use infercost_schema::report::CandidateReport;
use infercost_schema::{Policy, RunRecord, VariantId, Verdict, Workload};

use crate::arguments::economics::{LoadArguments, OptimizeCommand};
use crate::business::{self, Business};
use crate::commands::host::demand;
use crate::{exit, output};

mod hour;

use hour::hour;

/// Other runs looked at where none are named.
const OTHER_RUNS: usize = 8;
const CONFIDENCE: f64 = 0.95;

/// What is in use now.
struct Present<'a> {
    run: &'a RunRecord,
    workload: &'a Workload,
    book: &'a PriceBook,
    scenario: Scenario,
    interest: f64,
}

pub(crate) fn run(arguments: &OptimizeCommand) -> anyhow::Result<ExitCode> {
    let business = Business::read(&arguments.economics)?;
    let (first, others) = runs(arguments)?;
    let variant = business::variant(&first, arguments.economics.variant.as_deref())?;
    let workload = business::workload_of(&first, &variant, &arguments.economics)?;
    let book = business.book(&first.header.prices)?;
    let interest = business.load.interest.unwrap_or(0.0);
    let scenario = Scenario::of(&workload, &book, interest);
    let present = Present { run: &first, workload: &workload, book: &book, scenario, interest };
    let mut changes = variants(&present, &variant)?;
    changes.extend(of_other_runs(&present, &others, arguments)?);
    changes.push(prefix(&present, &variant));
    changes.push(limit(&present, &variant));
    changes.push(hour(&present, &business, arguments)?);
    changes.extend(place(&present, &business)?);
    let mut answer = rank(format!("{variant} in run {}", first.header.id), &present.scenario, changes);
    answer.assumptions = scenario::assumptions(&book, interest);
    answer.assumptions.push(scenario::utilisation(&book));
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
    let first = business::run_folder(traces, arguments.runs.first().map(String::as_str))?;
    let named = arguments.runs.iter().skip(1).map(|name| business::run_folder(traces, Some(name)));
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

/// The prompt set that the run was recorded with, as an argument.
fn prompts_of(run: &RunRecord) -> String {
    let after = run.header.arguments.iter().skip_while(|argument| *argument != "--prompts").nth(1);
    after.map_or_else(String::new, |file| format!(" --prompts {file}"))
}

/// Other variants of the run, judged as the report judges them.
fn variants(present: &Present<'_>, now: &VariantId) -> anyhow::Result<Vec<Change>> {
    let policy = Policy { confidence: CONFIDENCE, ..present.run.header.policy.clone() };
    let report = infercost_analyzer::report(&Analysis {
        runs: std::slice::from_ref(present.run),
        policy: &policy,
        prices: present.book,
        baseline: Some(now),
        memory_bandwidth: present.run.header.machine.memory_bandwidth,
    })?;
    let others =
        report.candidates.iter().filter(|candidate| candidate.variant != *now && !candidate.noise_floor);
    Ok(others.map(|candidate| of_candidate(present, now, candidate)).collect())
}

fn of_candidate(present: &Present<'_>, now: &VariantId, candidate: &CandidateReport) -> Change {
    let model = |id: &VariantId| id.as_str().rsplit_once('/').map(|(model, _)| model.to_owned());
    let other = &candidate.variant;
    let kind = if model(other) == model(now) { Kind::Variant } else { Kind::Model };
    let effect = match candidate.verdict {
        Verdict::Pass => Effect::Passes,
        Verdict::Fail => Effect::Fails,
        Verdict::Inconclusive => Effect::Unknown,
    };
    let quality = match candidate.verdict {
        Verdict::Pass => "stays within the thresholds".to_owned(),
        Verdict::Fail => {
            format!("fails: {}", candidate.reasons.first().map_or("a threshold", String::as_str))
        }
        Verdict::Inconclusive => {
            candidate.reasons.first().cloned().unwrap_or_else(|| "not judged".to_owned())
        }
    };
    let why = match &candidate.saving {
        Some(_) => format!("{} inferences beside those of {now}", candidate.inferences),
        None => {
            candidate.unknown.get("saving").cloned().unwrap_or_else(|| "the saving is unknown".to_owned())
        }
    };
    Change {
        kind,
        to: other.to_string(),
        basis: if candidate.saving.is_some() { Basis::Measured } else { Basis::Unknown },
        saving: candidate.saving,
        effect,
        quality,
        command: format!("infercost models pull {other}"),
        confirm: Some(format!(
            "infercost compare {now} {other} --baseline {now}{} --exhaustive",
            prompts_of(present.run)
        )),
        why,
    }
}

/// Threads, concurrency and other models, as other runs of the same prompts measured them.
fn of_other_runs(
    present: &Present<'_>,
    others: &[RunRecord],
    arguments: &OptimizeCommand,
) -> anyhow::Result<Vec<Change>> {
    let now = present.workload;
    let mut changes = Vec::new();
    for run in others {
        for header in run.header.variants.iter().filter(|header| !header.noise_floor) {
            let Ok(other) = business::workload_of(run, &header.id, &arguments.economics) else { continue };
            // Another machine is another question: `infercost replace` answers it.
            if other.machine != now.machine {
                continue;
            }
            let (kind, to) = if header.id != now.variant {
                let known = present.run.header.variants.iter().any(|one| one.id == header.id);
                let same = |id: &VariantId| id.as_str().rsplit_once('/').map(|(model, _)| model.to_owned());
                if known || same(&header.id) == same(&now.variant) {
                    continue;
                }
                (Kind::Model, format!("{} in run {}", header.id, run.header.id))
            } else if other.threads != now.threads {
                let threads =
                    other.threads.map_or("another number of".to_owned(), |threads| threads.to_string());
                (Kind::Threads, format!("{threads} threads"))
            } else if other.concurrency != now.concurrency {
                let point = other
                    .concurrency
                    .map_or("another load".to_owned(), |n| format!("{n} requests in flight"));
                (Kind::Concurrency, point)
            } else {
                continue;
            };
            changes.push(of_run(present, kind, to, &other));
        }
    }
    for (kind, command) in [
        (Kind::Threads, format!("infercost record {} --threads 1{}", now.variant, prompts_of(present.run))),
        (
            Kind::Concurrency,
            "record the same prompts with several requests in flight, and name that run here".to_owned(),
        ),
        (Kind::Model, format!("infercost compare {} SMALLER_MODEL{}", now.variant, prompts_of(present.run))),
    ] {
        if !changes.iter().any(|change| change.kind == kind) {
            changes.push(Change {
                kind,
                to: "not measured".to_owned(),
                basis: Basis::Unknown,
                saving: None,
                effect: Effect::Unknown,
                quality: "unknown".to_owned(),
                command,
                confirm: None,
                why: "no other run of the same prompts shows it".to_owned(),
            });
        }
    }
    Ok(changes)
}

fn of_run(present: &Present<'_>, kind: Kind, to: String, other: &Workload) -> Change {
    let now = present.workload;
    let saving = saving_of(&present.scenario, &Scenario::of(other, present.book, present.interest));
    let prompts = prompts_of(present.run);
    let (effect, quality, command) = match kind {
        Kind::Threads => {
            let threads = other.threads.map_or_else(String::new, |threads| format!(" --threads {threads}"));
            (
                Effect::None,
                "none: the same weights",
                format!("infercost record {}{threads}{prompts}", now.variant),
            )
        }
        Kind::Concurrency => (
            Effect::None,
            "none, but each answer may take longer",
            "serve with that many requests in flight".to_owned(),
        ),
        _ => (
            Effect::Unknown,
            "judge it with the confirming command",
            format!("infercost models pull {}", other.variant),
        ),
    };
    let (saving, why) = match saving {
        Ok(saving) => (Some(saving), format!("run {} against {}, as independent runs", other.run, now.run)),
        Err(why) => (None, why),
    };
    Change {
        kind,
        to,
        basis: if saving.is_some() { Basis::Measured } else { Basis::Unknown },
        saving,
        effect,
        quality: quality.to_owned(),
        command,
        confirm: (kind == Kind::Model).then(|| {
            format!("infercost compare {} {} --baseline {}{prompts}", now.variant, other.variant, now.variant)
        }),
        why,
    }
}

fn computed(kind: Kind, to: &str, quality: &str, command: &str) -> Change {
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

fn prefix(present: &Present<'_>, variant: &VariantId) -> Change {
    let change = computed(
        Kind::SharedPrefix,
        "keep the cache of what prompts begin with",
        "none: the same tokens are computed once",
        "serve with a prefix cache: `llama-server --cache-reuse 1`, or vLLM's `--enable-prefix-caching`",
    );
    match levers::shared_prefix(present.run, variant, CONFIDENCE) {
        Ok(found) => Change {
            basis: Basis::Computed,
            saving: Some(found.time_saved),
            why: format!(
                "{} of the prompts' text repeats how an earlier one began; prefill is taken to fall with it, the cost with time",
                percent(found.text_share)
            ),
            ..change
        },
        Err(why) => Change { why, ..change },
    }
}

fn limit(present: &Present<'_>, variant: &VariantId) -> Change {
    match levers::output_limit(present.run, variant, CONFIDENCE) {
        Ok(found) => {
            let lost = found.right_and_cut.map_or("unknown: nothing was graded".to_owned(), |lost| {
                format!(
                    "cuts {} of the answers; the task score loses at most {}",
                    percent(found.cut),
                    percent(lost)
                )
            });
            let effect = if found.right_and_cut == Some(0.0) { Effect::None } else { Effect::Unknown };
            let to = format!("at most {} tokens", found.limit);
            let command = format!("set \"max_tokens\": {} on the prompts", found.limit);
            Change {
                basis: Basis::Computed,
                saving: Some(found.time_saved),
                effect,
                why: "time behind that token, as each arrived; the cost is taken to fall with time"
                    .to_owned(),
                ..computed(Kind::OutputLimit, &to, &lost, &command)
            }
        }
        Err(why) => Change {
            why,
            ..computed(Kind::OutputLimit, "a shorter limit", "unknown", "set \"max_tokens\" on the prompts")
        },
    }
}

/// The offers of the settings against what is in use, at the load of the settings.
fn place(present: &Present<'_>, business: &Business) -> anyhow::Result<Vec<Change>> {
    let change = computed(Kind::Place, "somewhere else", "unknown", "infercost host");
    let offers: Result<Vec<_>, _> = business
        .offers
        .iter()
        .map(|offer| convert_offer(offer, present.book.currency, &business.rates))
        .collect();
    let Ok(offers) = offers else {
        let why = "an offer is in another currency, and no exchange rate is known".to_owned();
        return Ok(vec![Change { why, ..change }]);
    };
    if offers.is_empty() {
        let why = "no [[offers]] are given in infercost.toml".to_owned();
        return Ok(vec![Change { why, ..change }]);
    }
    let demand = demand(&LoadArguments::default(), business, present.book);
    let setting = Setting::of(present.scenario.clone(), present.workload, demand);
    let hosting = host(String::new(), &setting, &offers);
    let savings = hosting.savings_against_own(&setting, &offers);
    Ok(savings
        .into_iter()
        .map(|(name, kind, saving)| {
            let quality =
                if kind == "api" { "unknown: another model answers" } else { "none: the same weights" };
            let effect = if kind == "api" { Effect::Unknown } else { Effect::None };
            let (basis, saving, why) = match saving {
                Ok(saving) => (
                    Basis::Computed,
                    Some(saving),
                    "by `infercost host`, at the load of the settings".to_owned(),
                ),
                Err(why) => (Basis::Unknown, None, why),
            };
            Change {
                to: format!("{name} ({kind})"),
                basis,
                saving,
                effect,
                quality: quality.to_owned(),
                why,
                ..change.clone()
            }
        })
        .collect())
}
