//! The models that take part, the baseline first.

use infercost_core::VariantId;
use infercost_models::ResolvedModel;

use crate::models;
use crate::request::{ContenderSetting, RunRequest};
use crate::serving::ServeCommand;
use crate::usage::usage;

/// A model and the name under which it takes part.
pub(crate) struct Contender {
    pub(super) id: VariantId,
    pub(super) model: ResolvedModel,
    /// The baseline once more, to show the noise.
    pub(super) noise_floor: bool,
    /// Its own worker threads; `None` for those of the run.
    pub(super) threads: Option<u16>,
    /// The command that serves it; `None` for that of the run.
    pub(super) serve: Option<ServeCommand>,
    /// Most tokens of its answers; `None` for what prompts allow.
    pub(super) max_tokens: Option<u32>,
}

/// Resolves the models and puts the baseline first.
pub(crate) fn contenders(request: &RunRequest) -> anyhow::Result<Vec<Contender>> {
    if let Some(name) = &request.spec.baseline {
        models::check_baseline(&request.spec.models, name)?;
    }
    let mut resolved = models::resolve(&request.spec.models, request.offline)?;
    if !request.settings.is_empty() {
        return in_settings(&request.settings, &resolved);
    }
    let baseline = match &request.spec.baseline {
        Some(name) => {
            let is_named = |loosely| resolved.iter().position(|model| model.is_named(name, loosely));
            let known =
                || resolved.iter().map(|model| model.variant.to_string()).collect::<Vec<_>>().join(", ");
            let found = is_named(false).or_else(|| is_named(true));
            Some(
                found
                    .ok_or_else(|| usage(format!("--baseline {name}: no such variant among {}", known())))?,
            )
        }
        None => resolved.iter().position(|model| model.is_full_precision),
    };

    if resolved.is_empty() {
        return Err(usage("no model to measure"));
    }

    let first = resolved.remove(baseline.unwrap_or(0));
    let again = request.spec.noise_floor.then(|| Contender {
        id: VariantId::from(format!("{}#again", first.variant)),
        model: first.clone(),
        noise_floor: true,
        threads: None,
        serve: None,
        max_tokens: None,
    });
    let others = resolved.into_iter().map(Contender::of);

    Ok(std::iter::once(Contender::of(first)).chain(again).chain(others).collect())
}

/// Models in settings of their own, in the given order.
fn in_settings(settings: &[ContenderSetting], resolved: &[ResolvedModel]) -> anyhow::Result<Vec<Contender>> {
    let mut contenders = Vec::with_capacity(settings.len());
    for ContenderSetting { id, variant, threads, serve, max_tokens } in settings {
        let model = resolved.iter().find(|model| model.variant == *variant);
        let model = model.ok_or_else(|| usage(format!("{variant} is none of the models that were named")))?;
        contenders.push(Contender {
            id: id.clone(),
            model: model.clone(),
            noise_floor: false,
            threads: *threads,
            serve: serve.as_deref().map(ServeCommand::parse).transpose()?,
            max_tokens: *max_tokens,
        });
    }
    Ok(contenders)
}

impl Contender {
    /// The model under its own name.
    fn of(model: ResolvedModel) -> Self {
        let id = model.variant.clone();
        Self { id, model, noise_floor: false, threads: None, serve: None, max_tokens: None }
    }
}
