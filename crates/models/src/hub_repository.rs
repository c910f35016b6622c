//! `hf:owner/repo[@rev][:file]`: which files of a repository are meant.

use std::path::Path;

use infercost_core::manifest::SourceFile;
use serde::Deserialize;

use crate::argument::is_inner_path;
use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hub::{HubSettings, files};
use crate::hub_client::HubClient;
use crate::parts::PartName;
use crate::pieces::{self, PieceName};
use crate::progress::{Progress, ProgressSink};
use crate::resolved::{ModelLocation, ResolvedModel};
use crate::variant_names;

/// Most names of files that an error lists.
const LISTED: usize = 30;
/// Files beside the weights that are taken where they are there.
const OPTIONAL: [&str; 5] = [
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "model.safetensors.index.json",
];

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
        Some(file) if file.to_ascii_lowercase().ends_with(".gguf") => with_parts(file),
        Some(file) => {
            let names = listing(settings, request, progress)?;
            match pieces::listed(file, &names) {
                Ok(Some(pieces)) => pieces,
                Ok(None) => choose(repo, &names, Some(file))?,
                Err(missing) => {
                    return Err(refuse(
                        repo,
                        format!("the repository lacks a piece of that file, {missing}"),
                    ));
                }
            }
        }
        None => choose(repo, &listing(settings, request, progress)?, None)?,
    };
    let chosen: Vec<SourceFile> = chosen.into_iter().map(|path| SourceFile { path, sha256: None }).collect();
    let found = files(settings, repo, revision, &chosen, request.offline, progress)?;
    let is_folder = matches!(found.location, ModelLocation::SafetensorsFolder(_));

    let name = chosen.first().map_or("", |file| file.path.as_str());
    let whole = PieceName::parse(name.rsplit('/').next().unwrap_or(name)).map(|piece| piece.whole);
    let name = whole.as_deref().unwrap_or(name);
    Ok(ResolvedModel {
        argument: None,
        named: None,
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
        Err(ModelError::Offline { what: what.clone(), pull: None })
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
            let cached = settings.cached_repo(repo, revision).ok();
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
    if let Some(tag) = wanted.filter(|wanted| !wanted.ends_with(".safetensors")) {
        return tagged(repo, names, tag);
    }
    let mut weights: Vec<String> = names
        .iter()
        .filter(|name| name.ends_with(".safetensors") && !name.contains('/'))
        .filter(|name| wanted.is_none_or(|wanted| *name == wanted))
        .cloned()
        .collect();
    // A repository may hold the whole model in one file and in parts beside, or the same weights under another name:
    // one of them is enough.
    if weights.len() > 1 && weights.iter().any(|name| name == "model.safetensors") {
        weights.retain(|name| name == "model.safetensors");
    } else if weights.iter().any(|name| is_shard(name)) {
        weights.retain(|name| is_shard(name));
    }
    if let Some(missing) = missing_shard(&weights) {
        return Err(refuse(repo, format!("the repository lacks a part of its weights, {missing}")));
    }
    if !weights.is_empty() && has(names, "config.json") && has(names, "tokenizer.json") {
        weights.extend(["config.json".to_owned(), "tokenizer.json".to_owned()]);
        weights.extend(OPTIONAL.into_iter().filter(|name| has(names, name)).map(str::to_owned));
        return Ok(weights);
    }

    let ggufs = ggufs(names);
    match ggufs.as_slice() {
        [one] if wanted.is_none() => Ok(with_parts(one)),
        [] => Err(refuse(
            repo,
            "holds neither a .gguf file nor safetensors with config.json and tokenizer.json".to_owned(),
        )),
        many => {
            let shown: Vec<String> =
                many.iter().take(LISTED).map(|name| format!("  hf:{repo}:{name}")).collect();
            Err(refuse(repo, format!("holds several models; name one:\n{}", shown.join("\n"))))
        }
    }
}

fn refuse(repo: &str, reason: String) -> ModelError {
    ModelError::Hub { url: repo.to_owned(), reason }
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}

/// The models among a repository's files, each by its first part; projectors of images are no models.
fn ggufs(names: &[String]) -> Vec<&String> {
    names.iter().filter(|name| is_model(name)).collect()
}

fn is_model(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let is_first = PartName::parse(file).is_none_or(|part| part.number == 1);
    name.to_ascii_lowercase().ends_with(".gguf")
        && is_first
        && !file.to_ascii_lowercase().starts_with("mmproj")
}

/// A file with the other parts of its model, in order.
fn with_parts(file: &str) -> Vec<String> {
    let (folder, name) = file.rsplit_once('/').map_or(("", file), |(folder, name)| (folder, name));
    let Some(part) = PartName::parse(name).filter(|part| part.count > 1) else {
        return vec![file.to_owned()];
    };
    let mut parts = part.all();
    if !folder.is_empty() {
        parts.iter_mut().for_each(|name| *name = format!("{folder}/{name}"));
    }
    parts
}

/// The model of a quantization: `Q4_K_M`, as other programs name it behind a colon.
fn tagged(repo: &str, names: &[String], tag: &str) -> Result<Vec<String>, ModelError> {
    let wanted = words(tag);
    let ggufs = ggufs(names);
    let found: Vec<&&String> = ggufs.iter().filter(|name| words(name).contains(&wanted)).collect();
    if let [one] = found.as_slice() {
        return Ok(with_parts(one));
    }

    let shown: Vec<String> = ggufs.iter().take(LISTED).map(|name| format!("  hf:{repo}:{name}")).collect();
    let list = if shown.is_empty() { String::new() } else { format!("; it has:\n{}", shown.join("\n")) };
    let tag = escaped(tag);
    let reason =
        format!("`{tag}` names none of its files, or several: name a .gguf or a .safetensors file{list}");
    Err(refuse(repo, reason))
}

/// A name as words in small letters, a space around each.
fn words(name: &str) -> String {
    format!(" {} ", name.to_ascii_lowercase().replace(['-', '.', '/'], " "))
}

fn is_shard(name: &str) -> bool {
    PartName::parse(name).is_some_and(|part| part.stem == "model")
}

/// The first shard that is named by the others and is not there.
fn missing_shard(weights: &[String]) -> Option<String> {
    let part = weights.iter().find_map(|name| PartName::parse(name))?;
    part.all().into_iter().find(|name| !weights.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_quantizations() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let split = names(&["x/m-q8_0-00001-of-00002.gguf", "x/m-q8_0-00002-of-00002.gguf", "mmproj-m.gguf"]);
        assert_eq!(choose("o/r", &split, None).unwrap_or_default(), split.get(..2).unwrap_or_default());
        let several = names(&["m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q8_0.gguf"]);
        assert_eq!(choose("o/r", &several, Some("q4_k_m")).unwrap_or_default(), ["m-Q4_K_M.gguf"]);
        assert_eq!(choose("o/r", &several, Some("Q8_0")).unwrap_or_default(), ["m-Q8_0.gguf"]);
        for tag in ["Q4", "Q4_K", "Q5_K_M"] {
            let error = choose("o/r", &several, Some(tag)).map_err(|error| error.to_string());
            assert!(error.is_err_and(|error| error.contains("hf:o/r:m-Q8_0.gguf")), "{tag}");
        }
        let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let beside = ["config.json", "tokenizer.json"];
        let whole = names(
            &[&shards[..], &["consolidated.safetensors", "model.safetensors.index.json"], &beside].concat(),
        );
        let wanted = names(&[&shards[..], &beside, &["model.safetensors.index.json"]].concat());
        assert_eq!(choose("o/r", &whole, None).unwrap_or_default(), wanted);
        let cut = names(&[&shards[..1], &beside].concat());
        assert!(choose("o/r", &cut, None).is_err_and(|error| error.to_string().contains(shards[1])));
    }

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
        check(&folder, Some("Q8_0"), Err("`Q8_0` names none"));
    }
}
