//! The columns of the table that is resampled, and their sums by name.

use infercost_cost::TokenUsage;
use infercost_stats::bootstrap::Table;

use super::run_blocks::RunBlocks;

/// A column of one variant's own sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Own {
    /// 1 for a prompt (or block) that was asked.
    Asked,
    /// Requests that were answered.
    Answers,
    /// Seconds in which requests kept the machine busy, failures included.
    Busy,
    /// Joules of metered windows, failures included.
    Joules,
    /// Answered requests of metered windows.
    MeteredAnswers,
    /// Prompt tokens of answers, cached ones included.
    Input,
    /// Output tokens.
    Output,
    /// What the tokens of answers cost, where they are paid.
    TokensCost,
    /// Prompt tokens that were computed, of answers whose time to first token is known.
    PrefillTokens,
    /// Their seconds.
    PrefillTime,
    /// Output tokens after the first.
    DecodeTokens,
    /// Their seconds.
    DecodeTime,
    /// Task score; a failure scores 0.
    Score,
    /// 1 for a graded prompt.
    Scored,
    /// The share of a graded prompt's requests that were answered.
    ScoredAnswers,
    /// KL divergence, in nats, summed over positions.
    Divergence,
    /// Positions compared.
    Positions,
    /// Positions with the baseline's most likely token.
    Matches,
    /// Change of −ln p of the baseline's continuation, in nats.
    NllChange,
    /// 1 for a prompt with a divergence.
    Compared,
    /// 1 for a prompt with a prefill time.
    Prefilled,
    /// 1 for a prompt with a decode time.
    Decoded,
    /// Divergence², for the standard error of divergence ÷ positions.
    DivergenceSquared,
    /// Divergence × positions.
    DivergenceTimesPositions,
    /// Positions².
    PositionsSquared,
}

/// Columns of one variant's own sums.
const OWN_WIDTH: usize = Own::PositionsSquared as usize + 1;

/// A column of a variant next to the baseline, over the prompts that both were asked. Money and time are those of
/// prompts that both answered, and of either's failures: a variant gains nothing by failing on long prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Pair {
    /// 1 for a prompt (or block) that bears on the costs.
    Shared,
    /// As [`Own::Answers`], of the baseline.
    BaselineAnswers,
    /// As [`Own::Busy`], of the baseline.
    BaselineBusy,
    /// As [`Own::Joules`], of the baseline.
    BaselineJoules,
    /// As [`Own::MeteredAnswers`], of the baseline.
    BaselineMetered,
    /// As [`Own::TokensCost`], of the baseline.
    BaselineTokensCost,
    /// As [`Own::Answers`], of the variant.
    Answers,
    /// As [`Own::Busy`], of the variant.
    Busy,
    /// As [`Own::Joules`], of the variant.
    Joules,
    /// As [`Own::MeteredAnswers`], of the variant.
    MeteredAnswers,
    /// As [`Own::TokensCost`], of the variant.
    TokensCost,
    /// 1 for a prompt that both were asked.
    BothAsked,
    /// The share of its requests that the baseline failed on.
    BaselineFailed,
    /// The share that the variant failed on.
    Failed,
    /// The baseline's score on a prompt that both have a score of.
    BaselineScore,
    /// The variant's, with what was not evaluated counted as wrong.
    Score,
    /// The same counted as right.
    BestScore,
    /// 1 for such a prompt.
    Scored,
}

/// Columns of one variant next to the baseline.
const PAIR_WIDTH: usize = Pair::Scored as usize + 1;

/// Where each variant's columns stand: own columns of all variants first, then their columns next to the baseline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) variants: usize,
}

impl Layout {
    pub(crate) fn width(self) -> usize {
        self.variants * (OWN_WIDTH + PAIR_WIDTH)
    }

    pub(crate) fn own(self, variant: usize, column: Own) -> usize {
        variant * OWN_WIDTH + column as usize
    }

    pub(crate) fn pair(self, variant: usize, column: Pair) -> usize {
        self.variants * OWN_WIDTH + variant * PAIR_WIDTH + column as usize
    }
}

/// The sums of all columns, as observed or as one resample has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals<'t> {
    pub(crate) cells: &'t [f64],
    pub(crate) layout: Layout,
}

impl<'t> Totals<'t> {
    /// A variant's own sums.
    pub(crate) fn of(self, variant: usize) -> OwnTotals<'t> {
        OwnTotals { all: self, variant }
    }

    /// A variant's sums next to the baseline's.
    pub(crate) fn pair(self, variant: usize) -> PairTotals<'t> {
        PairTotals { all: self, variant }
    }

    /// NaN outside the table, which no statistic survives.
    fn cell(self, column: usize) -> f64 {
        self.cells.get(column).copied().unwrap_or(f64::NAN)
    }
}

/// What answered requests took, failures billed to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spent {
    /// Answered requests.
    pub(crate) answers: f64,
    /// Seconds.
    pub(crate) busy_s: f64,
    /// Joules of metered windows.
    pub(crate) joules: f64,
    /// Answered requests of metered windows.
    pub(crate) metered_answers: f64,
    /// Money for tokens, where they are paid.
    pub(crate) tokens_cost: f64,
}

/// One variant's own sums.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnTotals<'t> {
    all: Totals<'t>,
    variant: usize,
}

impl OwnTotals<'_> {
    fn sum(&self, column: Own) -> f64 {
        self.all.cell(self.all.layout.own(self.variant, column))
    }

    pub(crate) fn spent(&self) -> Spent {
        Spent {
            answers: self.sum(Own::Answers),
            busy_s: self.sum(Own::Busy),
            joules: self.sum(Own::Joules),
            metered_answers: self.sum(Own::MeteredAnswers),
            tokens_cost: self.sum(Own::TokensCost),
        }
    }

    /// Busy seconds of an answered request.
    pub(crate) fn busy_per_answer(&self) -> f64 {
        self.sum(Own::Busy) / self.sum(Own::Answers)
    }

    /// Joules of an answered request.
    pub(crate) fn joules_per_answer(&self) -> f64 {
        self.sum(Own::Joules) / self.sum(Own::MeteredAnswers)
    }

    /// Output tokens of an answered request.
    pub(crate) fn output_per_answer(&self) -> f64 {
        self.sum(Own::Output) / self.sum(Own::Answers)
    }

    /// Tokens of an answered request; no cache is assumed.
    pub(crate) fn tokens_per_answer(&self) -> TokenUsage {
        let answers = self.sum(Own::Answers);
        TokenUsage {
            input: self.sum(Own::Input) / answers,
            cached: 0.0,
            output: self.sum(Own::Output) / answers,
        }
    }

    /// Right answers ÷ answers, over graded prompts.
    pub(crate) fn right_per_answer(&self) -> f64 {
        self.sum(Own::Score) / self.sum(Own::ScoredAnswers)
    }

    /// Prompt tokens ÷ time to first token.
    pub(crate) fn prefill_rate(&self) -> f64 {
        self.sum(Own::PrefillTokens) / self.sum(Own::PrefillTime)
    }

    /// Output tokens after the first ÷ their seconds.
    pub(crate) fn decode_rate(&self) -> f64 {
        self.sum(Own::DecodeTokens) / self.sum(Own::DecodeTime)
    }

    /// Share of the time of answers that lies before their first token.
    pub(crate) fn prefill_share(&self) -> f64 {
        let prefill = self.sum(Own::PrefillTime);
        prefill / (prefill + self.sum(Own::DecodeTime))
    }

    /// The part of an answered request, by time, that one token of its prompt takes; NaN where no time to first token is
    /// known.
    pub(crate) fn prefill_per_input_token(&self) -> f64 {
        if self.sum(Own::PrefillTime) > 0.0 {
            self.prefill_share() * self.sum(Own::Answers) / self.sum(Own::Input)
        } else {
            f64::NAN
        }
    }

    /// Share of positions with the baseline's most likely token.
    pub(crate) fn agreement(&self) -> f64 {
        self.sum(Own::Matches) / self.sum(Own::Positions)
    }

    /// ln of the candidate's perplexity ÷ the baseline's.
    pub(crate) fn log_perplexity_ratio(&self) -> f64 {
        self.sum(Own::NllChange) / self.sum(Own::Positions)
    }
}

/// One variant's sums next to the baseline's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairTotals<'t> {
    all: Totals<'t>,
    variant: usize,
}

impl PairTotals<'_> {
    fn sum(&self, column: Pair) -> f64 {
        self.all.cell(self.all.layout.pair(self.variant, column))
    }

    pub(crate) fn baseline(&self) -> Spent {
        Spent {
            answers: self.sum(Pair::BaselineAnswers),
            busy_s: self.sum(Pair::BaselineBusy),
            joules: self.sum(Pair::BaselineJoules),
            metered_answers: self.sum(Pair::BaselineMetered),
            tokens_cost: self.sum(Pair::BaselineTokensCost),
        }
    }

    pub(crate) fn variant(&self) -> Spent {
        Spent {
            answers: self.sum(Pair::Answers),
            busy_s: self.sum(Pair::Busy),
            joules: self.sum(Pair::Joules),
            metered_answers: self.sum(Pair::MeteredAnswers),
            tokens_cost: self.sum(Pair::TokensCost),
        }
    }

    /// Mean score less the baseline's; `best` counts what was not evaluated as right.
    pub(crate) fn score_difference(&self, best: bool) -> f64 {
        let score = self.sum(if best { Pair::BestScore } else { Pair::Score });
        (score - self.sum(Pair::BaselineScore)) / self.sum(Pair::Scored)
    }

    /// Failure rate less the baseline's.
    pub(crate) fn failure_difference(&self) -> f64 {
        (self.sum(Pair::Failed) - self.sum(Pair::BaselineFailed)) / self.sum(Pair::BothAsked)
    }
}

/// Where a request was made: its prompt, and the block in which that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) prompt: u32,
    pub(crate) block: u32,
}

impl Place {
    /// The place of these rows; `None` beyond four thousand million.
    pub(super) fn of(prompt: usize, block: usize) -> Option<Self> {
        Some(Self { prompt: u32::try_from(prompt).ok()?, block: u32::try_from(block).ok()? })
    }

    /// The row of the prompt.
    pub(crate) fn prompt(self) -> usize {
        self.prompt as usize
    }

    /// The row of the block.
    pub(crate) fn block(self) -> usize {
        self.block as usize
    }
}

/// One variant's own columns in the table of prompts and in that of blocks.
pub(super) struct Columns<'t> {
    pub(super) prompts: &'t mut Table,
    pub(super) blocks: &'t mut Table,
    pub(super) layout: Layout,
    pub(super) variant: usize,
    pub(super) run_blocks: &'t RunBlocks,
}

impl Columns<'_> {
    fn at(&self, column: Own) -> usize {
        self.layout.own(self.variant, column)
    }

    pub(super) fn add(&mut self, prompt: usize, column: Own, value: f64) {
        let column = self.at(column);
        self.prompts.add(prompt, column, value);
    }

    pub(super) fn add_to_block(&mut self, block: usize, column: Own, value: f64) {
        let column = self.at(column);
        self.blocks.add(block, column, value);
    }

    /// Adds to a prompt and to the block in which it was asked.
    pub(super) fn add_both(&mut self, place: Place, column: Own, value: f64) {
        self.add(place.prompt(), column, value);
        self.add_to_block(place.block(), column, value);
    }

    /// Sets the squares and the product of a prompt's divergence and positions.
    pub(super) fn square_divergence(&mut self, prompt: usize) {
        let divergence = self.prompts.get(prompt, self.at(Own::Divergence));
        let positions = self.prompts.get(prompt, self.at(Own::Positions));

        for (column, value) in [
            (Own::DivergenceSquared, divergence * divergence),
            (Own::DivergenceTimesPositions, divergence * positions),
            (Own::PositionsSquared, positions * positions),
        ] {
            let old = self.prompts.get(prompt, self.at(column));
            self.add(prompt, column, value - old);
        }
    }

    /// Marks that a prompt bears on something, once.
    pub(super) fn mark(&mut self, prompt: usize, column: Own) {
        let column = self.at(column);
        mark(self.prompts, prompt, column);
    }

    /// Marks a prompt and the block in which it was asked.
    pub(super) fn mark_both(&mut self, place: Place, column: Own) {
        self.mark(place.prompt(), column);
        let column = self.at(column);
        mark(self.blocks, place.block(), column);
    }
}

/// Sets a cell to 1, once.
pub(super) fn mark(table: &mut Table, row: usize, column: usize) {
    if table.get(row, column) <= 0.0 {
        table.add(row, column, 1.0);
    }
}
