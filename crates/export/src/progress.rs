//! How far a run was sent to each destination, kept beside the run, so that the rest can be sent later.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::destination::Destination;
use crate::error::ExportError;

/// Mode of the file: it lies among a run's.
const OWNER_ONLY: u32 = 0o600;

/// What a destination has taken of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The destination's address, without credentials, and the projects there.
    pub destination: String,
    /// Bytes of `spans.jsonl` from its beginning that were taken without a gap.
    pub bytes: u64,
    /// Spans sent, in this run and before.
    pub spans: u64,
}

impl Progress {
    /// What was kept for that destination; nothing sent where there is no such file, or it is broken: sending
    /// again does no harm.
    pub fn read(folder: &Path, destination: &Destination) -> Self {
        let name = destination.place();
        let kept: Option<Self> = fs::read(file(folder, destination))
            .ok()
            .filter(|bytes| bytes.len() < 1 << 16)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        kept.filter(|kept| kept.destination == name && kept.bytes <= length(folder))
            .unwrap_or_else(|| Self { destination: name, ..Self::default() })
    }

    /// Keeps it, whole or not at all.
    ///
    /// # Errors
    /// [`ExportError::File`].
    pub fn keep(&self, folder: &Path, destination: &Destination) -> Result<(), ExportError> {
        let path = file(folder, destination);
        let partial = path.with_extension("partial");
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();

        let written = write(&partial, &json).and_then(|()| fs::rename(&partial, &path));
        written.map_err(|source| ExportError::File { path, source })
    }
}

fn write(path: &Path, json: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(OWNER_ONLY);
    options.open(path)?.write_all(json)
}

fn length(folder: &Path) -> u64 {
    fs::metadata(folder.join(infercost_trace::run_reader::SPANS_FILE)).map_or(0, |data| data.len())
}

/// A name that a person recognizes; two addresses that give the same name are told apart by the content.
fn file(folder: &Path, destination: &Destination) -> PathBuf {
    let name: String = destination
        .place()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .take(100)
        .collect();
    folder.join(format!("sent-{name}-{}.json", destination.protocol.name().replace('/', "-")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;
    use crate::destination::{OtlpOptions, Signal};
    use crate::named::Named;

    #[test]
    fn each_project_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(infercost_trace::run_reader::SPANS_FILE), "x".repeat(100)).unwrap();
        let to = |url: &str| {
            let options = OtlpOptions { url: Some(url.to_owned()), ..OtlpOptions::default() };
            Destination::resolve(Signal::Traces, &options, &|_| None).unwrap().unwrap()
        };
        let langfuse = |public: &'static str| {
            let get = |name: &str| match name {
                "LANGFUSE_PUBLIC_KEY" => Some(public.to_owned()),
                "LANGFUSE_SECRET_KEY" => Some("sk-secret".to_owned()),
                _ => None,
            };
            Named::Langfuse.destination(&OtlpOptions::default(), None, &get).unwrap()
        };

        let long = "long".repeat(50);
        let places = [
            to("http://a:1"),
            to("http://a:1/x"),
            to("http://a:1").filed_under(Some("mine")),
            to("http://a:1").filed_under(Some("other")),
            to("http://a:1").filed_under(Some(&long)),
            langfuse("pk-1"),
            langfuse("pk-2"),
        ];

        for (bytes, place) in (1..).zip(&places) {
            assert_eq!(Progress::read(folder.path(), place).bytes, 0, "{}", place.place());
            let progress = Progress { bytes, spans: bytes, ..Progress::read(folder.path(), place) };
            progress.keep(folder.path(), place).unwrap();
        }

        for (bytes, place) in (1..).zip(&places) {
            assert_eq!(Progress::read(folder.path(), place).bytes, bytes, "{}", place.place());
        }

        for file in fs::read_dir(folder.path()).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
