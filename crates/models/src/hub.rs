//! Files of a hub repository, through the cache that every hub client shares.
//!
//! What is in the cache, downloaded by this program or by another, is used without asking the network; a
//! branch that has moved since is not looked at again. A partial download goes on where it stopped. Every
//! file is checked against the hash its manifest promises, else against the one the hub states.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use infercost_core::manifest::{Provenance, SourceFile};

use crate::argument::is_inner_path;
use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hash::sha256_of_file;
use crate::hub_client::{HubClient, RemoteFile, Transfer};
use crate::hub_places::CachedRepo;
use crate::hub_settings::is_commit;
pub use crate::hub_settings::{HubSettings, Patience, Token};
use crate::pieces::PieceName;
use crate::progress::{Progress, ProgressSink, Stage};
use crate::resolved::{Found, ModelLocation, joined_hash};

/// How often a broken connection is taken up again before giving up.
const MAX_CUTS: u32 = 8;
/// What stands for a commit where neither the hub nor its mirror tells one.
const UNKNOWN_COMMIT: &str = "unknown-commit";

/// Files of a repository, weights first: from the cache, else from the network unless `offline`.
pub(crate) fn files(
    settings: &HubSettings,
    repo: &str,
    revision: &str,
    files: &[SourceFile],
    offline: bool,
    progress: &mut ProgressSink<'_>,
) -> Result<Found, ModelError> {
    let what = format!("{repo}@{revision}");
    let is_repo = repo.split('/').count() == 2 && is_inner_path(repo);
    if !is_repo || !is_inner_path(revision) || !files.iter().all(|file| is_inner_path(&file.path)) {
        let reason = "a repository, revision or file that is not a plain name".into();
        return Err(ModelError::Hub { url: escaped(&what), reason });
    }

    let cached = settings
        .cached_repo(repo, revision)
        .map_err(|reason| ModelError::Hub { url: what.clone(), reason })?;

    if let Some(commit) = cached.known_commit() {
        let snapshot = cached.snapshot(&commit);
        if files.iter().all(|file| snapshot.join(&file.path).is_file()) {
            let found = found(repo, &commit, &snapshot, files, progress);

            // A damaged file in the cache is fetched anew where that is possible.
            if found.is_ok() || offline || settings.offline {
                return found;
            }
        }
    }

    if offline || settings.offline {
        return Err(ModelError::Offline { what, pull: None });
    }
    let client = HubClient::new(settings);

    let (mut commit, mut listed): (Option<String>, Option<String>) = (None, None);
    for file in files {
        let url = settings
            .file_url(repo, revision, &file.path)
            .map_err(|reason| ModelError::Hub { url: what.clone(), reason })?;
        let remote = client.describe(&url)?;
        let known = match &remote.commit {
            Some(commit) => commit.clone(),
            None => match &listed {
                Some(commit) => commit.clone(),
                None => listed.insert(listed_commit(&client, settings, repo, revision)).clone(),
            },
        };
        if commit.as_ref().is_some_and(|commit| *commit != known) {
            let reason = "the repository changed while its files were fetched; run again".into();
            return Err(ModelError::Hub { url: what.clone(), reason });
        }
        let expected = expected_hash(file, &remote)?;
        let blob = blob(&client, &cached, &url, file, &remote, expected.as_deref(), progress)?;
        let pointer = cached.snapshot(&known).join(&file.path);
        link(&blob, &pointer)?;
        commit = Some(known);
    }

    let commit = commit.unwrap_or_default();
    let snapshot = cached.snapshot(&commit);
    cached.note_commit(&commit).map_err(ModelError::io(&snapshot, "write"))?;
    found(repo, &commit, &snapshot, files, progress)
}

/// The commit of a revision, where the file's own answer does not tell it: the revision itself, where it is one; else
/// what the repository's listing says; else a name that says that nobody knows.
fn listed_commit(client: &HubClient, settings: &HubSettings, repo: &str, revision: &str) -> String {
    if is_commit(revision) {
        return revision.to_owned();
    }
    let listing = settings.listing_url(repo, revision).ok().and_then(|url| client.text(&url).ok());
    let listing: Option<serde_json::Value> = listing.and_then(|text| serde_json::from_str(&text).ok());
    let stated = listing.and_then(|listing| Some(listing.get("sha")?.as_str()?.to_owned()));
    stated.filter(|commit| is_commit(commit)).unwrap_or_else(|| UNKNOWN_COMMIT.to_owned())
}

/// The hash that the file must have, where one is known. A promise that the hub's own word already breaks is
/// not worth a download.
fn expected_hash(file: &SourceFile, remote: &RemoteFile) -> Result<Option<String>, ModelError> {
    let stated = Some(remote.etag.to_ascii_lowercase())
        .filter(|etag| etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match (file.sha256.as_ref().map(|hash| hash.to_ascii_lowercase()), stated) {
        (Some(expected), Some(found)) if expected != found => {
            Err(ModelError::WrongHash { file: file.path.clone(), expected, found })
        }
        (Some(expected), _) => Ok(Some(expected)),
        (None, stated) => Ok(stated),
    }
}

/// The file's content in the cache, fetched if it is not there.
fn blob(
    client: &HubClient,
    cached: &CachedRepo,
    url: &str,
    file: &SourceFile,
    remote: &RemoteFile,
    expected: Option<&str>,
    progress: &mut ProgressSink<'_>,
) -> Result<PathBuf, ModelError> {
    let blob = cached.blob(&remote.etag);
    let folder = blob.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(ModelError::io(folder, "write"))?;
    let _lock = lock(&cached.lock_file(&remote.etag))?;

    if fs::metadata(&blob).is_ok_and(|data| data.len() == remote.bytes) {
        match expected {
            Some(expected) if sha256_of_file(&blob, progress)? != expected => {}
            _ => return Ok(blob),
        }
    }

    let partial = blob.with_file_name(format!("{}.incomplete", remote.etag));
    download(client, url, &file.path, remote, &partial, progress)?;
    if let Some(expected) = expected {
        // Under the file's own name: the partial one is named by its hash.
        let found = sha256_of_file(&partial, &mut |happened| {
            progress(match happened {
                Progress::Step { stage, done, total, .. } => {
                    Progress::Step { stage, file: file.path.clone(), done, total }
                }
                other => other,
            });
        })?;
        if found != expected {
            fs::remove_file(&partial).map_err(ModelError::io(&partial, "remove"))?;
            return Err(ModelError::WrongHash {
                file: file.path.clone(),
                expected: expected.to_owned(),
                found,
            });
        }
    }
    fs::rename(&partial, &blob).map_err(ModelError::io(&blob, "write"))?;

    Ok(blob)
}

/// Fetches into the partial file, going on where it stops, here and after broken connections.
fn download(
    client: &HubClient,
    url: &str,
    name: &str,
    remote: &RemoteFile,
    partial: &Path,
    progress: &mut ProgressSink<'_>,
) -> Result<(), ModelError> {
    let broken = |reason: String| ModelError::Hub {
        url: crate::variant_names::without_credentials(url),
        reason: escaped(&reason),
    };
    let open = || {
        OpenOptions::new().create(true).append(true).open(partial).map_err(ModelError::io(partial, "write"))
    };
    let mut done = open()?.metadata().map_err(ModelError::io(partial, "write"))?.len();
    if done > remote.bytes {
        File::create(partial).map_err(ModelError::io(partial, "write"))?;
        done = 0;
    }

    let (mut cuts, mut out) = (0, open()?);
    while done < remote.bytes {
        let before = done;
        let at = std::cell::Cell::new(done);
        let restarted = &out;
        let transfer = client.fetch(
            url,
            before,
            |start| {
                at.set(start);

                // Appending goes to the end, so a body from the start needs an empty file.
                if start == before { Ok(()) } else { restarted.set_len(start) }
                    .map_err(ModelError::io(partial, "write"))
            },
            |chunk| {
                let now = at.get().saturating_add(chunk.len() as u64);
                if now > remote.bytes {
                    return Err(broken(format!("sends more than the {} bytes it declared", remote.bytes)));
                }
                (&*restarted).write_all(chunk).map_err(ModelError::io(partial, "write"))?;
                at.set(now);
                progress(Progress::Step {
                    stage: Stage::Downloading,
                    file: name.to_owned(),
                    done: now,
                    total: Some(remote.bytes),
                });
                Ok(())
            },
        )?;
        done = at.get();
        if done < remote.bytes {
            cuts += 1;
            if cuts > MAX_CUTS || (done <= before && cuts > 2) {
                let reason = match transfer {
                    Transfer::Cut(reason) => reason,
                    Transfer::Ended => "the connection ended early".to_owned(),
                };
                return Err(broken(format!(
                    "{reason}, at byte {done} of {}\nhint: run again, the download goes on where it stopped",
                    remote.bytes
                )));
            }
        }
    }

    out.flush().map_err(ModelError::io(partial, "write"))?;
    out.sync_all().map_err(ModelError::io(partial, "write"))
}

/// Checks the files of a snapshot and names their hash.
fn found(
    repo: &str,
    commit: &str,
    snapshot: &Path,
    files: &[SourceFile],
    progress: &mut ProgressSink<'_>,
) -> Result<Found, ModelError> {
    for file in files {
        if let Some(expected) = &file.sha256 {
            let found = sha256_of_file(&snapshot.join(&file.path), progress)?;
            if !expected.eq_ignore_ascii_case(&found) {
                let file = snapshot.join(&file.path).display().to_string();
                return Err(ModelError::WrongHash { file, expected: expected.clone(), found });
            }
        }
    }

    let provenance =
        Provenance::Published { source: format!("hub {repo}@{}", commit.get(..12).unwrap_or(commit)) };
    let ggufs: Vec<PathBuf> =
        files.iter().filter(|file| is_gguf(&file.path)).map(|file| snapshot.join(&file.path)).collect();
    let (location, weights) = match ggufs.first() {
        Some(first) => (ModelLocation::Gguf(first.clone()), ggufs),
        None => {
            let weights: Vec<PathBuf> = files
                .iter()
                .filter(|file| file.path.ends_with(".safetensors"))
                .map(|file| snapshot.join(&file.path))
                .collect();
            (ModelLocation::SafetensorsFolder(snapshot.to_owned()), weights)
        }
    };

    if weights.is_empty() {
        let reason = "none of the files named is a .gguf or .safetensors file".into();
        return Err(ModelError::Hub { url: repo.to_owned(), reason });
    }

    let bytes = weights.iter().filter_map(|file| fs::metadata(file).ok()).map(|data| data.len()).sum();
    let sha256 = match files.first().and_then(|file| file.sha256.clone()) {
        Some(known) if weights.len() == 1 => known.to_ascii_lowercase(),
        _ => joined_hash(&weights, progress)?,
    };

    Ok(Found { location, sha256, bytes, provenance })
}

/// True for a GGUF file, and for a piece of one.
fn is_gguf(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.to_ascii_lowercase().ends_with(".gguf") || PieceName::parse(name).is_some()
}

/// Puts a blob under its name in the snapshot: a relative link, as every hub client does.
fn link(blob: &Path, pointer: &Path) -> Result<(), ModelError> {
    let folder = pointer.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(ModelError::io(folder, "write"))?;
    if fs::symlink_metadata(pointer).is_ok() {
        fs::remove_file(pointer).map_err(ModelError::io(pointer, "write"))?;
    }
    #[cfg(unix)]
    {
        // blobs/<etag> seen from snapshots/<commit>/<file>, which may lie in folders of its own.
        let root = blob.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
        let depth = folder.strip_prefix(root).map_or(2, |inner| inner.components().count());
        let mut target: PathBuf = std::iter::repeat_n("..", depth).collect();
        target.push("blobs");
        target.push(blob.file_name().unwrap_or_default());
        std::os::unix::fs::symlink(&target, pointer).map_err(ModelError::io(pointer, "write"))
    }
    #[cfg(not(unix))]
    fs::copy(blob, pointer).map(|_| ()).map_err(ModelError::io(pointer, "write"))
}

fn lock(path: &Path) -> Result<File, ModelError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(ModelError::io(folder, "write"))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(ModelError::io(path, "write"))?;
    file.lock().map_err(ModelError::io(path, "lock"))?;
    Ok(file)
}
