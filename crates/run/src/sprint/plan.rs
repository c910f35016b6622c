//! What a sprint tries on these models: the space, its settings, and what must hold for them.

use std::collections::BTreeSet;

use infercost_models::{ModelLocation, ResolvedModel};
use infercost_sprint::placeholder;
use infercost_sprint::shipped::ShippedSpace;
use infercost_sprint::space::{AnswerEffect, Candidates, Condition};
use infercost_sprint::{Parameter, Space};

use super::workload::Work;
use super::{SprintRequest, draft, known_flags};
use crate::machine;
use crate::serving::ServeCommand;
use crate::usage::usage;

/// The parameter that chooses among the models.
pub(super) const VARIANT: &str = "variant";
/// The parameter that says how many threads a model in process works with.
pub(super) const THREADS: &str = "threads";
/// The parameter that ends answers earlier than prompts allow.
pub(super) const MAX_TOKENS: &str = "max-tokens";
/// Its value for what prompts allow.
const NO_LIMIT: &str = "none";

/// What is tried.
pub(super) struct Plan {
    pub(super) space: Space,
    pub(super) candidates: Candidates,
    pub(super) notes: Vec<String>,
}

/// Checks what needs no model: that everything that is varied has its place, and every place something to fill it.
///
/// # Errors
/// A usage error.
pub(super) fn check(request: &SprintRequest) -> anyhow::Result<()> {
    let shipped = shipped(request)?;
    draft::check(request, shipped.is_some_and(|space| space.takes_drafts()))?;
    let space = Space::new(request.vary.clone()).map_err(|error| usage(error.to_string()))?;
    limits_are_numbers(&space)?;

    match &request.run.serve {
        Some(serve) => {
            ServeCommand::parse(&serve.command)?;
            placeholder::check(&serve.command, &placeholders(&space)).map_err(usage)
        }
        None => {
            if let Some(name) = &request.space {
                return Err(usage(format!(
                    "--space {name}: flags are a server's; give its command with --serve"
                )));
            }

            let known = [VARIANT, THREADS, MAX_TOKENS];
            let stranger = space.parameters.iter().find(|one| !known.contains(&one.name.as_str()));
            match stranger {
                Some(one) => Err(usage(format!(
                    "--vary {}: a model in process has {VARIANT}, {THREADS} and {MAX_TOKENS}; other names are placeholders \
                     of --serve",
                    one.name
                ))),
                None => threads_are_numbers(&space),
            }
        }
    }
}

fn threads_are_numbers(space: &Space) -> anyhow::Result<()> {
    let values = space.get(THREADS).map(|threads| threads.values.as_slice()).unwrap_or_default();
    match values.iter().find(|value| value.parse::<u16>().map_or(true, |count| count == 0)) {
        Some(value) => Err(usage(format!("--vary {THREADS}: `{value}` is not a number of threads"))),
        None => Ok(()),
    }
}

/// Of limits on answers, the present one is that of the prompts: with another, nobody could say what it costs in quality.
fn limits_are_numbers(space: &Space) -> anyhow::Result<()> {
    let Some(limits) = space.get(MAX_TOKENS) else { return Ok(()) };
    let (first, others) = limits.values.split_first().unzip();
    let wrong =
        others.unwrap_or_default().iter().find(|value| value.parse::<u32>().map_or(true, |most| most == 0));
    match wrong {
        _ if first.is_none_or(|first| first != NO_LIMIT) => Err(usage(format!(
            "--vary {MAX_TOKENS}: the first value is `{NO_LIMIT}`, what the prompts allow; others are tokens, as in \
             {MAX_TOKENS}={NO_LIMIT},128,64"
        ))),
        Some(value) => Err(usage(format!("--vary {MAX_TOKENS}: `{value}` is not a number of tokens"))),
        None => Ok(()),
    }
}

/// What the command of a server must have a place for.
fn placeholders(space: &Space) -> Space {
    let own = [VARIANT, MAX_TOKENS];
    let parameters = space.parameters.iter().filter(|one| !own.contains(&one.name.as_str())).cloned();
    Space { parameters: parameters.collect() }
}

/// The space over these models, the present one first.
///
/// # Errors
/// A usage error where nothing is varied, or nothing that could be applies here.
pub(super) fn plan(request: &SprintRequest, models: &[ResolvedModel], work: &Work) -> anyhow::Result<Plan> {
    let mut notes = Vec::new();
    let mut parameters = request.vary.clone();
    if let Some(variant) = parameters.iter().find(|one| one.name == VARIANT) {
        let names: Vec<&str> = models.iter().map(|model| model.variant.variant_name()).collect();
        if let Some(stranger) = variant.values.iter().find(|value| !names.contains(&value.as_str())) {
            return Err(usage(format!("--vary {VARIANT}: `{stranger}` is none of {}", names.join(", "))));
        }
    }
    if models.len() > 1 && !is_varied(&parameters, VARIANT) {
        let names = models.iter().map(|model| model.variant.variant_name().to_owned()).collect();
        parameters.insert(0, Parameter::placeholder(VARIANT, names));
    }

    for one in parameters.iter_mut().filter(|one| [VARIANT, MAX_TOKENS].contains(&one.name.as_str())) {
        one.answers = AnswerEffect::Possible;
    }

    match &request.run.serve {
        None => {
            if !is_varied(&parameters, THREADS) {
                parameters.extend(threads(request.run.spec.threads));
            }
            // the same arithmetic in another order of work: equal answers are expected, and looked at
            for one in parameters.iter_mut().filter(|one| one.name == THREADS) {
                one.answers = AnswerEffect::None;
            }
        }
        Some(serve) => {
            if let Some(shipped) = shipped(request)? {
                let known = known_flags::of(&shipped, &serve.command)?;
                notes.extend(known.notes);
                let processors = machine::threads(&machine::unmeasured_facts(&[]));
                parameters.extend(known.parameters.into_iter().filter_map(|one| one.on(processors)));
            }
        }
    }

    let space = Space::new(parameters).map_err(|error| usage(error.to_string()))?;
    let candidates = space
        .candidates(&holding(work, request.draft.is_some()))
        .map_err(|error| usage(error.to_string()))?;
    notes.extend(candidates.left_out.iter().map(|left_out| format!("not tried: {left_out}")));
    Ok(Plan { space, candidates, notes })
}

/// The shipped space whose flags are tried: the one that is named, else that of the command's program where nothing else
/// is varied.
fn shipped(request: &SprintRequest) -> anyhow::Result<Option<ShippedSpace>> {
    match (&request.space, &request.run.serve) {
        (Some(name), _) => Ok(Some(ShippedSpace::named(name).map_err(|error| usage(error.to_string()))?)),
        (None, Some(serve)) if request.vary.is_empty() => Ok(ShippedSpace::of_command(&serve.command)),
        (None, _) => Ok(None),
    }
}

fn is_varied(parameters: &[Parameter], name: &str) -> bool {
    parameters.iter().any(|one| one.name == name)
}

/// Threads to try: all cores, half of them, and one.
fn threads(given: Option<u16>) -> Option<Parameter> {
    let cores = machine::threads(&machine::unmeasured_facts(&[]));
    let all = given.map_or(cores, usize::from);
    let mut values = vec![all];
    for count in [cores, cores / 2, 1] {
        if count > 0 && !values.contains(&count) {
            values.push(count);
        }
    }
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    (values.len() > 1).then(|| Parameter::placeholder(THREADS, values))
}

/// What holds on this machine and for this workload.
fn holding(work: &Work, has_draft: bool) -> BTreeSet<Condition> {
    let gpus = machine::gpus().len();
    let all = [
        (gpus > 0, Condition::Gpu),
        (gpus > 1, Condition::SeveralGpus),
        (work.pace.overlaps(), Condition::Concurrent),
        (work.shares_prefixes, Condition::SharedPrefixes),
        (has_draft, Condition::DraftModel),
    ];
    all.into_iter().filter_map(|(holds, condition)| holds.then_some(condition)).collect()
}

/// A model that a server of one's own is to serve needs a file.
///
/// # Errors
/// A usage error for a server's address.
pub(super) fn check_models(models: &[ResolvedModel]) -> anyhow::Result<()> {
    match models.iter().find(|model| matches!(model.location, ModelLocation::Server { .. })) {
        Some(model) => Err(usage(format!(
            "{}: a server that runs already cannot be set otherwise; give its command with --serve and the model's file",
            model.variant
        ))),
        None => Ok(()),
    }
}
