//! A whole prompt set, in whatever format it comes.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use infercost_core::text::count;
use infercost_core::{PromptId, PromptSet};
use infercost_text::{Table, json};
use serde_json::Value;

use crate::error::PromptSetError;
use crate::item::Judged;
use crate::limits::MAX_PROMPTS;
use crate::shape::{Unread, item, unwrapped};
use crate::{shown, table};

/// A prompt set, and what the user should know of how it was read.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The prompts.
    pub set: PromptSet,
    /// Sentences on what was taken for what; empty where nothing was.
    pub notes: Vec<String>,
}

/// Parses a prompt set. `file` is named in errors, and its ending says whether it is a table or plain text; `name`
/// stands in reports.
///
/// # Errors
/// [`PromptSetError`] with the file and line of the first thing wrong.
pub fn parse(name: &str, file: &str, text: &str) -> Result<Imported, PromptSetError> {
    let documents = match Format::of(file, text) {
        Format::Json => json_documents(file, text)?,
        Format::Table => table_documents(file, text)?,
        Format::Text => text_documents(text),
    };
    let mut gathered = Gathered::default();
    for document in documents {
        gathered.add(file, &document)?;
    }
    gathered.finish(name, file)
}

/// How a prompt set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    /// Cells, with a header.
    Table,
    /// A prompt a line.
    Text,
}

impl Format {
    fn of(file: &str, text: &str) -> Self {
        let file = file.strip_suffix(".gz").unwrap_or(file);
        let ending = Path::new(file).extension().map(|ending| ending.to_ascii_lowercase());
        match ending.as_deref().and_then(|ending| ending.to_str()) {
            Some("jsonl" | "json" | "ndjson" | "jsonlines") => Self::Json,
            Some("csv" | "tsv" | "tab") => Self::Table,
            _ if json::looks_like_json(text) => Self::Json,
            Some("txt" | "text" | "md" | "prompts") => Self::Text,
            _ if has_header(file, text) => Self::Table,
            _ => Self::Text,
        }
    }
}

/// Whether the first line names the columns of a table.
fn has_header(file: &str, text: &str) -> bool {
    let header = text.lines().next().unwrap_or_default();
    let columns = Table::parse(file, header).map(|table| table.names().to_vec()).unwrap_or_default();
    columns.len() > 1
        && columns.iter().any(|name| name == "prompt" || name == "question" || name == "messages")
}

/// A document, and where it stands.
struct Placed {
    line: usize,
    /// What its id is where it names none.
    number: usize,
    value: Value,
}

fn json_documents(file: &str, text: &str) -> Result<Vec<Placed>, PromptSetError> {
    let mut all = Vec::new();
    let documents = json::documents(file, text).map_err(PromptSetError::Malformed)?;
    for document in documents {
        let value: Value = document.parse(file).map_err(PromptSetError::Malformed)?;
        let line = document.line;
        match unwrapped(&value) {
            None => all.push(Placed { line, number: all.len() + 1, value }),
            Some(values) => {
                for value in values {
                    all.push(Placed { line, number: all.len() + 1, value: value.clone() });
                }
            }
        }
        too_many(file, all.len())?;
    }

    Ok(all)
}

fn table_documents(file: &str, text: &str) -> Result<Vec<Placed>, PromptSetError> {
    let table = Table::parse(file, text).map_err(PromptSetError::Malformed)?;
    let rows = table.rows().enumerate();
    Ok(rows
        .map(|(index, row)| Placed { line: row.line, number: index + 1, value: table::document(row) })
        .collect())
}

fn text_documents(text: &str) -> Vec<Placed> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| Placed { line: index + 1, number: index + 1, value: Value::from(line.trim()) })
        .collect()
}

fn too_many(file: &str, prompts: usize) -> Result<(), PromptSetError> {
    if prompts > MAX_PROMPTS { Err(PromptSetError::TooMany { file: file.to_owned() }) } else { Ok(()) }
}

/// A set as it grows.
#[derive(Default)]
struct Gathered {
    seen: HashMap<PromptId, usize>,
    prompts: Vec<infercost_core::Prompt>,
    by_reference: usize,
    too_long: usize,
    ignored: BTreeSet<String>,
}

impl Gathered {
    fn add(&mut self, file: &str, document: &Placed) -> Result<(), PromptSetError> {
        let (file, line) = (file.to_owned(), document.line);
        too_many(&file, self.prompts.len() + 1)?;
        let item = match item(&document.value) {
            Ok(item) => item,
            Err(Unread::NoPrompt(reason)) => {
                return Err(PromptSetError::NotUnderstood { file, line, reason });
            }
            Err(Unread::Wrong(reason)) => return Err(PromptSetError::Line { file, line, reason }),
        };
        let checked = match item.check(document.number) {
            Ok(checked) => checked,
            Err(reason) => return Err(PromptSetError::Line { file, line, reason }),
        };

        match checked.judged {
            Judged::AsNamed => {}
            Judged::ByShortReference => self.by_reference += 1,
            Judged::ReferenceTooLong => self.too_long += 1,
        }

        self.ignored.extend(checked.ignored);
        if let Some(first) = self.seen.insert(checked.prompt.id.clone(), line) {
            let id = shown(checked.prompt.id.as_str());
            return Err(PromptSetError::DuplicateId { file, line, first, id });
        }

        self.prompts.push(checked.prompt);
        Ok(())
    }

    fn finish(self, name: &str, file: &str) -> Result<Imported, PromptSetError> {
        if self.prompts.is_empty() {
            return Err(PromptSetError::Empty { file: file.to_owned() });
        }
        let mut notes = Vec::new();

        if self.by_reference > 0 {
            notes.push(format!(
                "without a grader: {} of {}; an answer is right where it contains the reference answer",
                self.by_reference,
                count(self.prompts.len() as u64, "prompt")
            ));
        }

        if self.too_long > 0 {
            notes.push(format!(
                "not graded: {} of {}, whose reference answer is long; no `grader` says how to compare",
                self.too_long,
                count(self.prompts.len() as u64, "prompt")
            ));
        }

        if !self.ignored.is_empty() {
            let names: Vec<&str> = self.ignored.iter().take(8).map(String::as_str).collect();
            let more = if self.ignored.len() > names.len() { ", …" } else { "" };
            notes.push(format!("fields of the prompt set that are not used: {}{more}", names.join(", ")));
        }

        Ok(Imported { set: PromptSet { name: name.to_owned(), prompts: self.prompts }, notes })
    }
}

#[cfg(test)]
#[path = "set/tests.rs"]
mod tests;
