//! `infercost models`: manifests, the cache, and what a file holds.

use std::process::ExitCode;

use infercost_models::{inspect, list};

use crate::arguments::models::{ModelsArguments, ModelsCommand};
use crate::exit::usage;
use crate::{models, output};

pub(crate) fn run(arguments: &ModelsArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        ModelsCommand::List { json } => {
            let listed = list(&models::store(true)?);
            if *json {
                output::line(&serde_json::to_string_pretty(&listed)?);
            } else {
                output::block(&output::models::list(&listed));
            }
        }
        ModelsCommand::Pull { models, offline } => {
            for model in models::resolve(models, *offline)? {
                let place = model.location.path().map_or_else(String::new, |path| path.display().to_string());
                output::line(&format!("{}\t{place}", model.variant));
                output::note(&format!("{}: {}", model.variant, model.provenance));
            }
        }
        ModelsCommand::Inspect { model, offline, json } => {
            let model = models::resolve_one(model, *offline)?;
            let path = model.location.path().ok_or_else(|| usage("a server shows no file; name one"))?;
            let facts = inspect(path)?;
            if *json {
                output::line(&serde_json::to_string_pretty(&facts)?);
            } else {
                output::block(&output::models::inspection(&facts));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
