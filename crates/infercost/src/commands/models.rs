//! `infercost models`: manifests, the cache, and what a file holds.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use infercost_models::demo::write_demo;
use infercost_models::{ListedModel, inspect, list};
use infercost_run::models;
use infercost_run::usage;
use serde::Serialize;

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::output;
use crate::output::answer::delivery::{self, WithSchema, deliver};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost models list
  infercost models pull smollm2-135m-instruct/q8_0
  infercost models inspect hf:owner/repo:model.gguf
  infercost models demo demo.gguf")]
pub(crate) struct ModelsCommand {
    #[command(subcommand)]
    pub(crate) command: ModelsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// List manifests and what of them is in the cache
    #[command(after_help = "Examples:
  infercost models list
  infercost models list --json")]
    List {
        #[command(flatten)]
        answer: AnswerFlags,
    },
    /// Fetch or make models, and print where they are
    #[command(after_help = "Examples:
  infercost models pull smollm2-135m-instruct/q8_0
  infercost models pull hf:owner/repo:model.gguf")]
    Pull {
        /// Manifest name, name/variant, file, folder or hf:owner/repo
        #[arg(value_name = "MODEL", required = true)]
        models: Vec<String>,
    },
    /// Write a small model of random weights, to try every command without a download
    #[command(after_help = "Examples:
  infercost models demo
  infercost models demo /tmp/small.gguf")]
    Demo {
        /// File to write
        #[arg(value_name = "FILE", default_value = "demo.gguf")]
        file: PathBuf,
    },
    /// Show what a model file holds
    #[command(after_help = "Examples:
  infercost models inspect model.gguf
  infercost models inspect smollm2-135m-instruct/q8_0 --json")]
    Inspect {
        /// Manifest name, name/variant, file, folder or hf:owner/repo
        #[arg(value_name = "MODEL")]
        model: String,

        #[command(flatten)]
        answer: AnswerFlags,
    },
}

/// What is printed of the list as JSON.
#[derive(Serialize)]
struct ListedModels<'a> {
    schema: &'static str,
    models: &'a [ListedModel],
}

pub(crate) fn run(arguments: &ModelsCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        ModelsAction::List { answer } => {
            delivery::check(answer, false)?;
            let listed = list(&models::store(true)?);
            let object = ListedModels { schema: "infercost.models/2", models: &listed };
            deliver(&output::models::list(&listed), &object, None, answer, global)?;
        }
        ModelsAction::Pull { models } => pull(models, global)?,
        ModelsAction::Demo { file } => demo(file, global)?,
        ModelsAction::Inspect { model, answer } => {
            delivery::check(answer, false)?;
            let model = models::resolve_one(model, global.offline)?;
            let path = model.location.path().ok_or_else(|| usage("a server shows no file; name one"))?;
            let facts = inspect(path)?;
            let object = WithSchema { schema: "infercost.model-file/1", answer: &facts };
            deliver(&output::models::inspection(&facts), &object, None, answer, global)?;
        }
    }

    Ok(ExitCode::SUCCESS)
}

/// Writes the model, and overwrites none: a file of that name may be somebody's.
fn demo(file: &Path, global: &GlobalFlags) -> anyhow::Result<()> {
    if file.exists() {
        return Err(usage(format!("{} is there already; name another file, or delete it", file.display())));
    }
    write_demo(file)?;
    if global.json {
        let object = serde_json::json!({"schema": "infercost.models-demo/1", "path": file});
        output::line(&serde_json::to_string_pretty(&object)?);
    } else {
        output::line(&file.display().to_string());
        output::note("its weights are random: times and costs mean something, answers do not");
    }
    Ok(())
}

fn pull(models: &[String], global: &GlobalFlags) -> anyhow::Result<()> {
    let pulled = models::resolve(models, global.offline)?;
    if global.json {
        let rows: Vec<serde_json::Value> = pulled
            .iter()
            .map(|model| {
                serde_json::json!({
                    "variant": model.variant,
                    "path": model.location.path(),
                    "sha256": model.sha256,
                    "provenance": model.provenance,
                })
            })
            .collect();
        let object = serde_json::json!({"schema": "infercost.models-pull/1", "models": rows});
        output::line(&serde_json::to_string_pretty(&object)?);
        return Ok(());
    }

    for model in pulled {
        let place = model.location.path().map_or_else(String::new, |path| path.display().to_string());
        output::line(&format!("{}\t{place}", model.variant));
        output::note(&format!("{}: {}", model.variant, model.provenance));
    }

    Ok(())
}
