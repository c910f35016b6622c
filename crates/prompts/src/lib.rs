//! Prompt sets as people have them, and the graders of their answers.
//!
//! [`parse`] reads JSON Lines, JSON arrays, chats, batches and fine-tuning files of OpenAI's API, ShareGPT, rows of a
//! data set, tables and plain text. [`grade`] judges answers in any script.
//!
//! The one design decision: **whatever the shape, one way in**. Every format becomes the same `Item`, which is
//! checked by the same code, so that a mistake is named alike wherever it stands, and before anything runs.

#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

mod conversation;
mod error;
pub mod grade;
mod item;
mod limits;
mod set;
mod shape;
mod table;

pub use error::PromptSetError;
pub use limits::{DEFAULT_MAX_TOKENS, MAX_PROMPTS};
pub use set::{Imported, parse};

use infercost_text::shown;
