//! From resolved models to engines.

use infercost_engine::{CandleDevice, CandleEngine, CandleOptions, Engine, EngineError};
use infercost_models::{ModelLocation, ResolvedModel};

/// Loads one model in process.
///
/// # Errors
/// [`EngineError::Load`]; a server's address is refused: this build has no engine for it.
pub(crate) fn load(model: &ResolvedModel, device: CandleDevice) -> Result<Box<dyn Engine>, EngineError> {
    Ok(Box::new(load_candle(model, device)?))
}

/// Loads one model with candle.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_candle(model: &ResolvedModel, device: CandleDevice) -> Result<CandleEngine, EngineError> {
    let options = CandleOptions { device, weights_sha256: model.sha256.clone() };
    match &model.location {
        ModelLocation::Gguf(path) | ModelLocation::SafetensorsFolder(path) => {
            CandleEngine::load(path, &options)
        }
        ModelLocation::Server { .. } => Err(EngineError::Load {
            path: model.variant.to_string(),
            reason: "servers cannot be measured yet; name a file or a manifest".into(),
        }),
    }
}
