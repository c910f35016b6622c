//! One file a command.

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod calibrate;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod foreign;
pub(crate) mod host;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod monitor;
pub(crate) mod optimize;
pub(crate) mod prices;
pub(crate) mod quantize;
pub(crate) mod record;
pub(crate) mod replace;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod schedule;
pub(crate) mod score;
pub(crate) mod tokenize;
