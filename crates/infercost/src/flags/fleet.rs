//! How tables are asked.

use std::path::PathBuf;

use clap::Args;
use infercost_fleet::TablesError;
use infercost_fleet::question::Key;
use infercost_fleet::reading::cluster::address::ClusterAddress;
use infercost_fleet::reading::engine::Engine;
use infercost_fleet::reading::error::QueryError;
use infercost_fleet::reading::files::{Days, TableFiles};
use infercost_run::usage;

use crate::remote::{any_is_remote, tables_at_hand};

/// What the engine may use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineFlags {
    /// Memory of the query; what needs more goes to temporary files [default: 2GB]
    #[arg(long, value_name = "BYTES", value_parser = memory, default_value = "2GB", hide_default_value = true)]
    pub(crate) memory: usize,

    /// Ask a Ballista cluster, whose machines read the same files under the same paths; needs a build with
    /// `--features cluster`
    #[arg(long, value_name = "df://HOST:PORT", conflicts_with = "memory")]
    pub(crate) cluster: Option<ClusterAddress>,
}

impl EngineFlags {
    /// Opens folders and stores of tables, for days.
    ///
    /// # Errors
    /// Where they, or the cluster, are not as they should be.
    pub(crate) fn open(&self, names: &[PathBuf], days: Days) -> anyhow::Result<Engine> {
        let Some(address) = &self.cluster else {
            let files = TableFiles::of_places(&tables_at_hand(names, days)?, days);
            let files = files.map_err(|error| as_usage(error.into()))?;
            return Ok(Engine::over(files, self.memory)?);
        };
        if any_is_remote(names) {
            return Err(usage(
                "--cluster reads folders that all of its machines see under one path, and no stores; leave --cluster out, or \
                 copy the tables into such a folder with `infercost export` and `infercost ingest`",
            ));
        }
        Engine::on_cluster(names, days, address).map_err(as_usage)
    }
}

/// What the command line names and is not there is the user's to mend.
fn as_usage(error: QueryError) -> anyhow::Error {
    match error {
        QueryError::NoClient | QueryError::Tables(TablesError::NoFolder { .. }) => usage(error.to_string()),
        other => other.into(),
    }
}

/// The least that a query can work with.
const LEAST_MEMORY: f64 = 32e6;
/// More is a mistake.
const MOST_MEMORY: f64 = 1e15;

/// `500MB`, `2GB`, `2GiB`, or bytes.
fn memory(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1.0,
        "MB" => 1e6,
        "GB" => 1e9,
        "MIB" => 1_048_576.0,
        "GIB" => 1_073_741_824.0,
        _ => return Err("write it as 500MB, 2GB or 2GiB".to_owned()),
    };

    let bytes = number.parse::<f64>().map_err(|_| "write it as 500MB, 2GB or 2GiB".to_owned())? * factor;
    if (LEAST_MEMORY..=MOST_MEMORY).contains(&bytes) {
        Ok(bytes as usize)
    } else {
        Err("must be at least 32MB".to_owned())
    }
}

/// A key by its name.
pub(crate) fn key(text: &str) -> Result<Key, String> {
    let found = Key::ALL.into_iter().find(|key| key.name() == text.trim());
    found.ok_or_else(|| "use model, machine, service, customer or day, joined by commas".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_a_unit() {
        let check = |text: &str, wanted: Option<usize>| assert_eq!(memory(text).ok(), wanted, "{text}");
        check("2GB", Some(2_000_000_000));
        check("0.5 GiB", Some(536_870_912));
        check("40000000", Some(40_000_000));
        for wrong in ["", "2", "GB", "-1GB", "2TB", "1e3GB", "nan", "9999999999GB"] {
            check(wrong, None);
        }
    }

    #[test]
    fn keys_are_columns() {
        assert_eq!(key("day"), Ok(Key::Day));
        assert!(key("prompt").is_err());
    }
}
