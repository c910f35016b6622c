//! Bounds of prompt sets.

/// Largest prompt set read, in prompts.
pub const MAX_PROMPTS: usize = 1_000_000;
/// Output limit of a prompt that names none, in tokens.
pub const DEFAULT_MAX_TOKENS: u32 = 128;
