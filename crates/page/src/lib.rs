//! The report of a run as one self-contained HTML page: it opens from disk, asks no network, and says first what to do.
//!
//! [`render`] takes what `infercost report` computes and the records behind it. Charts are SVG made here, so that the
//! page is whole without a script, on paper and for a screen reader; a script of a few hundred lines adds values on
//! hover and focus, sorting, and the table of prompts. A chart library was weighed and left: the ones whose script a
//! crate carries are between 200 kB and 4 MB, draw on a canvas that no screen reader sees, and know no intervals.
//!
//! Prompts and answers are hostile text. They reach the page in two ways alone: through the template engine's
//! escaping, and as JSON in which every character that could end a script is written as an escape; the script puts
//! them into the page as text, never as markup. A content security policy in the page allows its own script and style
//! by their hash, and nothing else.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod axis;
mod chart;
mod figures;
mod page;
mod payload;
mod prompts;
mod samples;
mod section;
mod standalone;
mod svg;

pub use page::{PageError, PageInput, render};
pub use standalone::cost_against_quality;
