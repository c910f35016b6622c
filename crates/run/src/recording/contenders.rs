//! The models that take part, the baseline first.

use infercost_core::VariantId;
use infercost_models::ResolvedModel;

use crate::request::RunRequest;
use crate::usage::usage;
use crate::{baseline, models};

/// A model and the name under which it takes part.
pub(crate) struct Contender {
    pub(super) id: VariantId,
    pub(super) model: ResolvedModel,
    /// The baseline once more, to show the noise.
    pub(super) noise_floor: bool,
}

/// Resolves the models and puts the baseline first.
pub(crate) fn contenders(request: &RunRequest) -> anyhow::Result<Vec<Contender>> {
    let mut resolved = models::resolve(&request.spec.models, request.offline)?;
    let baseline = match &request.spec.baseline {
        Some(name) => {
            let variants: Vec<&VariantId> = resolved.iter().map(|model| &model.variant).collect();
            let named = baseline::named(&variants, name)?;
            resolved.iter().position(|model| model.variant == *named)
        }
        None => resolved.iter().position(|model| model.is_full_precision),
    };
    if resolved.is_empty() {
        return Err(usage("no model to measure"));
    }
    let first = resolved.remove(baseline.unwrap_or(0));
    let again = request.spec.noise_floor.then(|| Contender {
        id: VariantId(format!("{}#again", first.variant)),
        model: first.clone(),
        noise_floor: true,
    });
    let plain = |model: ResolvedModel| Contender { id: model.variant.clone(), model, noise_floor: false };
    Ok(std::iter::once(plain(first)).chain(again).chain(resolved.into_iter().map(plain)).collect())
}
