//! An instrument of files below `/sys`, which takes no settings.

use std::path::Path;

use infercost_core::MeterError;

use crate::instrument::{ChoiceError, Finder, Instrument, Offer, Places, nothing_follows};

/// A word of `--meter`, and what the files below a root offer.
#[derive(Clone, Copy)]
pub(crate) struct SysfsInstrument {
    pub(crate) name: &'static str,
    pub(crate) below: fn(&Path) -> Offer,
}

impl Instrument for SysfsInstrument {
    fn name(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        self.name
    }

    fn automatic(&self) -> Option<Box<dyn Finder>> {
        Some(Box::new(*self))
    }

    fn choose(&self, rest: Option<&str>) -> Result<Box<dyn Finder>, ChoiceError> {
        nothing_follows(self.name, rest)?;
        Ok(Box::new(*self))
    }
}

impl Finder for SysfsInstrument {
    fn find(&self, places: &Places) -> Result<Offer, MeterError> {
        Ok((self.below)(&places.sysfs_root))
    }
}
