//! What other runs of the same prompts show.

use infercost_core::text::count;
use infercost_core::{RunRecord, Workload};
use infercost_economics::Scenario;
use infercost_economics::optimization::{Basis, Change, Effect, Kind, saving_of};
use infercost_run::economics_inputs::{self, EconomicsInputs};
use infercost_run::models;

use super::{Present, apply, model, unknown};

/// Threads, concurrency and other models, as other runs of the same prompts measured them.
pub(super) fn changes(
    present: &Present<'_>,
    others: &[RunRecord],
    business: &EconomicsInputs,
) -> Vec<Change> {
    let (now, prompts) = (present.workload, present.prompts());
    let word = present.word(&now.variant);
    let mut changes = Vec::new();
    for run in others {
        for header in run.header.variants.iter().filter(|header| !header.noise_floor) {
            let Ok(other) = economics_inputs::workload_of(run, &header.id, &business.request) else {
                continue;
            };
            // Another machine is another question: `infercost replace` answers it.
            if other.machine != now.machine {
                continue;
            }
            let (kind, to) = if header.id != now.variant {
                let known = present.run.header.variants.iter().any(|one| one.id == header.id);
                if known || model(&header.id) == model(&now.variant) {
                    continue;
                }
                (Kind::Model, format!("{} in run {}", header.id, run.header.id))
            } else if other.threads != now.threads {
                let threads = other.threads.map(|threads| count(u64::from(threads), "thread"));
                (Kind::Threads, threads.unwrap_or_else(|| "another number of threads".to_owned()))
            } else if other.concurrency != now.concurrency {
                let point = other.concurrency.map_or("another load".to_owned(), |n| {
                    format!("{} in flight", count(u64::from(n), "request"))
                });
                (Kind::Concurrency, point)
            } else {
                continue;
            };
            changes.push(of_run(present, kind, to, run, &other));
        }
    }

    for (kind, command) in [
        (Kind::Threads, format!("infercost record {word} --threads 1{prompts}")),
        (
            Kind::Concurrency,
            "record the same prompts with several requests in flight, and name that run here".to_owned(),
        ),
        (Kind::Model, format!("infercost compare {word} SMALLER_MODEL{prompts}")),
    ] {
        if !changes.iter().any(|change| change.kind == kind) {
            changes.push(Change {
                effect: Effect::Unknown,
                why: "no other run of the same prompts shows it".to_owned(),
                ..unknown(kind, "not measured", "unknown", &command)
            });
        }
    }

    changes
}

fn of_run(present: &Present<'_>, kind: Kind, to: String, run: &RunRecord, other: &Workload) -> Change {
    let now = present.workload;
    let word = present.word(&now.variant);
    let then = models::word_of(run.header.spec.as_ref(), &other.variant);
    let saving = saving_of(&present.scenario, &Scenario::of(other, present.book, present.interest));
    let prompts = present.prompts();
    let (effect, quality, command) = match kind {
        Kind::Threads => {
            let threads = other.threads.map_or_else(String::new, |threads| format!(" --threads {threads}"));
            (Effect::None, "none: the same weights", format!("infercost record {word}{threads}{prompts}"))
        }
        Kind::Concurrency => (
            Effect::None,
            "none, but each answer may take longer",
            "serve with that many requests in flight".to_owned(),
        ),
        _ => (Effect::Unknown, "judge it with the confirming command", apply(&then)),
    };
    let (saving, why) = match saving {
        Ok(saving) => (Some(saving), format!("run {} against {}, as independent runs", other.run, now.run)),
        Err(why) => (None, why.to_string()),
    };

    Change {
        kind,
        to,
        basis: if saving.is_some() { Basis::Measured } else { Basis::Unknown },
        saving,
        effect,
        quality: quality.to_owned(),
        command,
        confirm: (kind == Kind::Model)
            .then(|| format!("infercost compare {word} {then} --baseline {word}{prompts}")),
        why,
    }
}
