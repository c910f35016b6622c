//! Memory of one thread: panels with one byte a code, or one float a weight.

use crate::buffer::AlignedBuffer;
use crate::format::scale_columns;
use crate::layout::BLOCK;
use crate::{PANEL_ROWS, PackedMatrix, WeightType};

/// Panels that a thread unpacks at a time.
pub(crate) const MOST_PANELS: usize = 3;

/// Memory that one thread needs for its products.
#[derive(Default)]
pub struct Scratch {
    /// `[panel][group of 4 columns][row][column in the group]`
    pub(crate) codes: AlignedBuffer<u8>,
    /// `[panel][block or sub-block][row]`
    pub(crate) scales: AlignedBuffer<f32>,
    /// `[panel][block of 32][row]`; what is added for a sum of activations of 1.
    pub(crate) minima: AlignedBuffer<f32>,
    /// `[panel][column][row]`
    pub(crate) floats: AlignedBuffer<f32>,
}

impl Scratch {
    /// Room for products with `matrix`, so that they allocate nothing.
    pub fn reserve(&mut self, matrix: &PackedMatrix) {
        let elements = MOST_PANELS * PANEL_ROWS * matrix.columns();
        match matrix.weight_type() {
            WeightType::F32 | WeightType::F16 | WeightType::BF16 => self.floats.reserve(elements),
            weight_type => {
                self.codes.reserve(elements);
                self.scales.reserve(elements / scale_columns(weight_type));
                self.minima.reserve(elements / BLOCK);
            }
        }
    }
}
