//! Hosted models by the token.

pub mod litellm;
