//! Lists of records as JSON in one attribute.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::MappingError;
use crate::read_span::{ReadSpan, invalid};
use crate::span_draft::SpanDraft;

/// Adds a list that is not empty, of strings and finite numbers, which always have a JSON form.
pub(crate) fn list<T: Serialize>(draft: &mut SpanDraft, attribute: &'static str, all: &[T]) {
    if !all.is_empty() {
        draft.text(attribute, serde_json::to_string(all).unwrap_or_default());
    }
}

/// A list is empty where it is absent, as in runs recorded before it was known.
pub(crate) fn read_list<T: DeserializeOwned>(
    span: &ReadSpan<'_>,
    attribute: &'static str,
) -> Result<Vec<T>, MappingError> {
    let Some(text) = span.text_if(attribute)? else { return Ok(Vec::new()) };
    serde_json::from_str(text)
        .map_err(|error| invalid(attribute, &format!("is no such list: {:?}", error.to_string())))
}
