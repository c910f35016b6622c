//! The first screen's words: what to do, and on what that rests.

use infercost_core::Recommendation;
use infercost_core::report::Report;
use serde::Serialize;

use crate::page::PageInput;
use crate::section::{Fact, point_name};

/// Title, answer, and the facts that a reader asks for first.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Head {
    pub(crate) title: String,
    /// `switch`, `keep` or `measure`: colors the answer.
    pub(crate) kind: &'static str,
    /// What to do, in a few words.
    pub(crate) action: String,
    /// The report's sentence.
    pub(crate) why: String,
    pub(crate) facts: Vec<Fact>,
    pub(crate) version: String,
}

pub(crate) fn head(report: &Report, input: &PageInput<'_>) -> Head {
    let (kind, action, why) = match &report.recommendation {
        Recommendation::Switch { variant, operating_point, why, .. } => {
            let at = operating_point.map_or_else(String::new, |point| format!(" at {}", point_name(&point)));
            ("switch", format!("Switch to {}{at}", variant.as_str()), why)
        }
        Recommendation::KeepBaseline { variant, operating_point, why } => {
            let at = operating_point.map_or_else(String::new, |point| format!(" at {}", point_name(&point)));
            ("keep", format!("Keep {}{at}", variant.as_str()), why)
        }
        Recommendation::MeasureMore { why, .. } => ("measure", "Inconclusive: measure more".to_owned(), why),
    };

    let ids: Vec<&str> = report.run_ids.iter().map(|id| id.as_str()).collect();
    Head {
        title: format!("infercost report · {}", ids.join(", ")),
        kind,
        action,
        why: why.clone(),
        facts: facts(report, input),
        version: input.version.to_owned(),
    }
}

fn facts(report: &Report, input: &PageInput<'_>) -> Vec<Fact> {
    let prompts = &report.prompts;
    let set = if prompts.chosen < prompts.total {
        format!("{} of {} of {}", prompts.chosen, prompts.total, prompts.set)
    } else {
        format!("{} of {}", prompts.total, prompts.set)
    };
    let inferences: u64 = report.candidates.iter().map(|candidate| candidate.inferences).sum();
    let failures: u64 = report.candidates.iter().map(|candidate| candidate.failures).sum();

    let mut facts = vec![
        Fact::new("Prompts", set),
        Fact::new("Inferences", format!("{inferences}, {failures} failed")),
        machine(report),
    ];
    if let Some(run) = input.runs.first() {
        facts.push(Fact::new("Recorded", run.header.started_at.strftime("%Y-%m-%d %H:%M UTC").to_string()));
    }
    facts.push(Fact::new("Prices", report.price_book.name.clone()));
    facts
}

/// The machine, or the names of all of them.
fn machine(report: &Report) -> Fact {
    if !report.machines.is_empty() {
        let names: Vec<&str> = report.machines.iter().map(|machine| machine.name.as_str()).collect();
        return Fact::new("Machines", names.join(", "));
    }
    let cores = report.machine.cores.map_or_else(String::new, |cores| format!(", {cores} logical cores"));
    let machine = report.machine.cpu.as_deref().unwrap_or("unknown CPU");
    Fact::new("Machine", format!("{machine}{cores}"))
}
