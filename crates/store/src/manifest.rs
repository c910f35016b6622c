//! What makes a run visible: its files, their sizes and checksums. It is written when everything else is there.

use infercost_core::text::printable;
use infercost_trace::is_run_id;
use infercost_trace::run_reader::{HEADER_FILE, MAX_HEADER, SPANS_FILE};
use jiff::Timestamp;
use object_store::path::Path as ObjectPath;
use serde::{Deserialize, Serialize};

/// The layout of manifests and of what they name.
pub const MANIFEST_SCHEMA: &str = "infercost.manifest/1";
/// Largest manifest read, in bytes.
pub(crate) const MAX_MANIFEST: u64 = 16 << 20;
/// Largest piece read from a store, in bytes.
const LARGEST_PIECE: u64 = 64 << 20;
/// Folder of manifests below a store's prefix.
pub(crate) const MANIFESTS: &str = "manifests";
/// Folder of the pieces.
pub(crate) const RUNS: &str = "runs";
/// Hexadecimal digits of a checksum that an object's name holds.
pub(crate) const DIGITS_IN_NAMES: usize = 16;
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// A run in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema: String,
    /// The run's id.
    pub run: String,
    /// When it began, by its machine's clock.
    pub started_at: Timestamp,
    /// False of a run that was cut off.
    pub finished: bool,
    /// Its header.
    pub header: StoredFile,
    /// Its spans.
    pub spans: StoredFile,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of all of it, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The objects that it is made of, in their order.
    pub pieces: Vec<Piece>,
}

/// A piece of a file, in an object of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its size.
    pub bytes: u64,
    /// SHA-256, as above.
    pub sha256: String,
}

/// The two files of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunFile {
    Header,
    Spans,
}

impl RunFile {
    pub(crate) const ALL: [Self; 2] = [Self::Header, Self::Spans];

    /// Its name in the run's folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Header => HEADER_FILE,
            Self::Spans => SPANS_FILE,
        }
    }

    /// The name of the object that holds a piece of it.
    pub(crate) fn object(self, prefix: &ObjectPath, run: &str, index: usize, sha256: &str) -> ObjectPath {
        let hash: String = sha256.chars().take(DIGITS_IN_NAMES).collect();
        let name = match self {
            Self::Header => format!("run-{hash}.json"),
            Self::Spans => format!("spans-{index:05}-{hash}.jsonl"),
        };
        prefix.clone().join(RUNS).join(run).join(name)
    }
}

impl Manifest {
    /// Where the manifest of a run lies. Lists of manifests are in the opposite order of lists of runs, so that a list that
    /// ends too early leaves out other runs of either.
    pub(crate) fn object(prefix: &ObjectPath, run: &str) -> ObjectPath {
        prefix.clone().join(MANIFESTS).join(format!("{}={run}.json", mirrored(run)))
    }

    /// The run that the name of a manifest stands for; `None` of what is no manifest.
    pub(crate) fn run_of(name: &str) -> Option<&str> {
        let (mirror, run) = name.strip_suffix(".json")?.split_once('=')?;
        (is_run_id(run) && mirrored(run) == mirror).then_some(run)
    }

    /// Reads the manifest of a run, and makes sure that it says what can be.
    ///
    /// # Errors
    /// What is wrong with it, with text of the store escaped.
    pub fn read(json: &[u8], run: &str) -> Result<Self, String> {
        let schema: Versioned = serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
        if schema.schema != MANIFEST_SCHEMA {
            return Err(format!(
                "its manifest is `{}`, and this version of infercost reads `{MANIFEST_SCHEMA}`",
                printable(&schema.schema)
            ));
        }

        let manifest: Self = serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
        if manifest.run != run || !is_run_id(run) {
            return Err(format!("its manifest is that of run `{}`", printable(&manifest.run)));
        }

        manifest.header.check(RunFile::Header.name())?;
        manifest.spans.check(RunFile::Spans.name())?;
        if manifest.header.bytes > MAX_HEADER || manifest.header.pieces.len() != 1 {
            return Err(format!("a header of {} bytes is none of infercost's", manifest.header.bytes));
        }
        Ok(manifest)
    }

    /// The manifest as it is written: the same bytes for the same run.
    ///
    /// # Errors
    /// What the serializer says; nothing in a manifest makes it fail.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// One of the two files.
    pub(crate) fn file(&self, file: RunFile) -> &StoredFile {
        match file {
            RunFile::Header => &self.header,
            RunFile::Spans => &self.spans,
        }
    }

    /// Bytes of the run.
    pub fn bytes(&self) -> u64 {
        self.header.bytes.saturating_add(self.spans.bytes)
    }
}

/// The characters of ids, as they are ordered.
const ALPHABET: &[u8] = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// A text that comes the earlier in an order the later the id does.
fn mirrored(run: &str) -> String {
    let mut mirrored = String::with_capacity(run.len());
    for byte in run.bytes() {
        // an id holds no other character
        let Some(place) = ALPHABET.iter().position(|one| *one == byte) else { continue };
        mirrored.extend(ALPHABET.iter().rev().nth(place).copied().map(char::from));
    }
    mirrored
}

/// What every version of a manifest says of itself.
#[derive(Deserialize)]
struct Versioned {
    schema: String,
}

impl StoredFile {
    fn check(&self, name: &str) -> Result<(), String> {
        let pieces_are_sound =
            self.pieces.iter().all(|piece| piece.bytes <= LARGEST_PIECE && is_sha256(&piece.sha256));
        if !pieces_are_sound || !is_sha256(&self.sha256) {
            return Err(format!("its manifest names a piece of {name} that cannot be"));
        }

        let sum = self.pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.bytes));
        if sum != Some(self.bytes) {
            return Err(format!("the pieces of {name} are not as long as the file"));
        }
        Ok(())
    }
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("its manifest cannot be read: {}", printable(&error.to_string()))
}

pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    fn manifest() -> Manifest {
        let piece = |bytes| Piece { bytes, sha256: "a".repeat(64) };
        let file = |bytes| StoredFile { bytes, sha256: "0".repeat(64), pieces: vec![piece(bytes)] };
        Manifest {
            schema: MANIFEST_SCHEMA.to_owned(),
            run: "r1".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            finished: true,
            header: file(10),
            spans: file(20),
        }
    }

    #[test]
    fn it_comes_back_as_it_was_written() {
        let json = manifest().to_json().unwrap();
        assert_eq!(Manifest::read(&json, "r1").unwrap(), manifest());
        assert_eq!(manifest().bytes(), 30);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let changed = |change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            Manifest::read(&manifest.to_json().unwrap(), "r1").unwrap_err()
        };
        for (why, part) in [
            (changed(|m| m.schema = "infercost.manifest/2".to_owned()), "this version"),
            (changed(|m| m.run = "../r1".to_owned()), "that of run"),
            (changed(|m| m.spans.bytes = 21), "not as long"),
            (changed(|m| m.spans.sha256 = "../../x".to_owned()), "cannot be"),
            (changed(|m| m.spans.pieces[0].sha256 = "A".repeat(64)), "cannot be"),
            (changed(|m| m.spans.pieces[0].bytes = u64::MAX), "cannot be"),
            (changed(|m| m.header.pieces.clear()), "not as long"),
        ] {
            assert!(why.contains(part), "{why}");
        }
        assert!(Manifest::read(b"{}", "r1").unwrap_err().contains("cannot be read"));
        assert!(Manifest::read(&manifest().to_json().unwrap(), "r2").unwrap_err().contains("that of run"));
    }

    #[test]
    fn names_of_objects_follow_from_content() {
        let prefix = ObjectPath::from("team");
        let sha256 = "0123456789abcdef".repeat(4);
        let object = RunFile::Spans.object(&prefix, "r1", 2, &sha256);
        assert_eq!(object.as_ref(), "team/runs/r1/spans-00002-0123456789abcdef.jsonl");
        assert_eq!(Manifest::object(&ObjectPath::default(), "r1").as_ref(), "manifests/6w=r1.json");
        assert_eq!(Manifest::run_of("6w=r1.json"), Some("r1"));
        for name in ["r1.json", "6y=r1.json", "6w=r1", "=.json", "zz=...json"] {
            assert_eq!(Manifest::run_of(name), None, "{name}");
        }
    }

    #[test]
    fn manifests_come_in_the_opposite_order_of_runs() {
        let ids = ["20261129-101500", "20261129-101500-2", "20261129-101501", "A", "_b", "a", "z.z"];
        let mut mirrors: Vec<String> = ids.iter().map(|id| mirrored(id)).collect();
        mirrors.sort();
        let back: Vec<String> = mirrors.iter().map(|mirror| mirrored(mirror)).collect();
        // but for an id that another begins with, which comes first in either
        assert_eq!(back, ["z.z", "a", "_b", "A", "20261129-101501", "20261129-101500", "20261129-101500-2"]);
    }
}
