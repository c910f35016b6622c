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
use crate::tables::store_marker::refuse_store;

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

    /// False of a path of a file of tables whose folder says that it holds another day.
    pub fn may_hold(&self, path: &str) -> bool {
        path.split('/').all(|part| is_wanted(part, *self))
    }

    fn holds(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// Where tables are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TablesPlace {
    /// A folder, in which they are looked for.
    Folder(PathBuf),
    /// Files of this machine that were brought from elsewhere.
    Fetched {
        /// What the place is called.
        name: String,
        /// All of its files, of the days that are asked for at least.
        files: Vec<FileAtHand>,
    },
}

impl TablesPlace {
    /// What it is called.
    fn name(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::Fetched { name, .. } => PathBuf::from(name),
        }
    }
}

/// A file of tables, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAtHand {
    /// Below a folder of tables.
    pub path: PathBuf,
    /// On this machine.
    pub place: PathBuf,
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

/// The files of a source in one place.
#[derive(Debug, Default)]
struct SourceFiles {
    parts: Vec<Part>,
    /// Where they lie, in the same order.
    places: Vec<PathBuf>,
}

impl TableFiles {
    /// Lists and checks the files of folders; those of other days are left out where their folder says the day.
    ///
    /// # Errors
    /// Where there are no tables, or a file is not what it should be: damaged, foreign, newer, or a source that lies in two
    /// folders and differs.
    pub fn open(folders: &[PathBuf], days: Days) -> Result<Self, TablesError> {
        let places: Vec<TablesPlace> = folders.iter().cloned().map(TablesPlace::Folder).collect();
        Self::of_places(&places, days)
    }

    /// The same of folders and of files that were brought from elsewhere.
    ///
    /// # Errors
    /// As [`TableFiles::open`].
    pub fn of_places(places: &[TablesPlace], days: Days) -> Result<Self, TablesError> {
        let mut all = Self::default();
        let mut known: BTreeMap<String, (PathBuf, Vec<Part>)> = BTreeMap::new();

        for place in places {
            let name = place.name();
            for (source, files) in sources(place, days)? {
                match known.get(&source) {
                    None => {
                        for (part, at) in files.parts.iter().zip(files.places) {
                            let table = table_of(&part.path);
                            all.files.entry(table).or_default().push(at);
                            let rows = all.rows.entry(table).or_default();
                            *rows = rows.saturating_add(part.rows);
                        }
                        known.insert(source, (name.clone(), files.parts));
                    }
                    // one folder that is named twice, or a copy
                    Some((_, before)) if *before == files.parts => all.repeated.push(source),
                    Some((other, _)) => {
                        return Err(TablesError::Differs {
                            source_name: source,
                            one: other.clone(),
                            other: name,
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

/// The files of a place by source, each source's in the order of their paths.
fn sources(place: &TablesPlace, days: Days) -> Result<BTreeMap<String, SourceFiles>, TablesError> {
    match place {
        TablesPlace::Folder(folder) => in_folder(folder, days),
        TablesPlace::Fetched { files, .. } => by_source(files),
    }
}

fn in_folder(folder: &Path, days: Days) -> Result<BTreeMap<String, SourceFiles>, TablesError> {
    let folder = folder.canonicalize().map_err(|error| not_there(folder, error))?;
    refuse_store(&folder)?;
    let lock = FolderLock::to_read(&folder)?;
    let mut paths = Vec::new();
    let mut any = false;
    for table in Table::ALL {
        let below = PathBuf::from(table.name());
        any |= folder.join(&below).is_dir();
        list(&folder, &below, days, &mut paths)?;
    }
    if !any {
        return Err(TablesError::NoTables { folder });
    }

    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        files.push(FileAtHand { place: folder.join(&path), path });
    }
    let sources = by_source(&files)?;
    drop(lock);
    Ok(sources)
}

/// Files by the source that each of them names.
fn by_source(files: &[FileAtHand]) -> Result<BTreeMap<String, SourceFiles>, TablesError> {
    let mut ordered: Vec<&FileAtHand> = files.iter().collect();
    ordered.sort_by(|one, other| one.path.cmp(&other.path));

    let mut sources: BTreeMap<String, SourceFiles> = BTreeMap::new();
    for FileAtHand { path, place } in ordered {
        let bytes = fs::metadata(place).map_err(TablesError::file("read", place))?.len();
        let file = file_check::check(place, table_of(path))?;
        let source = sources.entry(file.source).or_default();
        source.parts.push(Part { path: path.clone(), bytes, rows: file.rows });
        source.places.push(place.clone());
    }
    Ok(sources)
}

/// What is wrong with a folder that is named.
fn not_there(folder: &Path, error: io::Error) -> TablesError {
    match error.kind() {
        io::ErrorKind::NotFound => TablesError::NoFolder { folder: folder.to_owned() },
        _ => TablesError::file("read", folder)(error),
    }
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
