//! Settings on this machine: opened where they are to be measured, and closed again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::{Engine, EngineError, VariantId};
use infercost_engine::ModelDevice;
use infercost_models::ResolvedModel;
use infercost_served::ServedOptions;
use infercost_sprint::placeholder::filled;
use infercost_sprint::{Failure, Setting, Space};

use super::draft::Draft;
use super::plan::{MAX_TOKENS, THREADS, VARIANT};
use crate::answer_limit::limited;
use crate::engines::{self, Serving};
use crate::serving::ServeCommand;
use crate::usage::usage;

/// Share of the free memory that models in process may take while others are measured.
const MEMORY_SHARE: f64 = 0.5;

/// What opens settings.
pub(super) struct Bench {
    pub(super) models: Vec<ResolvedModel>,
    pub(super) space: Space,
    pub(super) place: Place,
    /// The model that drafts, where there is one.
    draft: Option<Draft>,
    /// Models in process that stay, since loading them takes longer than asking them.
    kept: BTreeMap<Setting, Box<dyn Engine>>,
}

/// Where models run.
pub(super) enum Place {
    /// In this process.
    Here {
        device: ModelDevice,
        /// Threads where a setting names none.
        threads: Option<u16>,
    },
    /// Behind servers that are started for each measurement.
    Served {
        command: String,
        options: Box<ServedOptions>,
        timeout: Duration,
        stop: Arc<AtomicBool>,
        /// Where logs are kept while a server runs.
        folder: PathBuf,
    },
}

impl Bench {
    /// For these models.
    pub(super) fn new(models: Vec<ResolvedModel>, space: Space, place: Place, draft: Option<Draft>) -> Self {
        Self { models, space, place, draft, kept: BTreeMap::new() }
    }

    /// The model of a setting: the one that it names, else the first.
    pub(super) fn model(&self, setting: &Setting) -> anyhow::Result<&ResolvedModel> {
        let named = setting.get(VARIANT).or_else(|| self.space.get(VARIANT)?.present());
        let found = match named {
            Some(name) => self.models.iter().find(|model| model.variant.variant_name() == name),
            None => self.models.first(),
        };
        found.ok_or_else(|| usage(format!("no model is called {}", named.unwrap_or("anything"))))
    }

    /// Threads that a setting names for a model in process.
    pub(super) fn threads(&self, setting: &Setting) -> Option<u16> {
        let own = setting.get(THREADS).or_else(|| self.space.get(THREADS)?.present());
        match self.place {
            Place::Here { threads, .. } => own.and_then(|text| text.parse().ok()).or(threads),
            Place::Served { .. } => None,
        }
    }

    /// Most tokens of a setting's answers; `None` for what prompts allow.
    pub(super) fn max_tokens(&self, setting: &Setting) -> Option<u32> {
        setting.get(MAX_TOKENS).and_then(|text| text.parse().ok())
    }

    /// The command that serves a setting; `None` for models in process.
    pub(super) fn command(&self, setting: &Setting) -> Option<String> {
        match &self.place {
            Place::Here { .. } => None,
            Place::Served { command, .. } => {
                let command = filled(command, &self.space, setting);
                Some(self.draft.as_ref().map_or(command.clone(), |draft| draft.filled(&command)))
            }
        }
    }

    /// The setting with its model's name, as spans and reports have it.
    pub(super) fn id(&self, setting: &Setting) -> anyhow::Result<VariantId> {
        let model = self.model(setting)?;
        let mut others = setting.against(&self.space.present());
        others.0.remove(VARIANT);
        let label = others.to_string().replace('/', "_");
        Ok(VariantId::from(format!(
            "{} {}",
            model.variant,
            if others.0.is_empty() { "as it is" } else { &label }
        )))
    }

    /// Opens a setting.
    ///
    /// # Errors
    /// Why it could not be, as an outcome of the setting.
    pub(super) fn open(&mut self, setting: &Setting) -> anyhow::Result<Result<Box<dyn Engine>, Failure>> {
        if let Some(kept) = self.kept.remove(setting) {
            return Ok(Ok(kept));
        }
        let model = self.model(setting)?.clone();
        let opened = match &self.place {
            Place::Here { device, .. } => engines::load_in_process(&model, *device, self.threads(setting))
                .map(|engine| -> Box<dyn Engine> { Box::new(engine) }),
            Place::Served { options, timeout, stop, folder, .. } => {
                let command = ServeCommand::parse(&self.command(setting).unwrap_or_default())?;
                let serving =
                    Serving { command: &command, options, timeout: *timeout, stop: stop.as_ref(), folder };
                engines::serve(&model.variant, &model, &serving).map(|(engine, _log)| engine)
            }
        };
        let most = self.max_tokens(setting);
        Ok(opened.map(|engine| limited(engine, most)).map_err(|error| failure(&error)))
    }

    /// Closes a setting. A model in process stays where there is room: the present one before any other.
    pub(super) fn close(&mut self, setting: &Setting, engine: Box<dyn Engine>) {
        if matches!(self.place, Place::Served { .. }) {
            return;
        }
        let mut held = self.bytes(setting);
        for kept in self.kept.keys() {
            held = held.saturating_add(self.bytes(kept));
        }

        let room = free_memory().map_or(0.0, |free| (free as f64 + held as f64) * MEMORY_SHARE);
        let is_present = *setting == self.space.present();
        if is_present || (held as f64) <= room {
            self.kept.insert(setting.clone(), engine);
        }
    }

    /// A setting that has left is not asked again.
    pub(super) fn forget(&mut self, setting: &Setting) {
        self.kept.remove(setting);
    }

    /// All that was kept is closed.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    fn bytes(&self, setting: &Setting) -> u64 {
        self.model(setting).ok().and_then(|model| model.bytes).unwrap_or(0)
    }
}

fn failure(error: &EngineError) -> Failure {
    let said = match error {
        EngineError::Load { reason, .. } => reason.clone(),
        other => other.to_string(),
    };
    // what names the kind may stand behind what is shown
    let kind = Failure::of_start(&said).kind;
    Failure { kind, said: infercost_core::text::printable(&said).into_owned() }
}

/// Bytes that Linux says are free for use.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}
