//! Runs on their way to back-ends: what a report says is joined to spans, and the outcome is told.

mod after_run;
pub mod facts;
pub mod live;
pub mod metrics;
pub mod phoenix;
pub mod summary;

pub use after_run::after_run;

use std::env;
use std::path::Path;
use std::sync::Once;

use infercost_analyzer::Analysis;
use infercost_analyzer::ledger::Ledger;
use infercost_core::report::Report;
use infercost_core::text::{are, count};
use infercost_core::{Evaluation, RunRecord};
use infercost_export::{Destination, ExportError, Exporter, RetryPolicy, Sent, SpanTransform};
use infercost_trace::outgoing::REASON_LEFT_OUT;

use crate::config::SettingsOverrides;
use crate::{console, shell};

/// Spans files above this many bytes are sent as they were recorded: a report of them might not fit into memory.
const MOST_WITH_FACTS: u64 = 2 << 30;

/// A variable of the environment; one that is not UTF-8 counts as not set.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// What the environment says of whoever sends; nothing, and a line that says why, where it cannot be read.
pub fn resource() -> Vec<(String, String)> {
    static SAID: Once = Once::new();
    infercost_export::resource_attributes(&variable).unwrap_or_else(|error| {
        SAID.call_once(|| console::warn(&format!("nothing of it is used: {error}")));
        Vec::new()
    })
}

/// A run with what its report says.
pub struct AnalysedRun {
    /// As it was recorded.
    pub run: RunRecord,
    /// What its report says.
    pub report: Report,
    /// Shares of single inferences.
    pub ledger: Ledger,
}

impl AnalysedRun {
    /// Reads the run and computes its report; `None` where it is too large for that. Without `content`, reasons that
    /// may quote a server are left out of both.
    pub fn read(folder: &Path, given: &SettingsOverrides, content: bool) -> anyhow::Result<Option<Self>> {
        let size = std::fs::metadata(folder.join("spans.jsonl")).map_or(0, |data| data.len());
        if size > MOST_WITH_FACTS {
            return Ok(None);
        }

        let mut run = infercost_trace::read_run(folder)?;
        for evaluation in run.evaluations.iter_mut().filter(|_| !content) {
            if let Evaluation::Impossible { reason, .. } = &mut evaluation.result {
                REASON_LEFT_OUT.clone_into(reason);
            }
        }

        let settings = given.over(&run.header.policy, &run.header.prices)?;
        let machine_prices = given.machine_prices(std::slice::from_ref(&run), &settings)?;
        let currency = machine_prices.first().map_or(settings.prices.currency, |own| own.prices.currency);
        given.reprice(std::slice::from_mut(&mut run), currency)?;
        let report = infercost_analyzer::report(&Analysis {
            runs: std::slice::from_ref(&run),
            policy: &settings.policy,
            prices: &settings.prices,
            machine_prices: &machine_prices,
            baseline: None,
            memory_bandwidth: run.header.machine.memory_bandwidth,
        })?;
        let ledger = Ledger::of(&run, &report);

        Ok(Some(Self { run, report, ledger }))
    }
}

/// Sends a run to an OTLP destination.
pub fn send(
    folder: &Path,
    destination: &Destination,
    transform: SpanTransform,
    unsent_only: bool,
) -> Result<Sent, ExportError> {
    let place = destination.clone().filed_under(transform.chosen_project());
    let mut exporter = Exporter::new(folder, place, transform, unsent_only)?;
    let mut told = false;
    let sent = exporter.run_telling(RetryPolicy::REPLAY, &mut |why| {
        if !std::mem::replace(&mut told, true) {
            console::note(&format!("{}: {why}; trying again for up to 30 s", destination.name()));
        }
    })?;
    for line in not_taken(&destination.name(), &sent) {
        console::note(&line);
    }
    Ok(sent)
}

/// What a destination said, and what it did not take, a line each.
fn not_taken(name: &str, sent: &Sent) -> Vec<String> {
    let mut lines: Vec<String> = sent.words.iter().map(|words| format!("! {name} says: {words}")).collect();
    if sent.rejected > 0 {
        lines.push(format!("! {name} rejected {}", count(sent.rejected, "span")));
    }
    if sent.too_large > 0 {
        let (spans, are) = (count(sent.too_large, "span"), are(sent.too_large));
        lines.push(format!("! {spans} {are} larger than {name} takes"));
    }
    lines
}

/// The command that sends a run, or the rest of it, to the same place again. Headers are left out: they are secret.
pub fn again(folder: &Path, flags: &[String]) -> String {
    let folder = folder.display().to_string();
    let command = ["infercost", "export", &folder];
    shell::line(command.into_iter().chain(flags.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use infercost_core::without_secrets;

    use super::*;

    #[test]
    fn what_was_not_taken_is_told() {
        let sent = Sent { rejected: 2, too_large: 3, words: vec!["no".to_owned()], ..Sent::default() };
        let lines = ["! c says: no", "! c rejected 2 spans", "! 3 spans are larger than c takes"];
        assert_eq!(not_taken("c", &sent), lines);
        assert!(not_taken("c", &Sent::default()).is_empty());
    }

    #[test]
    fn queries_are_not_shown() {
        let flags = ["--otlp".to_owned(), without_secrets("https://c:1/x?token=secret&a=?b")];
        assert_eq!(again(Path::new("r"), &flags), "infercost export r --otlp 'https://c:1/x?…'");
    }

    #[test]
    fn commands_can_be_pasted() {
        let flags = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let check = |folder: &str, words: &[&str], wanted: &str| {
            assert_eq!(again(Path::new(folder), &flags(words)), wanted);
        };
        check(
            "traces/1",
            &["--otlp", "http://[::1]:4318"],
            "infercost export traces/1 --otlp 'http://[::1]:4318'",
        );
        check("my traces/1", &["--unsent"], "infercost export 'my traces/1' --unsent");
        check("a'b", &["--project", "$(x)"], "infercost export 'a'\\''b' --project '$(x)'");
    }
}
