//! What a monitor shows in a terminal: a view that fills it, or a line an interval.

pub(crate) mod drawing;
pub(crate) mod farm_text;
pub(crate) mod lines;
pub(crate) mod terminal_view;
pub(crate) mod wording;
