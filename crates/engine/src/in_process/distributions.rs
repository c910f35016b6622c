//! Distributions over the vocabulary, a few positions at a time.

use infercost_core::EngineError;

use crate::decoder::{Decoder, DecoderError};

/// ln-probabilities of what follows each of some tokens, computed as they are asked for.
///
/// The layers have run over all tokens; what remains is the output layer, whose results for a whole window would take
/// a hundred megabytes and more.
pub struct Distributions<'a> {
    decoder: &'a mut Decoder,
    /// Position of the first token.
    first: usize,
    /// Rows that were handed out.
    done: usize,
    count: usize,
}

/// Some rows of [`Distributions`].
pub struct DistributionRows<'a> {
    /// Number of the first row.
    pub first: usize,
    /// ln-probabilities, row after row.
    pub rows: &'a [f32],
}

impl<'a> Distributions<'a> {
    pub(crate) fn new(decoder: &'a mut Decoder, first: usize, count: usize) -> Self {
        Self { decoder, first, done: 0, count }
    }

    /// Rows in all.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Length of a row.
    pub fn vocabulary(&self) -> usize {
        self.decoder.vocabulary()
    }

    /// The next rows, `None` after the last.
    ///
    /// # Errors
    /// [`EngineError::NotFinite`] naming the position, [`EngineError::Compute`].
    pub fn next_rows(&mut self) -> Result<Option<DistributionRows<'_>>, EngineError> {
        let start = self.done;
        let end = self.count.min(start + self.decoder.rows_at_once());
        if start == end {
            return Ok(None);
        }

        self.done = end;
        match self.decoder.ln_probabilities(start..end) {
            Ok(rows) => Ok(Some(DistributionRows { first: start, rows })),
            Err(DecoderError::NotFinite { position }) => {
                Err(EngineError::NotFinite { position: self.first + position })
            }
            Err(error) => Err(EngineError::Compute(error.to_string())),
        }
    }
}
