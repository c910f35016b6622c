//! Loading every variant, and what loading costs.

use std::time::{Duration, Instant, SystemTime};

use infercost_energy::EnergyMeter;
use infercost_engine::{Engine, EngineError};
use infercost_schema::{IdlePhase, IdleRecord, LoadRecord, VariantId};

use crate::run::{HarnessError, measure_idle};

/// A variant and how to load it.
pub struct Contestant<'a> {
    /// The variant's name.
    pub variant: VariantId,
    /// Brings it into memory.
    pub load: Box<dyn FnOnce() -> Result<Box<dyn Engine>, EngineError> + 'a>,
}

/// Loaded engines, baseline first, and what was measured on the way.
pub struct Prepared {
    /// The variants and their engines.
    pub engines: Vec<(VariantId, Box<dyn Engine>)>,
    /// One a variant.
    pub loads: Vec<LoadRecord>,
    /// Idle power before the first load; `None` where there is no meter.
    pub idle_before: Option<IdleRecord>,
}

/// Measures idle power, then loads the variants one after the other.
///
/// `on_load` is told each variant before it is loaded.
///
/// # Errors
/// [`HarnessError::Load`] naming the variant; [`HarnessError::Meter`].
pub fn prepare(
    contestants: Vec<Contestant<'_>>,
    meter: &mut dyn EnergyMeter,
    idle_time: Duration,
    on_load: &mut dyn FnMut(&VariantId),
) -> Result<Prepared, HarnessError> {
    let idle_before = measure_idle(meter, IdlePhase::BeforeLoad, idle_time)?;
    let mut engines = Vec::with_capacity(contestants.len());
    let mut loads = Vec::with_capacity(contestants.len());
    for Contestant { variant, load } in contestants {
        on_load(&variant);
        let started_at = SystemTime::now();
        let clock = Instant::now();
        let engine = load().map_err(|source| HarnessError::Load { variant: variant.clone(), source })?;
        loads.push(LoadRecord { variant: variant.clone(), started_at, load_time: clock.elapsed() });
        engines.push((variant, engine));
    }
    Ok(Prepared { engines, loads, idle_before })
}
