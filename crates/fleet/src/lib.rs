//! Many runs and production traces as Parquet tables, and answers over them.
//!
//! [`tables`] is the schema and its writer: [`TablesWriter`] takes rows, of a recorded run ([`recorded`]) or of anything
//! else, and puts whole files in place.
//!
//! The one design decision: **a file is a fact about its source and is never edited**. Its name follows from the source,
//! so that writing a source again replaces what it wrote before, and adds nothing twice. Money is decimal from the row on:
//! sums are exact, whoever adds them.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod question;
pub mod reading;
pub mod recorded;
pub mod tables;

pub use tables::error::TablesError;
pub use tables::writer::{TablesWriter, Written};
