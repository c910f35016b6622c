//! A project of a Phoenix, onto this disk: a file for each day, span by span as Phoenix gives them.
//!
//! Phoenix forgets: a project loses its oldest spans as it is told to. So a day is what is taken in as one: days that are gone
//! there stay in the tables, and one of which something is gone already leaves its rows as they are.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use infercost_core::without_secrets;
use infercost_export::OtlpOptions;
use infercost_export::phoenix::{Phoenix, SpanPage};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use url::{Host, Url};

use crate::error::IngestError;

/// What stands for the day of spans that do not say when they began.
const NO_DAY: &str = "no day";
/// Days that a project may have: more is no project.
const MOST_DAYS: usize = 40_000;
/// Pages of a project, of a thousand spans each.
const MOST_PAGES: usize = 10_000_000;
/// Bytes of the disk that are left to others, whatever a server sends.
const LEFT_FREE: u64 = 128 << 20;
/// Digits of what a day goes by.
const DIGITS: usize = 16;

/// A project on this disk.
pub(crate) struct Spooled {
    pub(crate) folder: TempDir,
    pub(crate) days: Vec<Day>,
}

/// The spans that began on one day, in UTC.
pub(crate) struct Day {
    /// The date.
    pub(crate) name: String,
    /// What it goes by: the same whenever it is read.
    pub(crate) id: String,
    pub(crate) file: PathBuf,
}

/// Reads a project, page after page, in the memory of one page.
pub(crate) fn days(url: &str, project: &str, shown: &mut dyn FnMut(u64)) -> Result<Spooled, IngestError> {
    let phoenix = Phoenix::new(url, &OtlpOptions::default(), &variable).map_err(IngestError::phoenix)?;
    if phoenix.shows_key() {
        return Err(fault(url, "a key would go over plain HTTP, for everybody to read; use https://"));
    }

    let folder = tempfile::tempdir().map_err(IngestError::file(&std::env::temp_dir()))?;
    let mut days: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut asked = HashSet::new();
    let (mut from, mut spans) = (None, 0);
    for _ in 0..MOST_PAGES {
        let page = phoenix.spans(project, from.as_deref()).map_err(IngestError::phoenix)?;
        spans += page.spans.len() as u64;
        leave_room(url, folder.path(), LEFT_FREE)?;
        keep(&page, &folder, &mut days)?;
        shown(spans);
        if days.len() > MOST_DAYS {
            return Err(fault(url, "its spans are of more days than there can be"));
        }

        let Some(next) = page.next else {
            return Ok(Spooled { folder, days: named(&place(url), project, days) });
        };

        // a server that repeats itself would be asked for ever, and counted twice
        if !asked.insert(next.clone()) {
            break;
        }
        from = Some(next);
    }
    Err(fault(url, "it announces a further page and repeats itself; nothing of it was taken in"))
}

/// A variable of this process; one that is not UTF-8 counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn fault(url: &str, reason: &'static str) -> IngestError {
    IngestError::PhoenixFault { name: without_secrets(url), reason }
}

/// Refuses to go on where the disk holds less than so many free bytes: a server may announce pages for ever.
fn leave_room(url: &str, folder: &Path, least: u64) -> Result<(), IngestError> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| IngestError::file(folder)(error.into()))?;
    if disk.f_bavail.saturating_mul(disk.f_frsize) < least {
        return Err(fault(
            url,
            "its spans would fill the disk of temporary files; nothing of them was taken in: free some of it, or set TMPDIR",
        ));
    }
    Ok(())
}

/// The files of days, with what each goes by.
fn named(place: &str, project: &str, files: BTreeMap<String, PathBuf>) -> Vec<Day> {
    let mut days = Vec::with_capacity(files.len());
    for (name, file) in files {
        days.push(Day { id: id(place, project, &name), name, file });
    }
    days
}

/// Appends the spans of a page to the files of their days.
fn keep(page: &SpanPage, folder: &TempDir, days: &mut BTreeMap<String, PathBuf>) -> Result<(), IngestError> {
    let mut open: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for span in &page.spans {
        open.entry(day_of(span)).or_default().push(span);
    }

    for (day, spans) in open {
        let path = days.entry(day.clone()).or_insert_with(|| folder.path().join(format!("{day}.jsonl")));
        let file = OpenOptions::new().create(true).append(true).open(&*path);
        let mut file: BufWriter<File> = BufWriter::new(file.map_err(IngestError::file(path))?);
        for span in spans {
            writeln!(file, "{span}").map_err(IngestError::file(path))?;
        }
        file.flush().map_err(IngestError::file(path))?;
    }
    Ok(())
}

/// The day on which a span began, in UTC.
fn day_of(span: &Value) -> String {
    let text = span.get("start_time").and_then(Value::as_str).unwrap_or_default();
    let at = text.parse::<Timestamp>().ok();
    // a time without a zone is UTC, as the reader of spans has it
    let at = at.or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()));
    at.map_or_else(|| NO_DAY.to_owned(), |at| at.to_zoned(TimeZone::UTC).date().to_string())
}

/// One spelling of an address: this machine has several names.
fn place(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    let is_here = match parsed.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    if is_here {
        // an address that was parsed takes a host
        let _ = parsed.set_host(Some("localhost"));
    }
    parsed.as_str().trim_end_matches('/').to_owned()
}

fn id(place: &str, project: &str, day: &str) -> String {
    let mut id = String::with_capacity(DIGITS);
    let hash = Sha256::digest(format!("phoenix\0{place}\0{project}\0{day}"));
    for byte in hash.iter().take(DIGITS / 2) {
        // writing into a text never fails
        let _written = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_span_is_of_the_day_on_which_it_began_in_utc() {
        for (start, day) in [
            (json!("2026-11-29T23:59:59.999999+00:00"), "2026-11-29"),
            (json!("2026-11-29T23:30:00-02:00"), "2026-11-30"),
            (json!("2026-11-29T10:00:00"), "2026-11-29"),
            (json!("../../etc"), NO_DAY),
            (json!(7), NO_DAY),
        ] {
            assert_eq!(day_of(&json!({"start_time": start})), day);
        }
    }

    #[test]
    fn a_part_of_the_disk_is_left_to_others() {
        let folder = tempfile::tempdir().unwrap();
        leave_room("http://localhost:6006", folder.path(), 0).unwrap();
        let refusal = leave_room("http://u:secret@h:6006", folder.path(), u64::MAX).unwrap_err().to_string();
        assert!(refusal.contains("would fill the disk") && !refusal.contains("secret"), "{refusal}");
    }

    #[test]
    fn this_machine_is_one_place() {
        for url in
            ["http://127.0.0.1:6006", "http://localhost:6006/", "http://[::1]:6006", "HTTP://LOCALHOST:6006"]
        {
            assert_eq!(place(url), "http://localhost:6006");
        }
        assert_eq!(place("https://host:443/x/"), "https://host/x");
        assert_ne!(id("a", "b", "c"), id("a", "c", "b"));
    }
}
