//! Messages that may quote a file, fit to be shown.

/// A parser's message without the file's control characters.
pub(crate) fn plain(error: &impl ToString) -> String {
    error
        .to_string()
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
