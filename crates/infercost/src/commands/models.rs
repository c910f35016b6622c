//! `infercost models`: manifests, the cache, and what a file holds.

use std::process::ExitCode;

use infercost_models::inspect::inspect;

use crate::arguments::{ModelsArguments, ModelsCommand};
use crate::exit::usage;
use crate::output::number;
use crate::{models, output};

pub(crate) fn run(arguments: &ModelsArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        ModelsCommand::List { json } => list(*json)?,
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
                output::line(&output::terminal::plain(&facts.to_string()));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool) -> anyhow::Result<()> {
    let listed = models::store(true)?.list();
    if json {
        output::line(&serde_json::to_string_pretty(&listed)?);
        return Ok(());
    }
    for variant in listed {
        let state = match variant.cached_bytes {
            Some(bytes) => format!("in the cache, {}", number::bytes(bytes)),
            None => "not in the cache".to_owned(),
        };
        let text = format!("{:<32} {state:<24} {}", variant.id, variant.source);
        output::line(&output::terminal::plain(&text));
    }
    Ok(())
}
