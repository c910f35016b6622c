//! The statistics behind every interval and every verdict. Each function is pure and names its source.

pub mod blocks;
pub mod bootstrap;
pub mod holm;
pub mod mcnemar;
pub mod mean;
pub mod newcombe;
pub mod normal;
pub mod percentile;
pub mod power;
pub mod quantile;
pub mod spending;
pub mod tango;
pub mod wilson;

pub use mean::mean_estimate;
