//! Chat templates: what a model's makers want a conversation to look like as text.
