//! Messages that may quote a file, fit to be shown.

/// Longest message that is repeated, in characters.
const LONGEST: usize = 600;

/// A parser's message without what a terminal would obey.
pub(crate) fn plain(error: &impl ToString) -> String {
    infercost_core::text::printable_up_to(&error.to_string(), LONGEST).into_owned()
}
