//! The frequencies of rotary position encoding, <https://arxiv.org/abs/2104.09864>.

use std::f64::consts::PI;

use super::config::{RopeConfig, RopeScaling};

/// What a table of sines and cosines is computed from.
#[derive(Clone, Debug)]
pub(crate) struct Frequencies {
    /// Radians per position, fastest first; one for each pair of elements.
    pub(crate) radians: Vec<f64>,
    /// Factor on sines and cosines.
    pub(crate) magnitude: f64,
}

impl Frequencies {
    /// Those of the layers that see the whole context.
    pub(crate) fn global(config: &RopeConfig) -> Self {
        Self::new(config, config.theta, &config.scaling)
    }

    /// Those of windowed layers in families with two; never scaled, for a window does not grow with the context.
    pub(crate) fn local(config: &RopeConfig) -> Self {
        Self::new(config, config.local_theta, &RopeScaling::None)
    }

    fn new(config: &RopeConfig, theta: f64, scaling: &RopeScaling) -> Self {
        let magnitude = match scaling {
            RopeScaling::PerFrequency { magnitude, .. } => *magnitude,
            _ => 1.0,
        };
        let pairs = config.rotated_width / 2;
        let radians = (0..pairs)
            .map(|pair| scaled(pair, theta.powf(-2.0 * pair as f64 / config.rotated_width as f64), scaling))
            .collect();
        Self { radians, magnitude }
    }
}

/// The frequency of a pair as the scaling changes it.
fn scaled(pair: usize, frequency: f64, scaling: &RopeScaling) -> f64 {
    match scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::PerFrequency { divisors, .. } => {
            frequency / divisors.get(pair).map_or(1.0, |divisor| f64::from(*divisor))
        }
        RopeScaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
            // How many turns the pair makes in the original context decides; see the RoPE part of the Llama 3.1 model
            // card and its reference code.
            let turns = *original_context as f64 * frequency / (2.0 * PI);
            let kept = (turns - low_frequency_factor) / (high_frequency_factor - low_frequency_factor);
            let kept = kept.clamp(0.0, 1.0);

            frequency * (kept + (1.0 - kept) / factor)
        }
    }
}
