//! What must be read with the numbers of a server: what it does not tell.

use infercost_schema::run::VariantHeader;
use infercost_schema::{InferenceRecord, Outcome};

use super::Noted;
use crate::wording::count;

/// Notes on every variant that a server answers for; nothing where there is none.
pub(super) fn notes(noted: &Noted<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut known: Vec<&VariantHeader> = Vec::new();
    for header in noted.analysis.runs.iter().flat_map(|run| &run.header.variants) {
        if header.is_served() && !known.iter().any(|one| one.id == header.id) {
            known.push(header);
        }
    }
    for header in known {
        let windows = noted.analysis.runs.iter().flat_map(|run| &run.windows);
        let windows = windows.filter(|window| window.id.variant == header.id);
        let answers: Vec<&InferenceRecord> = windows
            .flat_map(|window| &window.inferences)
            .filter(|one| matches!(one.outcome, Outcome::Completed { .. }))
            .collect();
        let server = Server { name: header.id.variant_name(), answers };
        notes.extend(server.prompt_tokens());
    }
    notes
}

/// A server and its answers to single requests.
struct Server<'a> {
    name: &'a str,
    answers: Vec<&'a InferenceRecord>,
}

impl Server<'_> {
    /// In how many answers something holds, in words; `None` for none.
    fn having(&self, test: impl Fn(&InferenceRecord) -> bool) -> Option<String> {
        let number = self.answers.iter().filter(|one| test(one)).count();
        let all = self.answers.len() as u64;
        (number > 0).then(|| format!("{number} of {}", count(all, "answer")))
    }

    fn prompt_tokens(&self) -> Option<String> {
        let untold = self.having(|one| one.input_tokens.is_none())?;
        Some(format!(
            "{} did not tell the prompt tokens of {untold}: they are unknown, and so are speed and cost by the prompt \
             token.",
            self.name
        ))
    }
}
