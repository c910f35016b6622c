//! Choosing the next token.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling as Method};
use infercost_core::{EngineError, Sampling};
use infercost_kernels::{Isa, argmax};

/// Chooses tokens for one generation.
pub(crate) enum NextToken {
    Greedy,
    Drawn(Box<LogitsProcessor>),
}

impl NextToken {
    pub(crate) fn new(sampling: &Sampling) -> Self {
        let temperature = sampling.temperature;
        if temperature <= 0.0 {
            return Self::Greedy;
        }
        let k = sampling.top_k.and_then(|k| usize::try_from(k).ok());
        let method = match (k, sampling.top_p) {
            (None, None) => Method::All { temperature },
            (Some(k), None) => Method::TopK { k, temperature },
            (None, Some(p)) => Method::TopP { p, temperature },
            (Some(k), Some(p)) => Method::TopKThenTopP { k, p, temperature },
        };
        Self::Drawn(Box::new(LogitsProcessor::from_sampling(sampling.seed, method)))
    }

    /// The next token after `position` tokens.
    ///
    /// # Errors
    /// [`EngineError::NotFinite`] where a logit is NaN or no logit is finite.
    pub(crate) fn choose(&mut self, isa: Isa, logits: &[f32], position: usize) -> Result<u32, EngineError> {
        let best = greedy(isa, logits, position)?;
        match self {
            Self::Greedy => Ok(best),
            Self::Drawn(processor) => Tensor::new(logits, &Device::Cpu)
                .and_then(|logits| processor.sample(&logits))
                .map_err(|error| EngineError::Compute(error.to_string())),
        }
    }
}

/// The most likely token; the first of equals. candle's own argmax passes over NaN without a word.
pub(crate) fn greedy(isa: Isa, logits: &[f32], position: usize) -> Result<u32, EngineError> {
    let best = argmax(isa, logits).and_then(|best| u32::try_from(best).ok());
    best.ok_or(EngineError::NotFinite { position })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_takes_the_first_best_and_refuses_damage() {
        fn check(logits: &[f32], wanted: Option<u32>) {
            for isa in Isa::available() {
                assert_eq!(greedy(isa, logits, 0).ok(), wanted, "{isa:?} {logits:?}");
            }
        }
        check(&[0.0, 3.0, 3.0, 1.0], Some(1));
        check(&[f32::NEG_INFINITY, -5.0], Some(1));
        check(&[0.0, f32::NAN, 5.0], None);
        check(&[0.0, f32::INFINITY], None);
        check(&[f32::NEG_INFINITY], None);
        check(&[], None);
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens() -> Result<(), EngineError> {
        let logits: Vec<f32> = (0..50).map(|index| (index as f32 * 0.37).sin()).collect();
        let draw = |sampling: &Sampling| -> Result<Vec<u32>, EngineError> {
            let mut chooser = NextToken::new(sampling);
            (0..40).map(|_| chooser.choose(Isa::best(), &logits, 0)).collect()
        };
        let settings = Sampling { temperature: 1.0, top_k: Some(20), top_p: Some(0.9), seed: 3 };
        let drawn = draw(&settings)?;
        assert_eq!(drawn, draw(&settings)?);
        assert_ne!(drawn, draw(&Sampling { seed: 4, ..settings })?);
        Ok(())
    }
}
