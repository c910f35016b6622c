//! The servers of a run: those that are asked, and those that are started.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::{Engine, EngineError, VariantId};
use infercost_energy::WatchedProcesses;
use infercost_models::ResolvedModel;
use infercost_served::{ApiKey, ServedOptions};

use crate::hosted::Hosted;
use crate::request::RunRequest;
use crate::serving::{LogFile, ServeCommand};
use crate::{console, engines, stopping};

/// What is needed to ask servers, and to start them.
pub(crate) struct Servers {
    /// `None` where none is started.
    pub(super) command: Option<ServeCommand>,
    pub(super) options: ServedOptions,
    /// The key to hosted models.
    hosted_key: Option<ApiKey>,
    /// How long a server that was started may take until it answers.
    timeout: Duration,
    /// Processes whose CPU time an estimate counts.
    pub(crate) watched: WatchedProcesses,
    /// Set by Ctrl-C. It is looked for from the start where servers are started, so that they are stopped again.
    pub(super) stop: Arc<AtomicBool>,
    /// Logs of servers that were started.
    logs: RefCell<Vec<(VariantId, LogFile)>>,
}

impl Servers {
    /// As the command line says.
    pub(crate) fn of(request: &RunRequest, hosted: &Hosted) -> anyhow::Result<Self> {
        let command = request.serve.as_ref().map(|serve| ServeCommand::parse(&serve.command)).transpose()?;
        let stop =
            if command.is_some() { stopping::on_interrupt() } else { Arc::new(AtomicBool::new(false)) };
        let keys = engines::keys(hosted.is_asked())?;
        Ok(Self {
            command,
            options: ServedOptions {
                sampling: request.spec.sampling.clone(),
                key: keys.servers,
                ..engines::served_options(request)?
            },
            hosted_key: keys.hosted,
            timeout: request.serve.as_ref().map_or(Duration::ZERO, |serve| serve.timeout),
            watched: WatchedProcesses::default(),
            stop,
            logs: RefCell::default(),
        })
    }

    /// How a server is asked, with the key that is meant for it.
    pub(super) fn options_for(&self, is_hosted: bool) -> ServedOptions {
        let key = if is_hosted { self.hosted_key.clone() } else { self.options.key.clone() };
        ServedOptions { key, ..self.options.clone() }
    }

    /// Starts a server with this command for the model. Its log is in `folder` until [`Self::keep_logs`].
    pub(super) fn start(
        &self,
        command: &ServeCommand,
        variant: &VariantId,
        model: &ResolvedModel,
        folder: &Path,
    ) -> Result<Box<dyn Engine>, EngineError> {
        let Self { options, timeout, stop, .. } = self;
        let serving = engines::Serving { command, options, timeout: *timeout, stop, folder };
        let (engine, log) = engines::serve(variant, model, &serving)?;
        self.logs.borrow_mut().push((variant.clone(), log));
        Ok(engine)
    }

    /// Moves the logs into the run's folder, but not those of a run that keeps texts out: servers log prompts.
    pub(super) fn keep_logs(&self, folder: &Path, request: &RunRequest) {
        let logs = self.logs.take();
        let is_whole = request.spec.content && request.redact.is_empty();
        if !is_whole && !logs.is_empty() {
            let flag = if request.spec.content { "--redact" } else { "--no-content" };
            console::note(&format!("what the servers log is not kept, since it may hold texts ({flag})"));
        }
        for (variant, log) in logs {
            let kept = if is_whole { log.move_into(folder, &variant) } else { log.discard() };
            if let Err(error) = kept {
                console::warn(&format!("the log of the server of {variant} could not be put away: {error}"));
            }
        }
    }
}
