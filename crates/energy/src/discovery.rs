//! Finds instruments and takes the best set without overlap.

use std::fmt;

use infercost_core::{EnergyDomain, EnergyMeter, MeterError, UnavailableMeter};

use crate::composed::ComposedMeter;
use crate::estimate::{EstimatedMeter, Estimator};
use crate::instrument::{Candidate, FoundMeter, MissingMeter, Offer};
use crate::instruments::INSTRUMENTS;
use crate::options::{MeterChoice, MeterOptions};
use crate::{nvml, probe};

/// What the readings of a meter will rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterBasis {
    /// Hardware alone.
    Measured,
    /// Hardware for a part and an assumption for the rest; readings are estimates as a whole.
    Mixed,
    /// An assumption alone.
    Estimated,
    /// Nothing: readings are unavailable.
    Nothing,
}

/// The meter to use, and what was seen while looking for it.
pub struct Discovery {
    /// The best set of instruments without overlap, or one that says why there is none.
    pub meter: Box<dyn EnergyMeter>,
    /// What its readings will rest on.
    pub basis: MeterBasis,
    /// Every instrument that can be read, used or not.
    pub found: Vec<FoundMeter>,
    /// Every instrument that cannot, with what would change that.
    pub missing: Vec<MissingMeter>,
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("meter", &self.meter.describe())
            .field("basis", &self.basis)
            .field("found", &self.found)
            .field("missing", &self.missing)
            .finish()
    }
}

/// Finds this machine's instruments and starts the best set without overlap.
///
/// A machine without sensors is no error: its meter answers every reading with the reason.
///
/// # Errors
/// [`MeterError::RequiredMeterMissing`] where `options.choice` names an instrument that is not there;
/// [`MeterError::SamplerThread`] where no thread can be started.
pub fn discover(options: &MeterOptions) -> Result<Discovery, MeterError> {
    let Offer { mut candidates, set_aside, mut closed, absent } = offered(options)?;
    closed.extend(probe::watch(&mut candidates));

    let Selection { used, mut found } = without_overlap(candidates);
    found.extend(set_aside);

    let estimator = Estimator::from_options(options)?;
    let (basis, meter) = if used.is_empty() {
        // A sensor that is there but closed is worth more to the reader than a family that is not there.
        let why = if closed.is_empty() { &absent } else { &closed };
        without_sensors(unmeasured(&options.choice, why, closed.is_empty())?, estimator)
    } else {
        over_sensors(used, estimator, options)?
    };

    let missing = closed.into_iter().chain(absent).collect();
    Ok(Discovery { meter, basis, found, missing })
}

/// What the chosen instruments have to offer.
pub(crate) fn offered(options: &MeterOptions) -> Result<Offer, MeterError> {
    let places = options.places();
    let mut offer = Offer::default();

    match &options.choice {
        MeterChoice::None => {}
        MeterChoice::Named(named) => offer.extend(named.finder.find(&places)?),
        MeterChoice::Auto => {
            for finder in INSTRUMENTS.iter().filter_map(|instrument| instrument.automatic()) {
                offer.extend(finder.find(&places)?);
            }
        }
    }
    Ok(offer)
}

/// Which candidates are read, and every one with the reason why it is or is not.
pub(crate) struct Selection {
    pub(crate) used: Vec<Candidate>,
    found: Vec<FoundMeter>,
}

/// Takes candidates by rank as long as none would count joules twice.
pub(crate) fn without_overlap(mut candidates: Vec<Candidate>) -> Selection {
    candidates.sort_by_key(|candidate| candidate.rank);

    let mut selection = Selection { used: Vec::new(), found: Vec::new() };
    for candidate in candidates {
        let taken = selection.used.iter().find(|taken| overlaps(taken, &candidate));
        if let Some(taken) = taken {
            let note = format!("not used: {} {} covers it already", taken.instrument, taken.name());
            selection.found.push(candidate.found(false, &note));
        } else {
            selection.found.push(candidate.found(true, "used"));
            selection.used.push(candidate);
        }
    }
    selection
}

/// Why nothing is measured.
///
/// # Errors
/// [`MeterError::RequiredMeterMissing`] where an instrument was asked for by name.
fn unmeasured(
    choice: &MeterChoice,
    missing: &[MissingMeter],
    none_is_closed: bool,
) -> Result<String, MeterError> {
    let reason = joined(missing.iter().map(|missing| missing.reason.as_str()));
    let fix = joined(missing.iter().map(|missing| missing.fix.as_str()));

    match choice {
        MeterChoice::None => Ok("no meter was asked for".to_owned()),
        MeterChoice::Auto if none_is_closed => Ok(format!("this machine shows no energy sensor: {reason}")),
        MeterChoice::Auto => Ok(format!("{reason}; {fix}")),
        MeterChoice::Named(_) => {
            Err(MeterError::RequiredMeterMissing { meter: choice.name().to_owned(), reason, fix })
        }
    }
}

/// The meter where nothing is measured because of `why`.
fn without_sensors(
    why: String,
    estimator: Result<Option<Estimator>, String>,
) -> (MeterBasis, Box<dyn EnergyMeter>) {
    match estimator {
        Ok(Some(estimator)) => (MeterBasis::Estimated, Box::new(EstimatedMeter::new(estimator, why))),
        Ok(None) => (MeterBasis::Nothing, Box::new(UnavailableMeter::new(why))),
        Err(no_estimate) => {
            (MeterBasis::Nothing, Box::new(UnavailableMeter::new(format!("{why}; {no_estimate}"))))
        }
    }
}

/// The meter over sensors, with an estimate of what they leave out where that is wanted and known to be left out.
fn over_sensors(
    used: Vec<Candidate>,
    estimator: Result<Option<Estimator>, String>,
    options: &MeterOptions,
) -> Result<(MeterBasis, Box<dyn EnergyMeter>), MeterError> {
    let name = instrument_name(&used);
    // Only a GPU's own sensor leaves out the CPU; all others hold it, or an unknown part of it.
    let gpu_only = used.iter().all(|candidate| candidate.domain == EnergyDomain::Gpu);
    let has_boards = used.iter().any(|candidate| candidate.instrument == nvml::INSTRUMENT);

    let channels = used.into_iter().flat_map(|candidate| candidate.channels).collect();
    let mut meter = ComposedMeter::start(name, channels)?;
    if has_boards {
        meter = meter.with_boards(options.nvml_library.clone(), options.visible_gpus.clone());
    }

    Ok(match estimator {
        Ok(Some(estimator)) if gpu_only => (MeterBasis::Mixed, Box::new(meter.with_estimate(estimator))),
        _ => (MeterBasis::Measured, Box::new(meter)),
    })
}

/// `rapl package-0, dram-0; hwmon amdgpu PPT`, with what must be known of how sensors were chosen.
fn instrument_name(used: &[Candidate]) -> String {
    let mut names: Vec<(&str, Vec<String>)> = Vec::new();
    for candidate in used {
        let sensors = match candidate.remark.as_str() {
            "" => candidate.name(),
            remark => format!("{} ({remark})", candidate.name()),
        };
        match names.iter_mut().find(|(instrument, _)| *instrument == candidate.instrument) {
            Some((_, all)) => all.push(sensors),
            None => names.push((candidate.instrument, vec![sensors])),
        }
    }

    names
        .into_iter()
        .map(|(instrument, sensors)| format!("{instrument} {}", sensors.join(", ")))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The distinct texts, in order.
fn joined<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for one in all {
        if !texts.contains(&one) {
            texts.push(one);
        }
    }
    texts.join("; ")
}

/// Whether two candidates would count some joules twice.
fn overlaps(a: &Candidate, b: &Candidate) -> bool {
    use EnergyDomain::{CpuPackage, Dram, Gpu, Other, Platform, Wall};
    match (&a.domain, &b.domain) {
        // GPU boards of different families are different boards.
        (Gpu, Gpu) => a.instrument == b.instrument,
        (CpuPackage, Dram | Gpu) | (Dram, CpuPackage | Gpu) | (Gpu, CpuPackage | Dram) => false,
        (CpuPackage, CpuPackage) | (Dram, Dram) => true,
        // What a board's rails feed, and which of them feeds which, is unknown.
        (Platform | Wall | Other(_), _) | (_, Platform | Wall | Other(_)) => true,
    }
}
