//! Products of a packed matrix with activations.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::Isa;
use crate::job::Job;
use crate::{Activations, Output, PANEL_ROWS, PackedMatrix, Scratch, portable};

impl PackedMatrix {
    /// Multiplies the given tokens: row `i` of `out` becomes the product with token `tokens.start + i`.
    ///
    /// # Panics
    /// Shapes, forms or levels do not fit.
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
    /// Shapes, forms or levels do not fit.
    pub unsafe fn multiply_panels(
        &self,
        activations: &Activations,
        tokens: Range<usize>,
        panels: Range<usize>,
        out: &Output<'_>,
        scratch: &mut Scratch,
    ) {
        let form = self.weight_type.activation_form(self.isa);
        assert_eq!(activations.form(), form, "activations of the matrix's form");
        assert_eq!(activations.isa(), self.isa, "activations of the matrix's level");
        assert_eq!(activations.columns(), self.columns, "activations of the matrix's width");
        assert!(tokens.end <= activations.max_tokens(), "tokens that there are");
        assert!(panels.end <= self.panels(), "panels that there are");
        assert!(out.holds(tokens.len(), self.rows), "room for the result");
        if tokens.is_empty() || panels.is_empty() {
            return;
        }

        let first_token = tokens.start;
        let job = Job { matrix: self, activations, first_token, tokens: tokens.len(), out };
        if self.columns == 0 {
            // SAFETY: the panels were checked, and the caller excludes others.
            panels.for_each(|panel| unsafe { zero_panel(&job, panel) });
            return;
        }

        scratch.reserve(self);
        match self.isa {
            // SAFETY: the level was detected when the matrix was packed; the rest is this function's contract.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { crate::avx512::multiply(&job, panels, scratch) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { crate::avx2::multiply(&job, panels, scratch) },
            _ => {
                for panel in panels {
                    // SAFETY: the panel was checked, and the caller excludes others.
                    unsafe { portable_panel(&job, panel, scratch) }
                }
            }
        }
    }
}

/// # Safety
/// As [`PackedMatrix::multiply_panels`].
unsafe fn portable_panel(job: &Job<'_>, panel: usize, scratch: &mut Scratch) {
    let Job { matrix, activations, first_token, tokens, .. } = *job;
    portable::unpack(matrix.weight_type, &matrix.layout, matrix.columns, matrix.panel(panel), scratch);

    for token in 0..tokens {
        let products =
            portable::product(matrix.weight_type, matrix.columns, scratch, activations, first_token + token);
        // SAFETY: the caller's promise.
        let row = unsafe { job.panel_row(token, panel) };
        for (place, product) in row.iter_mut().zip(products) {
            *place = product;
        }
    }
}

/// # Safety
/// As [`PackedMatrix::multiply_panels`].
unsafe fn zero_panel(job: &Job<'_>, panel: usize) {
    for token in 0..job.tokens {
        // SAFETY: the caller's promise.
        unsafe { job.panel_row(token, panel) }.fill(0.0);
    }
}

impl Job<'_> {
    /// Rows of a panel that the matrix has.
    #[inline]
    pub(crate) fn panel_rows(&self, panel: usize) -> usize {
        PANEL_ROWS.min(self.matrix.rows - panel * PANEL_ROWS)
    }

    /// Where the products of a panel with the job's `token` go.
    ///
    /// # Safety
    /// Nobody else uses these columns, and the job has the panel and the token.
    #[allow(clippy::mut_from_ref, reason = "as `Output::row_mut`")]
    #[inline]
    pub(crate) unsafe fn panel_row(&self, token: usize, panel: usize) -> &mut [f32] {
        // SAFETY: the caller's promise; the room was checked when the job was made.
        unsafe { self.out.row_mut(token, panel * PANEL_ROWS, self.panel_rows(panel)) }
    }
}
