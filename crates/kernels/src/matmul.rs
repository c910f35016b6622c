//! Products of a packed matrix with activations.

use std::ops::Range;

use crate::{ActivationForm, Activations, Output, PANEL_ROWS, PackedMatrix};

/// Memory that one thread needs for its products.
#[derive(Default)]
pub struct Scratch {
    row: Vec<f32>,
    input: Vec<f32>,
}

impl Scratch {
    /// Room for products with `matrix`, so that they allocate nothing.
    pub fn reserve(&mut self, matrix: &PackedMatrix) {
        for memory in [&mut self.row, &mut self.input] {
            let length = memory.len().max(matrix.columns());
            memory.resize(length, 0.0);
        }
    }
}

impl PackedMatrix {
    /// Multiplies the given tokens: row `i` of `out` becomes the product with token `tokens.start + i`.
    ///
    /// # Panics
    /// Shapes or forms do not fit.
    pub fn multiply(
        &self,
        activations: &Activations,
        tokens: Range<usize>,
        out: &mut Output<'_>,
        scratch: &mut Scratch,
    ) {
        // SAFETY: nobody else has `out`.
        unsafe { self.multiply_panels(activations, tokens, 0..self.panels(), out, scratch) }
    }

    /// Multiplies the rows of some panels, while other threads multiply others.
    ///
    /// The bits of a result depend neither on how panels are split nor on how many tokens come together.
    ///
    /// # Safety
    /// Nobody else writes or reads the columns of these panels in `out`, nor fills these tokens.
    ///
    /// # Panics
    /// Shapes or forms do not fit.
    pub unsafe fn multiply_panels(
        &self,
        activations: &Activations,
        tokens: Range<usize>,
        panels: Range<usize>,
        out: &Output<'_>,
        scratch: &mut Scratch,
    ) {
        assert_eq!(
            activations.form(),
            self.weight_type.activation_form(self.isa),
            "activations of the matrix's form"
        );
        assert_eq!(activations.columns(), self.columns, "activations of the matrix's width");
        assert!(tokens.end <= activations.max_tokens(), "tokens that there are");
        assert!(panels.end <= self.panels(), "panels that there are");
        assert!(out.holds(tokens.len(), self.rows), "room for the result");
        scratch.reserve(self);

        let rows = panels.start * PANEL_ROWS..self.rows.min(panels.end * PANEL_ROWS);
        for row in rows {
            self.row_as_f32(row, &mut scratch.row[..self.columns]);
            for (i, token) in tokens.clone().enumerate() {
                let input = &mut scratch.input[..self.columns];
                dequantize(activations, token, input);
                let product: f32 = scratch.row.iter().zip(input.iter()).map(|(w, a)| w * a).sum();
                // SAFETY: `out` holds the row, and the caller excludes others.
                unsafe { out.row_mut(i, row, 1) }.fill(product);
            }
        }
    }
}

/// A token's activations as the product sees them.
fn dequantize(activations: &Activations, token: usize, input: &mut [f32]) {
    let first = token * input.len();
    match activations.form() {
        ActivationForm::Float => {
            input.copy_from_slice(&activations.floats.as_slice()[first..first + input.len()])
        }
        form => {
            let block = form.block_elements();
            for (i, value) in input.iter_mut().enumerate() {
                let code = activations.codes.as_slice()[first + i];
                *value = activations.scales.as_slice()[(first + i) / block] * f32::from(code);
            }
        }
    }
}
