//! Rotary position encoding, <https://arxiv.org/abs/2104.09864>.

use std::f64::consts::PI;

use candle_core::{DType, Device, Tensor};

use super::config::{RopeConfig, RopePairing, RopeScaling};

/// Sines and cosines for the positions seen so far.
#[derive(Debug)]
pub(crate) struct RotaryTable {
    frequencies: Vec<f64>,
    magnitude: f64,
    pairing: RopePairing,
    rotated_width: usize,
    dtype: DType,
    device: Device,
    positions: usize,
    cosines: Option<Tensor>,
    sines: Option<Tensor>,
}

/// The rows of a [`RotaryTable`] that one forward pass needs.
#[derive(Debug)]
pub(crate) struct RotaryRows<'a> {
    table: &'a RotaryTable,
    cosines: Tensor,
    sines: Tensor,
}

impl RotaryTable {
    /// The table of the layers that see the whole context.
    pub(crate) fn global(config: &RopeConfig, dtype: DType, device: &Device) -> Self {
        Self::new(config, config.theta, &config.scaling, dtype, device)
    }

    /// The table of windowed layers in families with two; it is never scaled, for a window
    /// does not grow with the context.
    pub(crate) fn local(config: &RopeConfig, dtype: DType, device: &Device) -> Self {
        Self::new(config, config.local_theta, &RopeScaling::None, dtype, device)
    }

    fn new(config: &RopeConfig, theta: f64, scaling: &RopeScaling, dtype: DType, device: &Device) -> Self {
        let magnitude = match scaling {
            RopeScaling::PerFrequency { magnitude, .. } => *magnitude,
            _ => 1.0,
        };
        Self {
            frequencies: frequencies(theta, config.rotated_width, scaling),
            magnitude,
            pairing: config.pairing,
            rotated_width: config.rotated_width,
            dtype,
            device: device.clone(),
            positions: 0,
            cosines: None,
            sines: None,
        }
    }

    /// Extends the table to at least `positions` rows.
    pub(crate) fn extend(&mut self, positions: usize) -> candle_core::Result<()> {
        if positions <= self.positions {
            return Ok(());
        }
        // Rows are cheap beside a forward pass over as many tokens, but not beside one token.
        let positions = positions.next_power_of_two().max(256);
        let shape = (positions, self.frequencies.len());
        let table = |f: fn(f64) -> f64| -> candle_core::Result<Tensor> {
            // Angles in F64: at position 100,000 an F32 angle is off by up to 0.004.
            let values: Vec<f32> = (0..positions)
                .flat_map(|position| {
                    self.frequencies.iter().map(move |frequency| position as f64 * frequency)
                })
                .map(|angle| (f(angle) * self.magnitude) as f32)
                .collect();
            Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(self.dtype)?.to_device(&self.device)
        };
        let (cosines, sines) = (table(f64::cos)?, table(f64::sin)?);
        self.cosines = Some(cosines);
        self.sines = Some(sines);
        self.positions = positions;
        Ok(())
    }

    /// Rows for `count` tokens from `first` on; [`Self::extend`] has to come before.
    pub(crate) fn rows(&self, first: usize, count: usize) -> candle_core::Result<RotaryRows<'_>> {
        let (Some(cosines), Some(sines)) = (&self.cosines, &self.sines) else {
            candle_core::bail!("the rotary table is empty");
        };
        Ok(RotaryRows {
            table: self,
            cosines: cosines.narrow(0, first, count)?,
            sines: sines.narrow(0, first, count)?,
        })
    }
}

impl RotaryRows<'_> {
    /// Rotates `heads × tokens × head width`.
    pub(crate) fn rotate(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        let head_width = input.dim(2)?;
        let rotated_width = self.table.rotated_width;
        if rotated_width == head_width {
            return self.rotate_whole(input);
        }
        let rotated = self.rotate_whole(&input.narrow(2, 0, rotated_width)?)?;
        let kept = input.narrow(2, rotated_width, head_width - rotated_width)?;
        Tensor::cat(&[&rotated, &kept], 2)
    }

    fn rotate_whole(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        let input = input.contiguous()?.unsqueeze(0)?;
        let rotated = match self.table.pairing {
            RopePairing::Halves => candle_nn::rotary_emb::rope(&input, &self.cosines, &self.sines),
            RopePairing::Neighbors => candle_nn::rotary_emb::rope_i(&input, &self.cosines, &self.sines),
        };
        rotated?.squeeze(0)
    }
}

/// Radians per position, fastest first.
fn frequencies(theta: f64, rotated_width: usize, scaling: &RopeScaling) -> Vec<f64> {
    (0..rotated_width / 2)
        .map(|i| {
            let frequency = theta.powf(-2.0 * i as f64 / rotated_width as f64);
            match scaling {
                RopeScaling::None => frequency,
                RopeScaling::Linear { factor } => frequency / factor,
                RopeScaling::PerFrequency { divisors, .. } => {
                    frequency / divisors.get(i).map_or(1.0, |divisor| f64::from(*divisor))
                }
                RopeScaling::Llama3 {
                    factor,
                    low_frequency_factor,
                    high_frequency_factor,
                    original_context,
                } => {
                    // How many turns the pair makes in the original context decides; see
                    // the RoPE part of the Llama 3.1 model card and its reference code.
                    let turns = *original_context as f64 * frequency / (2.0 * PI);
                    let kept =
                        (turns - low_frequency_factor) / (high_frequency_factor - low_frequency_factor);
                    let kept = kept.clamp(0.0, 1.0);
                    frequency * (kept + (1.0 - kept) / factor)
                }
            }
        })
        .collect()
}
