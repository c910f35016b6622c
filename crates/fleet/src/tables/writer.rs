//! Rows of one source, on their way into the files of a folder of tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::TablesError;
use super::file_writer::FileWriter;
use super::lock::FolderLock;
use super::partition::{Partition, escaped};
use super::rows::{Cells, EvaluationRow, InferenceRow, RunRow, WindowRow};
use super::schema::Table;
use super::store_marker::refuse_store;

/// Files that are open at once; beyond, the one that was written to longest ago is ended.
const OPEN_FILES: usize = 128;
/// Bytes of rows in memory that wait for their row group, over all open files; beyond, the largest is written.
const MEMORY: usize = 12 << 20;

/// Writes the rows of one source, a recorded run or a set of traces, into a folder of tables.
///
/// Rows may come in any order and any number; memory stays bounded. Nothing is seen before [`TablesWriter::finish`], which
/// puts whole files in place and takes away those that the same source wrote before: a source that is written twice adds
/// nothing twice. A writer that is dropped leaves nothing.
pub struct TablesWriter {
    folder: PathBuf,
    source: String,
    /// The source as the beginning of file names.
    stem: String,
    incoming: TempDir,
    open: BTreeMap<(Table, Partition), OpenFile>,
    /// Bytes of rows that wait in all of these.
    held: usize,
    /// Files that were begun, by partition: the number of the next part.
    parts: BTreeMap<(Table, Partition), u32>,
    /// Below the folder, in the order in which they were begun.
    files: Vec<PathBuf>,
    written: Written,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows of `inferences`.
    pub inferences: u64,
    /// Rows of `windows`.
    pub windows: u64,
    /// Rows of `evaluations`.
    pub evaluations: u64,
    /// Rows of `runs`.
    pub runs: u64,
    /// Files.
    pub files: u64,
    /// Files of the same source that were replaced or removed.
    pub replaced: u64,
}

struct OpenFile {
    writer: FileWriter,
    /// When a row was last appended, counted in rows.
    touched: u64,
}

impl TablesWriter {
    /// Begins to write a source; its name stands in every row, and files are named by it. The folder is made where it is not
    /// there.
    ///
    /// # Errors
    /// Where the folder cannot be written, or the name is empty.
    pub fn create(folder: &Path, source: &str) -> Result<Self, TablesError> {
        if source.is_empty() {
            return Err(TablesError::NoSource);
        }
        fs::create_dir_all(folder).map_err(TablesError::file("write", folder))?;
        refuse_store(folder)?;
        FolderLock::prepare(folder)?;
        let incoming = tempfile::Builder::new().prefix(".incoming-").tempdir_in(folder);

        Ok(Self {
            folder: folder.to_owned(),
            source: source.to_owned(),
            stem: escaped(source),
            incoming: incoming.map_err(TablesError::file("write", folder))?,
            open: BTreeMap::new(),
            held: 0,
            parts: BTreeMap::new(),
            files: Vec::new(),
            written: Written::default(),
        })
    }

    /// Appends a call of a model.
    ///
    /// # Errors
    /// Where an amount does not fit, or a file cannot be written.
    pub fn inference(&mut self, row: &InferenceRow<'_>) -> Result<(), TablesError> {
        let source = self.source.clone();
        self.append(row.cells(&source)?)?;
        self.written.inferences += 1;
        Ok(())
    }

    /// Appends a metered stretch of time.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn window(&mut self, row: &WindowRow<'_>) -> Result<(), TablesError> {
        let source = self.source.clone();
        self.append(row.cells(&source))?;
        self.written.windows += 1;
        Ok(())
    }

    /// Appends a judgment of an answer.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn evaluation(&mut self, row: &EvaluationRow<'_>) -> Result<(), TablesError> {
        let source = self.source.clone();
        self.append(row.cells(&source))?;
        self.written.evaluations += 1;
        Ok(())
    }

    /// Appends a variant of a recorded run.
    ///
    /// # Errors
    /// Where an amount does not fit, or a file cannot be written.
    pub fn run(&mut self, row: &RunRow<'_>) -> Result<(), TablesError> {
        let source = self.source.clone();
        self.append(row.cells(&source)?)?;
        self.written.runs += 1;
        Ok(())
    }

    fn rows(&self) -> u64 {
        let Written { inferences, windows, evaluations, runs, .. } = self.written;
        inferences + windows + evaluations + runs
    }

    fn append(&mut self, cells: Cells<'_>) -> Result<(), TablesError> {
        let touched = self.rows();
        let key = (cells.table, cells.partition);
        if !self.open.contains_key(&key) {
            self.begin(key.clone())?;
        }
        if let Some(file) = self.open.get_mut(&key) {
            let before = file.writer.memory();
            file.touched = touched;
            file.writer.append(&cells.values)?;
            self.held = self.held.saturating_sub(before).saturating_add(file.writer.memory());
        }

        if self.held > MEMORY { self.end_largest() } else { Ok(()) }
    }

    /// Opens the next file of a partition.
    fn begin(&mut self, key: (Table, Partition)) -> Result<(), TablesError> {
        if self.open.len() >= OPEN_FILES {
            let oldest = self.open.iter().min_by_key(|(_, file)| file.touched).map(|(key, _)| key.clone());
            if let Some(file) = oldest.and_then(|oldest| self.open.remove(&oldest)) {
                self.held = self.held.saturating_sub(file.writer.memory());
                file.writer.finish()?;
            }
        }

        let part = self.parts.entry(key.clone()).or_default();
        let name = format!("{}-{part}.parquet", self.stem);
        *part += 1;
        let path = Path::new(key.0.name()).join(key.1.folder()).join(name);
        let writer =
            FileWriter::create(key.0, key.1.clone(), &self.source, &self.incoming.path().join(&path))?;
        self.files.push(path);
        self.open.insert(key, OpenFile { writer, touched: 0 });
        Ok(())
    }

    /// Writes the row group of the file in which most waits.
    fn end_largest(&mut self) -> Result<(), TablesError> {
        let Some(largest) = self.open.values_mut().max_by_key(|file| file.writer.memory()) else {
            return Ok(());
        };
        self.held = self.held.saturating_sub(largest.writer.memory());
        largest.writer.end_group()
    }

    /// Puts all files in place, whole, and takes away what the same source wrote before.
    ///
    /// # Errors
    /// Where a file cannot be written or put in place. What lay there before stays as it was, or readers are told that it
    /// is between the two.
    pub fn finish(mut self) -> Result<Written, TablesError> {
        for file in std::mem::take(&mut self.open).into_values() {
            file.writer.finish()?;
        }
        self.written.files = self.files.len() as u64;

        let lock = FolderLock::to_write(&self.folder)?;
        let before = self.own_files()?;
        lock.mark(&self.stem)?;
        for path in &self.files {
            let place = self.folder.join(path);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).map_err(TablesError::file("write", folder))?;
            }
            fs::rename(self.incoming.path().join(path), &place)
                .map_err(TablesError::file("write", &place))?;
        }

        let new: BTreeSet<&PathBuf> = self.files.iter().collect();
        for path in before.iter().filter(|path| !new.contains(path)) {
            let place = self.folder.join(path);
            fs::remove_file(&place).map_err(TablesError::file("remove", &place))?;
        }
        self.written.replaced = before.len() as u64;
        lock.unmark(&self.stem)?;
        Ok(self.written)
    }

    /// Files in place that this source wrote before, below the folder.
    fn own_files(&self) -> Result<Vec<PathBuf>, TablesError> {
        let mut found = Vec::new();
        for table in Table::ALL {
            for day in folders(&self.folder, Path::new(table.name()))? {
                for model in folders(&self.folder, &day)? {
                    for path in entries(&self.folder, &model)? {
                        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                        if is_part(name, &self.stem) {
                            found.push(path);
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

/// True where a file is named as a part of a source.
fn is_part(name: &str, stem: &str) -> bool {
    let part = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('-'));
    let part = part.and_then(|rest| rest.strip_suffix(".parquet"));
    part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Folders in a folder below the root.
fn folders(root: &Path, below: &Path) -> Result<Vec<PathBuf>, TablesError> {
    let mut all = entries(root, below)?;
    all.retain(|path| root.join(path).is_dir());
    Ok(all)
}

/// What is in a folder below the root; nothing where it is not there.
fn entries(root: &Path, below: &Path) -> Result<Vec<PathBuf>, TablesError> {
    let folder = root.join(below);
    let cannot = || TablesError::file("read", &folder);
    let listed = match fs::read_dir(&folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot()(error)),
    };

    let mut all = Vec::new();
    for entry in listed {
        all.push(below.join(entry.map_err(cannot())?.file_name()));
    }
    Ok(all)
}
