//! Which files are in folders of tables. Each is looked at before any is read: no foreign file, no damaged one and none of
//! a newer version gets into a sum, and no source is counted twice.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::file_check;
use crate::tables::error::TablesError;
use crate::tables::lock::FolderLock;
use crate::tables::schema::Table;

/// Days, both included; `None` has no end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Option<Date>,
    /// The last.
    pub to: Option<Date>,
}

impl Days {
    /// True where there is no end on either side.
    pub fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    fn holds(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// The files behind each table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFiles {
    files: BTreeMap<Table, Vec<PathBuf>>,
    rows: BTreeMap<Table, u64>,
    /// Sources that lie in more than one of the folders, and are counted once.
    pub repeated: Vec<String>,
}

/// A file of a source, below the folder of the tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    path: PathBuf,
    bytes: u64,
    rows: u64,
}

impl TableFiles {
    /// Lists and checks the files of folders; those of other days are left out where their folder says the day.
    ///
    /// # Errors
    /// Where there are no tables, or a file is not what it should be: damaged, foreign, newer, or a source that lies in two
    /// folders and differs.
    pub fn open(folders: &[PathBuf], days: Days) -> Result<Self, TablesError> {
        let mut all = Self::default();
        let mut known: BTreeMap<String, (PathBuf, Vec<Part>)> = BTreeMap::new();

        for folder in folders {
            let folder = folder.canonicalize().map_err(TablesError::file("read", folder))?;
            for (source, parts) in sources(&folder, days)? {
                match known.get(&source) {
                    None => {
                        for part in &parts {
                            let table = table_of(&part.path);
                            all.files.entry(table).or_default().push(folder.join(&part.path));
                            let rows = all.rows.entry(table).or_default();
                            *rows = rows.saturating_add(part.rows);
                        }
                        known.insert(source, (folder.clone(), parts));
                    }
                    // one folder that is named twice, or a copy
                    Some((_, before)) if *before == parts => all.repeated.push(source),
                    Some((other, _)) => {
                        return Err(TablesError::Differs {
                            source_name: source,
                            one: other.clone(),
                            other: folder,
                        });
                    }
                }
            }
        }

        Ok(all)
    }

    /// One file of a table, without those around it.
    ///
    /// # Errors
    /// Where it is damaged, foreign, newer, or of another table.
    pub fn of_file(path: &Path, table: Table) -> Result<Self, TablesError> {
        let path = path.canonicalize().map_err(TablesError::file("read", path))?;
        let file = file_check::check(&path, table)?;
        Ok(Self {
            files: BTreeMap::from([(table, vec![path])]),
            rows: BTreeMap::from([(table, file.rows)]),
            repeated: Vec::new(),
        })
    }

    /// The files of one table.
    pub fn of(&self, table: Table) -> &[PathBuf] {
        self.files.get(&table).map_or(&[], Vec::as_slice)
    }

    /// Rows of one table, as its files say.
    pub fn rows(&self, table: Table) -> u64 {
        self.rows.get(&table).copied().unwrap_or(0)
    }
}

/// The table whose folder a path below the root begins with.
fn table_of(path: &Path) -> Table {
    let first = path.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let found = Table::ALL.into_iter().find(|table| first.as_deref() == Some(table.name()));
    found.unwrap_or(Table::Inferences)
}

/// The files of a folder by source, each source's in the order of their paths.
fn sources(folder: &Path, days: Days) -> Result<BTreeMap<String, Vec<Part>>, TablesError> {
    let lock = FolderLock::to_read(folder)?;
    let mut paths = Vec::new();
    let mut any = false;
    for table in Table::ALL {
        let below = PathBuf::from(table.name());
        any |= folder.join(&below).is_dir();
        list(folder, &below, days, &mut paths)?;
    }
    if !any {
        return Err(TablesError::NoTables { folder: folder.to_owned() });
    }
    paths.sort();

    let mut sources: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for path in paths {
        let place = folder.join(&path);
        let bytes = fs::metadata(&place).map_err(TablesError::file("read", &place))?.len();
        let file = file_check::check(&place, table_of(&path))?;
        sources.entry(file.source).or_default().push(Part { path, bytes, rows: file.rows });
    }
    drop(lock);
    Ok(sources)
}

/// Parquet files below a folder; what begins with a dot is nobody's.
fn list(root: &Path, below: &Path, days: Days, paths: &mut Vec<PathBuf>) -> Result<(), TablesError> {
    let folder = root.join(below);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(TablesError::File { doing: "read", path: folder, source }),
    };

    for entry in entries {
        let entry = entry.map_err(TablesError::file("read", &folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = below.join(entry.file_name());
        // links are followed by nobody: they may lead in a circle
        let kind = entry.file_type().map_err(TablesError::file("read", &folder))?;

        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() && is_wanted(&name, days) {
            list(root, &path, days, paths)?;
        } else if kind.is_file() && name.ends_with(".parquet") {
            paths.push(path);
        }
    }
    Ok(())
}

/// False for the folder of a day that is not asked for.
fn is_wanted(name: &str, days: Days) -> bool {
    let day = name.strip_prefix("day=").and_then(|day| day.parse::<Date>().ok());
    day.is_none_or(|day| days.holds(day))
}
