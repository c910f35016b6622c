//! The header of a run: what it sets out to do, and on what.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use infercost_core::run::{RUN_SCHEMA, VariantHeader};
use infercost_core::{Bytes, EnergyMeter, EngineIdentity, MachineFacts, RunHeader, ServerPlace, VariantId};
use infercost_harness::Prepared;
use infercost_models::{ModelLocation, ResolvedModel};

use super::setup::Setup;
use crate::machine::{busy_share, described, facts, gpus, host_name, unmeasured_facts};
use crate::machine_identity::identified;
use crate::{calibration, console, early_stop, machine_checks, run_folder};

impl Setup<'_> {
    /// Whether any model works on this machine.
    fn works_here(&self) -> bool {
        self.models.iter().any(|contender| match &contender.model.location {
            ModelLocation::Server { url, .. } => ServerPlace::of(url).is_this_machine(),
            _ => true,
        })
    }

    /// The header of a run that begins now. What is doubtful about the machine is said.
    pub(super) fn header(&self, prepared: &Prepared, meter: &dyn EnergyMeter) -> RunHeader {
        let spec = &self.request.spec;
        let gpus = gpus();
        let facts = if self.works_here() { facts(&gpus) } else { unmeasured_facts(&gpus) };
        let facts = identified(facts, host_name(), &gpus, spec.label.as_deref(), &self.request.redact);
        let machine = MachineFacts { wall_factor: calibration::matching(&meter.describe()), ..facts };
        for doubt in machine_checks::doubts(&machine, &gpus, busy_share) {
            console::warn(&doubt);
        }

        let variants = self
            .models
            .iter()
            .zip(&prepared.engines)
            .map(|(contender, (id, engine))| VariantHeader {
                id: id.clone(),
                engine: with_file(engine.identity().clone(), &contender.model),
                provenance: contender.model.provenance.clone(),
                license: contender.model.license.as_ref().map(|license| license.name.clone()),
                noise_floor: contender.noise_floor,
                token_price: self.hosted.price_at(&contender.model.location).cloned(),
            })
            .collect();
        let now = jiff::Timestamp::now();
        let salt = random_text();

        RunHeader {
            schema: RUN_SCHEMA.to_owned(),
            id: match self.request.is_shared {
                true => run_folder::shared_id(now, &salt),
                false => run_folder::free_id(&self.request.traces, now),
            },
            salt: Some(salt),
            started_at: now,
            infercost_version: env!("CARGO_PKG_VERSION").to_owned(),
            spec: Some(self.request.stored_spec()),
            arguments: Vec::new(),
            machine,
            variants,
            baseline: self.models.first().map_or_else(|| VariantId::from(""), |first| first.id.clone()),
            prompts: self.selection.clone(),
            looks: early_stop::looks(spec, &self.prompts, self.models.len()),
            repetitions: spec.repetitions,
            warm_ups: spec.warm_ups,
            seed: spec.sampling.seed,
            sampling: spec.sampling.clone(),
            content: spec.content,
            policy: self.settings.policy.clone(),
            prices: self.settings.prices.clone(),
            hosted: self.hosted.by_price.clone(),
            meter: described(meter),
        }
    }
}

/// A server says little about the file that it was given; what is known of the file here stands in.
fn with_file(engine: EngineIdentity, model: &ResolvedModel) -> EngineIdentity {
    EngineIdentity {
        weights_sha256: engine.weights_sha256.or_else(|| model.sha256.clone()),
        file_size: model.bytes.map(Bytes).or(engine.file_size),
        ..engine
    }
}

/// 128 random bits: a hasher of the standard library begins with keys that the system drew.
fn random_text() -> String {
    let [first, second] = [RandomState::new(), RandomState::new()].map(|state| state.build_hasher().finish());
    format!("{first:016x}{second:016x}")
}
