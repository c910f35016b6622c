//! The columns of the table that is resampled.

use super::run_blocks::RunBlocks;
use infercost_stats::bootstrap::Table;

/// Columns of one variant's own sums.
pub(crate) mod own {
    pub(crate) const ANSWERED: usize = 0;
    pub(crate) const INFERENCES: usize = 1;
    pub(crate) const BUSY: usize = 2;
    pub(crate) const JOULES: usize = 3;
    pub(crate) const METERED: usize = 4;
    pub(crate) const OUTPUT: usize = 5;
    pub(crate) const PREFILL_TOKENS: usize = 6;
    pub(crate) const PREFILL_TIME: usize = 7;
    pub(crate) const DECODE_TOKENS: usize = 8;
    pub(crate) const DECODE_TIME: usize = 9;
    pub(crate) const SCORE: usize = 10;
    pub(crate) const SCORED: usize = 11;
    pub(crate) const KLD: usize = 12;
    pub(crate) const POSITIONS: usize = 13;
    pub(crate) const MATCHES: usize = 14;
    pub(crate) const NLL_CHANGE: usize = 15;
    pub(crate) const COMPARED: usize = 16;
    pub(crate) const PREFILLED: usize = 17;
    pub(crate) const DECODED: usize = 18;
    /// Squares and product of divergence and positions, for the standard error of their ratio.
    pub(crate) const KLD_SQUARES: [usize; 3] = [19, 20, 21];
    pub(crate) const WIDTH: usize = 22;
}

/// Columns of a variant beside the baseline, over the prompts that both answered.
pub(crate) mod pair {
    pub(crate) const SHARED: usize = 0;
    /// [`super::own::INFERENCES`] to [`super::own::METERED`] of the baseline stand here in the same order.
    pub(crate) const BASELINE: usize = 1;
    /// And those of the variant here.
    pub(crate) const VARIANT: usize = 5;
    pub(crate) const VARIANT_METERED: usize = 8;
    pub(crate) const BASELINE_SCORE: usize = 9;
    pub(crate) const SCORE: usize = 10;
    /// The score with what was not evaluated counted as right.
    pub(crate) const BEST_SCORE: usize = 11;
    pub(crate) const SCORED: usize = 12;
    pub(crate) const WIDTH: usize = 13;
}

/// One column sum; NaN outside the table, which no statistic survives.
pub(crate) fn at(totals: &[f64], column: usize) -> f64 {
    totals.get(column).copied().unwrap_or(f64::NAN)
}

/// One variant's own columns, of the prompts and of the blocks: each a table and the first of them in it.
pub(super) struct Columns<'t> {
    pub(super) prompts: (&'t mut Table, usize),
    pub(super) blocks: (&'t mut Table, usize),
    pub(super) of: &'t RunBlocks,
}

impl Columns<'_> {
    pub(super) fn add(&mut self, prompt: usize, column: usize, value: f64) {
        self.prompts.0.add(prompt, self.prompts.1 + column, value);
    }

    /// Adds to a prompt and to the block in which it was asked.
    pub(super) fn add_both(&mut self, (prompt, block): (usize, usize), column: usize, value: f64) {
        self.add(prompt, column, value);
        self.blocks.0.add(block, self.blocks.1 + column, value);
    }

    /// Sets the squares and the product of two cells: the first squared, both, the second squared.
    pub(super) fn square(&mut self, prompt: usize, of: [usize; 2], to: [usize; 3]) {
        let (table, first) = &self.prompts;
        let [one, other] = of.map(|column| table.get(prompt, first + column));
        for (column, value) in to.into_iter().zip([one * one, one * other, other * other]) {
            let old = self.prompts.0.get(prompt, self.prompts.1 + column);
            self.add(prompt, column, value - old);
        }
    }

    /// Marks that a prompt bears on something, once.
    pub(super) fn mark(&mut self, prompt: usize, column: usize) {
        mark(self.prompts.0, prompt, self.prompts.1 + column);
    }

    /// Marks a prompt and the block in which it was asked.
    pub(super) fn mark_both(&mut self, (prompt, block): (usize, usize), column: usize) {
        self.mark(prompt, column);
        mark(self.blocks.0, block, self.blocks.1 + column);
    }
}

/// Sets a cell to 1, once.
pub(super) fn mark(table: &mut Table, row: usize, column: usize) {
    if table.get(row, column) <= 0.0 {
        table.add(row, column, 1.0);
    }
}
