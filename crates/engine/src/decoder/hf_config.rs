//! The decoder's configuration from a Hugging Face `config.json`.

use std::path::Path;

use serde_json::{Map, Value};

use super::config::{
    Activation, AttentionBias, DecoderConfig, LayerKind, RopeConfig, RopePairing, RopeScaling, Rotation,
};
use super::error::{DecoderError, shown};
use super::family::Family;

/// Reads a [`DecoderConfig`] from the text of a `config.json`.
///
/// Keys and their defaults are those of the transformers library's configuration classes,
/// in the flat form and in the later one with `rope_parameters`.
///
/// # Errors
/// Malformed JSON, an unknown `model_type`, a missing or malformed key, or a value out of bounds.
pub(crate) fn read(path: &Path, json: &str) -> Result<DecoderConfig, DecoderError> {
    let root: Value = serde_json::from_str(json)
        .map_err(|error| DecoderError::not_a_model(path, format!("config.json: {error}")))?;
    let Value::Object(root) = root else {
        return Err(DecoderError::not_a_model(path, "config.json is not an object"));
    };

    let model_type = root.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let Some(family) = Family::from_model_type(model_type) else {
        let found = match root.get("architectures").and_then(|names| names.get(0)) {
            Some(Value::String(name)) if model_type.is_empty() => name,
            _ => model_type,
        };
        return Err(DecoderError::UnknownArchitecture { path: path.into(), found: shown(found) });
    };
    // Files of models that also see images describe the language part one level deeper.
    let values = match root.get("text_config") {
        Some(Value::Object(text)) => text,
        _ => &root,
    };
    let config = Keys { path, values }.config(family)?;
    config.check(path)?;
    Ok(config)
}

struct Keys<'a> {
    path: &'a Path,
    values: &'a Map<String, Value>,
}

impl Keys<'_> {
    fn config(&self, family: Family) -> Result<DecoderConfig, DecoderError> {
        if self.flag("mlp_bias")?.unwrap_or(false) {
            return Err(self.unsupported("a bias in the feed-forward part"));
        }

        let gemma = family == Family::Gemma3;
        let layers = self.needed_count("num_hidden_layers")?;
        let width = self.needed_count("hidden_size")?;
        let heads = self.count_or("num_attention_heads", gemma.then_some(8))?;

        let kv_heads = match self.count("num_key_value_heads")? {
            Some(count) => count,
            None if gemma => 4,
            None => heads,
        };

        let head_width = match (self.count("head_dim")?, family) {
            (Some(given), _) => given,
            (None, Family::Gemma3) => 256,
            (None, Family::Qwen3) => 128,
            _ => match width.checked_rem(heads) {
                Some(0) => width / heads,
                _ => {
                    let reason = format!("{width} is not a multiple of {heads} heads");
                    return Err(self.wrong("hidden_size", reason));
                }
            },
        };

        let rotated_share = self
            .number("partial_rotary_factor")?
            .or(self.rope_number("partial_rotary_factor"))
            .unwrap_or(1.0);
        if !(rotated_share > 0.0 && rotated_share <= 1.0) {
            return Err(self.wrong("partial_rotary_factor", "not between 0 and 1".into()));
        }

        let rotated_width = (rotated_share * head_width as f64) as usize;
        let mut context_length = self.count_or("max_position_embeddings", gemma.then_some(131_072))?;
        let scaling = self.scaling(context_length)?;
        if let RopeScaling::PerFrequency { .. } = scaling {
            // The second set of divisors, for longer sequences, would change the meaning of
            // everything cached before; the model is used up to where the first set holds.
            context_length = self.original_context()?;
        }

        let query_width = match self.number("query_pre_attn_scalar")? {
            Some(given) if gemma => given,
            None if gemma => 256.0,
            _ => head_width as f64,
        };

        Ok(DecoderConfig {
            family,
            vocabulary: self.count_or("vocab_size", gemma.then_some(262_208))?,
            context_length,
            width,
            feed_forward_width: self.needed_count("intermediate_size")?,
            heads,
            kv_heads,
            head_width,
            layers: self.layers(family, layers)?,
            rope: RopeConfig {
                pairing: RopePairing::Halves,
                rotated_width,
                theta: self.theta(family)?,
                local_theta: self
                    .number("rope_local_base_freq")?
                    .or(self.rope_number_of("sliding_attention", "rope_theta"))
                    .unwrap_or(1e4),
                scaling,
            },
            rms_epsilon: self.number("rms_norm_eps")?.unwrap_or(match family {
                Family::Phi3 => 1e-5,
                _ => 1e-6,
            }),
            norm_weight_plus_one: gemma,
            activation: self.activation(gemma)?,
            attention_bias: match (family, self.flag("attention_bias")?) {
                // Qwen2 has the three biases whatever its file says, or does not say.
                (Family::Qwen2, _) => AttentionBias::QueryKeyValue,
                (_, Some(true)) => AttentionBias::All,
                _ => AttentionBias::None,
            },
            query_key_norm: matches!(family, Family::Qwen3 | Family::Gemma3),
            sandwich_norms: gemma,
            embedding_scale: if gemma { (width as f64).sqrt() } else { 1.0 },
            query_scale: 1.0 / query_width.sqrt(),
            attention_softcap: self.number("attn_logit_softcapping")?,
            output_softcap: self.number("final_logit_softcapping")?,
            tied_output: self
                .flag("tie_word_embeddings")?
                .unwrap_or(matches!(family, Family::Gemma3 | Family::SmolLm3)),
        })
    }

    fn activation(&self, gemma: bool) -> Result<Activation, DecoderError> {
        let key = if gemma { "hidden_activation" } else { "hidden_act" };
        match (self.text(key)?, gemma) {
            (None, true) => Ok(Activation::GeluTanh),
            (None, false) => Ok(Activation::Silu),
            (Some("silu" | "swish"), _) => Ok(Activation::Silu),
            (Some("gelu_pytorch_tanh"), _) => Ok(Activation::GeluTanh),
            (Some(other), _) => Err(self.unsupported(&format!("activation \"{}\"", shown(other)))),
        }
    }

    fn layers(&self, family: Family, count: usize) -> Result<Vec<LayerKind>, DecoderError> {
        // Checked before the list is built, so that a lying file costs no memory.
        if count > 1 << 16 {
            return Err(self.wrong("num_hidden_layers", format!("{count} layers are too many")));
        }

        let window = self.window(family)?;
        let types = self.list("layer_types", count)?;
        let no_rope = self.list("no_rope_layers", count)?;
        let global_period = self.count("sliding_window_pattern")?.unwrap_or(6).max(1);
        let no_rope_period = self.count("no_rope_layer_interval")?.unwrap_or(4).max(1);

        let first_windowed = match family {
            Family::Qwen2 | Family::Qwen3 => self.count("max_window_layers")?.unwrap_or(28),
            _ => 0,
        };

        (0..count)
            .map(|index| {
                let windowed = match types.and_then(|types| types.get(index)) {
                    Some(kind) => match kind.as_str() {
                        Some("sliding_attention") => true,
                        Some("full_attention") => false,
                        _ => {
                            return Err(
                                self.unsupported("a layer type that is neither full nor sliding attention")
                            );
                        }
                    },
                    None if family == Family::Gemma3 => (index + 1) % global_period != 0,
                    None => index >= first_windowed,
                };

                let rotation = match family {
                    Family::Gemma3 if windowed => Rotation::Local,
                    Family::SmolLm3 => {
                        let rotated = match no_rope.and_then(|list| list.get(index)) {
                            // Despite the key's name, 1 marks a layer that does rotate.
                            Some(mark) => mark.as_u64() != Some(0),
                            None => (index + 1) % no_rope_period != 0,
                        };
                        if rotated { Rotation::Global } else { Rotation::None }
                    }
                    _ => Rotation::Global,
                };
                Ok(LayerKind { window: window.filter(|_| windowed), rotation })
            })
            .collect()
    }

    fn window(&self, family: Family) -> Result<Option<usize>, DecoderError> {
        let given = self.count("sliding_window")?;
        Ok(match family {
            Family::Llama => None,
            // These three carry a window's size even where they do not use it.
            Family::Qwen2 | Family::Qwen3 | Family::SmolLm3 => {
                given.filter(|_| self.values.get("use_sliding_window") == Some(&Value::Bool(true)))
            }
            Family::Gemma3 | Family::Mistral if !self.values.contains_key("sliding_window") => Some(4096),
            _ => given,
        })
    }

    fn theta(&self, family: Family) -> Result<f64, DecoderError> {
        Ok(self
            .number("rope_theta")?
            .or(self.rope_number("rope_theta"))
            .or(self.rope_number_of("full_attention", "rope_theta"))
            .unwrap_or(match family {
                Family::Gemma3 => 1e6,
                Family::SmolLm3 => 2e6,
                _ => 1e4,
            }))
    }

    /// The object that describes the rotation, under its older or its later name.
    fn rope(&self) -> Option<&Map<String, Value>> {
        let rope = ["rope_scaling", "rope_parameters"]
            .into_iter()
            .find_map(|key| self.values.get(key).and_then(Value::as_object))?;
        match rope.get("full_attention").and_then(Value::as_object) {
            Some(global) => Some(global),
            None => Some(rope),
        }
    }

    fn scaling(&self, context_length: usize) -> Result<RopeScaling, DecoderError> {
        let Some(rope) = self.rope() else { return Ok(RopeScaling::None) };
        let kind = rope.get("rope_type").or(rope.get("type")).and_then(Value::as_str);

        match kind.unwrap_or("default") {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: self.scaling_number("factor")? }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: self.scaling_number("factor")?,
                low_frequency_factor: self.scaling_number("low_freq_factor")?,
                high_frequency_factor: self.scaling_number("high_freq_factor")?,
                original_context: self.scaling_number("original_max_position_embeddings")? as usize,
            }),
            "longrope" | "su" => self.long_rope(rope, context_length),
            other => Err(self.unsupported(&format!("rope scaling \"{}\"", shown(other)))),
        }
    }

    /// A number that the kind of scaling needs.
    fn scaling_number(&self, key: &str) -> Result<f64, DecoderError> {
        self.rope_number(key).ok_or_else(|| self.wrong(&format!("rope_scaling.{key}"), "missing".into()))
    }

    /// LongRoPE, <https://arxiv.org/abs/2402.13753>, with the magnitude of its equation
    /// `sqrt(1 + ln(stretch) / ln(original context))`.
    fn long_rope(
        &self,
        rope: &Map<String, Value>,
        context_length: usize,
    ) -> Result<RopeScaling, DecoderError> {
        let factors = rope.get("short_factor").and_then(Value::as_array);
        let divisors =
            factors
                .and_then(|list| list.iter().map(|f| f.as_f64().map(|f| f as f32)).collect())
                .ok_or_else(|| self.wrong("rope_scaling.short_factor", "missing or not numbers".into()))?;
        let original = self.original_context()? as f64;
        let stretch = context_length as f64 / original;
        let magnitude = match self.rope_number("attention_factor") {
            Some(given) => given,
            None if stretch <= 1.0 => 1.0,
            None => (1.0 + stretch.ln() / original.ln()).sqrt(),
        };
        Ok(RopeScaling::PerFrequency { divisors, magnitude })
    }

    fn original_context(&self) -> Result<usize, DecoderError> {
        let key = "original_max_position_embeddings";
        match (self.count(key)?, self.rope_number(key)) {
            (Some(given), _) => Ok(given),
            (None, Some(given)) => Ok(given as usize),
            (None, None) => Err(self.wrong(key, "missing".into())),
        }
    }

    fn rope_number(&self, key: &str) -> Option<f64> {
        self.rope()?.get(key)?.as_f64()
    }

    fn rope_number_of(&self, layer_type: &str, key: &str) -> Option<f64> {
        self.values.get("rope_parameters")?.get(layer_type)?.get(key)?.as_f64()
    }

    fn list(&self, key: &str, length: usize) -> Result<Option<&Vec<Value>>, DecoderError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(list)) if list.len() == length => Ok(Some(list)),
            Some(_) => Err(self.wrong(key, format!("not a list with one entry for each of {length} layers"))),
        }
    }

    fn count(&self, key: &str) -> Result<Option<usize>, DecoderError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|count| usize::try_from(count).ok()) {
                Some(count) => Ok(Some(count)),
                None => Err(self.wrong(key, "not a whole number of zero or more".into())),
            },
        }
    }

    fn needed_count(&self, key: &str) -> Result<usize, DecoderError> {
        self.count_or(key, None)
    }

    fn count_or(&self, key: &str, default: Option<usize>) -> Result<usize, DecoderError> {
        self.count(key)?.or(default).ok_or_else(|| self.wrong(key, "missing".into()))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, DecoderError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(key, "not a number".into())),
            },
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, DecoderError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "neither true nor false".into())),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, DecoderError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "not a text".into())),
        }
    }

    fn wrong(&self, key: &str, reason: String) -> DecoderError {
        DecoderError::Config { path: self.path.into(), key: key.into(), reason }
    }

    fn unsupported(&self, feature: &str) -> DecoderError {
        DecoderError::Unsupported { path: self.path.into(), feature: feature.into() }
    }
}
