//! The sprint itself: what is wanted next is measured and written down, until there is an answer.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use infercost_core::EnergyMeter;
use infercost_models::ResolvedModel;
use infercost_served::ServedOptions;
use infercost_sprint::journal::{Line, QualityLine, SPRINT_SCHEMA, Shown, VisitLine};
use infercost_sprint::race::RaceRules;
use infercost_sprint::{Elimination, Phase, Quality, Rules, Setting, Sprint, Step, Turn, Visit};

use super::SprintRequest;
use super::bench::{Bench, Place};
use super::folder::{Header, SprintFolder, free_id, named_or_newest};
use super::judging::judge;
use super::ledger::Ledger;
use super::outcome::SprintOutcome;
use super::plan::{self, Plan};
use super::visit::{Instruments, visit};
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
    request.budget = request.budget.max(Duration::try_from_secs_f64(header.budget_s).unwrap_or_default());
    request.wanted = header.wanted;
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
    meter: Box<dyn EnergyMeter>,
    unmetered: Option<String>,
    options: ServedOptions,
}

impl Prepared {
    fn of(request: &SprintRequest, overrides: &SettingsOverrides) -> anyhow::Result<Self> {
        if request.budget < SHORTEST {
            return Err(usage(format!(
                "--budget {} s is too small for one comparison: a setting is measured several times, each time beside the \
                 present one; give some minutes",
                request.budget.as_secs_f64()
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
        let plan = plan::plan(request, &models, &work)?;
        Ok(Self { work, plan, settings, models, meter: discovery.meter, unmetered, options })
    }

    fn header(&self, request: &SprintRequest) -> Header {
        let now = jiff::Timestamp::now();
        let models = self.models.iter().map(|model| (model.variant.to_string(), model.sha256.clone()));
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
            race: RaceRules { wanted: header.wanted, seed: header.seed, ..RaceRules::default() },
            pairs: PAIRS,
            alpha: ALPHA,
            budget_s: request.budget.as_secs_f64(),
        };
        let Plan { space, candidates, notes } = self.plan;
        let mut course = Course {
            sprint: Sprint::new(space.clone(), candidates, rules),
            bench: Bench::new(self.models, space, place),
            ledger: Ledger::new(&header.prices, header.targets)?,
            folder,
            elapsed_s: 0.0,
            visits: 0,
            quality_run: None,
        };
        course.replay(&lines)?;

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

/// A sprint under way, with what measures and remembers.
pub(super) struct Course {
    pub(super) sprint: Sprint,
    pub(super) bench: Bench,
    pub(super) ledger: Ledger,
    pub(super) folder: SprintFolder,
    pub(super) elapsed_s: f64,
    pub(super) visits: u64,
    pub(super) quality_run: Option<String>,
}

impl Course {
    /// Takes what an earlier part of the sprint has written down.
    fn replay(&mut self, lines: &[Line]) -> anyhow::Result<()> {
        for (index, line) in lines.iter().enumerate() {
            let at_s = match line {
                Line::Visit(line) => line.at_s,
                Line::Quality(line) => line.at_s,
            };
            let follows = match (self.sprint.next(at_s), line) {
                (Step::Visit(visit), Line::Visit(line)) if self.setting(visit.turn) == line.setting => {
                    self.take(visit, &line.shown)?;
                    true
                }
                (Step::Judge(candidate), Line::Quality(line))
                    if self.setting(Turn::Candidate(candidate)).as_ref() == Some(&line.setting) =>
                {
                    self.quality_run.clone_from(&line.run);
                    self.sprint.judge(line.quality.clone());
                    true
                }
                _ => false,
            };
            if !follows {
                return Err(usage(format!(
                    "{}: line {} does not follow from those before it: it was written by another version, or changed; \
                     start a new sprint",
                    self.folder.path.display(),
                    index + 1
                )));
            }
            self.elapsed_s = line.ended_s();
        }
        Ok(())
    }

    /// Measures until there is an answer.
    fn finish(
        &mut self,
        request: &SprintRequest,
        overrides: &SettingsOverrides,
        with: &mut Instruments<'_>,
    ) -> anyhow::Result<()> {
        let before_s = self.elapsed_s;
        let clock = Instant::now();
        let progress = console::activity();
        loop {
            self.elapsed_s = before_s + clock.elapsed().as_secs_f64();
            match self.sprint.next(self.elapsed_s) {
                Step::Done => return Ok(()),
                Step::Visit(wanted) => {
                    progress.show(&self.words(wanted));
                    let took = self.measure(wanted, with).with_context(|| self.cut_off())?;
                    self.check_budget(took, request)?;
                }
                Step::Judge(candidate) => {
                    progress.show("judging quality");
                    self.judge(candidate, request, overrides).with_context(|| self.cut_off())?;
                }
            }
        }
    }

    fn cut_off(&self) -> String {
        format!(
            "the sprint was cut off; what was measured is in {}, and the same command with `--resume` goes on",
            self.folder.path.display()
        )
    }

    /// One measurement; gives the seconds that it took.
    fn measure(&mut self, wanted: Visit, with: &mut Instruments<'_>) -> anyhow::Result<f64> {
        let setting = self.setting(wanted.turn);
        let whole = self.bench.space.present().over(&setting.clone().unwrap_or_default());
        let number = match wanted.phase {
            Phase::Race => wanted.round - 1,
            // fresh prompts where there are some
            Phase::Confirmation => wanted.round + self.sprint.rules().race.rounds,
        };
        let clock = Instant::now();
        let shown = visit(&mut self.bench, &whole, number, with)?;
        let took_s = clock.elapsed().as_secs_f64();

        let line = VisitLine {
            phase: wanted.phase,
            round: wanted.round,
            setting,
            at_s: self.elapsed_s,
            took_s,
            shown,
        };
        // a present setting that fails ends the sprint, and is tried again by whoever goes on: it leaves no line
        self.take(wanted, &line.shown)?;
        self.folder.append(&Line::Visit(Box::new(line)))?;
        Ok(took_s)
    }

    /// Hands on what a measurement showed.
    fn take(&mut self, visit: Visit, shown: &Shown) -> anyhow::Result<()> {
        self.visits += 1;
        let setting = self.setting(visit.turn).unwrap_or_default();
        let level = self.sprint.answer_level();
        let taken = self.ledger.take(&setting, shown, level);

        match (visit.turn, &taken) {
            (Turn::Present, Err(why)) => {
                let words = why_words(why);
                anyhow::bail!("the present setting cannot be measured: {words}; mend it first");
            }
            (Turn::Candidate(_), Err(why)) => {
                console::note(&format!("{setting}: {}", why_words(why)));
                self.bench.forget(&self.bench.space.present().over(&setting));
            }
            _ => {}
        }
        self.sprint.observe(taken);
        Ok(())
    }

    /// The quality of a confirmed setting.
    fn judge(
        &mut self,
        candidate: usize,
        request: &SprintRequest,
        overrides: &SettingsOverrides,
    ) -> anyhow::Result<()> {
        let setting = self.setting(Turn::Candidate(candidate)).unwrap_or_default();
        let whole = self.bench.space.present().over(&setting);
        let clock = Instant::now();

        let comparison = self.ledger.comparison(&setting);
        let may_change = self.sprint.space().may_change_answers(&whole);
        let (quality, run) = if let Some(reason) = self.ledger.misses_targets(&setting) {
            (Quality::Lost { reason }, None)
        } else if comparison.is_proven() && !may_change {
            (Quality::Proven { prompts: comparison.prompts }, None)
        } else {
            let judged = judge(&mut self.bench, &whole, request, overrides)?;
            (judged.quality, judged.run)
        };

        let line = QualityLine {
            setting,
            at_s: self.elapsed_s,
            took_s: clock.elapsed().as_secs_f64(),
            run: run.clone(),
            quality: quality.clone(),
        };
        self.folder.append(&Line::Quality(line))?;
        self.quality_run = run;
        self.sprint.judge(quality);
        Ok(())
    }

    /// After the first measurement: whether the budget holds two rounds.
    fn check_budget(&self, took_s: f64, request: &SprintRequest) -> anyhow::Result<()> {
        if self.visits != 1 {
            return Ok(());
        }
        let rules = self.sprint.rules();
        let count = self.sprint.settings().len();
        let round = count + 1 + count.div_ceil(rules.race.group);
        let needed = took_s * round as f64 * 2.0 / 0.45;
        let budget = request.budget.as_secs_f64();
        if needed <= budget {
            return Ok(());
        }
        Err(usage(format!(
            "the budget is too small: one measurement takes {took_s:.0} s, and two rounds over {count} settings need \
             --budget {:.0}m; vary less, ask less (--requests), or give more time",
            (needed / 60.0).ceil()
        )))
    }

    /// The setting of a turn as it differs from the present one; `None` for that one.
    pub(super) fn setting(&self, turn: Turn) -> Option<Setting> {
        match turn {
            Turn::Present => None,
            Turn::Candidate(index) => {
                let present = self.bench.space.present();
                self.sprint.settings().get(index).map(|setting| setting.against(&present))
            }
        }
    }

    fn words(&self, visit: Visit) -> String {
        let setting = self.setting(visit.turn).map_or_else(|| "as it is".to_owned(), |one| one.to_string());
        match visit.phase {
            Phase::Race => format!("round {}: {setting}", visit.round),
            Phase::Confirmation => format!("confirming, pair {}: {setting}", visit.round),
        }
    }
}

/// Why a setting has left, in words.
pub(super) fn why_words(why: &Elimination) -> String {
    use infercost_core::text::percent;
    match why {
        Elimination::SavesTooLittle { at_most } if *at_most <= 0.0 => "costs more".to_owned(),
        Elimination::SavesTooLittle { at_most } => format!("saves at most {}", percent(*at_most)),
        Elimination::NoBetter { .. } => "no better than the leader".to_owned(),
        Elimination::Failed { failure } => failure.to_string(),
        Elimination::WrongAnswers { reason } => format!("worse answers: {reason}"),
        Elimination::MissesTargets { reason } => format!("misses the targets: {reason}"),
    }
}
