//! `infercost doctor --calibrate`: the machine's own meter beside a wall meter, at rest and at work in turn.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use infercost_analyzer::calibration::{FEWEST_WINDOWS, WindowPowers, fit};
use infercost_core::{EnergyDomain, EnergyMeter, MeterSpec, WallFactor, Watts};
use infercost_energy::MeterBasis;
use infercost_harness::noise::{busy_for, power_while};
use infercost_harness::window_length::UPDATES_PER_WINDOW;
use infercost_run::MeterRequest;
use infercost_run::calibration;
use infercost_run::machine::{discover, threads, unmeasured_facts};
use infercost_run::usage;

use crate::flags::GlobalFlags;
use crate::output;
use crate::output::doctor::wall_factor;

/// Rest and work in turn; two more than the fit needs, so that a lost window does not cost all.
const WINDOWS: usize = FEWEST_WINDOWS + 2;
/// A machine takes seconds to settle at a power.
const SHORTEST_WINDOW: Duration = Duration::from_secs(10);

/// Two instruments, and how long each window of the calibration is.
pub(crate) struct Calibration<'a> {
    /// The machine's own meter.
    pub(crate) host: &'a str,
    /// The wall meter.
    pub(crate) wall: &'a str,
    /// `None` for what both meters need.
    pub(crate) window: Option<Duration>,
}

pub(crate) fn run(wanted: &Calibration<'_>, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let mut host = discover(&only_measured(wanted.host)?)?;
    let mut wall = discover(&only_measured(wanted.wall)?)?;
    if host.meter.scope().0.contains(&EnergyDomain::Wall) {
        return Err(usage("--meter reads the wall itself: nothing to calibrate"));
    }

    debug_assert!(host.basis == MeterBasis::Measured && wall.basis == MeterBasis::Measured);
    let slower = host.meter.update_period().max(wall.meter.update_period());
    let usual = SHORTEST_WINDOW.max(slower.saturating_mul(UPDATES_PER_WINDOW));
    let length = wanted.window.unwrap_or(usual);
    let threads = threads(&unmeasured_facts(&[]));
    let mut windows = Vec::new();
    for index in 0..WINDOWS {
        let at_rest = index.is_multiple_of(2);
        output::note(&format!(
            "window {} of {WINDOWS}: {}, {} s",
            index + 1,
            if at_rest { "at rest" } else { "all cores at work" },
            length.as_secs()
        ));
        let window = side_by_side(host.meter.as_mut(), wall.meter.as_mut(), || {
            if at_rest { sleep(length) } else { busy_for(threads, length) }
        })?;
        match window {
            Ok(powers) => windows.push(powers),
            Err(reason) => output::note(&format!("! this window is left out: {reason}")),
        }
    }

    let fitted = fit(&windows).context("no factor was fitted, and none was kept")?;
    let factor = WallFactor {
        factor: fitted.factor,
        offset: Watts::new(fitted.offset),
        residual: fitted.residual,
        windows: u32::try_from(windows.len()).unwrap_or(u32::MAX),
        date: jiff::Zoned::now().date(),
        host: host.meter.describe(),
        wall: wall.meter.describe(),
    };
    anyhow::ensure!(factor.is_sound(), "the fitted line is not that of a machine: {}", wall_factor(&factor));
    let path = calibration::keep(&factor)?;
    if global.json {
        let mut object = serde_json::to_value(&factor)?;
        if let Some(object) = object.as_object_mut() {
            object.insert("schema".to_owned(), "infercost.wall-factor/1".into());
        }
        output::line(&serde_json::to_string_pretty(&object)?);
    } else {
        output::line(&format!("wall power is {}", wall_factor(&factor)));
        output::note(&format!(
            "kept in {}; later runs with this meter bill energy at the wall",
            path.display()
        ));
    }

    Ok(ExitCode::SUCCESS)
}

/// The instrument of that name, and no estimate in its place.
fn only_measured(instrument: &str) -> anyhow::Result<MeterRequest> {
    let instrument = instrument.to_owned();
    MeterRequest::of(&MeterSpec { instrument, require_measured: true, ..MeterSpec::default() })
}

/// Mean powers of both meters over the same `work`, or why one of them is missing.
fn side_by_side(
    host: &mut dyn EnergyMeter,
    wall: &mut dyn EnergyMeter,
    work: impl FnOnce(),
) -> anyhow::Result<Result<WindowPowers, String>> {
    let mut inside = None;
    let outside = power_while(wall, || inside = Some(power_while(host, work)))?;
    let inside = inside.transpose()?;
    Ok(match (inside, outside) {
        (Some(Ok(host)), Ok(wall)) => Ok(WindowPowers { host: host.get(), wall: wall.get() }),
        (Some(Err(reason)), _) | (_, Err(reason)) => Err(reason),
        (None, Ok(_)) => Err("nothing was run".to_owned()),
    })
}
