//! Which instruments read the energy, as every command that measures takes it.

use clap::Args;
use infercost_core::MeterSpec;
use infercost_energy::{ChoiceError, MeterChoice};

use crate::flags::numbers::watts;

/// Which instruments read the energy.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Energy")]
pub(crate) struct MeterFlags {
    /// Instrument that reads the energy.
    #[arg(
        long,
        value_name = "METER",
        default_value = "auto",
        value_parser = instrument,
        help = "Instrument that reads the energy: auto (the best set without overlap), none, rapl, hwmon, nvml, \
                shelly:URL[?channel=NAME], tasmota:URL[?channel=NAME], or \
                prometheus:URL?metric=NAME[&unit=UNIT][&covers=PART][&LABEL=VALUE…]"
    )]
    pub(crate) meter: String,

    /// Stop with exit code 5 where energy cannot be measured
    #[arg(long)]
    pub(crate) require_measured: bool,

    /// Where nothing measures, estimate from the CPU's thermal design power (marked as an estimate)
    #[arg(long, conflicts_with = "assume_watts")]
    pub(crate) estimate: bool,

    /// Where nothing measures, assume this constant power (marked as an estimate)
    #[arg(long, value_name = "WATTS", value_parser = watts)]
    pub(crate) assume_watts: Option<f64>,
}

impl MeterFlags {
    /// What is stored of them.
    pub(crate) fn spec(&self) -> MeterSpec {
        MeterSpec {
            instrument: self.meter.clone(),
            require_measured: self.require_measured,
            estimate: self.estimate,
            assume_watts: self.assume_watts,
        }
    }
}

/// The name of an instrument that can be asked for.
pub(crate) fn instrument(text: &str) -> Result<String, ChoiceError> {
    text.parse::<MeterChoice>().map(|_| text.to_owned())
}
