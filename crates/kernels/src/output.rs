//! Where products go.

use std::marker::PhantomData;

/// Rows of a result, one a token, of which a matrix fills its own columns.
///
/// Token `t` of a product starts at `first + t * stride`. Several matrices, a projection of queries and one of keys
/// for instance, fill one result by different values of `first`.
pub struct Output<'a> {
    start: *mut f32,
    length: usize,
    stride: usize,
    first: usize,
    memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: an `Output` is written through `row_mut` alone, whose callers promise that no two threads write the same
// columns of a row.
unsafe impl Send for Output<'_> {}
// SAFETY: as above.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// A result of rows that are `stride` long, written from column `first` on.
    pub fn new(memory: &'a mut [f32], stride: usize, first: usize) -> Self {
        Self { start: memory.as_mut_ptr(), length: memory.len(), stride, first, memory: PhantomData }
    }

    /// The same result, written from column `first` on.
    ///
    /// # Safety
    /// Both are written at the same time only where their columns do not overlap.
    #[must_use]
    pub unsafe fn at_column(&self, first: usize) -> Self {
        Self { first, ..*self }
    }

    /// True where `tokens` rows of `rows` columns fit.
    #[must_use]
    pub fn holds(&self, tokens: usize, rows: usize) -> bool {
        let end = tokens.saturating_sub(1).saturating_mul(self.stride).saturating_add(self.first);
        let one_row = self.first.saturating_add(rows) <= self.stride;
        tokens == 0 || rows == 0 || (one_row && end.saturating_add(rows) <= self.length)
    }

    /// Columns `column .. column + length` of a token's row.
    ///
    /// # Safety
    /// `holds(token + 1, column + length)`, and nobody else uses these columns as long as the slice lives.
    #[allow(clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
    #[inline]
    pub(crate) unsafe fn row_mut(&self, token: usize, column: usize, length: usize) -> &mut [f32] {
        debug_assert!(self.holds(token + 1, column + length));

        // SAFETY: the caller promises that the columns are inside the memory and nobody else's.
        unsafe {
            let start = self.start.add(token * self.stride + self.first + column);
            std::slice::from_raw_parts_mut(start, length)
        }
    }
}
