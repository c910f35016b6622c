//! Every instrument, in the order in which help and `doctor` list them.

use crate::exporter::Prometheus;
use crate::hwmon::HWMON;
use crate::instrument::Instrument;
use crate::nvml::Nvidia;
use crate::plug::{Shelly, Tasmota};
use crate::rapl::RAPL;

/// All of them. `auto` looks for those that can be found by themselves.
pub(crate) const INSTRUMENTS: &[&dyn Instrument] = &[&RAPL, &HWMON, &Nvidia, &Shelly, &Tasmota, &Prometheus];
