//! Which instruments read the energy, as every command that measures takes it.

use clap::Args;

use crate::arguments::numbers::watts;

/// Which instruments read the energy.
#[derive(Debug, Clone, Args)]
pub(crate) struct MeterArguments {
    /// Instrument that reads the energy.
    #[arg(
        long,
        value_name = "METER",
        default_value = "auto",
        help = "Instrument that reads the energy: auto (the best set without overlap), none, rapl, hwmon, nvml, \
                shelly:URL[?channel=NAME], tasmota:URL[?channel=NAME], or \
                prometheus:URL?metric=NAME[&unit=UNIT][&covers=PART][&LABEL=VALUE…]"
    )]
    pub(crate) meter: infercost_energy::MeterChoice,

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
