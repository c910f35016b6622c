//! What distinguishes one llama-like model from another, in numbers and switches.

use std::path::Path;

use super::error::DecoderError;
use super::family::Family;

/// Everything the decoder needs to know about a model besides its weights.
///
/// Read from GGUF metadata or a `config.json`; every number has been checked against
/// the bounds of [`DecoderConfig::check`].
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Architecture named in the file.
    pub family: Family,
    /// Number of tokens the embedding has rows for.
    pub vocabulary: usize,
    /// Longest sequence in tokens, prompt and answer together.
    pub context_length: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width between the feed-forward projections.
    pub feed_forward_width: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_width: usize,
    /// One entry a layer, first layer first.
    pub layers: Vec<LayerKind>,
    /// Rotary position encoding.
    pub rope: RopeConfig,
    /// Added to the mean square in every RMS norm.
    pub rms_epsilon: f64,
    /// True where norms multiply by `1 + weight` (Gemma in safetensors; its GGUF converter
    /// has added the one already).
    pub norm_weight_plus_one: bool,
    /// Non-linearity of the feed-forward gate.
    pub activation: Activation,
    /// Which attention projections carry a bias.
    pub attention_bias: AttentionBias,
    /// True where queries and keys are RMS-normalized per head before the rotation.
    pub query_key_norm: bool,
    /// True where a norm also follows attention and feed-forward (Gemma 3).
    pub sandwich_norms: bool,
    /// Factor on the token embedding.
    pub embedding_scale: f64,
    /// Factor on the query, in most models `1 / sqrt(head_width)`.
    pub query_scale: f64,
    /// `c` of `c·tanh(x/c)` applied to attention scores.
    pub attention_softcap: Option<f64>,
    /// `c` of `c·tanh(x/c)` applied to the logits.
    pub output_softcap: Option<f64>,
    /// True where the output layer is the token embedding.
    pub tied_output: bool,
}

/// How one layer attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerKind {
    /// A query sees itself and the `window - 1` tokens before it; `None` is no limit.
    pub window: Option<usize>,
    /// Which rotation queries and keys get.
    pub rotation: Rotation,
}

/// Which rotary table a layer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// None: the layer has no positional encoding.
    None,
    /// The table of [`RopeConfig::theta`] with scaling.
    Global,
    /// The table of [`RopeConfig::local_theta`], never scaled.
    Local,
}

/// Rotary position encoding, see <https://arxiv.org/abs/2104.09864>.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Which elements of a head rotate together.
    pub pairing: RopePairing,
    /// Leading elements of a head that rotate; even, at most `head_width`.
    pub rotated_width: usize,
    /// Base of the frequencies.
    pub theta: f64,
    /// Base of the frequencies in windowed layers, where the family has two.
    pub local_theta: f64,
    /// Change of the frequencies for longer contexts.
    pub scaling: RopeScaling,
}

/// Pairs of elements that rotate together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopePairing {
    /// Element `i` with `i + n/2`, the order of safetensors and of most GGUF families.
    Halves,
    /// Element `2i` with `2i + 1`, the order to which GGUF permutes llama and smollm3.
    Neighbors,
}

/// Change of the rotary frequencies that stretches the context.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Unchanged frequencies.
    None,
    /// Every frequency divided by the factor.
    Linear {
        /// Divisor.
        factor: f64,
    },
    /// Low frequencies divided, high ones kept, those between interpolated
    /// (the Llama 3.1 release).
    Llama3 {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Wavelengths above `original_context / low` count as low frequency.
        low_frequency_factor: f64,
        /// Wavelengths below `original_context / high` count as high frequency.
        high_frequency_factor: f64,
        /// Context length of the first training phase.
        original_context: usize,
    },
    /// One divisor a frequency, and a factor on the rotated values.
    PerFrequency {
        /// Divisors, `rotated_width / 2` of them.
        divisors: Vec<f32>,
        /// Factor on sine and cosine.
        magnitude: f64,
    },
}

/// Non-linearity of the feed-forward gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU in its tanh approximation, <https://arxiv.org/abs/1606.08415>.
    GeluTanh,
}

/// Which attention projections carry a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionBias {
    /// None of them.
    None,
    /// Query, key and value.
    QueryKeyValue,
    /// Query, key, value and output.
    All,
}

impl DecoderConfig {
    /// Longest accepted value of each dimension: far above any published model of these
    /// families, low enough that no product of two overflows.
    const MOST_LAYERS: usize = 1 << 10;
    const MOST_HEADS: usize = 1 << 10;
    const WIDEST: usize = 1 << 20;
    const WIDEST_HEAD: usize = 1 << 12;
    const LARGEST_VOCABULARY: usize = 1 << 24;
    const LONGEST_CONTEXT: usize = 1 << 24;

    /// Checks every number against bounds and against the others.
    ///
    /// # Errors
    /// [`DecoderError::Config`] naming the first value out of bounds.
    pub fn check(&self, path: &Path) -> Result<(), DecoderError> {
        let wrong = |key: &str, reason: String| {
            Err(DecoderError::Config { path: path.into(), key: key.into(), reason })
        };

        for (key, value, most) in [
            ("layers", self.layers.len(), Self::MOST_LAYERS),
            ("vocabulary", self.vocabulary, Self::LARGEST_VOCABULARY),
            ("context length", self.context_length, Self::LONGEST_CONTEXT),
            ("width", self.width, Self::WIDEST),
            ("feed-forward width", self.feed_forward_width, Self::WIDEST),
            ("heads", self.heads, Self::MOST_HEADS),
            ("key and value heads", self.kv_heads, Self::MOST_HEADS),
            ("head width", self.head_width, Self::WIDEST_HEAD),
            ("rotated width", self.rope.rotated_width, Self::WIDEST_HEAD),
        ] {
            if value == 0 || value > most {
                return wrong(key, format!("{value} is not between 1 and {most}"));
            }
        }

        if !self.heads.is_multiple_of(self.kv_heads) {
            let reason = format!("{} heads cannot share {} of them", self.heads, self.kv_heads);
            return wrong("key and value heads", reason);
        }

        let rotated = self.rope.rotated_width;
        if rotated > self.head_width || !rotated.is_multiple_of(2) {
            let reason = format!("{rotated} is odd or above the head width {}", self.head_width);
            return wrong("rotated width", reason);
        }

        for (key, value) in [
            ("RMS norm epsilon", self.rms_epsilon),
            ("rope theta", self.rope.theta),
            ("local rope theta", self.rope.local_theta),
            ("embedding scale", self.embedding_scale),
            ("query scale", self.query_scale),
            ("attention softcap", self.attention_softcap.unwrap_or(1.0)),
            ("output softcap", self.output_softcap.unwrap_or(1.0)),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(key, format!("{value} is not a positive number"));
            }
        }

        if self.layers.iter().any(|layer| layer.window == Some(0)) {
            return wrong("sliding window", "a window of 0 tokens sees nothing".into());
        }
        self.check_scaling(path)
    }

    fn check_scaling(&self, path: &Path) -> Result<(), DecoderError> {
        let sound = match &self.rope.scaling {
            RopeScaling::None => true,
            RopeScaling::Linear { factor } => positive(*factor),
            RopeScaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                positive(*factor)
                    && positive(*low_frequency_factor)
                    && positive(*high_frequency_factor)
                    && high_frequency_factor > low_frequency_factor
                    && (1..=Self::LONGEST_CONTEXT).contains(original_context)
            }
            RopeScaling::PerFrequency { divisors, magnitude } => {
                positive(*magnitude)
                    && divisors.len() == self.rope.rotated_width / 2
                    && divisors.iter().all(|divisor| positive(f64::from(*divisor)))
            }
        };

        if sound {
            return Ok(());
        }
        Err(DecoderError::Config {
            path: path.into(),
            key: "rope scaling".into(),
            reason: "a factor is missing, not positive, or of the wrong number".into(),
        })
    }

    /// Rows of the fused query, key and value projection.
    pub(crate) fn qkv_rows(&self) -> [usize; 3] {
        let kv = self.kv_heads * self.head_width;
        [self.heads * self.head_width, kv, kv]
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}
