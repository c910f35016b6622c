//! The model that drafts for the one that is served: its file goes where a command says `{draft}`.

use infercost_models::ResolvedModel;
use infercost_sprint::placeholder::{DRAFT, names};

use super::SprintRequest;
use crate::models;
use crate::usage::usage;

/// Characters that a path may not hold, since it stands in commands and inside quoted words of them.
const UNFIT: &str = " \t\n'\"\\{}$`;&|<>*?";

/// A model that drafts.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) model: ResolvedModel,
    /// Its file, as commands have it.
    path: String,
}

impl Draft {
    /// The draft model that was asked for; `None` where none was.
    ///
    /// # Errors
    /// A usage error where it is no file that fits into a command.
    pub(super) fn of(request: &SprintRequest) -> anyhow::Result<Option<Self>> {
        let Some(named) = &request.draft else { return Ok(None) };
        let model = models::resolve_one(named, request.run.offline)?;
        let Some(path) = model.location.path() else {
            return Err(usage(format!("--draft {named}: a draft model is a file, and not a server")));
        };

        let path = std::path::absolute(path)?.display().to_string();
        if path.chars().any(|character| UNFIT.contains(character) || character.is_control()) {
            return Err(usage(format!(
                "--draft {named}: the path {path} holds a blank, a quote or a brace, which no command can take as it is; \
                 link the file under a plain name"
            )));
        }
        Ok(Some(Self { model, path }))
    }

    /// The command with the draft model's file in its place.
    pub(super) fn filled(&self, command: &str) -> String {
        command.replace(&format!("{{{DRAFT}}}"), &self.path)
    }
}

/// Checks before anything is fetched that a draft model and the places for one go together. `takes_drafts` is true where
/// a shipped space has flags for one.
///
/// # Errors
/// A usage error that says what is missing.
pub(super) fn check(request: &SprintRequest, takes_drafts: bool) -> anyhow::Result<()> {
    let command = request.run.serve.as_ref().map(|serve| serve.command.as_str());
    let has_place = command.is_some_and(|command| names(command).iter().any(|name| name == DRAFT));
    match (&request.draft, command) {
        (None, _) if has_place => {
            Err(usage("--serve holds {draft}, and nothing fills it; give --draft MODEL"))
        }
        (None, _) => Ok(()),
        (Some(named), None) => Err(usage(format!(
            "--draft {named}: models in process do not draft for one another; give a server's command with --serve"
        ))),
        (Some(named), Some(_)) if !has_place && !takes_drafts => Err(usage(format!(
            "--draft {named}: nothing takes it; put {{draft}} into the command of --serve, or use --space llama.cpp"
        ))),
        (Some(_), Some(_)) => Ok(()),
    }
}
