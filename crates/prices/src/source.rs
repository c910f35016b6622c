//! What a source is, and how it is asked.
//!
//! To add one: a file with a `static` [`SourceDef`], and its line in `sources.rs`.

use std::path::Path;

use jiff::Timestamp;

use crate::fetch::{Client, FetchError};
use crate::query::{Parsed, Query};
use crate::snapshot::{Kind, SNAPSHOT_SCHEMA, Snapshot};

/// Largest file read in place of an answer.
const MAX_FILE: u64 = 64 << 20;
/// Most days of one question.
const MAX_DAYS: u32 = 31;

/// A source of prices.
#[derive(Debug)]
pub struct SourceDef {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// What kind of prices it brings.
    pub kind: Kind,
    /// The environment variable that holds the source's key; `None` where it needs none.
    pub key_variable: Option<&'static str>,
    /// What of the question its snapshots are filed under.
    pub(crate) subject: fn(&Query) -> Option<String>,
    /// Asks it; `None` for what is read from a file alone.
    pub(crate) ask: Option<Ask>,
    /// Reads its answer; the error is a sentence that says what is wrong with it.
    pub(crate) parse: fn(&str, &Query, Timestamp) -> Result<Parsed, String>,
}

/// Asks a source for what a query wants.
pub(crate) type Ask = fn(&Client, &Query, Timestamp) -> Result<Answered, FetchError>;

/// An answer, read, with where it came from.
pub(crate) struct Answered {
    pub(crate) address: String,
    pub(crate) parsed: Parsed,
}

impl Answered {
    /// Reads an answer; errors name the address, without its query.
    pub(crate) fn of(
        url: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<Parsed, String>,
    ) -> Result<Self, FetchError> {
        let address = url.split('?').next().unwrap_or_default().to_owned();
        match parse(text) {
            Ok(parsed) => Ok(Self { address, parsed }),
            Err(reason) => Err(FetchError::Format { what: address, reason }),
        }
    }
}

impl PartialEq for SourceDef {
    /// Sources are identified by name.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl SourceDef {
    /// Asks the source and turns its answer into a snapshot.
    ///
    /// # Errors
    /// [`FetchError`] where there is no answer, or none that can be read.
    pub fn fetch(&self, client: &Client, query: &Query, now: Timestamp) -> Result<Snapshot, FetchError> {
        if query.days == 0 || query.days > MAX_DAYS {
            return Err(FetchError::Question(format!("ask for 1 to {MAX_DAYS} days at a time")));
        }
        let Some(ask) = self.ask else {
            let name = self.name;
            return Err(FetchError::Question(format!("{name} is read from a file: give it with --file")));
        };

        let answered = ask(client, query, now)?;
        Ok(self.snapshot(query, answered, now))
    }

    /// Reads what the source would have answered from a file.
    ///
    /// # Errors
    /// [`FetchError`] where the file cannot be read or is something else.
    pub fn read(&self, file: &Path, query: &Query, now: Timestamp) -> Result<Snapshot, FetchError> {
        let address = file.display().to_string();
        let text = infercost_text::read(file, MAX_FILE, "file of prices")?;

        let parsed = self
            .parse(&text, query, now)
            .map_err(|reason| FetchError::Format { what: address.clone(), reason })?;
        Ok(self.snapshot(query, Answered { address, parsed }, now))
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(&self, text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
        (self.parse)(text, query, now)
    }

    fn snapshot(&self, query: &Query, answered: Answered, now: Timestamp) -> Snapshot {
        let Answered { address, parsed } = answered;
        Snapshot {
            schema: SNAPSHOT_SCHEMA.to_owned(),
            source: self.name.to_owned(),
            subject: (self.subject)(query).unwrap_or_default(),
            address: address.split('?').next().unwrap_or_default().to_owned(),
            license: parsed.license,
            fetched_at: now,
            prices: parsed.prices,
            left_out: parsed.left_out,
            remarks: parsed.remarks,
        }
    }
}
