//! The architectures the decoder knows and the names files give them.

/// A llama-like architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Llama 2, 3 and the many models of the same shape, SmolLM2 among them.
    Llama,
    /// Qwen2 and Qwen2.5: biases on query, key and value.
    Qwen2,
    /// Qwen3: normalized queries and keys.
    Qwen3,
    /// Gemma 3, text part: four norms a layer, local and global attention.
    Gemma3,
    /// Phi-3 and Phi-4-mini: fused projections.
    Phi3,
    /// Mistral; in GGUF these files call themselves `llama`.
    Mistral,
    /// SmolLM3: some layers without positional encoding.
    SmolLm3,
}

impl Family {
    /// Every family, in the order they are listed to a user.
    pub const ALL: [Self; 7] =
        [Self::Llama, Self::Qwen2, Self::Qwen3, Self::Gemma3, Self::Phi3, Self::Mistral, Self::SmolLm3];

    /// The family's lower-case name, as the `model_type` of a `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma3 => "gemma3",
            Self::Phi3 => "phi3",
            Self::Mistral => "mistral",
            Self::SmolLm3 => "smollm3",
        }
    }

    /// The family behind a GGUF `general.architecture`.
    pub fn from_gguf_architecture(name: &str) -> Option<Self> {
        // No GGUF file is of the architecture "mistral": its converter writes "llama".
        Self::ALL.into_iter().find(|family| *family != Self::Mistral && family.name() == name)
    }

    /// The family behind a `model_type` of a Hugging Face `config.json`.
    pub fn from_model_type(name: &str) -> Option<Self> {
        match name {
            "gemma3_text" => Some(Self::Gemma3),
            _ => Self::ALL.into_iter().find(|family| family.name() == name),
        }
    }

    pub(crate) fn known_names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
