//! The decoder's configuration from the metadata of a GGUF file.

use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value};

use super::config::{
    Activation, AttentionBias, DecoderConfig, LayerKind, RopeConfig, RopePairing, RopeScaling, Rotation,
};
use super::error::{DecoderError, shown};
use super::family::Family;

/// Reads a [`DecoderConfig`] from GGUF metadata and the shapes of its tensors.
///
/// Keys are those of the [GGUF specification](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
///
/// The divisors of [`RopeScaling::PerFrequency`] stand in a tensor and are left empty; the
/// caller reads [`rope_divisors_tensor`] and then calls [`DecoderConfig::check`].
///
/// # Errors
/// An unknown architecture, or a missing or malformed key.
pub(crate) fn read(path: &Path, content: &Content) -> Result<DecoderConfig, DecoderError> {
    let architecture = match content.metadata.get("general.architecture") {
        Some(Value::String(name)) => name.as_str(),
        _ => {
            return Err(DecoderError::Config {
                path: path.into(),
                key: "general.architecture".into(),
                reason: "missing or not a text".into(),
            });
        }
    };
    let Some(family) = Family::from_gguf_architecture(architecture) else {
        return Err(DecoderError::UnknownArchitecture { path: path.into(), found: shown(architecture) });
    };
    Keys { path, content, architecture }.config(family)
}

/// The tensor whose values the rotary frequencies are divided by, if the file has one.
pub(crate) fn rope_divisors_tensor(content: &Content) -> Option<&'static str> {
    [ROPE_DIVISORS, SHORT_ROPE_DIVISORS].into_iter().find(|name| content.tensor_infos.contains_key(*name))
}

/// Llama 3.1 and later: the scaling of its `config.json`, worked out by the converter.
const ROPE_DIVISORS: &str = "rope_freqs.weight";
/// Phi-3 with a long context: the set for sequences up to the original context.
const SHORT_ROPE_DIVISORS: &str = "rope_factors_short.weight";

/// Values below `<architecture>.` in the metadata.
struct Keys<'a> {
    path: &'a Path,
    content: &'a Content,
    architecture: &'a str,
}

impl Keys<'_> {
    fn config(&self, family: Family) -> Result<DecoderConfig, DecoderError> {
        if self.count("expert_count")?.unwrap_or(0) > 0 {
            return Err(self.unsupported("a mixture of experts"));
        }

        let layers = self.needed_count("block_count")?;
        let width = self.needed_count("embedding_length")?;
        let heads = self.needed_count("attention.head_count")?;

        let head_width = match self.count("attention.key_length")? {
            Some(length) => length,
            None => match width.checked_rem(heads) {
                Some(0) => width / heads,
                _ => {
                    let reason = format!("{width} is not a multiple of {heads} heads");
                    return Err(self.wrong("embedding_length", reason));
                }
            },
        };

        if self.count("attention.value_length")?.is_some_and(|length| length != head_width) {
            return Err(self.unsupported("a value width that differs from the key width"));
        }

        let window = self.count("attention.sliding_window")?.filter(|window| *window > 0);
        let rotated_width = self.count("rope.dimension_count")?.unwrap_or(head_width);
        let original_context = self.count("rope.scaling.original_context_length")?;

        let mut context_length = self.needed_count("context_length")?;
        let scaling = self.scaling()?;
        if self.has(SHORT_ROPE_DIVISORS) {
            let original = original_context
                .ok_or_else(|| self.wrong("rope.scaling.original_context_length", "missing".into()))?;
            // The second set of divisors, for longer sequences, would change the meaning of
            // everything cached before; the model is used up to where the first set holds.
            context_length = context_length.min(original);
        }

        Ok(DecoderConfig {
            family,
            vocabulary: self.vocabulary()?,
            context_length,
            width,
            feed_forward_width: self.needed_count("feed_forward_length")?,
            heads,
            kv_heads: self.count("attention.head_count_kv")?.unwrap_or(heads),
            head_width,
            layers: self.layers(family, layers, window)?,
            rope: RopeConfig {
                pairing: match family {
                    Family::Llama | Family::Mistral | Family::SmolLm3 => RopePairing::Neighbors,
                    _ => RopePairing::Halves,
                },
                rotated_width,
                theta: self.number("rope.freq_base")?.unwrap_or(match family {
                    Family::Gemma3 => 1e6,
                    _ => 1e4,
                }),
                local_theta: self.number("rope.freq_base_swa")?.unwrap_or(1e4),
                scaling,
            },
            rms_epsilon: self.needed_number("attention.layer_norm_rms_epsilon")?,
            norm_weight_plus_one: false,
            activation: match family {
                Family::Gemma3 => Activation::GeluTanh,
                _ => Activation::Silu,
            },
            attention_bias: if !self.has("blk.0.attn_q.bias") {
                AttentionBias::None
            } else if self.has("blk.0.attn_output.bias") {
                AttentionBias::All
            } else {
                AttentionBias::QueryKeyValue
            },
            query_key_norm: matches!(family, Family::Qwen3 | Family::Gemma3),
            sandwich_norms: family == Family::Gemma3,
            embedding_scale: match family {
                Family::Gemma3 => (width as f64).sqrt(),
                _ => 1.0,
            },
            query_scale: match (family, layers) {
                // The 27B model, told by its 62 layers, scales by the width per head instead of
                // the head width (query_pre_attn_scalar 168); GGUF has no key for it.
                (Family::Gemma3, 62) => (heads as f64 / width as f64).sqrt(),
                _ => 1.0 / (head_width as f64).sqrt(),
            },
            attention_softcap: self.number("attn_logit_softcapping")?,
            output_softcap: self.number("final_logit_softcapping")?,
            tied_output: !self.has("output.weight"),
        })
    }

    fn layers(
        &self,
        family: Family,
        count: usize,
        window: Option<usize>,
    ) -> Result<Vec<LayerKind>, DecoderError> {
        // Checked before the list is built, so that a lying header costs no memory.
        if count > 1 << 16 {
            return Err(self.wrong("block_count", format!("{count} layers are too many")));
        }
        let kinds = (1..=count).map(|number| match family {
            // GGUF names neither period: five local layers to a global one in Gemma 3, three
            // rotated layers to one without positions in SmolLM3.
            Family::Gemma3 if number % 6 != 0 => LayerKind { window, rotation: Rotation::Local },
            Family::Gemma3 => LayerKind { window: None, rotation: Rotation::Global },
            Family::SmolLm3 if number % 4 == 0 => LayerKind { window, rotation: Rotation::None },
            _ => LayerKind { window, rotation: Rotation::Global },
        });
        Ok(kinds.collect())
    }

    fn scaling(&self) -> Result<RopeScaling, DecoderError> {
        if rope_divisors_tensor(self.content).is_some() {
            let magnitude = self.number("rope.scaling.attn_factor")?.unwrap_or(1.0);
            return Ok(RopeScaling::PerFrequency { divisors: Vec::new(), magnitude });
        }
        let factor = self.number("rope.scaling.factor")?;
        match (self.text("rope.scaling.type")?.unwrap_or("none"), factor) {
            ("none", _) | ("linear", None) => Ok(RopeScaling::None),
            ("linear", Some(factor)) => Ok(RopeScaling::Linear { factor }),
            (other, _) => Err(self.unsupported(&format!("rope scaling \"{}\"", shown(other)))),
        }
    }

    fn vocabulary(&self) -> Result<usize, DecoderError> {
        let tensor = "token_embd.weight";
        match self.content.tensor_infos.get(tensor).map(|info| info.shape.dims()) {
            Some([vocabulary, _]) => Ok(*vocabulary),
            Some(found) => Err(DecoderError::BrokenTensor {
                path: self.path.into(),
                tensor: tensor.into(),
                reason: format!("an embedding has two dimensions, not {}", found.len()),
            }),
            None => Err(DecoderError::MissingTensor { path: self.path.into(), tensor: tensor.into() }),
        }
    }

    fn has(&self, tensor: &str) -> bool {
        self.content.tensor_infos.contains_key(tensor)
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(&format!("{}.{key}", self.architecture))
    }

    fn count(&self, key: &str) -> Result<Option<usize>, DecoderError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let single = match value {
            // Some converters write one value a layer.
            Value::Array(values) => match values.split_first() {
                Some((first, rest)) if rest.iter().all(|v| whole(v) == whole(first)) => first,
                _ => return Err(self.unsupported(&format!("\"{key}\" that differs by layer"))),
            },
            single => single,
        };
        match whole(single).and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Ok(Some(count)),
            None => Err(self.wrong(key, "not a whole number of zero or more".into())),
        }
    }

    fn needed_count(&self, key: &str) -> Result<usize, DecoderError> {
        self.count(key)?.ok_or_else(|| self.wrong(key, "missing".into()))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, DecoderError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::F32(number)) => Ok(Some(f64::from(*number))),
            Some(Value::F64(number)) => Ok(Some(*number)),
            Some(_) => Err(self.wrong(key, "not a floating point number".into())),
        }
    }

    fn needed_number(&self, key: &str) -> Result<f64, DecoderError> {
        self.number(key)?.ok_or_else(|| self.wrong(key, "missing".into()))
    }

    fn text(&self, key: &str) -> Result<Option<&str>, DecoderError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "not a text".into())),
        }
    }

    fn wrong(&self, key: &str, reason: String) -> DecoderError {
        let key = format!("{}.{key}", self.architecture);
        DecoderError::Config { path: self.path.into(), key, reason }
    }

    fn unsupported(&self, feature: &str) -> DecoderError {
        DecoderError::Unsupported { path: self.path.into(), feature: feature.into() }
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::U8(n) => Some(u64::from(*n)),
        Value::U16(n) => Some(u64::from(*n)),
        Value::U32(n) => Some(u64::from(*n)),
        Value::U64(n) => Some(*n),
        Value::I8(n) => u64::try_from(*n).ok(),
        Value::I16(n) => u64::try_from(*n).ok(),
        Value::I32(n) => u64::try_from(*n).ok(),
        Value::I64(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}
