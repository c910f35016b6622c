//! What an instrument is, and what it says when it is looked for.
//!
//! To add one: a file with a type that implements [`Instrument`], and its line in `instruments.rs`. Nothing else
//! names instruments.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use infercost_core::{EnergyDomain, MeterError, MeterKind};
use thiserror::Error;

use crate::sensor::{Channel, Role};
use crate::visible_gpus::VisibleGpus;

/// A family of meters: one word of `--meter`.
pub(crate) trait Instrument: Sync {
    /// The word that chooses it: `rapl`.
    fn name(&self) -> &'static str;

    /// The word with what may follow it, for help and errors: `shelly:URL[?channel=NAME]`.
    fn usage(&self) -> &'static str;

    /// How `auto` looks for it on this machine; `None` for one that reads whatever it is plugged into, and must be named
    /// with its address.
    fn automatic(&self) -> Option<Box<dyn Finder>>;

    /// Understands what was written behind the word and its colon; `None` where nothing was.
    ///
    /// # Errors
    /// [`ChoiceError`] for text that says nothing to this instrument.
    fn choose(&self, rest: Option<&str>) -> Result<Box<dyn Finder>, ChoiceError>;
}

/// Looks for what a choice means.
pub(crate) trait Finder: Send + Sync {
    /// What is there, readable or not.
    ///
    /// # Errors
    /// [`MeterError::SamplerThread`] where no thread can be started.
    fn find(&self, places: &Places) -> Result<Offer, MeterError>;
}

/// Where instruments look.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// What stands below `/sys` stands below it.
    pub(crate) sysfs_root: PathBuf,
    /// The NVML library to load; `None` looks in the usual place.
    pub(crate) nvml_library: Option<PathBuf>,
    /// The boards that this process may use.
    pub(crate) visible_gpus: VisibleGpus,
}

/// Why a text names no instrument.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChoiceError {
    /// The word before the colon is not known.
    #[error("no meter is called `{name}`; there are auto, none, {}", .usages.join(", "))]
    Unknown {
        /// The word that was written, control characters escaped.
        name: String,
        /// What can be written.
        usages: Vec<&'static str>,
    },
    /// The address cannot be used.
    #[error("`{url}` is not an address: {reason}")]
    Address {
        /// What was written, control characters escaped; a password is left out.
        url: String,
        /// Why, and what would do.
        reason: &'static str,
    },
    /// What follows the address cannot be used.
    #[error("{meter}: {reason}")]
    Query {
        /// The instrument.
        meter: &'static str,
        /// Why, and what would do.
        reason: String,
    },
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
    /// What a reader of the energy must know of how these sensors were chosen; empty where there was no choice.
    pub(crate) remark: String,
}

impl Candidate {
    pub(crate) fn counted(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter().filter(|channel| channel.role == Role::Counted)
    }

    /// The sensors, as a person would look them up.
    pub(crate) fn name(&self) -> String {
        self.counted().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn found(&self, used: bool, note: &str) -> FoundMeter {
        let integrated = self.counted().any(|channel| channel.kind == MeterKind::Integrated);
        let note = match self.remark.as_str() {
            "" => note.to_owned(),
            remark => format!("{note}; {remark}"),
        };

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
    /// Sensors that could be read and must not be: another user's board, a second view of the same energy.
    pub(crate) set_aside: Vec<FoundMeter>,
    /// Sensors that are there and cannot be read.
    pub(crate) closed: Vec<MissingMeter>,
    /// Families that this machine does not have.
    pub(crate) absent: Vec<MissingMeter>,
}

impl Offer {
    /// Adds what another instrument offers.
    pub(crate) fn extend(&mut self, more: Self) {
        self.candidates.extend(more.candidates);
        self.set_aside.extend(more.set_aside);
        self.closed.extend(more.closed);
        self.absent.extend(more.absent);
    }
}

/// Refuses text behind the word of an instrument that takes none.
pub(crate) fn nothing_follows(meter: &'static str, rest: Option<&str>) -> Result<(), ChoiceError> {
    match rest {
        None => Ok(()),
        Some(_) => Err(ChoiceError::Query { meter, reason: format!("nothing follows it; write {meter}") }),
    }
}

impl fmt::Debug for dyn Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
