//! `hf:owner/repo[@rev][:file]`: which files of a repository are meant.

use std::path::Path;

use infercost_core::manifest::SourceFile;
use serde::Deserialize;

use crate::argument::is_inner_path;
use crate::error::ModelError;
use crate::hub::{HubSettings, files};
use crate::hub_client::HubClient;
use crate::progress::{Progress, ProgressSink};
use crate::resolved::{ModelLocation, ResolvedModel};
use crate::variant_names;

/// Most names of files that an error lists.
const LISTED: usize = 30;
/// Files beside the weights that are taken where they are there.
const OPTIONAL: [&str; 3] = ["tokenizer_config.json", "generation_config.json", "chat_template.jinja"];

/// What was asked of the hub.
pub(crate) struct Request<'a> {
    pub(crate) repo: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) file: Option<&'a str>,
    pub(crate) offline: bool,
}

/// The part of the hub's answer about a repository that is read.
#[derive(Deserialize)]
struct Listing {
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// Resolves files that a user named on the hub.
pub(crate) fn resolve(
    settings: &HubSettings,
    request: &Request<'_>,
    progress: &mut ProgressSink<'_>,
) -> Result<ResolvedModel, ModelError> {
    let Request { repo, revision, file, .. } = *request;
    let chosen = match file {
        Some(file) if file.to_ascii_lowercase().ends_with(".gguf") => vec![file.to_owned()],
        Some(file) => choose(repo, &listing(settings, request, progress)?, Some(file))?,
        None => choose(repo, &listing(settings, request, progress)?, None)?,
    };
    let chosen: Vec<SourceFile> = chosen.into_iter().map(|path| SourceFile { path, sha256: None }).collect();
    let found = files(settings, repo, revision, &chosen, request.offline, progress)?;
    let is_folder = matches!(found.location, ModelLocation::SafetensorsFolder(_));
    let name = chosen.first().map_or("", |file| file.path.as_str());
    Ok(ResolvedModel {
        variant: variant_names::hub(repo, if is_folder { "full" } else { name }),
        location: found.location,
        sha256: Some(found.sha256),
        bytes: Some(found.bytes),
        provenance: found.provenance,
        license: None,
        is_full_precision: is_folder,
    })
}

/// The repository's files: as the hub lists them, else as the cache has them.
fn listing(
    settings: &HubSettings,
    request: &Request<'_>,
    progress: &mut ProgressSink<'_>,
) -> Result<Vec<String>, ModelError> {
    let Request { repo, revision, .. } = *request;
    let what = format!("{repo}@{revision}");
    let asked = if request.offline || settings.offline {
        Err(ModelError::Offline { what: what.clone() })
    } else {
        settings
            .listing_url(repo, revision)
            .map_err(|reason| ModelError::Hub { url: what.clone(), reason })
            .and_then(|url| Ok((HubClient::new(settings).text(&url)?, url)))
            .and_then(|(text, url)| {
                serde_json::from_str::<Listing>(&text)
                    .map_err(|error| ModelError::Hub { url, reason: format!("not a listing: {error}") })
            })
    };
    match asked {
        Ok(listing) => Ok(listing
            .siblings
            .into_iter()
            .map(|sibling| sibling.rfilename)
            .filter(|name| is_inner_path(name))
            .collect()),
        Err(error) => {
            let cached = settings.cached_repo(repo, revision);
            let commit = cached.as_ref().and_then(|cached| cached.known_commit());
            let Some((cached, commit)) = cached.zip(commit) else { return Err(error) };
            let names = names_in(&cached.snapshot(&commit));
            if names.is_empty() {
                return Err(error);
            }
            if !matches!(error, ModelError::Offline { .. }) {
                progress(Progress::SourceFailed {
                    source: format!("hub {what}"),
                    reason: format!("{error}; the cache is used"),
                });
            }
            Ok(names)
        }
    }
}

fn names_in(snapshot: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(snapshot).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_inner_path(name))
        .collect();
    names.sort();
    names
}

/// The files to fetch, weights first.
fn choose(repo: &str, names: &[String], wanted: Option<&str>) -> Result<Vec<String>, ModelError> {
    let refuse = |reason: String| ModelError::Hub { url: repo.to_owned(), reason };
    let has = |name: &str| names.iter().any(|known| known == name);
    if let Some(wanted) = wanted.filter(|wanted| !wanted.ends_with(".safetensors")) {
        return Err(refuse(format!("{wanted}: name a .gguf or a .safetensors file")));
    }
    let mut weights: Vec<String> = names
        .iter()
        .filter(|name| name.ends_with(".safetensors") && !name.contains('/'))
        .filter(|name| wanted.is_none_or(|wanted| *name == wanted))
        .cloned()
        .collect();
    // A repository may hold the whole model in one file and in parts beside: one of them is enough.
    if weights.len() > 1 && weights.iter().any(|name| name == "model.safetensors") {
        weights.retain(|name| name == "model.safetensors");
    }
    if !weights.is_empty() && has("config.json") && has("tokenizer.json") {
        weights.extend(["config.json".to_owned(), "tokenizer.json".to_owned()]);
        weights.extend(OPTIONAL.into_iter().filter(|name| has(name)).map(str::to_owned));
        return Ok(weights);
    }
    let ggufs: Vec<&String> =
        names.iter().filter(|name| name.to_ascii_lowercase().ends_with(".gguf")).collect();
    match ggufs.as_slice() {
        [one] if wanted.is_none() => Ok(vec![(*one).clone()]),
        [] => Err(refuse(
            "holds neither a .gguf file nor safetensors with config.json and tokenizer.json".to_owned(),
        )),
        many => {
            let shown: Vec<String> =
                many.iter().take(LISTED).map(|name| format!("  hf:{repo}:{name}")).collect();
            Err(refuse(format!("holds several models; name one:\n{}", shown.join("\n"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_are_meant() {
        let check = |names: &[&str], wanted: Option<&str>, expected: Result<&[&str], &str>| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            match (choose("o/r", &names, wanted), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => {
                    assert!(found.to_string().contains(expected), "{found} lacks {expected}");
                }
                (found, expected) => panic!("{names:?}: {found:?}, wanted {expected:?}"),
            }
        };
        let folder = ["README.md", "config.json", "model.safetensors", "tokenizer.json"];
        check(&folder, None, Ok(&["model.safetensors", "config.json", "tokenizer.json"]));
        check(
            &folder,
            Some("model.safetensors"),
            Ok(&["model.safetensors", "config.json", "tokenizer.json"]),
        );
        check(&folder, Some("other.safetensors"), Err("neither"));
        check(&["a.gguf"], None, Ok(&["a.gguf"]));
        check(&["a.gguf", "b.gguf"], None, Err("hf:o/r:b.gguf"));
        check(&["model.safetensors"], None, Err("neither"));
        check(&folder, Some("pytorch_model.bin"), Err("name a .gguf"));
    }
}
