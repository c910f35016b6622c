//! GGUF files that were cut into pieces by size, as some publishers upload what is too large for one file. Unlike the parts
//! of llama.cpp's `gguf-split` they are no GGUF files of their own: put one behind the other they are the file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hash::file_name;
use crate::mistaken::missing_parts;
use crate::progress::{Progress, ProgressSink, Stage};

/// Most pieces of one file.
const MOST_PIECES: u32 = 999;

/// A file's place among the pieces of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PieceName {
    /// The name of the file that was cut: `model.gguf`.
    pub(crate) whole: String,
    /// Which of the pieces it is, from 0 or 1.
    pub(crate) number: u32,
    style: Style,
}

/// How pieces are named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Style {
    /// `model.gguf.part1of3`: numbered from 1.
    Counted { count: u32, digits: usize },
    /// `model.gguf.part00`: numbered from 0 or 1, and nobody says how many.
    Numbered { digits: usize },
    /// `model.gguf-split-a`, `model.gguf-part-a`: lettered.
    Lettered { joint: &'static str },
}

impl PieceName {
    /// The place that a name states; `None` for every other name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        for joint in ["-split-", "-part-"] {
            let lettered = name.rsplit_once(joint).filter(|(whole, _)| is_gguf(whole));
            if let Some((whole, letter)) = lettered
                && let [letter @ b'a'..=b'z'] = letter.as_bytes()
            {
                let number = u32::from(letter - b'a');
                return Some(Self { whole: whole.to_owned(), number, style: Style::Lettered { joint } });
            }
        }

        let (whole, ending) = name.rsplit_once(".part").filter(|(whole, _)| is_gguf(whole))?;
        let (number, count) = ending.split_once("of").map_or((ending, None), |(a, b)| (a, Some(b)));
        let digits = number.len();
        let number = small(number)?;
        let style = match count {
            None => Style::Numbered { digits },
            Some(count) => Style::Counted { count: small(count)?, digits },
        };
        let is_possible = match &style {
            Style::Counted { count, .. } => {
                (1..=MOST_PIECES).contains(count) && (1..=*count).contains(&number)
            }
            _ => number <= MOST_PIECES,
        };
        is_possible.then(|| Self { whole: whole.to_owned(), number, style })
    }

    /// The name of another piece.
    fn of(&self, number: u32) -> String {
        let whole = &self.whole;
        match &self.style {
            Style::Counted { count, digits } => format!("{whole}.part{number:0digits$}of{count}"),
            Style::Numbered { digits } => format!("{whole}.part{number:0digits$}"),
            Style::Lettered { joint } => {
                let letter = u8::try_from(number).ok().and_then(|number| b'a'.checked_add(number));
                format!("{whole}{joint}{}", char::from(letter.unwrap_or(b'z')))
            }
        }
    }

    /// True for the piece with which the file begins, as far as a name can tell.
    pub(crate) fn is_first(&self, folder: &Path) -> bool {
        match self.style {
            Style::Counted { .. } => self.number == 1,
            Style::Lettered { .. } => self.number == 0,
            Style::Numbered { .. } => self.number == self.first(folder),
        }
    }

    /// The number of the first piece in that folder.
    fn first(&self, folder: &Path) -> u32 {
        let starts_at_one = matches!(self.style, Style::Counted { .. })
            || matches!(self.style, Style::Numbered { .. }) && !folder.join(self.of(0)).is_file();
        u32::from(starts_at_one)
    }

    /// The number behind the last piece: stated, or the first that is not there.
    fn end(&self, folder: &Path) -> u32 {
        let first = self.first(folder);
        match self.style {
            Style::Counted { count, .. } => count + 1,
            Style::Lettered { .. } => self.end_by_looking(folder, first, 26),
            Style::Numbered { .. } => self.end_by_looking(folder, first, MOST_PIECES + 1),
        }
    }

    fn end_by_looking(&self, folder: &Path, first: u32, most: u32) -> u32 {
        let missing = (first..most).find(|number| !folder.join(self.of(*number)).is_file());
        // a piece that was named lies behind each that is missing before it
        missing.unwrap_or(most).max(self.number + 1)
    }
}

fn is_gguf(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".gguf") && name.len() > ".gguf".len()
}

fn small(text: &str) -> Option<u32> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// All pieces of the file that this one is a piece of, in order; `None` where its name says no such thing.
///
/// # Errors
/// [`ModelError::BadFile`] naming the pieces that are missing.
pub(crate) fn pieces_of(path: &Path) -> Result<Option<Vec<PathBuf>>, ModelError> {
    let Some(piece) = PieceName::parse(&file_name(path)) else { return Ok(None) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));

    let (first, end) = (piece.first(folder), piece.end(folder));
    let pieces: Vec<PathBuf> = (first..end).map(|number| folder.join(piece.of(number))).collect();
    let mut missing: Vec<String> =
        pieces.iter().filter(|piece| !piece.is_file()).map(|piece| escaped(&file_name(piece))).collect();
    // a lone piece without a count is the beginning of something
    if missing.is_empty() && pieces.len() == 1 && !matches!(piece.style, Style::Counted { .. }) {
        missing.push(escaped(&piece.of(end)));
    }
    if missing.is_empty() { Ok(Some(pieces)) } else { Err(missing_parts(folder, &missing)) }
}

/// The pieces that a listing has of the file of which `file` is one, in order; `None` where its name says no such thing.
///
/// # Errors
/// The name of a piece that is missing, as far as names tell.
pub(crate) fn listed(file: &str, names: &[String]) -> Result<Option<Vec<String>>, String> {
    let (folder, name) = file.rsplit_once('/').map_or(("", file), |(folder, name)| (folder, name));
    let Some(wanted) = PieceName::parse(name) else { return Ok(None) };

    let listing = Listing { folder, wanted: &wanted, names };
    let first = u32::from(!listing.holds(0));
    let end = match wanted.style {
        Style::Counted { count, .. } => count + 1,
        _ => (first..MOST_PIECES)
            .find(|number| !listing.holds(*number))
            .unwrap_or(MOST_PIECES)
            .max(wanted.number + 1),
    };

    match (first..end).find(|number| !listing.holds(*number)) {
        Some(missing) => Err(listing.name(missing)),
        None => Ok(Some((first..end).map(|number| listing.name(number)).collect())),
    }
}

/// The names in one folder among which pieces are looked for.
struct Listing<'a> {
    folder: &'a str,
    wanted: &'a PieceName,
    names: &'a [String],
}

impl Listing<'_> {
    /// The whole name of a piece.
    fn name(&self, number: u32) -> String {
        let name = self.wanted.of(number);
        if self.folder.is_empty() { name } else { format!("{}/{name}", self.folder) }
    }

    fn holds(&self, number: u32) -> bool {
        self.names.contains(&self.name(number))
    }
}

/// Writes the pieces one behind the other.
///
/// # Errors
/// [`ModelError::Io`] for what the file system refuses.
pub(crate) fn write(
    pieces: &[PathBuf],
    out: &mut dyn Write,
    named: &Path,
    progress: &mut ProgressSink<'_>,
) -> Result<(), ModelError> {
    let total = pieces.iter().filter_map(|piece| fs::metadata(piece).ok()).map(|data| data.len()).sum();
    let mut done = 0_u64;
    for piece in pieces {
        let mut file = File::open(piece).map_err(ModelError::io(piece, "open"))?;
        let copied = io::copy(&mut file, out).map_err(ModelError::io(named, "write"))?;
        done = done.saturating_add(copied);
        progress(Progress::Step { stage: Stage::Joining, file: file_name(piece), done, total: Some(total) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn names_of_pieces() {
        let check = |name: &str, wanted: Option<(&str, u32)>| {
            let found = PieceName::parse(name);
            assert_eq!(found.as_ref().map(|piece| (piece.whole.as_str(), piece.number)), wanted, "{name}");
            if let Some(piece) = found {
                assert_eq!(piece.of(piece.number), name);
            }
        };
        check("m.Q8_0.gguf.part1of2", Some(("m.Q8_0.gguf", 1)));
        check("m.gguf.part02of12", Some(("m.gguf", 2)));
        check("m.gguf.part00", Some(("m.gguf", 0)));
        check("m.GGUF-split-c", Some(("m.GGUF", 2)));
        check("m.gguf-part-a", Some(("m.gguf", 0)));
        for other in [
            "m.gguf",
            "m.gguf.part",
            "m.gguf.part3of2",
            "m.gguf.part0of2",
            "m.gguf.part1of",
            "m.zip.part1of2",
            "m.gguf-split-ab",
            "m.gguf.part99999",
            ".gguf.part1of2",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn all_pieces_are_found_or_the_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let found = |name: &str| match pieces_of(&at(name)) {
            Ok(pieces) => Ok(pieces.map(|pieces| pieces.len())),
            Err(error) => Err(error.to_string()),
        };
        for name in
            ["a.gguf.part1of2", "a.gguf.part2of2", "b.gguf.part00", "b.gguf.part01", "c.gguf.part1of3"]
        {
            fs::write(at(name), "x").unwrap();
        }
        fs::write(at("d.gguf-split-b"), "x").unwrap();
        fs::write(at("e.gguf.part0"), "x").unwrap();

        let names =
            ["x/m.gguf.part1of2", "x/m.gguf.part2of2", "n.gguf-split-a", "n.gguf-split-b", "o.gguf.part1of2"];
        let names = names.map(str::to_owned);
        let of = |file: &str| listed(file, &names).map(|pieces| pieces.map(|pieces| pieces.len()));
        assert_eq!(of("x/m.gguf.part2of2"), Ok(Some(2)));
        assert_eq!(of("n.gguf-split-b"), Ok(Some(2)));
        assert_eq!(of("o.gguf.part1of2"), Err("o.gguf.part2of2".to_owned()));
        assert_eq!(of("n.gguf"), Ok(None));

        assert_eq!(found("a.gguf.part2of2"), Ok(Some(2)));
        assert_eq!(found("b.gguf.part01"), Ok(Some(2)));
        assert_eq!(found("a.gguf"), Ok(None));
        assert!(found("c.gguf.part1of3").unwrap_err().contains("c.gguf.part2of3, c.gguf.part3of3"));
        assert!(found("d.gguf-split-b").unwrap_err().contains("d.gguf-split-a"));
        assert!(found("e.gguf.part0").unwrap_err().contains("e.gguf.part1"));
    }
}
