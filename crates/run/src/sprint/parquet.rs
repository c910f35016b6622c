//! Parquet as a workload: recognized here, and read by what the program brings along, as not every build does.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use infercost_sprint::workload::TraceWorkload;

use crate::usage::usage;

/// Reads a Parquet file, or a folder of tables: its first requests, so many.
pub type ReadParquet = fn(&Path, usize) -> anyhow::Result<TraceWorkload>;

/// What a Parquet file begins and ends with.
const MAGIC: [u8; 4] = *b"PAR1";
/// How its name ends.
const ENDING: &str = "parquet";
/// The folder of requests in a folder of tables.
const REQUESTS: &str = "inferences";
/// Entries of a folder that are looked at.
const MOST_ENTRIES: usize = 1000;

/// True for a Parquet file, by its first bytes or by its name, and for a folder of tables or of such files.
pub(super) fn is_meant(path: &Path) -> bool {
    if path.is_dir() {
        return is_of_tables(path) || has_ending(path) || holds_files(path);
    }
    path.is_file() && (has_ending(path) || begins_with_magic(path))
}

/// Reads it.
///
/// # Errors
/// A usage error where this build does not read Parquet or a folder holds no tables; what the reader says else.
pub(super) fn read(path: &Path, reader: Option<ReadParquet>, most: usize) -> anyhow::Result<TraceWorkload> {
    let Some(reader) = reader else {
        return Err(usage(format!(
            "--workload {}: this infercost was built without Parquet; build it with `--features fleet`, or export the \
             columns as CSV",
            path.display()
        )));
    };
    if path.is_dir() && !is_of_tables(path) {
        return Err(usage(format!(
            "--workload {}: no folder of tables, as there is no `{REQUESTS}` in it; name one Parquet file",
            path.display()
        )));
    }
    reader(path, most)
}

fn is_of_tables(folder: &Path) -> bool {
    folder.join(REQUESTS).is_dir()
}

fn has_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
}

fn holds_files(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_ENTRIES);
    entries.map(|entry| entry.path()).any(|path| has_ending(&path))
}

fn begins_with_magic(path: &Path) -> bool {
    let mut first = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && first == MAGIC
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    #[test]
    fn names_and_first_bytes_are_recognized() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        assert!(is_meant(&place("a.parquet", b"text")));
        assert!(is_meant(&place("b.PARQUET", b"")));
        assert!(is_meant(&place("c.csv", b"PAR1 and more")));
        assert!(!is_meant(&place("d.csv", b"PAR")));
        assert!(!is_meant(&place("e.csv", b"Timestamp,Request tokens,Response tokens\n")));
        assert!(!is_meant(&folder.path().join("none.parquet")));
    }

    #[test]
    fn folders_are_those_of_tables_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, tables, files) =
            (folder.path().join("empty"), folder.path().join("tables"), folder.path().join("files"));
        fs::create_dir_all(&empty).unwrap();
        fs::create_dir_all(tables.join(REQUESTS)).unwrap();
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("train-0.parquet"), "").unwrap();
        assert!(!is_meant(&empty));
        assert!(is_meant(&tables) && is_meant(&files));

        let reader: ReadParquet = |_, most| {
            let held = u64::try_from(most)?;
            Ok(TraceWorkload { held, ..TraceWorkload::default() })
        };
        assert_eq!(read(&tables, Some(reader), 7).unwrap().held, 7);
        let error = read(&files, Some(reader), 7).unwrap_err().to_string();
        assert!(error.contains("no `inferences` in it; name one Parquet file"), "{error}");
        let error = read(&tables, None, 7).unwrap_err().to_string();
        assert!(error.contains("built without Parquet") && error.contains("--features fleet"), "{error}");
    }
}
