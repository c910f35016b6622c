//! The statistics behind every interval and every verdict.
//!
//! The one design decision: **each function is pure and names its source**. Nothing here knows of models or money; the
//! analyzer and the economics share these functions, so that a Student's t or a Wilson interval exists once.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod blocks;
pub mod bootstrap;
pub mod controls;
mod draws;
pub mod holm;
pub mod mcnemar;
pub mod mean;
pub mod newcombe;
pub mod normal;
pub mod percentile;
pub mod power;
pub mod propagation;
pub mod quantile;
mod selection;
mod side_by_side;
pub mod spending;
mod table;
pub mod tango;
pub mod wilson;

pub use mean::{amount_estimate, mean_estimate, rate_estimate};
pub use side_by_side::side_by_side;
