//! Finds instruments and takes the best set without overlap.

use std::fmt;
use std::time::Duration;

use infercost_core::{EnergyDomain, EnergyMeter, MeterError, MeterKind, UnavailableMeter};

use crate::composed::ComposedMeter;
use crate::estimate::{EstimatedMeter, Estimator};
use crate::options::{MeterChoice, MeterOptions};
use crate::plug::Make;
use crate::sensor::{Channel, Role};
use crate::{hwmon, nvml, probe, rapl, remote};

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

/// An instrument that can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundMeter {
    /// The family: `rapl`, `hwmon`, `nvml`.
    pub instrument: String,
    /// The sensors, as a person would look them up.
    pub name: String,
    /// The part of the machine that it covers.
    pub domain: EnergyDomain,
    /// Counter or integrated gauge.
    pub kind: MeterKind,
    /// How often it refreshes.
    pub update_period: Duration,
    /// Whether the meter that was returned reads it.
    pub used: bool,
    /// Why it is used or not, in one plain line.
    pub note: String,
}

/// An instrument that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingMeter {
    /// The family or the sensor: `rapl`, `rapl package-0`.
    pub name: String,
    /// Why it cannot be read, naming the file or library.
    pub reason: String,
    /// What would change that.
    pub fix: String,
}

/// Sensors of one instrument that together cover one part of the machine.
pub(crate) struct Candidate {
    pub(crate) instrument: &'static str,
    pub(crate) domain: EnergyDomain,
    /// Lower is better.
    pub(crate) rank: u8,
    pub(crate) channels: Vec<Channel>,
}

impl Candidate {
    fn counted(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter().filter(|channel| channel.role == Role::Counted)
    }

    fn name(&self) -> String {
        self.counted().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn found(&self, used: bool, note: String) -> FoundMeter {
        let integrated = self.counted().any(|channel| channel.kind == MeterKind::Integrated);
        FoundMeter {
            instrument: self.instrument.to_owned(),
            name: self.name(),
            domain: self.domain.clone(),
            kind: if integrated { MeterKind::Integrated } else { MeterKind::Counter },
            update_period: self.counted().map(|channel| channel.update_period).max().unwrap_or_default(),
            used,
            note,
        }
    }
}

/// What one family of instruments has to offer.
#[derive(Default)]
pub(crate) struct Offer {
    pub(crate) candidates: Vec<Candidate>,
    /// Sensors that are there and cannot be read.
    pub(crate) closed: Vec<MissingMeter>,
    /// Families that this machine does not have.
    pub(crate) absent: Vec<MissingMeter>,
}

/// Finds this machine's instruments and starts the best set without overlap.
///
/// A machine without sensors is no error: its meter answers every reading with the reason.
///
/// # Errors
/// [`MeterError::RequiredMeterMissing`] where `options.choice` names an instrument that is not there;
/// [`MeterError::SamplerThread`] where no thread can be started.
pub fn discover(options: &MeterOptions) -> Result<Discovery, MeterError> {
    let mut offer = Offer::default();
    let mut add = |more: Offer| {
        offer.candidates.extend(more.candidates);
        offer.closed.extend(more.closed);
        offer.absent.extend(more.absent);
    };
    let any = options.choice == MeterChoice::Auto;
    if any || options.choice == MeterChoice::Rapl {
        add(rapl::find(&options.sysfs_root));
    }
    if any || options.choice == MeterChoice::Hwmon {
        add(hwmon::find(&options.sysfs_root));
    }
    if any || options.choice == MeterChoice::Nvml {
        add(nvml::find(options.nvml_library.as_deref()));
    }
    match &options.choice {
        MeterChoice::Shelly(url) => add(remote::find_plug(Make::Shelly, url)?),
        MeterChoice::Tasmota(url) => add(remote::find_plug(Make::Tasmota, url)?),
        MeterChoice::Prometheus(query) => add(remote::find_exporter(query)?),
        MeterChoice::Auto
        | MeterChoice::None
        | MeterChoice::Rapl
        | MeterChoice::Hwmon
        | MeterChoice::Nvml => {}
    }
    let Offer { mut candidates, mut closed, absent } = offer;
    closed.extend(probe::watch(&mut candidates));
    candidates.sort_by_key(|candidate| candidate.rank);

    let mut found = Vec::new();
    let mut used: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        match used.iter().find(|taken| overlaps(taken, &candidate)) {
            Some(taken) => {
                let note = format!("not used: {} {} covers it already", taken.instrument, taken.name());
                found.push(candidate.found(false, note));
            }
            None => {
                found.push(candidate.found(true, "used".to_owned()));
                used.push(candidate);
            }
        }
    }

    let estimator = Estimator::from_options(options)?;
    let (basis, meter): (MeterBasis, Box<dyn EnergyMeter>) = if used.is_empty() {
        // A sensor that is there but closed is worth more to the reader than a family that is not there.
        let why = if closed.is_empty() { &absent } else { &closed };
        let reason = joined(why, |missing| &missing.reason);
        let fix = joined(why, |missing| &missing.fix);
        let why = match options.choice {
            MeterChoice::None => "no meter was asked for".to_owned(),
            MeterChoice::Auto if closed.is_empty() => {
                format!("this machine shows no energy sensor: {reason}")
            }
            MeterChoice::Auto => format!("{reason}; {fix}"),
            _ => {
                let meter = options.choice.name().to_owned();
                return Err(MeterError::RequiredMeterMissing { meter, reason, fix });
            }
        };
        match estimator {
            Ok(Some(estimator)) => (MeterBasis::Estimated, Box::new(EstimatedMeter::new(estimator, why))),
            Ok(None) => (MeterBasis::Nothing, Box::new(UnavailableMeter::new(why))),
            Err(no_estimate) => {
                (MeterBasis::Nothing, Box::new(UnavailableMeter::new(format!("{why}; {no_estimate}"))))
            }
        }
    } else {
        let name = instrument_name(&used);
        // Only a GPU's own sensor leaves out the CPU; all others hold it, or an unknown part of it.
        let gpu_only = used.iter().all(|candidate| candidate.domain == EnergyDomain::Gpu);
        let has_boards = used.iter().any(|candidate| candidate.instrument == nvml::INSTRUMENT);
        let channels = used.into_iter().flat_map(|candidate| candidate.channels).collect();
        let mut meter = ComposedMeter::start(name, channels)?;
        if has_boards {
            meter = meter.with_boards(options.nvml_library.clone());
        }
        match estimator {
            Ok(Some(estimator)) if gpu_only => (MeterBasis::Mixed, Box::new(meter.with_estimate(estimator))),
            _ => (MeterBasis::Measured, Box::new(meter)),
        }
    };
    let missing = closed.into_iter().chain(absent).collect();
    Ok(Discovery { meter, basis, found, missing })
}

/// `rapl package-0, dram-0; hwmon amdgpu PPT`.
fn instrument_name(used: &[Candidate]) -> String {
    let mut names: Vec<(&str, Vec<String>)> = Vec::new();
    for candidate in used {
        match names.iter_mut().find(|(instrument, _)| *instrument == candidate.instrument) {
            Some((_, sensors)) => sensors.push(candidate.name()),
            None => names.push((candidate.instrument, vec![candidate.name()])),
        }
    }
    names
        .into_iter()
        .map(|(instrument, sensors)| format!("{instrument} {}", sensors.join(", ")))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The distinct texts of `missing`, in order.
fn joined(missing: &[MissingMeter], text: impl Fn(&MissingMeter) -> &String) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for one in missing.iter().map(text) {
        if !texts.contains(&one.as_str()) {
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
