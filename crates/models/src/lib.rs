//! Finds a model's files: manifests, cache, hub, wheels, local paths; expands and quantizes.
//!
//! [`ModelStore`] turns what a user writes — a manifest's name, a file, a hub repository, a server — into
//! [`ResolvedModel`]s: files at hand, their hash, and how the weights came to be.
//!
//! The one design decision: **a file's origin travels with it**. Every step that fetches or makes a file
//! gives its [`Provenance`](infercost_core::manifest::Provenance), which is kept beside the file in the
//! cache and inside every GGUF written here, so that a baseline that is an expansion can never pass for a
//! published one. The crate does the network and file work that the engine never does, and prints nothing:
//! what happens is told through [`Progress`].
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod argument;
pub mod cache;
mod candle_type;
pub mod catalog;
pub mod convert;
pub mod demo;
pub mod error;
pub mod file_text;
pub mod gguf;
mod gguf_write;
pub mod hash;
mod hf_tokenizer;
pub mod hub;
mod hub_client;
#[cfg(feature = "hub")]
mod hub_places;
#[cfg(not(feature = "hub"))]
#[path = "hub_places_absent.rs"]
mod hub_places;
mod hub_repository;
mod hub_settings;
pub mod inspect;
mod join;
mod json_file;
pub mod listing;
mod local;
mod mistaken;
mod numbers;
mod partial_file;
mod parts;
mod pieces;
pub mod progress;
pub mod recipe;
pub mod resolved;
mod safetensors_header;
mod safetensors_weights;
mod source_words;
pub mod store;
mod variant_names;
mod weights;
pub mod wheel;

pub use argument::ModelArgument;
pub use cache::ModelCache;
pub use catalog::{Catalog, DEFAULT_MODEL};
pub use error::ModelError;
pub use hub::HubSettings;
pub use inspect::{Inspection, inspect};
pub use listing::{ListedModel, list};
pub use progress::{Progress, ProgressSink, Stage};
pub use recipe::{Fallback, Recipe};
pub use resolved::{ModelLocation, ResolvedModel};
pub use store::ModelStore;
pub use wheel::Pip;
