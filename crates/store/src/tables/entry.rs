//! An entry of the log: which files hold the rows of a source.

use infercost_core::text::printable;
use object_store::path::Path as ObjectPath;
use serde::{Deserialize, Serialize};

use crate::manifest::{DIGITS_IN_NAMES, is_sha256};

/// The layout of entries.
pub(crate) const ENTRY_SCHEMA: &str = "infercost.tables-log/1";
/// Largest entry read, in bytes.
pub(crate) const MAX_ENTRY: u64 = 16 << 20;
/// Folder of the entries below a store's prefix.
pub(crate) const LOG: &str = "log";
/// How files of tables end.
pub(crate) const PARQUET: &str = ".parquet";
/// Largest file of a table that is fetched, in bytes.
const LARGEST_FILE: u64 = 1 << 40;
/// Longest name of a source, and longest path of a file, in bytes.
const LONGEST_NAME: usize = 1 << 10;
/// Digits of a number in the name of an entry.
const NUMBER_DIGITS: usize = 10;
/// Parts of a path: table, day, model, file.
const PARTS: usize = 4;

/// Which files hold the rows of a source. Those that an earlier entry named of it count no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// `infercost.tables-log/1`.
    pub schema: String,
    /// Its number: 1, 2, 3, …
    pub number: u64,
    /// The run, or the name under which traces were read.
    pub source: String,
    /// Bytes of traces that grow; `None` of a run.
    pub source_bytes: Option<u64>,
    /// The files.
    pub files: Vec<TableFile>,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    /// Where it would lie in a folder of tables.
    pub path: String,
    /// The object that holds it.
    pub object: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

impl LogEntry {
    /// The name of the entry with that number, below the prefix.
    pub(crate) fn object(number: u64) -> String {
        format!("{LOG}/{number:0NUMBER_DIGITS$}.json")
    }

    /// The number that the name of an entry stands for; `None` of what is none.
    pub(crate) fn number_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".json")?;
        let is_number = digits.len() == NUMBER_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    }

    /// Reads an entry, and makes sure that it says what can be.
    ///
    /// # Errors
    /// What is wrong with it, with text of the store escaped.
    pub fn read(json: &[u8], number: u64) -> Result<Self, String> {
        let unreadable =
            |error: serde_json::Error| format!("cannot be read: {}", printable(&error.to_string()));
        let versioned: Versioned = serde_json::from_slice(json).map_err(unreadable)?;
        if versioned.schema != ENTRY_SCHEMA {
            return Err(format!(
                "is `{}`, and this version of infercost reads `{ENTRY_SCHEMA}`",
                printable(&versioned.schema)
            ));
        }

        let entry: Self = serde_json::from_slice(json).map_err(unreadable)?;
        if entry.number != number {
            return Err(format!("says that it is number {}", entry.number));
        }
        if entry.source.is_empty() || entry.source.len() > LONGEST_NAME {
            return Err("names no source".to_owned());
        }
        for file in &entry.files {
            file.check()?;
        }
        Ok(entry)
    }

    /// The entry as it is written: the same bytes for the same files.
    ///
    /// # Errors
    /// What the serializer says; nothing in an entry makes it fail.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec(self)?;
        json.push(b'\n');
        Ok(json)
    }
}

/// What every version of an entry says of itself.
#[derive(Deserialize)]
struct Versioned {
    schema: String,
}

impl TableFile {
    /// A file at its path in a folder of tables.
    pub(crate) fn new(path: String, bytes: u64, sha256: String) -> Self {
        Self { object: object_of(&path, &sha256), path, bytes, sha256 }
    }

    fn check(&self) -> Result<(), String> {
        let parts: Vec<&str> = self.path.split('/').collect();
        let is_sound = self.path.len() <= LONGEST_NAME
            && parts.len() == PARTS
            && parts.iter().all(|part| is_plain(part))
            && self.path.ends_with(PARQUET)
            && ObjectPath::parse(&self.path).is_ok();
        if !is_sound || !is_sha256(&self.sha256) || self.bytes > LARGEST_FILE {
            return Err(format!("names a file that cannot be: {}", printable(&self.path)));
        }
        if self.object != object_of(&self.path, &self.sha256) {
            return Err(format!("names another object for {}", printable(&self.path)));
        }
        Ok(())
    }
}

/// The name of the object that holds a file: its path, with the beginning of its checksum.
fn object_of(path: &str, sha256: &str) -> String {
    let hash: String = sha256.chars().take(DIGITS_IN_NAMES).collect();
    format!("{}.{hash}{PARQUET}", path.strip_suffix(PARQUET).unwrap_or(path))
}

/// True of a part of a path that leads nowhere else, on any system.
fn is_plain(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.%=~".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    const PATH: &str = "inferences/day=2026-11-29/model=tiny%2Fq8_0/r1-0.parquet";

    fn entry() -> LogEntry {
        LogEntry {
            schema: ENTRY_SCHEMA.to_owned(),
            number: 7,
            source: "r1".to_owned(),
            source_bytes: Some(5),
            files: vec![TableFile::new(PATH.to_owned(), 10, "0123456789abcdef".repeat(4))],
        }
    }

    #[test]
    fn it_comes_back_as_it_was_written() {
        assert_eq!(LogEntry::read(&entry().to_json().unwrap(), 7).unwrap(), entry());
        assert_eq!(
            entry().files[0].object,
            "inferences/day=2026-11-29/model=tiny%2Fq8_0/r1-0.0123456789abcdef.parquet"
        );
        assert_eq!(LogEntry::object(7), "log/0000000007.json");
        assert_eq!(LogEntry::number_of("0000000007.json"), Some(7));
        for name in ["7.json", "000000000x.json", "0000000007", "00000000070.json"] {
            assert_eq!(LogEntry::number_of(name), None, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let changed = |change: &dyn Fn(&mut LogEntry)| {
            let mut entry = entry();
            change(&mut entry);
            LogEntry::read(&entry.to_json().unwrap(), 7).unwrap_err()
        };
        let with_path = |path: &str| {
            changed(&|entry| {
                entry.files[0] = TableFile::new(path.to_owned(), 10, entry.files[0].sha256.clone());
            })
        };
        for path in [
            "../a/b/c.parquet",
            "inferences/../b/c.parquet",
            "/inferences/day/model/c.parquet",
            "inferences/day/model/../c.parquet",
            "inferences/day/model/.c.parquet",
            "inferences/day/model/c.parquet.exe",
            "inferences/day/c.parquet",
            "inferences\\day/a/b/c.parquet",
            "C:/day/model/c.parquet",
            "inferences/day//c.parquet",
        ] {
            assert!(with_path(path).contains("cannot be"), "{path}");
        }
        assert!(changed(&|entry| entry.number = 8).contains("number 8"));
        assert!(changed(&|entry| entry.source.clear()).contains("no source"));
        assert!(changed(&|entry| entry.schema = "infercost.tables-log/2".to_owned()).contains("reads"));
        assert!(changed(&|entry| entry.files[0].bytes = u64::MAX).contains("cannot be"));
        assert!(changed(&|entry| entry.files[0].sha256 = "A".repeat(64)).contains("cannot be"));
        assert!(changed(&|entry| entry.files[0].object = "runs/x".to_owned()).contains("another object"));
        assert!(LogEntry::read(b"[]", 7).unwrap_err().contains("cannot be read"));
    }
}
