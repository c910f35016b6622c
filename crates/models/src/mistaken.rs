//! Files that stand where weights should be, and what they are instead.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use infercost_weights::HeaderError;

use crate::error::ModelError;
use crate::file_text::escaped;

/// Longest file that can be a Git LFS pointer, in bytes: the specification asks for less than 1024.
const LONGEST_POINTER: u64 = 1024;
/// Bytes that are looked at.
const PROBE: u64 = LONGEST_POINTER;
/// A file that grew within this time may still be growing.
const FRESH: Duration = Duration::from_secs(120);

/// Refuses a file that is something else than its name says, with what it is and what to do: whatever format was
/// expected, these are told the same way.
///
/// # Errors
/// [`ModelError::BadFile`], and [`ModelError::Io`] where it cannot be read.
pub(crate) fn refuse(path: &Path) -> Result<(), ModelError> {
    let data = fs::metadata(path).map_err(ModelError::io(path, "open"))?;

    // A link may lead anywhere: opening a pipe would wait for ever.
    if !data.is_file() {
        return Err(ModelError::bad(path, "it is no regular file"));
    }
    if data.len() == 0 {
        return Err(ModelError::bad(path, format!("the file is empty{}", unfinished(path))));
    }

    let mut head = Vec::new();
    let file = File::open(path).map_err(ModelError::io(path, "open"))?;
    file.take(PROBE).read_to_end(&mut head).map_err(ModelError::io(path, "read"))?;
    match other_kind(&head, data.len()) {
        Some(reason) => Err(ModelError::bad(path, reason)),
        None => Ok(()),
    }
}

/// What is wrong with the header of a file, and whether the file may still be on its way.
pub(crate) fn header(path: &Path, error: HeaderError) -> ModelError {
    match error {
        HeaderError::Read(cause) => ModelError::io(path, "read")(cause),
        HeaderError::Bad(reason) => ModelError::bad(path, reason),
        HeaderError::CutShort(reason) => ModelError::bad(path, format!("{reason}{}", unfinished(path))),
    }
}

/// What a file of that beginning is, where it is no weights at all.
fn other_kind(head: &[u8], bytes: u64) -> Option<String> {
    if let Some(size) = pointer_size(head, bytes) {
        return Some(format!(
            "a Git LFS pointer{size}, not the file itself\nhint: run `git lfs pull` in the repository, or fetch the file \
             with `infercost models pull hf:owner/repo`"
        ));
    }

    let start = String::from_utf8_lossy(head.get(..256).unwrap_or(head)).trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<?xml") {
        return Some(
            "a web page, not the file itself: a sign-in or an error page was saved\nhint: fetch it again with \
             `infercost models pull hf:owner/repo`, with HF_TOKEN set where the model is gated"
                .to_owned(),
        );
    }

    let known: &[(&[u8], &str)] = &[
        (
            b"PK\x03\x04",
            "a zip archive (PyTorch's .bin and .pt files are such); take the safetensors or GGUF file",
        ),
        (
            b"\x80\x02",
            "a Python pickle, which could run programs and is not read; take the safetensors or GGUF file",
        ),
        (b"lmgg", "a GGML file, the format before GGUF; take a GGUF file of the model"),
        (b"fmgg", "a GGML file, the format before GGUF; take a GGUF file of the model"),
        (b"tjgg", "a GGML file, the format before GGUF; take a GGUF file of the model"),
        (b"\x1f\x8b", "packed with gzip; unpack it first"),
        (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it first"),
    ];
    known.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| (*what).to_owned())
}

/// The size that a Git LFS pointer states, in words; empty where it states none, `None` where the file is no pointer.
fn pointer_size(head: &[u8], bytes: u64) -> Option<String> {
    let text = std::str::from_utf8(head).ok().filter(|_| bytes <= LONGEST_POINTER)?;
    let text = text.trim_start_matches('\u{feff}');
    let version = text.lines().next()?.strip_prefix("version ")?;
    let is_pointer = ["git-lfs", "git-media", "hawser"].iter().any(|name| version.contains(name));
    let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse::<u64>().ok());
    is_pointer.then(|| size.map_or_else(String::new, |size| format!(" to {size} bytes")))
}

/// What to say of a file that is shorter than it should be, where it was written to a moment ago or a download of it
/// lies beside; empty elsewhere.
pub(crate) fn unfinished(path: &Path) -> &'static str {
    if is_downloading(path) {
        return "; a download of it is not finished: wait for it, or start it again";
    }
    let age = fs::metadata(path).and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
    if age.is_some_and(|age| age < FRESH) {
        return "; it was written to a moment ago: wait until its download ends";
    }
    ""
}

/// The error of a model of which these files are not there.
pub(crate) fn missing_parts(folder: &Path, missing: &[String]) -> ModelError {
    const SHOWN: usize = 5;
    let names = missing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more =
        if missing.len() > SHOWN { format!(" and {} more", missing.len() - SHOWN) } else { String::new() };
    let hint = missing.first().map_or("", |name| unfinished(&folder.join(name)));
    ModelError::bad(
        folder,
        format!("parts of the model are missing: {names}{more}; fetch them into the same folder{hint}"),
    )
}

/// Whether a program that fetches the file has left its own file beside it.
fn is_downloading(path: &Path) -> bool {
    [".aria2", ".part", ".crdownload", ".incomplete", ".download", ".!qB"].iter().any(|ending| {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        Path::new(&beside).exists()
    })
}

/// What is wrong with the name of an unfinished download; `None` for other names.
pub(crate) fn unfinished_name(name: &str) -> Option<String> {
    let endings = [".part", ".crdownload", ".incomplete", ".download", ".aria2", ".tmp"];
    let ending = endings.iter().find(|ending| name.ends_with(**ending))?;
    Some(format!("`{ending}` is the ending of a download that is not finished: `{}`", escaped(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_weights_is_named() {
        let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        let old = "version https://hawser.github.com/spec/v1\noid sha256:4d7a\nsize 1\n";
        for (head, wanted) in [
            (lfs.as_bytes(), "a Git LFS pointer to 12345 bytes"),
            (
                &[b"\xef\xbb\xbf", lfs.replace('\n', "\r\n").as_bytes()].concat(),
                "a Git LFS pointer to 12345 bytes",
            ),
            (old.as_bytes(), "a Git LFS pointer to 1 bytes"),
            (b"\n<!DOCTYPE html><html>", "a web page"),
            (b"PK\x03\x04archive/data.pkl", "a zip archive"),
            (b"\x80\x02ctorch", "a Python pickle"),
            (b"tjgg\x03\0\0\0", "the format before GGUF"),
        ] {
            let found = other_kind(head, head.len() as u64).unwrap_or_default();
            assert!(found.contains(wanted), "{found} lacks {wanted}");
        }
        for head in [&b"GGUF\x03\0\0\0"[..], b"\x10\0\0\0\0\0\0\0{\"a\":", b"{\"model_type\":\"llama\"}"] {
            assert_eq!(other_kind(head, head.len() as u64), None);
        }
        // Only a small file is a pointer: weights may begin with any bytes.
        assert_eq!(other_kind(lfs.as_bytes(), 5000), None);
    }
}
