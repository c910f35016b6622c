//! What `infercost doctor` takes.

use clap::Args;

use crate::arguments::meter::MeterArguments;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost doctor
  infercost doctor --meter shelly:192.168.1.20          what a plug shows
  infercost doctor --calibrate --wall shelly:192.168.1.20
                                                        fit this machine's own meter to the plug, for later costs")]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) meter: MeterArguments,
    /// Fit --meter against a wall meter, at rest and at work in turn, and keep the factor for later costs
    #[arg(long, requires = "wall")]
    pub(crate) calibrate: bool,
    /// Wall meter to calibrate against, as for --meter: shelly:URL, tasmota:URL, prometheus:URL?…
    #[arg(long, value_name = "METER", requires = "calibrate")]
    pub(crate) wall: Option<infercost_energy::MeterChoice>,
    /// Length of each window of the calibration [default: ten updates of the slower meter, at least 10]
    #[arg(long, value_name = "SECONDS", requires = "calibrate", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) window_seconds: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
