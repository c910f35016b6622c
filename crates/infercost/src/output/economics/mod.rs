//! The answers of unit economics, as a person reads them.

pub(crate) mod audit;
pub(crate) mod host;
pub(crate) mod monitored;
pub(crate) mod optimize;
pub(crate) mod prices;
pub(crate) mod replace;
pub(crate) mod schedule;
