//! Which variants this machine's meters see, and which process an estimate must count for those behind servers.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use infercost_core::{ServerPlace, VariantId};
use infercost_energy::{MeterBasis, MeterChoice, WatchedProcesses, listeners};
use infercost_harness::machine_watch::MachineWatch;
use infercost_models::{ModelLocation, ResolvedModel};
use infercost_served::ServedAddress;

use crate::console;
use crate::coverage::{Boundary, Place};
use crate::request::RunRequest;
use crate::usage::usage;

/// Refuses an instrument that is pointed at where the models run on several machines: it is plugged into one of them, and
/// nobody knows which.
///
/// # Errors
/// A usage error that names the machines.
pub(crate) fn one_machine(models: &[String], meter: &MeterChoice) -> anyhow::Result<()> {
    if !meter.is_pointed() {
        return Ok(());
    }
    let machines: BTreeSet<String> = models.iter().map(|model| machine_of(model)).collect();
    if machines.len() < 2 {
        return Ok(());
    }
    let machines = machines.into_iter().collect::<Vec<_>>().join(", ");
    Err(usage(format!(
        "--meter: one instrument cannot tell the joules of several machines apart ({machines}); record each machine's \
         models in a run of their own, with its own --meter, and join them: infercost report RUN RUN"
    )))
}

/// The machine that a model runs on, as a name.
fn machine_of(model: &str) -> String {
    let place = ServedAddress::is_meant(model).then(|| ServerPlace::of(model));
    let away = place.filter(|place| !place.is_this_machine());
    away.map_or_else(|| "this machine".to_owned(), |place| place.host.to_ascii_lowercase())
}

/// Variants whose energy stays unknown, and why. Processes of servers on this machine are watched from now on, where
/// energy is estimated from CPU time.
pub(crate) fn unmetered<'a>(
    models: impl Iterator<Item = (&'a VariantId, &'a ResolvedModel)>,
    request: &RunRequest,
    basis: MeterBasis,
    boundary: &Boundary,
    watched: &WatchedProcesses,
) -> HashMap<VariantId, String> {
    let by_cpu_time =
        request.spec.meter.estimate && matches!(basis, MeterBasis::Estimated | MeterBasis::Mixed);
    let mut unmetered = HashMap::new();
    for (variant, model) in models {
        let url = match &model.location {
            ModelLocation::Server { url, .. } => Some(url.as_str()),
            _ => None,
        };
        let place = Place::of(url, request);
        if let Some(gap) = boundary.gap(&place) {
            unmetered.insert(variant.clone(), gap.text());
        } else if let (true, Some(url), Place::Server) = (by_cpu_time, url, place) {
            let port = ServerPlace::of(url).port.ok_or_else(|| "its address names no port".to_owned());
            match port.and_then(|port| listeners(Path::new("/proc"), port)) {
                Ok(pids) => pids.into_iter().for_each(|pid| watched.add(pid)),
                Err(reason) => {
                    let reason = format!("its CPU time cannot be counted: {reason}");
                    console::warn(&format!("{variant}: {reason}"));
                    unmetered.insert(variant.clone(), reason);
                }
            }
        }
    }

    unmetered
}

/// Watches this machine, and counts a server on it as the measured one while its variant is at work. Of a server that
/// cannot be seen, the processor time counts as that of others.
pub(crate) fn watch<'a>(models: impl Iterator<Item = (&'a VariantId, &'a ResolvedModel)>) -> MachineWatch {
    let mut watch = MachineWatch::default();
    for (variant, model) in models {
        let ModelLocation::Server { url, .. } = &model.location else { continue };
        let place = ServerPlace::of(url);
        let port = place.port.filter(|_| place.is_this_machine());
        if let Some(Ok(processes)) = port.map(|port| listeners(Path::new("/proc"), port)) {
            watch.add_server(variant.clone(), processes);
        }
    }
    watch
}
