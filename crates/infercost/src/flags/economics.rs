//! Where measurements, prices and settings come from, as the commands of unit economics take it.

use std::path::PathBuf;

use clap::Args;
use infercost_economics::power::AssumedPower;
use infercost_run::economics_inputs::EconomicsRequest;

use crate::flags::GlobalFlags;
use crate::flags::answer::chart_file;
use crate::flags::numbers::{count, hours_of_day, number, share_above_zero};

/// Where measurements, prices and settings come from, and the form of the answer.
#[derive(Debug, Clone, Args)]
pub(crate) struct EconomicsFlags {
    /// Variant to use [default: the run's baseline]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) variant: Option<String>,

    /// Currency of the answer; prices in another are converted at a dated rate, or refused without one
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,

    /// Power to assume where none was measured: at work, and idle (marked as assumed)
    #[arg(long, value_name = "WATTS[,IDLE]", value_parser = assumed_power)]
    pub(crate) assume_watts: Option<AssumedPower>,

    #[command(flatten)]
    pub(crate) store: StoreFlags,
}

/// Where fetched prices are kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreFlags {
    /// Folder of fetched prices [default: `prices` in the cache]
    #[arg(long, value_name = "DIR", env = "INFERCOST_PRICES")]
    pub(crate) price_store: Option<PathBuf>,
}

/// How much is asked, and when; as the settings say where a flag is not given.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DemandFlags {
    /// Requests an hour, in hours with requests [default: what fills one machine to --utilization]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) requests_per_hour: Option<f64>,

    /// Share of its capacity up to which a machine is planned to be used [default: 0.7, or the price book's
    /// utilization where no load is given]
    #[arg(long, alias = "utilisation", value_name = "SHARE", value_parser = share_above_zero)]
    pub(crate) utilization: Option<f64>,

    /// Hours a day with requests [default: 24]
    #[arg(long, value_name = "HOURS", value_parser = hours_of_day)]
    pub(crate) hours_per_day: Option<f64>,
}

/// A chart of the answer.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChartFlag {
    /// Write a chart into this SVG file
    #[arg(long, value_name = "FILE", value_parser = chart_file, help_heading = "Output")]
    pub(crate) chart: Option<PathBuf>,
}

impl EconomicsFlags {
    /// The same without the command line's form.
    pub(crate) fn request(&self, global: &GlobalFlags) -> EconomicsRequest {
        EconomicsRequest {
            variant: self.variant.clone(),
            traces: global.traces.clone(),
            config: global.config.clone(),
            currency: self.currency.clone(),
            assume_watts: self.assume_watts,
            price_store: self.store.price_store.clone(),
        }
    }
}

fn assumed_power(text: &str) -> Result<AssumedPower, String> {
    match text.split_once(',') {
        Some((work, idle)) => Ok(AssumedPower { work: watts(work)?, idle: Some(watts(idle)?) }),
        None => Ok(AssumedPower { work: watts(text)?, idle: None }),
    }
}

fn watts(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (0.0..=1e6).contains(&value) { Ok(value) } else { Err("must be 0 to 1000000 W".to_owned()) }
}
