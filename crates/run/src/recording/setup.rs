//! Everything a run needs before the first model is loaded, and how it begins.

use std::path::PathBuf;
use std::time::Duration;

use infercost_core::run::PromptSelection;
use infercost_core::text::printable;
use infercost_core::{EnergyMeter, Engine, EngineError, Prompt, RunRecord, VariantId};
use infercost_energy::Discovery;
use infercost_engine::{ISA_VARIABLE, ModelDevice};
use infercost_export::Destination;
use infercost_harness::{Contestant, Prepared, prepare};
use infercost_models::ModelLocation;
use infercost_trace::{RunStore, StoreError};

use super::begun_here;
use super::contenders::Contender;
use super::servers::Servers;
use crate::answer_limit::limited;
use crate::config::Settings;
use crate::console;
use crate::coverage::Boundary;
use crate::engines;
use crate::hosted::Hosted;
use crate::request::RunRequest;
use crate::run_folder;
use crate::usage::usage;

/// Length of each idle measurement.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(2);

/// Everything a run needs before the first model is loaded.
pub(crate) struct Setup<'a> {
    pub(crate) request: &'a RunRequest,
    pub(crate) selection: PromptSelection,
    pub(crate) prompts: Vec<Prompt>,
    /// Where models in process run.
    pub(crate) device: ModelDevice,
    /// Baseline first.
    pub(crate) models: Vec<Contender>,
    pub(crate) settings: Settings,
    /// Models that are paid by their tokens.
    pub(crate) hosted: Hosted,
    pub(crate) servers: Servers,
    /// What the meter covers.
    pub(crate) boundary: Boundary,
    /// The collector that gets the run while it is recorded.
    pub(crate) destination: Option<Destination>,
}

impl Setup<'_> {
    /// Measures a new run, and returns its folder.
    pub(crate) fn start(self, discovery: Discovery) -> anyhow::Result<PathBuf> {
        let Discovery { mut meter, basis, .. } = discovery;
        let prepared = self.prepare(meter.as_mut())?;
        let mut header = self.header(&prepared, meter.as_ref());
        let store = loop {
            match RunStore::create(&self.request.traces, &header) {
                // another process has begun a run in the same second
                Err(StoreError::Exists { .. }) => {
                    header.id = run_folder::free_id(&self.request.traces, header.started_at);
                }
                made => break made?,
            }
        };
        begun_here::note(&header);
        self.drive(prepared, meter.as_mut(), basis, store, &header, None)
    }

    /// Measures what a run lacks that was cut off, and returns its folder.
    pub(crate) fn go_on(
        self,
        discovery: Discovery,
        store: RunStore,
        before: &RunRecord,
    ) -> anyhow::Result<PathBuf> {
        let Discovery { mut meter, basis, .. } = discovery;
        let prepared = self.prepare(meter.as_mut())?;
        let header = self.header(&prepared, meter.as_ref());
        let (here, there) = (&header.machine, &before.header.machine);
        if (&here.cpu, &here.gpus) != (&there.cpu, &there.gpus) {
            return Err(usage(format!(
                "run {} began on another machine ({}); resume it there, or start a new run",
                before.header.id,
                printable(&there.hardware().unwrap_or_else(|| "unknown".to_owned()))
            )));
        }

        for (now, then) in header.variants.iter().zip(&before.header.variants) {
            if now.id != then.id || now.engine.weights_sha256 != then.engine.weights_sha256 {
                return Err(usage(format!("{} has changed since this run began; start a new run", then.id)));
            }

            let (one, other) = (&now.engine, &then.engine);
            if (&one.engine, &one.build_flags, one.threads)
                != (&other.engine, &other.build_flags, other.threads)
            {
                return Err(usage(format!(
                    "{} ran on {} ({}) when this run began and would resume with {} ({}); start a new run, or choose \
                     threads and {ISA_VARIABLE} as they were",
                    then.id, other.engine, other.build_flags, one.engine, one.build_flags
                )));
            }
        }

        self.drive(prepared, meter.as_mut(), basis, store, &before.header, Some(before))
    }

    fn prepare(&self, meter: &mut dyn EnergyMeter) -> anyhow::Result<Prepared> {
        let contestants = self
            .models
            .iter()
            .map(|contender| Contestant {
                variant: contender.id.clone(),
                load: Box::new(move || self.load(contender)),
            })
            .collect();
        let progress = console::activity();
        let mut on_load = |variant: &VariantId| progress.show(&format!("loading {variant}"));
        Ok(prepare(contestants, &self.prompts, meter, IDLE_TIME, &mut on_load)?)
    }

    /// Loads a model in process, starts a server for it, or asks the one that it names.
    fn load(&self, contender: &Contender) -> Result<Box<dyn Engine>, EngineError> {
        Ok(limited(self.load_unlimited(contender)?, contender.max_tokens))
    }

    fn load_unlimited(&self, contender: &Contender) -> Result<Box<dyn Engine>, EngineError> {
        let Contender { id, model, threads, serve, .. } = contender;
        if let ModelLocation::Server { url, served_name } = &model.location {
            let options = self.servers.options_for(self.hosted.price_at(&model.location).is_some());
            return Ok(Box::new(engines::connect(url, served_name.as_deref(), &options)?));
        }
        match serve.as_ref().or(self.servers.command.as_ref()) {
            Some(command) => self.servers.start(command, id, model, &self.request.traces),
            None => {
                let threads = threads.or(self.request.spec.threads);
                Ok(Box::new(engines::load_in_process(model, self.device, threads)?))
            }
        }
    }
}
