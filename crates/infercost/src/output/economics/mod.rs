//! The answers of unit economics, as a person reads them.

pub(crate) mod audit;
mod layout;
