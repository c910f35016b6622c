//! Bounds of prompt sets.

/// Largest prompt set read, in prompts.
pub const MAX_PROMPTS: usize = 1_000_000;
/// Longest prompt, all its messages together, in bytes: beyond the contexts of models, and half of what a line of a
/// trace may take.
pub(crate) const LONGEST_PROMPT: usize = 8 << 20;
/// Output limit of a prompt that names none, in tokens.
pub const DEFAULT_MAX_TOKENS: u32 = 128;
