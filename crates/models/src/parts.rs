//! Models in several files: shards of safetensors, parts of GGUF.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hash::file_name;
use crate::json_file::json_file;
use crate::mistaken;
use crate::pieces::PieceName;

/// The list of shards that belongs to sharded safetensors.
const INDEX: &str = "model.safetensors.index.json";
/// Most parts of one model.
const MAX_PARTS: u32 = 9999;

/// A file's place among the parts of a model: `name-00001-of-00003.gguf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartName {
    /// What stands before the numbers.
    pub(crate) stem: String,
    /// Which part it is, from 1.
    pub(crate) number: u32,
    /// How many there are.
    pub(crate) count: u32,
    /// `.gguf` or `.safetensors`, as it is written.
    ending: String,
    /// How many digits the numbers have.
    digits: usize,
}

impl PartName {
    /// The parts of a name; `None` where it is the name of a whole model.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (stem, ending) = name.rsplit_once('.')?;
        let (stem, count) = stem.rsplit_once("-of-")?;
        let (stem, number) = stem.rsplit_once('-')?;
        let digits = number.len();
        let are_numbers =
            [number, count].iter().all(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
        if !are_numbers || count.len() != digits || stem.is_empty() {
            return None;
        }

        let (number, count) = (number.parse().ok()?, count.parse().ok()?);
        let is_possible = (1..=MAX_PARTS).contains(&count) && (1..=count).contains(&number);
        let ending = format!(".{ending}");
        is_possible.then(|| Self { stem: stem.to_owned(), number, count, ending, digits })
    }

    /// The name of another part.
    pub(crate) fn of(&self, number: u32) -> String {
        let (stem, count, ending, digits) = (&self.stem, self.count, &self.ending, self.digits);
        format!("{stem}-{number:0digits$}-of-{count:0digits$}{ending}")
    }

    /// The names of all parts, in order.
    pub(crate) fn all(&self) -> Vec<String> {
        (1..=self.count).map(|number| self.of(number)).collect()
    }
}

/// All parts of the model that a GGUF file belongs to, in order; the file alone where it is a whole model.
///
/// # Errors
/// [`ModelError::BadFile`] naming the parts that are missing.
pub(crate) fn gguf_parts(path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let name = file_name(path);
    let Some(part) = PartName::parse(&name).filter(|part| part.count > 1) else {
        return Ok(vec![path.to_owned()]);
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parts: Vec<PathBuf> = part.all().iter().map(|name| folder.join(name)).collect();
    let missing: Vec<String> =
        parts.iter().filter(|path| !path.is_file()).map(|path| escaped(&file_name(path))).collect();
    if missing.is_empty() {
        return Ok(parts);
    }
    Err(mistaken::missing_parts(folder, &missing))
}

/// The weights of a safetensors folder, in order: the shards that its index names, else every `.safetensors` file.
///
/// # Errors
/// [`ModelError`] where the folder or its index cannot be read, or a shard is missing: it is named.
pub(crate) fn safetensors_in(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let entries = fs::read_dir(folder).map_err(ModelError::io(folder, "open"))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "safetensors") && file.is_file());
    files.sort();

    // A folder may hold the same weights in several ways: the index says which files count, else the usual name.
    let index = folder.join(INDEX);
    let whole = folder.join("model.safetensors");
    if index.is_file() {
        return indexed(folder, &index);
    }
    if whole.is_file() {
        return Ok(vec![whole]);
    }
    complete(folder, &files)?;

    Ok(files)
}

/// The file that holds each tensor, as the index of a folder says; `None` without an index. A tensor may stand in another
/// file too, where a later one replaces it.
pub(crate) fn weight_map(folder: &Path) -> Result<Option<Map<String, Value>>, ModelError> {
    let index = folder.join(INDEX);
    if !index.is_file() {
        return Ok(None);
    }
    let mut json = json_file(&index)?;
    match json.get_mut("weight_map").map(Value::take) {
        Some(Value::Object(map)) => Ok(Some(map)),
        _ => Err(ModelError::bad(&index, "it has no `weight_map`")),
    }
}

fn indexed(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let map = weight_map(folder)?.unwrap_or_default();
    let names: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    if names.is_empty() || !names.iter().all(|name| crate::argument::is_plain_part(name)) {
        return Err(ModelError::bad(index, "its `weight_map` names no files of this folder"));
    }
    let missing: Vec<String> =
        names.iter().filter(|name| !folder.join(name).is_file()).map(|name| escaped(name)).collect();
    if !missing.is_empty() {
        return Err(mistaken::missing_parts(folder, &missing));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Refuses shards that are not all there, where their names tell how many there should be.
fn complete(folder: &Path, files: &[PathBuf]) -> Result<(), ModelError> {
    let Some(part) = files.iter().find_map(|file| PartName::parse(&file_name(file))) else { return Ok(()) };
    let missing: Vec<String> = part.all().into_iter().filter(|name| !folder.join(name).is_file()).collect();
    if missing.is_empty() { Ok(()) } else { Err(mistaken::missing_parts(folder, &missing)) }
}

/// The models that the GGUF files of a folder are, each by its first file: parts count once, and projectors of images
/// are no models.
pub(crate) fn ggufs_in(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let entries = fs::read_dir(folder).map_err(ModelError::io(folder, "open"))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_model(path)).collect();
    files.sort();
    Ok(files)
}

fn is_model(path: &Path) -> bool {
    let name = file_name(path);
    let folder = path.parent().unwrap_or(Path::new("."));
    if let Some(piece) = PieceName::parse(&name) {
        return piece.is_first(folder) && path.is_file();
    }
    let is_gguf = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    let is_first = PartName::parse(&name).is_none_or(|part| part.number == 1);
    is_gguf
        && is_first
        && !name.starts_with('.')
        && !name.to_ascii_lowercase().starts_with("mmproj")
        && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts() {
        let check = |name: &str, wanted: Option<(&str, u32, u32)>| {
            let found = PartName::parse(name);
            assert_eq!(
                found.as_ref().map(|part| (part.stem.as_str(), part.number, part.count)),
                wanted,
                "{name}"
            );
            if let Some(part) = found {
                assert_eq!(part.of(part.number), name);
            }
        };
        check("m-Q4_K-00002-of-00003.gguf", Some(("m-Q4_K", 2, 3)));
        check("model-00001-of-00001.safetensors", Some(("model", 1, 1)));
        check("m-1-of-2.gguf", Some(("m", 1, 2)));
        for whole in [
            "m.gguf",
            "m-00004-of-00003.gguf",
            "m-0-of-3.gguf",
            "a-of-b.gguf",
            "m-1-of-00002.gguf",
            "-1-of-2.gguf",
        ] {
            check(whole, None);
        }
    }
}
