//! How a sprint begins, and how one that was cut off goes on: all that can be refused is refused here.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::EnergyMeter;
use infercost_core::text::count;
use infercost_models::ResolvedModel;
use infercost_served::ServedOptions;
use infercost_sprint::journal::{Line, SPRINT_SCHEMA};
use infercost_sprint::race::RaceRules;
use infercost_sprint::{Rules, Sprint};

use super::SprintRequest;
use super::bench::{Bench, Place};
use super::course::Course;
use super::draft::Draft;
use super::folder::{Header, SprintFolder, free_id, named_or_newest};
use super::ledger::Ledger;
use super::outcome::SprintOutcome;
use super::plan::{self, Plan};
use super::visit::Instruments;
use super::workload::{Pace, Work};
use crate::config::{Settings, SettingsOverrides};
use crate::console;
use crate::coverage;
use crate::served_energy;
use crate::usage::usage;
use crate::{engines, models, run_folder, stopping};

/// Shorter than this, no comparison can be made.
const SHORTEST: Duration = Duration::from_secs(20);
/// Pairs of a confirmation at most.
const PAIRS: u32 = 12;
/// The chance that a sprint names a setting that saves nothing.
const ALPHA: f64 = 0.05;
/// Prompts that are answered before the first one that counts: the second tells what an undisturbed request takes.
const WARM_UPS: u32 = 2;

/// Runs a sprint. Everything that can be refused is refused before a model is fetched or a server started.
///
/// # Errors
/// What is wrong with the request, or why the sprint ended early; what was measured by then is in its folder.
pub fn run(request: &SprintRequest, overrides: &SettingsOverrides) -> anyhow::Result<SprintOutcome> {
    let prepared = Prepared::of(request, overrides)?;
    let header = prepared.header(request);
    let folder = SprintFolder::create(&request.run.traces, &header)?;
    prepared.go(request, overrides, header, folder, Vec::new())
}

/// Goes on with a sprint that was cut off: the named one, or the newest.
///
/// # Errors
/// As [`run`]; a usage error where the models, the workload or the settings are no longer the same.
pub fn resume(
    request: &SprintRequest,
    name: Option<&str>,
    overrides: &SettingsOverrides,
) -> anyhow::Result<SprintOutcome> {
    let path = named_or_newest(&request.run.traces, name)?;
    let (folder, header, lines) = SprintFolder::resume(path)?;
    let mut request = request.clone();
    request.wanted = header.wanted;
    request.exhaustive = header.exhaustive;
    request.run.spec.sampling.seed = header.seed;

    let prepared = Prepared::of(&request, overrides)?;
    let now = prepared.header(&request);
    let same = [
        (now.models == header.models, "the models"),
        (now.workload_sha256 == header.workload_sha256, "the workload"),
        (now.settings == header.settings && now.present == header.present, "what is varied"),
        (now.targets == header.targets, "the latency targets"),
    ];
    if let Some((_, what)) = same.iter().find(|(same, _)| !same) {
        return Err(usage(format!(
            "{}: {what} differ from those of the sprint that was cut off; give them as they were, or start a new one",
            folder.path.display()
        )));
    }
    prepared.go(&request, overrides, header, folder, lines)
}

/// Everything that a sprint needs before its first measurement.
struct Prepared {
    work: Work,
    plan: Plan,
    settings: Settings,
    models: Vec<ResolvedModel>,
    draft: Option<Draft>,
    meter: Box<dyn EnergyMeter>,
    unmetered: Option<String>,
    options: ServedOptions,
}

impl Prepared {
    fn of(request: &SprintRequest, overrides: &SettingsOverrides) -> anyhow::Result<Self> {
        if request.budget < SHORTEST {
            return Err(usage(format!(
                "--budget {} s is too small for one comparison: a setting is measured several times, each time in turn \
                 with the present one; give at least {} s",
                request.budget.as_secs_f64(),
                SHORTEST.as_secs()
            )));
        }
        if !(request.wanted > 0.0 && request.wanted < 1.0) {
            return Err(usage("--saving must be above 0 and below 1"));
        }
        plan::check(request)?;
        let work = Work::of(request)?;
        let is_served = request.run.serve.is_some();
        if !is_served && matches!(work.pace, Pace::InFlight(_)) {
            return Err(usage(
                "--concurrency: a model in process answers one request at a time; give a server's command with --serve",
            ));
        }
        let mut work = work;
        if !is_served && matches!(work.pace, Pace::AtTimes(_)) {
            work.notes.push(
                "a model in process answers one request at a time: what waits for it is not in its latencies"
                    .to_owned(),
            );
        }
        run_folder::probe(&request.run.traces)?;
        let settings = overrides.for_new_run(is_served)?;
        let options = ServedOptions {
            sampling: request.run.spec.sampling.clone(),
            ..engines::served_options(&request.run)?
        };

        served_energy::one_machine(&request.run.spec.models, &request.run.meter()?.choice)?;
        let (discovery, boundary) =
            coverage::discover(&request.run, &infercost_energy::WatchedProcesses::default())?;
        let place = coverage::Place::of(None, &request.run);
        let unmetered = boundary.gap(&place).map(|gap| gap.text());

        let models = baseline_first(request)?;
        plan::check_models(&models)?;
        let draft = Draft::of(request)?;
        if let Some(draft) = &draft {
            work.notes.push(format!("{{draft}} is {}", draft.model.variant));
        }
        let plan = plan::plan(request, &models, &work)?;
        Ok(Self { work, plan, settings, models, draft, meter: discovery.meter, unmetered, options })
    }

    fn header(&self, request: &SprintRequest) -> Header {
        let now = jiff::Timestamp::now();
        let drafting =
            self.draft.iter().map(|draft| (format!("draft {}", draft.model.variant), &draft.model));
        let named = self.models.iter().map(|model| (model.variant.to_string(), model));
        let models = named.chain(drafting).map(|(name, model)| (name, model.sha256.clone()));
        Header {
            schema: SPRINT_SCHEMA.to_owned(),
            id: free_id(&request.run.traces, now),
            started_at: now,
            infercost_version: env!("CARGO_PKG_VERSION").to_owned(),
            models: models.collect(),
            settings: self.plan.candidates.settings.clone(),
            present: self.plan.space.present(),
            are_single: self.plan.candidates.are_single,
            workload: self.work.name.clone(),
            workload_sha256: self.work.sha256.clone(),
            budget_s: request.budget.as_secs_f64(),
            wanted: request.wanted,
            exhaustive: request.exhaustive,
            seed: request.run.spec.sampling.seed,
            prices: self.settings.prices.clone(),
            targets: self.settings.policy.slo,
        }
    }

    /// Goes on behind the lines that there are.
    fn go(
        mut self,
        request: &SprintRequest,
        overrides: &SettingsOverrides,
        header: Header,
        folder: SprintFolder,
        lines: Vec<Line>,
    ) -> anyhow::Result<SprintOutcome> {
        for note in self.work.notes.iter().chain(&self.plan.notes) {
            console::note(note);
        }
        let stop = stopping::on_interrupt();
        let place = place(request, &self.options, &stop)?;
        let rules = Rules {
            race: RaceRules {
                wanted: header.wanted,
                exhaustive: header.exhaustive,
                seed: header.seed,
                ..RaceRules::default()
            },
            pairs: PAIRS,
            alpha: ALPHA,
            budget_s: header.budget_s,
        };
        let Plan { space, candidates, notes } = self.plan;
        let mut course = Course {
            sprint: Sprint::new(space.clone(), candidates, rules),
            bench: Bench::new(self.models, space, place, self.draft),
            ledger: Ledger::new(&header.prices, header.targets)?,
            folder,
            elapsed_s: 0.0,
            visits: 0,
            confirmation_visits: 0,
            requests: self.work.requests.usual,
            quality_run: None,
        };
        course.replay(&lines)?;
        course.extend_budget(request.budget.as_secs_f64())?;

        let mut instruments = Instruments {
            work: &self.work,
            meter: self.meter.as_mut(),
            unmetered: self.unmetered.clone(),
            sampling: request.run.spec.sampling.clone(),
            targets: header.targets,
            warm_ups: WARM_UPS,
            limit: request.run.request_timeout()?.min(request.budget),
            stop: &stop,
        };
        course.finish(request, overrides, &mut instruments)?;

        let mut all_notes = self.work.notes.clone();
        all_notes.extend(notes);
        let usual = self.work.requests.usual;
        if course.requests < usual {
            let requests = count(course.requests as u64, "request");
            all_notes.push(format!(
                "each measurement had {requests} and not {usual}, so that two rounds fit the budget"
            ));
        }
        SprintOutcome::of(&mut course, request, &header, &self.work, all_notes)
    }
}

/// The models, the present one first: the named baseline, else full precision, else the first.
fn baseline_first(request: &SprintRequest) -> anyhow::Result<Vec<ResolvedModel>> {
    let spec = &request.run.spec;
    if let Some(name) = &spec.baseline {
        models::check_baseline(&spec.models, name)?;
    }
    let mut resolved = models::resolve(&spec.models, request.run.offline)?;
    let found = match &spec.baseline {
        Some(name) => resolved.iter().position(|model| model.is_named(name, true)),
        None => resolved.iter().position(|model| model.is_full_precision),
    };
    if let Some(place) = found {
        let first = resolved.remove(place);
        resolved.insert(0, first);
    }
    if resolved.is_empty() { Err(usage("no model to measure")) } else { Ok(resolved) }
}

fn place(request: &SprintRequest, options: &ServedOptions, stop: &Arc<AtomicBool>) -> anyhow::Result<Place> {
    Ok(match &request.run.serve {
        None => Place::Here { device: request.run.device()?, threads: request.run.spec.threads },
        Some(serve) => Place::Served {
            command: serve.command.clone(),
            options: Box::new(options.clone()),
            timeout: serve.timeout,
            stop: Arc::clone(stop),
            folder: request.run.traces.clone(),
        },
    })
}
