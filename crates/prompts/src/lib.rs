//! Prompt sets as people have them, and the graders of their answers.
//!
//! [`parse`] reads JSON Lines, JSON arrays, chats, batches and fine-tuning files of OpenAI's API, ShareGPT, rows of a
//! data set, tables and plain text. [`grade`] judges answers in any script.
//!
//! The one design decision: **whatever the shape, one way in**. Every format becomes the same [`Item`](item), which is
//! checked by the same code, so that a mistake is named alike wherever it stands, and before anything runs.

#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

mod conversation;
mod error;
pub mod grade;
mod item;
mod set;
mod shape;
mod table;

pub use error::PromptSetError;
pub use set::{DEFAULT_MAX_TOKENS, Imported, MAX_PROMPTS, parse};

/// Most characters of a file's text that are shown.
const SHOWN: usize = 160;

/// Text of a file, fit to be shown: control characters and direction marks escaped, its length bounded.
fn shown(text: &str) -> String {
    let is_mark =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::new();
    for c in text.chars().take(SHOWN) {
        if c.is_control() || is_mark(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
