//! What a command answers, in the order in which it is read: one sentence, one table, at most two cautions; the rest is
//! asked for.

mod csv_form;
pub(crate) mod delivery;
mod markdown;
pub(crate) mod text;

use infercost_core::finding::Finding;
use infercost_core::{Findings, Severity};
use infercost_economics::Assumption;

use crate::output::columns::Column;

pub(crate) use crate::output::cell::Cell;

/// Cautions below the table; the rest is behind `--explain`.
pub(crate) const CAUTIONS: usize = 2;

/// How much is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Every column, however wide.
    pub(crate) wide: bool,
    /// Every section as well.
    pub(crate) explain: bool,
}

/// What the first sentence amounts to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Something to do, or a limit that is kept.
    Good,
    /// A fact.
    #[default]
    Plain,
    /// Not settled.
    Doubt,
    /// A limit that is passed.
    Bad,
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) tone: Tone,
    /// The answer in one sentence.
    pub(crate) headline: String,
    /// What it is about; may be empty.
    pub(crate) subject: String,
    /// The one table.
    pub(crate) table: Vec<Column>,
    /// Tables that belong to the answer all the same, such as operating points under load.
    pub(crate) more: Vec<Section>,
    /// What to do next, below the tables: commands, each as it can be typed.
    pub(crate) steps: Vec<String>,
    /// What may change the decision, the weightiest first.
    pub(crate) cautions: Vec<Caution>,
    /// What stands behind `--explain`.
    pub(crate) sections: Vec<Section>,
    /// What the line about `--explain` names; the titles of the sections where it is empty.
    pub(crate) topics: Vec<String>,
    /// Where things lie.
    pub(crate) places: Vec<String>,
}

/// What may change the decision, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caution {
    pub(crate) words: String,
    /// A command, or a few words.
    pub(crate) fix: Option<String>,
}

/// Something below a title of its own.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) body: Body,
}

/// What a section holds.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Table(Vec<Column>),
    Lines(Vec<String>),
}

impl Caution {
    /// The caution of a finding. It begins small, as every warning does, but for a name.
    pub(crate) fn of_finding(finding: &Finding) -> Self {
        let caution = Self::of_note(&begun_small(&finding.sentence(), finding.subject()));
        let fix = finding.fix.clone().or(caution.fix);
        Self { fix, ..caution }
    }

    /// A caution of a note, `what is so; what to do`.
    pub(crate) fn of_note(note: &str) -> Self {
        let note = note.trim().trim_end_matches('.');
        match note.rsplit_once("; ") {
            Some((words, fix)) => Self { words: words.to_owned(), fix: Some(fix.to_owned()) },
            None => Self { words: note.to_owned(), fix: None },
        }
    }
}

impl Section {
    pub(crate) fn table(title: impl Into<String>, table: Vec<Column>) -> Self {
        Self { title: title.into(), body: Body::Table(table) }
    }

    pub(crate) fn lines(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self { title: title.into(), body: Body::Lines(lines) }
    }

    fn is_empty(&self) -> bool {
        match &self.body {
            Body::Table(columns) => columns.iter().all(|column| column.cells().is_empty()),
            Body::Lines(lines) => lines.is_empty(),
        }
    }
}

impl Answer {
    /// Warnings as cautions, and everything that was found behind `--explain`.
    pub(crate) fn with_findings(mut self, findings: &Findings) -> Self {
        let mut lines = Vec::new();
        for finding in findings.iter() {
            lines.push(finding.sentence());
            if finding.severity == Severity::Warning {
                self.cautions.push(Caution::of_finding(finding));
            }
        }
        self.explain(Section::lines("findings", lines));
        self
    }

    /// Notes as cautions, and all of them whole behind `--explain` where there are more than are shown.
    pub(crate) fn with_notes(mut self, notes: &[String]) -> Self {
        self.cautions.extend(notes.iter().map(|note| Caution::of_note(note)));
        if self.cautions.len() > CAUTIONS {
            self.explain(Section::lines("notes", notes.to_vec()));
        }
        self
    }

    /// Adds a section, where there is something in it.
    pub(crate) fn explain(&mut self, section: Section) {
        if !section.is_empty() {
            self.sections.push(section);
        }
    }

    /// What the numbers rest on, as the last section.
    pub(crate) fn assume(&mut self, all: &[Assumption]) {
        let mut lines = Vec::with_capacity(all.len());
        for one in all {
            let date = one.date.map_or_else(String::new, |date| format!(", {date}"));
            lines.push(format!("{} ({}{date})", one.what, one.source));
        }
        self.explain(Section::lines("assumptions", lines));
    }
}

/// A sentence with a small first letter, where it begins with a word and not with what it is about.
pub(crate) fn begun_small(sentence: &str, subject: Option<&str>) -> String {
    let first = sentence.split(' ').next().unwrap_or_default();
    let is_word = first.chars().skip(1).all(|letter| letter.is_ascii_lowercase());
    let is_name = subject.is_some_and(|subject| sentence.starts_with(subject));

    let mut letters = sentence.chars();
    match letters.next() {
        Some(letter) if is_word && !is_name => letter.to_lowercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::begun_small;

    #[test]
    fn words_begin_small_and_names_as_they_are() {
        for (sentence, subject, wanted) in [
            ("Prices are assumed", None, "prices are assumed"),
            ("Prices are assumed", Some("a bill"), "prices are assumed"),
            ("Mistral costs 5 % more", Some("Mistral"), "Mistral costs 5 % more"),
            ("NVML counts otherwise", None, "NVML counts otherwise"),
            ("Qwen3-0.6B is saturated", None, "Qwen3-0.6B is saturated"),
            ("", None, ""),
        ] {
            assert_eq!(begun_small(sentence, subject), wanted);
        }
    }
}
