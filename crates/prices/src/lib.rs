//! Dated, sourced prices.
//!
//! [`PriceSection`] is the `[prices]` part of `infercost.toml`; [`example`] the shipped profile that stands in
//! where a user has given none, and that every report then names as an assumption. [`sections`] reads the other
//! parts that bear on money. [`SourceDef`] asks a market, [`Snapshot`] is what it said, and [`PriceStore`] keeps that.
//!
//! The one design decision: **a price without a source and a date is refused**, since a cost nobody can check is
//! worth nothing. An answer that is not understood is an error; a price that is not given stays unknown.
//!
//! - [`source`](mod@source): what a source is; [`sources`]: all of them; [`electricity`], [`rental`], [`hosted`], [`rates`]: one file each.
//! - [`query`]: what a source is asked.
//! - [`fetch`]: one question over HTTP, within bounds.
//! - [`snapshot`], [`store`]: what was answered, on disk.
//!
//! Deliberately absent: this crate never invents a price. It reads no clock; the caller says when it is.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod amount;
mod day;
pub mod electricity;
mod example_offers;
pub mod fetch;
pub mod hosted;
pub mod market;
mod minor_units;
mod price_error;
pub mod query;
pub mod rates;
pub mod rental;
mod section;
pub mod sections;
pub mod settings_file;
pub mod snapshot;
pub mod source;
pub mod sources;
pub mod store;
mod table;
mod written;

pub use amount::Amount;
pub use day::Day;
pub use example_offers::example_offers;
pub use fetch::{Client, FetchError};
pub use price_error::PriceError;
pub use query::{BaseUrl, Parsed, Query};
pub use section::{ASSUMED_UTILIZATION, PriceSection, example};
pub use snapshot::{Kind, Prices, Snapshot};
pub use source::SourceDef;
pub use sources::{SOURCES, source};
pub use store::{PriceStore, Stored};
