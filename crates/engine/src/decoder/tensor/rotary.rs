//! Rotary position encoding, <https://arxiv.org/abs/2104.09864>.

use candle_core::{DType, Device, Tensor};

use crate::decoder::config::{RopeConfig, RopePairing};
use crate::decoder::frequencies::Frequencies;

/// Sines and cosines for the positions seen so far.
#[derive(Debug)]
pub(crate) struct RotaryTable {
    frequencies: Frequencies,
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
    /// An empty table.
    pub(crate) fn new(frequencies: Frequencies, config: &RopeConfig, dtype: DType, device: &Device) -> Self {
        Self {
            frequencies,
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
        let cosines = self.table(positions, f64::cos)?;
        let sines = self.table(positions, f64::sin)?;

        self.cosines = Some(cosines);
        self.sines = Some(sines);
        self.positions = positions;
        Ok(())
    }

    /// `positions × pairs`: a function of every angle.
    fn table(&self, positions: usize, function: fn(f64) -> f64) -> candle_core::Result<Tensor> {
        let Frequencies { radians, magnitude } = &self.frequencies;
        // Angles in F64: at position 100,000 an F32 angle is off by up to 0.004.
        let values: Vec<f32> = (0..positions)
            .flat_map(|position| radians.iter().map(move |frequency| position as f64 * frequency))
            .map(|angle| (function(angle) * magnitude) as f32)
            .collect();

        Tensor::from_vec(values, (positions, radians.len()), &Device::Cpu)?
            .to_dtype(self.dtype)?
            .to_device(&self.device)
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
