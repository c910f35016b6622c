//! What this machine gives at best, and what each model takes of it: the roofs that settings are held against.

use std::collections::BTreeMap;

use infercost_core::VariantId;
use infercost_engine::{Isa, WeightType, product_peak};
use infercost_models::gguf::{GgufHeader, TensorInfo};
use infercost_models::{ModelLocation, ResolvedModel};
use infercost_sprint::roofline::Machine;

use super::SprintRequest;
use crate::machine;

/// Bandwidth and peaks, each measured once; all unknown where models run on another device than the processor.
#[derive(Debug, Clone, Default)]
pub(super) struct Roofs {
    bandwidth: Option<f64>,
    /// Operations a second with 8-bit codes, which quantized weights are multiplied by.
    of_codes: Option<f64>,
    /// Operations a second in single precision.
    of_floats: Option<f64>,
    /// Weights that a token is multiplied with, by model.
    parameters: BTreeMap<VariantId, f64>,
}

impl Roofs {
    /// Measures them for a sprint over these models.
    pub(super) fn of(request: &SprintRequest, models: &[ResolvedModel]) -> Self {
        if request.run.spec.device != "cpu" {
            return Self::default();
        }
        let facts = machine::unmeasured_facts(&[]);
        let threads = machine::threads(&facts);
        let peak = |weight_type| product_peak(Isa::from_environment().ok()?, weight_type, threads);

        let mut parameters = BTreeMap::new();
        for model in models {
            if let ModelLocation::Gguf(path) = &model.location
                && let Ok(header) = GgufHeader::read(path)
                && let Some(count) = multiplied(&header.tensors)
            {
                parameters.insert(model.variant.clone(), count as f64);
            }
        }
        Self {
            bandwidth: machine::memory_bandwidth(&facts),
            of_codes: peak(WeightType::Q8_0),
            of_floats: peak(WeightType::F32),
            parameters,
        }
    }

    /// The roofs above a model.
    pub(super) fn above(&self, model: &ResolvedModel) -> Machine {
        let peak = if model.is_full_precision { self.of_floats } else { self.of_codes };
        Machine { bandwidth: self.bandwidth, peak }
    }

    /// The weights that each token is multiplied with; `None` where they are not known.
    pub(super) fn parameters(&self, model: &ResolvedModel) -> Option<f64> {
        self.parameters.get(&model.variant).copied()
    }
}

/// Weights that every token is multiplied with: all matrices, the embeddings only where they are the output as well.
/// `None` for a mixture of experts, whose router decides.
fn multiplied(tensors: &[TensorInfo]) -> Option<u64> {
    let has_output = tensors.iter().any(|tensor| tensor.name == "output.weight");
    let mut count = 0_u64;
    for tensor in tensors {
        match tensor.dimensions.len() {
            0 | 1 => {}
            2 if has_output && tensor.name == "token_embd.weight" => {}
            2 => count = count.saturating_add(tensor.elements()),
            _ => return None,
        }
    }
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use infercost_models::gguf::TensorType;

    use super::*;

    fn tensors(all: &[(&str, &[u64])]) -> Vec<TensorInfo> {
        let info = |(name, dimensions): &(&str, &[u64])| TensorInfo {
            name: (*name).to_owned(),
            dimensions: dimensions.to_vec(),
            kind: TensorType::F32,
            offset: 0,
        };
        all.iter().map(info).collect()
    }

    #[test]
    fn embeddings_count_where_they_are_the_output() {
        let tied: &[(&str, &[u64])] = &[
            ("token_embd.weight", &[8, 100]),
            ("blk.0.attn_q.weight", &[8, 8]),
            ("output_norm.weight", &[8]),
        ];
        assert_eq!(multiplied(&tensors(tied)), Some(864));
        let own = [tied, &[("output.weight", &[8, 100])]].concat();
        assert_eq!(multiplied(&tensors(&own)), Some(864));
        let experts = [tied, &[("blk.0.ffn_up_exps.weight", &[8, 16, 4])]].concat();
        assert_eq!(multiplied(&tensors(&experts)), None);
        assert_eq!(multiplied(&tensors(&[])), None);
    }
}
