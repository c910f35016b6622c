//! From a request to a run on disk.
//!
//! [`record`] and [`resume`] are the two ways in. A `Setup` holds what is known before the first model is loaded. It
//! loads the models or asks the servers, writes the header, and has the harness measure; a `Recorder` takes each fact
//! and appends it to the run.

mod begun_here;
mod completed;
mod contenders;
mod content;
mod drive;
mod header;
mod progress;
mod recorder;
mod remaining;
mod servers;
mod setup;

use std::path::PathBuf;

use contenders::contenders;
use infercost_core::run::PromptSelection;
use infercost_core::{Prompt, RunHeader, RunSpec};
use infercost_energy::Discovery;
use infercost_engine::ModelDevice;
use infercost_export::Destination;
use infercost_served::ServedAddress;
use infercost_trace::RunStore;
use servers::Servers;
use setup::Setup;

use crate::config::{Settings, SettingsOverrides};
use crate::hosted::{self, Hosted};
use crate::request::RunRequest;
use crate::usage::usage;
use crate::{console, coverage, exporting, fd_limit, prompts, run_folder, served_energy};

/// Measures, and returns the run's folder. Everything that can be refused is refused before models are fetched.
///
/// # Errors
/// What is wrong with the request, or why the run ended early; what was measured by then is on disk.
pub fn record(request: RunRequest, overrides: &SettingsOverrides) -> anyhow::Result<PathBuf> {
    let request = hosted::entered(request)?.made_storable()?;
    let spec = &request.spec;
    let asks_servers = spec.models.iter().any(|model| ServedAddress::is_meant(model));
    let has_servers = request.serve.is_some() || asks_servers;
    let settings = overrides.for_new_run(has_servers)?;
    let hosted = hosted::find(&spec.hosted, overrides, settings.prices.currency)?;

    served_energy::one_machine(&hosted::on_machines(spec)?, &request.meter()?.choice)?;
    fd_limit::make_room(spec.load.as_ref())?;
    let device = request.device()?;
    let destination = exporting::live::destination(&request.live)?;
    let (selection, prompts) = prompts::select(spec)?;
    run_folder::probe(&request.traces)?;
    hosted.announce(&prompts, spec);

    let checked = Checked { request: &request, device, selection, prompts, settings, hosted, destination };
    let (setup, discovery) = checked.set_up()?;
    setup.start(discovery)
}

/// Goes on with a run that was cut off, by its stored specification, and returns its folder. `name` is the run, or `None`
/// for the newest one below the folder of runs that is not complete.
///
/// `earlier` reads the command line of a run that was recorded before there were specifications.
///
/// # Errors
/// As [`record`]; a usage error where the run needs what is not stored and `given` lacks it, or its models or prompts
/// have changed.
pub fn resume(
    given: &RunRequest,
    name: Option<&str>,
    earlier: &dyn Fn(&[String]) -> Option<RunSpec>,
) -> anyhow::Result<PathBuf> {
    let folder = match name {
        Some(name) => run_folder::named(&given.traces, name)?,
        None => run_folder::newest_unfinished(&given.traces)?,
    };
    let (store, before) = RunStore::resume(&folder)?;
    if before.finished_at.is_some() {
        console::note(&format!("{} is complete; nothing to resume", folder.display()));
        return Ok(folder);
    }

    let spec = spec(&before.header, earlier)?;
    begun_here::check(&before.header, &spec, given.trust)?;
    let request = RunRequest::of_stored(&spec, given, before.header.id.as_str())?;
    let destination = exporting::live::destination(&request.live)?;
    fd_limit::make_room(request.spec.load.as_ref())?;
    let device = request.device()?;

    let (selection, prompts) = prompts::select(&request.spec)?;
    if selection != before.header.prompts {
        return Err(usage(format!(
            "{}: the prompt set `{}` has changed since this run began; start a new run",
            folder.display(),
            selection.set
        )));
    }

    let settings = Settings { policy: before.header.policy.clone(), prices: before.header.prices.clone() };
    let hosted = Hosted::of_run(&before.header, &request.spec)?;
    let checked = Checked { request: &request, device, selection, prompts, settings, hosted, destination };
    let (setup, discovery) = checked.set_up()?;
    setup.go_on(discovery, store, &before)
}

/// What is known of a run once everything was checked that takes no server, no meter and no model.
struct Checked<'r> {
    request: &'r RunRequest,
    device: ModelDevice,
    selection: PromptSelection,
    prompts: Vec<Prompt>,
    settings: Settings,
    hosted: Hosted,
    destination: Option<Destination>,
}

impl<'r> Checked<'r> {
    /// Starts servers, looks for the meter and finds the models.
    fn set_up(self) -> anyhow::Result<(Setup<'r>, Discovery)> {
        let Self { request, device, selection, prompts, settings, hosted, destination } = self;
        let servers = Servers::of(request, &hosted)?;
        let (discovery, boundary) = coverage::discover(request, &servers.watched)?;
        let models = contenders(request)?;

        let setup = Setup {
            request,
            device,
            selection,
            prompts,
            models,
            settings,
            hosted,
            servers,
            boundary,
            destination,
        };
        Ok((setup, discovery))
    }
}

fn spec(header: &RunHeader, earlier: &dyn Fn(&[String]) -> Option<RunSpec>) -> anyhow::Result<RunSpec> {
    let spec = header.spec.clone().or_else(|| earlier(&header.arguments));
    spec.ok_or_else(|| {
        usage(format!("run {} does not hold what it was asked to do; start a new run", header.id))
    })
}
