//! Names of things: runs, variants, windows, prompts, engines.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::served::ServedHabits;
use crate::units::Bytes;

// A clone shares its text: a run may hold a million records that name one variant.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&$name> for Arc<str> {
            fn from(name: &$name) -> Self {
                Self::clone(&name.0)
            }
        }

        impl From<Arc<str>> for $name {
            fn from(text: Arc<str>) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A run: the name of its folder below `traces/`.
    RunId
);
name!(
    /// A model and how its weights are stored: `smollm2-135m-instruct/q8_0`.
    VariantId
);
name!(
    /// A prompt's `id` in its set.
    PromptId
);
name!(
    /// A grader, as prompt sets and traces write it: `exact`.
    GraderName
);

impl VariantId {
    /// The part behind the last `/`, or the whole where there is none.
    pub fn variant_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

/// One metered stretch of time with one variant at work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowId {
    /// Whose window.
    pub variant: VariantId,
    /// Counts from 0 within the run, over all variants.
    pub index: u32,
}

/// What ran the model. Quality and speed are properties of this together with the variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineIdentity {
    /// `candle`, `scripted`, or the server's name.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// Compile-time switches that change speed: target features, profile.
    pub build_flags: String,
    /// `cpu`, `cuda:0`, or the server's address without credentials.
    pub device: String,
    /// Worker threads, where known.
    pub threads: Option<u32>,
    /// The model family named in the file: `llama`, `gemma3`, …
    pub family: Option<String>,
    /// How most weights are stored: `Q8_0`, `F32`, …
    pub quantization: Option<String>,
    /// Numeric type of activations and unquantized weights at run time.
    pub compute_dtype: Option<String>,
    /// SHA-256 over the weight files, hex.
    pub weights_sha256: Option<String>,
    /// SHA-256 over vocabulary and rules, hex; equal means the same tokens.
    pub tokenizer_sha256: Option<String>,
    /// Size of the weight files.
    pub file_size: Option<Bytes>,
    /// Bytes of weights read to decode one token.
    pub weight_bytes_per_token: Option<Bytes>,
    /// Longest sequence the model accepts, in tokens.
    pub context_length: Option<u32>,
    /// What a server is known to do; `None` in process, and where it was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub habits: Option<ServedHabits>,
}
