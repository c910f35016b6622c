//! The prompt set of a run.

use std::collections::BTreeMap;

use infercost_core::run::{PromptKind, PromptSelection};
use infercost_core::{Prompt, RunSpec};
use infercost_harness::order::{Item, choose};
use sha2::{Digest as _, Sha256};

use crate::console;
use crate::usage::usage;

const QUICKSTART: &str = include_str!("../prompts/quickstart.jsonl");
const QUICKSTART_NAME: &str = "quickstart";
/// Largest prompt file read.
const MAX_PROMPT_FILE_BYTES: u64 = 256 << 20;
/// Prompts of the built-in set that are run where the user names no number: what keeps the default comparison
/// within a few minutes on two cores.
const DEFAULT_QUICKSTART_PROMPTS: u32 = 40;

/// Reads, checks and selects the prompts of a run.
pub(crate) fn select(spec: &RunSpec) -> anyhow::Result<(PromptSelection, Vec<Prompt>)> {
    let (name, file, text) = match &spec.prompts {
        None => (QUICKSTART_NAME.to_owned(), "quickstart.jsonl".to_owned(), QUICKSTART.to_owned()),
        Some(path) => {
            let file = infercost_text::display_name(path);
            let text = infercost_text::read(path, MAX_PROMPT_FILE_BYTES, "prompt set")?;
            let name =
                path.file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned());
            (if name == infercost_text::STANDARD_INPUT { file.clone() } else { name }, file, text)
        }
    };
    let imported = infercost_prompts::parse(&name, &file, &text).map_err(|error| usage(error.to_string()))?;
    for note in &imported.notes {
        console::note(note);
    }
    let set = imported.set;

    let default = spec.prompts.is_none().then_some(DEFAULT_QUICKSTART_PROMPTS);
    let limit = spec.max_prompts.or(default).and_then(|limit| usize::try_from(limit).ok());
    let total = set.prompts.len();
    let items: Vec<Item<'_>> =
        set.prompts.iter().map(|prompt| Item { kind: prompt.kind(), length: prompt.characters() }).collect();
    let chosen = choose(&items, limit.unwrap_or(total), spec.sampling.seed);
    let prompts: Vec<Prompt> =
        chosen.into_iter().filter_map(|index| set.prompts.get(index).cloned()).collect();
    let selection = PromptSelection {
        set: set.name.clone(),
        sha256: Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
        total: u32::try_from(total).unwrap_or(u32::MAX),
        chosen: prompts.iter().map(|prompt| prompt.id.clone()).collect(),
        kinds: kinds(&set.prompts, &prompts),
    };

    Ok((selection, prompts))
}

/// The kinds of a set's prompts, by name, and what was chosen of each.
fn kinds(all: &[Prompt], chosen: &[Prompt]) -> Vec<PromptKind> {
    let mut kinds: BTreeMap<&str, PromptKind> = BTreeMap::new();
    for prompt in all {
        let name = prompt.kind();
        let kind = kinds.entry(name).or_insert_with(|| PromptKind {
            name: name.to_owned(),
            total: 0,
            chosen: Vec::new(),
        });
        kind.total = kind.total.saturating_add(1);
    }
    for prompt in chosen {
        if let Some(kind) = kinds.get_mut(prompt.kind()) {
            kind.chosen.push(prompt.id.clone());
        }
    }
    kinds.into_values().collect()
}
