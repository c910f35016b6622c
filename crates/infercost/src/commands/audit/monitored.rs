//! The audit of what a monitor recorded.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use infercost_monitor::bill::{self, MonitoredBill};
use infercost_monitor::{Shown, Tariffs, recording};
use infercost_run::economics_inputs::EconomicsInputs;
use infercost_run::run_folder;

use super::AuditCommand;
use crate::commands::monitor::tariffs_of;
use crate::exit;
use crate::flags::GlobalFlags;
use crate::output::answer::delivery::{self, deliver};
use crate::output::economics::monitored;

/// The folder of a recording: a path, or a name below `traces`; the newest one where no run is named, or just the newest,
/// and there is no run. `None` where no recording is meant.
pub(super) fn folder(traces: &Path, name: Option<&str>) -> anyhow::Result<Option<PathBuf>> {
    let named = name.map(|name| [PathBuf::from(name), traces.join(name)]);
    let named = named.into_iter().flatten().find(|folder| recording::is_recording(folder));
    if named.is_some() {
        return Ok(named);
    }

    let is_newest = name.is_none_or(|name| name == run_folder::LATEST);
    if !is_newest || !run_folder::newest_first(traces)?.is_empty() {
        return Ok(None);
    }
    Ok(recording::newest_below(traces)?)
}

pub(super) fn audit(
    folder: &Path,
    arguments: &AuditCommand,
    business: &EconomicsInputs,
    global: &GlobalFlags,
) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let recording = recording::read(folder)?;
    let tariffs = tariffs_of(business, arguments.revenue)?;
    let loss_zone = arguments.loss_zone.unwrap_or(tariffs.loss_zone);
    let bill = bill::bill(&recording, &Tariffs { loss_zone, ..tariffs });

    deliver(&monitored::answer(&bill), &bill, None, &arguments.answer, global)?;
    Ok(ExitCode::from(code(&bill)))
}

/// Without revenue there is nothing to pass.
fn code(bill: &MonitoredBill) -> u8 {
    match (&bill.in_loss_zone, &bill.revenue) {
        (Shown::Value(true), _) => exit::NONE_PASSES,
        (Shown::Missing(_), Shown::Value(_)) => exit::INCONCLUSIVE,
        _ => 0,
    }
}
