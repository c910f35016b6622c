//! Which servers this machine's meters see, and which process an estimate must count for them.

use std::collections::HashMap;
use std::path::Path;

use infercost_energy::{MeterBasis, MeterChoice, WatchedProcesses, listeners};
use infercost_models::{ModelLocation, ResolvedModel};
use infercost_schema::{ServerPlace, VariantId};

use crate::arguments::meter::MeterArguments;
use crate::output;

/// Variants whose energy stays unknown, and why. Processes of servers on this machine are watched from now on, where
/// energy is estimated from CPU time.
pub(crate) fn unmetered<'a>(
    models: impl Iterator<Item = (&'a VariantId, &'a ResolvedModel)>,
    arguments: &MeterArguments,
    basis: MeterBasis,
    watched: &WatchedProcesses,
) -> HashMap<VariantId, String> {
    // an instrument that the user points at reads whatever it is plugged into
    let pointed = matches!(
        arguments.meter,
        MeterChoice::Shelly(_) | MeterChoice::Tasmota(_) | MeterChoice::Prometheus(_)
    );
    let by_cpu_time = arguments.estimate && matches!(basis, MeterBasis::Estimated | MeterBasis::Mixed);
    let mut unmetered = HashMap::new();
    for (variant, model) in models {
        let ModelLocation::Server { url, .. } = &model.location else { continue };
        let place = ServerPlace::of(url);
        if !place.is_this_machine() {
            if !pointed {
                let reason = format!(
                    "the server runs on {}, which this machine's meters do not see; point --meter at a plug or an exporter there",
                    place.host
                );
                unmetered.insert(variant.clone(), reason);
            }
        } else if by_cpu_time {
            let port = place.port.ok_or_else(|| "its address names no port".to_owned());
            match port.and_then(|port| listeners(Path::new("/proc"), port)) {
                Ok(pids) => pids.into_iter().for_each(|pid| watched.add(pid)),
                Err(reason) => {
                    let reason = format!("its CPU time cannot be counted: {reason}");
                    output::note(&format!("! {variant}: {reason}"));
                    unmetered.insert(variant.clone(), reason);
                }
            }
        }
    }
    unmetered
}
