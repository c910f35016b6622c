//! Loading every variant, and what loading costs.

use std::time::{Duration, Instant, SystemTime};

use infercost_core::{
    EnergyMeter, Engine, EngineError, IdlePhase, IdleRecord, LoadRecord, Prompt, VariantId,
};

use crate::error::HarnessError;
use crate::session::measure_idle;

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

/// Measures idle power, loads the variants one after the other, and checks that every prompt fits each of them.
///
/// `on_load` is told each variant before it is loaded.
///
/// # Errors
/// [`HarnessError::Load`] naming the variant; [`HarnessError::Prompt`] naming the prompt that does not fit;
/// [`HarnessError::Meter`].
pub fn prepare(
    contestants: Vec<Contestant<'_>>,
    prompts: &[Prompt],
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
    check_prompts_fit(&mut engines, prompts)?;
    Ok(Prepared { engines, loads, idle_before })
}

/// Before any long work: every prompt must fit every variant that can count its tokens.
fn check_prompts_fit(
    engines: &mut [(VariantId, Box<dyn Engine>)],
    prompts: &[Prompt],
) -> Result<(), HarnessError> {
    for (variant, engine) in engines {
        let Some(context) = engine.identity().context_length else { continue };
        let context = usize::try_from(context).unwrap_or(usize::MAX);
        for prompt in prompts {
            let fails =
                |source| HarnessError::Prompt { prompt: prompt.id.clone(), variant: variant.clone(), source };
            let Some(input) = engine.count_input_tokens(&prompt.body).map_err(fails)? else { break };
            let (input, output) = (input as usize, prompt.max_tokens as usize);
            if input.saturating_add(output) > context {
                return Err(fails(EngineError::ContextExceeded { input, output, context }));
            }
        }
    }
    Ok(())
}
