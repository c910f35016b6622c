//! `infercost record`: measures, and leaves a trace.

use std::cell::RefCell;
use std::env;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::Parser as _;
use infercost_energy::{Discovery, EnergyMeter, MeterBasis, WatchedProcesses};
use infercost_engine::{CandleDevice, Engine, EngineError};
use infercost_export::Destination;
use infercost_harness::machine::CpuTicks;
use infercost_harness::{Completed, Contestant, LoadPlan, Plan, Prepared, prepare};
use infercost_models::{ModelLocation, ResolvedModel};
use infercost_schema::run::{PromptSelection, RUN_SCHEMA, VariantHeader};
use infercost_schema::{
    Bytes, EngineIdentity, MachineFacts, OperatingPoint, Prompt, RunHeader, RunId, RunRecord, Sampling,
    VariantId,
};
use infercost_served::{ServedAddress, ServedOptions};
use infercost_trace::RunStore;

use crate::arguments::{Cli, Command, RecordArguments, RecordCommand};
use crate::commands::doctor::{described, discover_watching, facts, gpus};
use crate::commands::export;
use crate::config::{Given, Settings};
use crate::early_stop::{self, EarlyStop};
use crate::exit::usage;
use crate::export_arguments::recordable;
use crate::exporting::live::Following;
use crate::exporting::metrics::Live;
use crate::load_arguments::LoadArguments;
use crate::output;
use crate::output::progress::RunProgress;
use crate::recording::{Content, Recorder, completed};
use crate::serving::{LogFile, ServeCommand};
use crate::{calibration, energy_of_servers, engines, exporting, guards, models, prompts, stopping};

pub(crate) fn run(arguments: &RecordCommand) -> anyhow::Result<ExitCode> {
    let given = Given::read(&arguments.judge)?;
    let folder = record(&arguments.record, &given)?;
    export::after_run(&folder, &arguments.record.live, !arguments.record.no_content, &given);
    output::line(&folder.display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// Measures and returns the run's folder. Everything that can be refused is refused before models are fetched.
pub(crate) fn record(arguments: &RecordArguments, given: &Given) -> anyhow::Result<PathBuf> {
    if let Some(name) = &arguments.resume {
        return resume(arguments, name);
    }
    let is_address = |model: &String| ServedAddress::is_meant(model);
    let servers = arguments.load.serve.is_some() || arguments.models.iter().any(is_address);
    let settings = given.for_new_run(servers)?;
    energy_of_servers::one_machine(&arguments.models, &arguments.meter)?;
    let wire = exporting::live::destination(arguments)?;
    let (selection, prompts) = prompts::select(arguments)?;
    probe_folder(&arguments.traces)?;
    let servers = Servers::of(arguments)?;
    let discovery = discover_watching(&arguments.meter, &servers.watched)?;
    let models = contestants(arguments)?;
    let wire = Wire { live: arguments, destination: wire };
    let setup = Setup { arguments, selection, prompts, models, settings, servers, wire };
    setup.start(discovery)
}

/// Goes on with a run that was cut off, with the arguments that began it.
fn resume(arguments: &RecordArguments, name: &str) -> anyhow::Result<PathBuf> {
    let folder =
        if name.is_empty() { newest_unfinished(&arguments.traces)? } else { find(&arguments.traces, name)? };
    let (store, before) = RunStore::resume(&folder)?;
    if before.finished_at.is_some() {
        output::note(&format!("{} is complete; nothing to resume", folder.display()));
        return Ok(folder);
    }
    let wire = Wire { live: arguments, destination: exporting::live::destination(arguments)? };
    let recorded = recorded_arguments(&before.header)?;
    let (selection, prompts) = prompts::select(&recorded)?;
    if selection != before.header.prompts {
        return Err(usage(format!(
            "{}: the prompt set `{}` has changed since this run began; start a new run",
            folder.display(),
            selection.set
        )));
    }
    let servers = Servers::of(&recorded)?;
    let discovery = discover_watching(&recorded.meter, &servers.watched)?;
    let models = contestants(&recorded)?;
    let settings = Settings { policy: before.header.policy.clone(), prices: before.header.prices.clone() };
    let setup = Setup { arguments: &recorded, selection, prompts, models, settings, servers, wire };
    setup.go_on(discovery, store, &before)
}

/// Everything a run needs before the first model is loaded.
struct Setup<'a> {
    arguments: &'a RecordArguments,
    selection: PromptSelection,
    prompts: Vec<Prompt>,
    /// Baseline first.
    models: Vec<Contender>,
    settings: Settings,
    servers: Servers,
    wire: Wire<'a>,
}

/// Where the run is sent while it is recorded: as the command line says now, and not as it was when it began.
struct Wire<'a> {
    live: &'a RecordArguments,
    destination: Option<Destination>,
}

/// What is needed to ask servers, and to start them.
struct Servers {
    command: Option<ServeCommand>,
    options: ServedOptions,
    /// Processes whose CPU time an estimate counts.
    watched: WatchedProcesses,
    /// Set by Ctrl-C. It is looked for from the start where servers are started, so that they are stopped again.
    stop: Arc<AtomicBool>,
    /// Logs of servers that were started.
    logs: RefCell<Vec<(VariantId, LogFile)>>,
}

impl Servers {
    fn of(arguments: &RecordArguments) -> anyhow::Result<Self> {
        let command = arguments.load.serve.as_deref().map(ServeCommand::parse).transpose()?;
        let stop =
            if command.is_some() { stopping::on_interrupt() } else { Arc::new(AtomicBool::new(false)) };
        Ok(Self {
            command,
            options: engines::served_options(&arguments.load)?,
            watched: WatchedProcesses::default(),
            stop,
            logs: RefCell::default(),
        })
    }

    /// Moves the logs into the run's folder, but not those of a run that keeps texts out: servers log prompts.
    fn keep_logs(&self, folder: &Path, arguments: &RecordArguments) {
        let logs = self.logs.take();
        let is_whole = !arguments.no_content && arguments.live.redact.is_empty();
        if !is_whole && !logs.is_empty() {
            let flag = if arguments.no_content { "--no-content" } else { "--redact" };
            output::note(&format!("what the servers log is not kept, since it may hold texts ({flag})"));
        }
        for (variant, log) in logs {
            let kept = if is_whole { log.move_into(folder, &variant) } else { log.discard() };
            if let Err(error) = kept {
                output::note(&format!("! the log of the server of {variant} could not be put away: {error}"));
            }
        }
    }
}

/// A model and the name under which it takes part.
struct Contender {
    id: VariantId,
    model: ResolvedModel,
    noise_floor: bool,
}

impl Setup<'_> {
    fn start(self, discovery: Discovery) -> anyhow::Result<PathBuf> {
        let Discovery { mut meter, basis, .. } = discovery;
        let prepared = self.prepare(meter.as_mut())?;
        let header = self.header(&prepared, meter.as_ref());
        let store = RunStore::create(&self.arguments.traces, &header)?;
        self.drive(prepared, meter.as_mut(), basis, store, None)
    }

    fn go_on(self, discovery: Discovery, store: RunStore, before: &RunRecord) -> anyhow::Result<PathBuf> {
        let Discovery { mut meter, basis, .. } = discovery;
        let prepared = self.prepare(meter.as_mut())?;
        let header = self.header(&prepared, meter.as_ref());
        for (now, then) in header.variants.iter().zip(&before.header.variants) {
            if now.id != then.id || now.engine.weights_sha256 != then.engine.weights_sha256 {
                return Err(usage(format!("{} has changed since this run began; start a new run", then.id)));
            }
        }
        self.drive(prepared, meter.as_mut(), basis, store, Some(before))
    }

    fn prepare(&self, meter: &mut dyn EnergyMeter) -> anyhow::Result<Prepared> {
        let device = self.arguments.device;
        let contestants = self
            .models
            .iter()
            .map(|contender| Contestant {
                variant: contender.id.clone(),
                load: Box::new(move || self.load(contender, device)),
            })
            .collect();
        let progress = output::progress::Spinner::new();
        let mut on_load = |variant: &VariantId| progress.show(&format!("loading {variant}"));
        Ok(prepare(contestants, &self.prompts, meter, IDLE_TIME, &mut on_load)?)
    }

    /// Loads a model in process, starts a server for it, or asks the one that it names.
    fn load(&self, contender: &Contender, device: CandleDevice) -> Result<Box<dyn Engine>, EngineError> {
        let Contender { id, model, .. } = contender;
        let Servers { command, options, stop, logs, .. } = &self.servers;
        if let ModelLocation::Server { url, served_name } = &model.location {
            return Ok(Box::new(engines::connect(url, served_name.as_deref(), options)?));
        }
        let Some(command) = command else {
            return Ok(Box::new(engines::load_candle(model, device)?));
        };
        let timeout = self.arguments.load.serve_timeout;
        let folder = &self.arguments.traces;
        let (engine, log) =
            engines::serve(id, model, &engines::Serving { command, options, timeout, stop, folder })?;
        logs.borrow_mut().push((id.clone(), log));
        Ok(engine)
    }

    fn header(&self, prepared: &Prepared, meter: &dyn EnergyMeter) -> RunHeader {
        let gpus = gpus();
        let machine = MachineFacts { wall_factor: calibration::matching(&meter.describe()), ..facts(&gpus) };
        for doubt in guards::doubts(&machine, &gpus) {
            output::note(&format!("! {doubt}"));
        }
        let variants = self
            .models
            .iter()
            .zip(&prepared.engines)
            .map(|(contender, (id, engine))| VariantHeader {
                id: id.clone(),
                engine: with_file(engine.identity().clone(), &contender.model),
                provenance: contender.model.provenance.clone(),
                licence: contender.model.licence.as_ref().map(|licence| licence.name.clone()),
                noise_floor: contender.noise_floor,
            })
            .collect();
        let now = jiff::Timestamp::now();
        RunHeader {
            schema: RUN_SCHEMA.to_owned(),
            id: free_run_id(&self.arguments.traces, now),
            salt: Some(random_text()),
            started_at: now,
            infercost_version: env!("CARGO_PKG_VERSION").to_owned(),
            arguments: recordable(env::args().skip(1)),
            machine,
            variants,
            baseline: self.models.first().map_or_else(|| VariantId::from(""), |first| first.id.clone()),
            prompts: self.selection.clone(),
            looks: early_stop::looks(self.arguments, &self.prompts, self.models.len()),
            repetitions: self.arguments.repetitions,
            warm_ups: self.arguments.warm_ups,
            seed: self.arguments.seed,
            sampling: self.sampling(),
            content: !self.arguments.no_content,
            policy: self.settings.policy.clone(),
            prices: self.settings.prices.clone(),
            meter: described(meter),
        }
    }

    fn sampling(&self) -> Sampling {
        let RecordArguments { temperature, top_p, top_k, seed, .. } = *self.arguments;
        Sampling { temperature, top_p, top_k, seed }
    }

    fn drive(
        self,
        prepared: Prepared,
        meter: &mut dyn EnergyMeter,
        basis: MeterBasis,
        store: RunStore,
        before: Option<&RunRecord>,
    ) -> anyhow::Result<PathBuf> {
        let folder = store.folder().to_owned();
        self.servers.keep_logs(&folder, self.arguments);
        let done = before.map_or_else(Completed::default, |run| completed(run, &self.prompts));
        let progress =
            RunProgress::new(prepared.engines.len(), self.prompts.len(), self.arguments.repetitions, &done);
        let looks = match before {
            Some(run) => run.header.looks.clone(),
            None => early_stop::looks(self.arguments, &self.prompts, self.models.len()),
        };
        let baseline = self.models.first().map_or_else(|| VariantId::from(""), |first| first.id.clone());
        let early_stop = EarlyStop::new(folder.clone(), looks, baseline, before);
        let models = self.models.iter().map(|contender| (&contender.id, &contender.model));
        let unmetered =
            energy_of_servers::unmetered(models, &self.arguments.meter, basis, &self.servers.watched);
        let plan = Plan {
            prompts: self.prompts,
            repetitions: self.arguments.repetitions,
            warm_ups: self.arguments.warm_ups,
            window_prompts: usize::try_from(self.arguments.window_prompts).unwrap_or(usize::MAX),
            seed: self.arguments.seed,
            sampling: Sampling {
                temperature: self.arguments.temperature,
                top_p: self.arguments.top_p,
                top_k: self.arguments.top_k,
                seed: self.arguments.seed,
            },
            idle_time: IDLE_TIME,
            unmetered,
            load: load_plan(&self.arguments.load),
            completed: done,
        };
        let following = self
            .wire
            .destination
            .map(|destination| Following::start(&folder, destination, self.wire.live))
            .transpose()?;
        let content = Content::new(!self.arguments.no_content, self.arguments.live.redact.clone());
        let run = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let engines = prepared.engines.iter();
        let providers = engines.map(|(id, engine)| (id.clone(), engine.identity().engine.clone())).collect();
        let meters = Live::start(self.wire.live, &run, following.is_some(), providers)?;
        let mut recorder = Recorder::new(store, content, before, early_stop, progress, meters.clone());
        let stop = match self.servers.command {
            Some(_) => Arc::clone(&self.servers.stop),
            None => stopping::on_interrupt(),
        };
        let ticks = CpuTicks::now(Path::new("/proc"));
        let measured = infercost_harness::run(prepared, &plan, meter, &mut recorder, &stop);
        let finished = measured.map_err(|error| {
            anyhow::Error::new(error).context(format!(
                "the run was cut off; what was measured is in {}, and `--resume` goes on with it",
                folder.display()
            ))
        });
        let finished = finished.and_then(|()| Ok(recorder.finish()?));
        if let Some(following) = following {
            following.finish();
            meters.send(self.wire.live);
        }
        finished?;
        let stolen = ticks.and_then(|before| CpuTicks::now(Path::new("/proc"))?.steal_share_since(before));
        let doubts = [stolen.and_then(guards::stolen), meter.sampler_overhead().and_then(guards::sampling)];
        for doubt in doubts.into_iter().flatten() {
            output::note(&format!("! {doubt}"));
        }
        Ok(folder)
    }
}

/// Length of each idle measurement.
const IDLE_TIME: std::time::Duration = std::time::Duration::from_secs(2);

/// The load that the command line asks for; `None` for none.
fn load_plan(arguments: &LoadArguments) -> Option<LoadPlan> {
    let closed = arguments.concurrency.iter().map(|n| OperatingPoint::Closed { concurrency: *n });
    let open = arguments.rate.iter().map(|rate| OperatingPoint::Open { rate: *rate });
    let points: Vec<OperatingPoint> = closed.chain(open).collect();
    let duration = arguments.duration;
    (arguments.sweep || !points.is_empty()).then(|| LoadPlan {
        points,
        sweep: arguments.sweep.then_some(arguments.sweep_limit),
        arrivals: arguments.arrivals.into(),
        warm_up: arguments.load_warm_up.unwrap_or(duration / 10),
        duration,
    })
}

/// A server says little about the file that it was given; what is known of the file here stands in.
fn with_file(engine: EngineIdentity, model: &ResolvedModel) -> EngineIdentity {
    EngineIdentity {
        weights_sha256: engine.weights_sha256.or_else(|| model.sha256.clone()),
        file_size: model.bytes.map(Bytes).or(engine.file_size),
        ..engine
    }
}

/// Resolves the models and puts the baseline first.
fn contestants(arguments: &RecordArguments) -> anyhow::Result<Vec<Contender>> {
    let mut resolved = models::resolve(&arguments.models, arguments.offline)?;
    let baseline = match &arguments.baseline {
        Some(name) => find_variant(&resolved, name)?,
        None => resolved.iter().position(|model| model.is_full_precision).unwrap_or(0),
    };
    if resolved.is_empty() {
        return Err(usage("no model to measure"));
    }
    let first = resolved.remove(baseline);
    let again = arguments.noise_floor.then(|| Contender {
        id: VariantId(format!("{}#again", first.variant)),
        model: first.clone(),
        noise_floor: true,
    });
    let plain = |model: ResolvedModel| Contender { id: model.variant.clone(), model, noise_floor: false };
    Ok(std::iter::once(plain(first)).chain(again).chain(resolved.into_iter().map(plain)).collect())
}

fn find_variant(models: &[ResolvedModel], name: &str) -> anyhow::Result<usize> {
    let matching = |test: &dyn Fn(&VariantId) -> bool| models.iter().position(|model| test(&model.variant));
    matching(&|id| id.as_str() == name).or_else(|| matching(&|id| id.variant_name() == name)).ok_or_else(
        || {
            let known: Vec<&str> = models.iter().map(|model| model.variant.as_str()).collect();
            usage(format!("--baseline {name}: no such variant among {}", known.join(", ")))
        },
    )
}

/// A folder that cannot be written must be known before models are fetched and loaded.
fn probe_folder(traces: &Path) -> anyhow::Result<()> {
    let cannot = || {
        format!(
            "cannot write into {}; make it writable, or name another folder with --traces",
            traces.display()
        )
    };
    fs::create_dir_all(traces).with_context(cannot)?;
    let probe = traces.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"probe").with_context(cannot)?;
    fs::remove_file(&probe).with_context(cannot)
}

/// The time as a name; counted on where two runs begin in one second.
fn free_run_id(traces: &Path, now: jiff::Timestamp) -> RunId {
    let name = now.strftime("%Y%m%d-%H%M%S").to_string();
    let taken = |name: &str| traces.join(name).exists();
    if !taken(&name) {
        return RunId(name);
    }
    RunId((2_u32..).map(|count| format!("{name}-{count}")).find(|name| !taken(name)).unwrap_or(name))
}

/// 128 random bits: a hasher of the standard library begins with keys that the system drew.
fn random_text() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}

/// The folder of a run: a path, or a name below `traces`.
pub(crate) fn find(traces: &Path, name: &str) -> anyhow::Result<PathBuf> {
    [PathBuf::from(name), traces.join(name)]
        .into_iter()
        .find(|folder| folder.join("run.json").is_file())
        .ok_or_else(|| {
            usage(format!(
                "`{name}` is no run: there is no {name}/run.json, here or below {}",
                traces.display()
            ))
        })
}

fn newest_unfinished(traces: &Path) -> anyhow::Result<PathBuf> {
    for folder in infercost_trace::list_runs(traces)?.into_iter().rev() {
        if infercost_trace::read_run(&folder)?.finished_at.is_none() {
            return Ok(folder);
        }
    }
    Err(usage(format!("no run below {} was cut off; nothing to resume", traces.display())))
}

fn recorded_arguments(header: &RunHeader) -> anyhow::Result<RecordArguments> {
    let line = std::iter::once("infercost".to_owned()).chain(header.arguments.iter().cloned());
    match Cli::try_parse_from(line).map(|cli| cli.command) {
        Ok(Command::Compare(arguments)) => Ok(arguments.record),
        Ok(Command::Record(arguments)) => Ok(arguments.record),
        _ => Err(usage(format!(
            "run {} does not hold the arguments that began it; start a new run",
            header.id
        ))),
    }
}
