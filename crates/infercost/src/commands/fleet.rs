//! `infercost fleet`: what the inferences of many runs and services cost, over tables.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use infercost_fleet::question::answer::{FleetAnswer, Zone};
use infercost_fleet::question::movers::{self, Movers};
use infercost_fleet::question::prices::DatedPrices;
use infercost_fleet::question::revenue::Revenue;
use infercost_fleet::question::{self, Key, Question};
use infercost_fleet::reading::files::Days;
use infercost_run::usage;
use jiff::civil::Date;
use serde::Serialize;

use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::date::date;
use crate::flags::fleet::{EngineFlags, key};
use crate::output;
use crate::output::answer::delivery::{self, deliver};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost fleet tables
      by model
  infercost fleet tables --by service,model --from 2026-11-01 --to 2026-11-30
  infercost fleet tables --by service --revenue revenue.toml
  infercost fleet tables --by customer --from 2026-11-24 --to 2026-11-30 \\
    --movers 10
  infercost fleet tables --prices prices.toml
      tokens at the prices of their day
  infercost fleet s3://team/tables --by service
      from a store that a team shares
  infercost fleet /mnt/tables --cluster df://scheduler:50050
      the same on many machines

Exit codes: 0 an answer; with --revenue 3 where costs are not all known or no service of it was found, 4 where a service costs more than it \
earns")]
pub(crate) struct FleetCommand {
    /// Folders of tables, as `export --parquet` and `ingest` write them, or stores: s3://, gs://, az://, file://
    #[arg(value_name = "DIR|URL", required = true)]
    pub(crate) folders: Vec<PathBuf>,

    /// Group by these, joined by commas: model, machine, service, customer, day
    #[arg(long, value_name = "KEYS", value_parser = key, value_delimiter = ',', default_value = "model")]
    pub(crate) by: Vec<Key>,

    /// First day, in UTC
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<Date>,

    /// Last day, which is included
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) to: Option<Date>,

    /// Dated prices of tokens: `[[prices]]` with model, from, to, input_per_million, output_per_million, currency, source;
    /// where one holds, it takes the place of the recorded cost
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,

    /// What an answer of a service earns: `[[revenue]]` with service, per_inference, currency
    #[arg(long, value_name = "FILE")]
    pub(crate) revenue: Option<PathBuf>,

    /// Also show so many groups whose cost moved most against the period of the same length before
    #[arg(long, value_name = "N", requires = "from", requires = "to")]
    pub(crate) movers: Option<usize>,

    #[command(flatten)]
    pub(crate) engine: EngineFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

/// Longest file of prices or revenue, in bytes.
const LONGEST_FILE: u64 = 4 << 20;

/// What is printed as JSON.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    answer: &'a FleetAnswer,
    movers: &'a Option<Movers>,
}

pub(crate) fn run(arguments: &FleetCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let question = question(arguments)?;

    // the period before is in the same folders
    let before = arguments.movers.and_then(|_| movers::period_before(question.days));
    let opened = Days { from: before.map_or(question.days.from, |before| before.from), ..question.days };
    let engine = arguments.engine.open(&arguments.folders, opened)?;
    let answer = question::ask(&engine, &question)?;
    let movers = match (arguments.movers, before) {
        (Some(most), Some(days)) => {
            let earlier = question::ask(&engine, &Question { days, ..question.clone() })?;
            movers::movers(&question, &answer, &earlier, most)
        }
        _ => None,
    };

    let shown = output::fleet::answer(&answer, movers.as_ref());
    let printed = Printed { answer: &answer, movers: &movers };
    deliver(&shown, &printed, None, &arguments.answer, global)?;
    Ok(code(&answer))
}

fn code(answer: &FleetAnswer) -> ExitCode {
    ExitCode::from(match answer.worst_zone() {
        Some(Zone::Loss) => exit::NONE_PASSES,
        Some(Zone::Open) => exit::INCONCLUSIVE,
        Some(Zone::Profit) | None => 0,
    })
}

fn question(arguments: &FleetCommand) -> anyhow::Result<Question> {
    let mut by = Vec::new();
    for key in &arguments.by {
        if !by.contains(key) {
            by.push(*key);
        }
    }
    if arguments.revenue.is_some() && !by.contains(&Key::Service) {
        return Err(usage("--revenue is by service; add --by service"));
    }
    if arguments.movers.is_some() && by.contains(&Key::Day) {
        return Err(usage("--movers compares two periods: no day is in both; leave `day` out of --by"));
    }
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && to < from
    {
        return Err(usage(format!("--to {to} is before --from {from}")));
    }

    let prices = match &arguments.prices {
        Some(file) => Some(DatedPrices::parse(&read(file)?).map_err(|error| wrong(file, &error))?),
        None => None,
    };
    let revenue = match &arguments.revenue {
        Some(file) => Some(Revenue::parse(&read(file)?).map_err(|error| wrong(file, &error))?),
        None => None,
    };
    Ok(Question { by, days: Days { from: arguments.from, to: arguments.to }, prices, revenue })
}

fn read(file: &Path) -> anyhow::Result<String> {
    Ok(infercost_text::read(file, LONGEST_FILE, "list of prices or revenue")?)
}

fn wrong(file: &Path, error: &impl std::fmt::Display) -> anyhow::Error {
    usage(format!("{}: {}", file.display(), error.to_string().trim_end()))
}
