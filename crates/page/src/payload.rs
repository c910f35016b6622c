//! Data for the page's script, as JSON that cannot end the element it stands in.

use serde::Serialize;

use crate::prompts::PromptTable;

/// What the script reads.
#[derive(Debug, Serialize)]
pub(crate) struct Payload<'a> {
    /// Names by their place in the report; the first is the baseline.
    pub(crate) variants: &'a [String],
    pub(crate) prompts: &'a PromptTable,
}

/// JSON in which `<`, `>`, `&` and the line separators are escapes: text that a browser can read as nothing but data.
pub(crate) fn json(payload: &Payload<'_>) -> serde_json::Result<String> {
    let plain = serde_json::to_string(payload)?;

    let mut safe = String::with_capacity(plain.len() + plain.len() / 32);
    for character in plain.chars() {
        match character {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            other => safe.push(other),
        }
    }
    Ok(safe)
}
