//! Dated, sourced prices.
//!
//! [`PriceSection`] is the `[prices]` part of `infercost.toml`; [`example`] the shipped profile that stands in
//! where a user has given none, and that every report then names as an assumption. The one design decision:
//! **a price without a source and a date is refused**, since a cost nobody can check is worth nothing.
//!
//! Deliberately absent: this crate never invents a price. What is not given stays unknown.

mod amount;
mod day;
mod section;
pub mod sections;

pub use section::{PriceError, PriceSection, example};
