//! Texts cut into windows, as `llama-perplexity` cuts them.

use thiserror::Error;

use crate::tokenizer::{Boundaries, Special, TextTokenizer, TokenizerError};

/// The tokens of a text in windows of equal length that do not overlap; what is left over is not scored.
///
/// The procedure is that of llama.cpp's `llama-perplexity`: the names of special tokens in the text are text; a
/// line end that closes the text is dropped; where the model begins texts with a token of its own (BOS), that
/// token also stands in for the first token of every window; and only the second half of a window is scored, so
/// that every scored token has at least half a window before it.
#[derive(Debug)]
pub struct TextWindows {
    tokens: Vec<u32>,
    context: usize,
    bos: Option<u32>,
}

/// One window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextWindow {
    /// What the model reads: every token of the window but the last, which nothing is predicted from.
    pub input: Vec<u32>,
    /// Position in `input` of the first token whose successor is scored.
    pub first: usize,
    /// The tokens that follow `input[first..]`, one each.
    pub targets: Vec<u32>,
}

/// Why a text cannot be cut into windows.
#[derive(Debug, Error)]
pub enum TextWindowsError {
    /// Not one window is filled.
    #[error(
        "the text has {tokens} tokens, less than one window of {context}; take a longer text or a smaller --context"
    )]
    TooShort {
        /// Tokens of the text.
        tokens: usize,
        /// Length of a window.
        context: usize,
    },
    /// A window without a position to score.
    #[error("a window of {0} tokens has no position to score; take at least {min}", min = TextWindows::SMALLEST)]
    Context(usize),
    /// The tokenizer refused the text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl TextWindows {
    /// The smallest window: one token before, one to read, one to score.
    pub const SMALLEST: usize = 3;

    /// Tokenizes a text and cuts it into windows of `context` tokens.
    ///
    /// # Errors
    /// [`TextWindowsError`]
    pub fn cut(tokenizer: &TextTokenizer, text: &str, context: usize) -> Result<Self, TextWindowsError> {
        if context < Self::SMALLEST {
            return Err(TextWindowsError::Context(context));
        }
        let text = text.strip_suffix('\n').unwrap_or(text);
        // Nothing at all shows the tokens that are added to every text.
        let added = tokenizer.encode("", Special::AsText, Boundaries::AsConfigured)?;
        let bos = tokenizer.bos().filter(|bos| added.first() == Some(bos));
        let mut tokens: Vec<u32> = bos.into_iter().collect();
        tokens.extend(tokenizer.encode(text, Special::AsText, Boundaries::Omit)?);
        if tokens.len() < context {
            return Err(TextWindowsError::TooShort { tokens: tokens.len(), context });
        }
        Ok(Self { tokens, context, bos })
    }

    /// Every token of the text, BOS included.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Tokens in a window.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Number of windows.
    pub fn count(&self) -> usize {
        self.tokens.len() / self.context
    }

    /// The windows, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = TextWindow> + '_ {
        self.tokens.chunks_exact(self.context).map(|tokens| self.window(tokens))
    }

    fn window(&self, tokens: &[u32]) -> TextWindow {
        let first = self.context / 2;
        let mut input = tokens.to_vec();
        input.pop();
        if let (Some(bos), Some(begin)) = (self.bos, input.first_mut()) {
            *begin = bos;
        }
        TextWindow { input, first, targets: tokens.iter().skip(first + 1).copied().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(tokens: std::ops::Range<u32>, context: usize, bos: Option<u32>) -> Vec<TextWindow> {
        TextWindows { tokens: tokens.collect(), context, bos }.iter().collect()
    }

    #[test]
    fn the_second_half_is_scored() {
        let found = windows(10..31, 8, None);
        assert_eq!(found.len(), 2, "what does not fill a window is left out");
        assert_eq!(found[0].input, (10..17).collect::<Vec<_>>());
        assert_eq!((found[0].first, &found[0].targets), (4, &vec![15, 16, 17]));
        assert_eq!(found[1].input, (18..25).collect::<Vec<_>>());
        // As many rows as targets, or the scores would be of other tokens.
        for window in windows(0..100, 7, None).into_iter().chain(windows(0..100, 3, None)) {
            assert_eq!(window.input.len() - window.first, window.targets.len());
            assert_eq!(window.input[window.first] + 1, window.targets[0]);
        }
    }

    #[test]
    fn every_window_begins_with_bos() {
        let found = windows(10..26, 8, Some(1));
        assert_eq!(found[0].input, [1, 11, 12, 13, 14, 15, 16]);
        assert_eq!(found[1].input, [1, 19, 20, 21, 22, 23, 24]);
        assert_eq!(found[1].targets, [23, 24, 25]);
    }

    #[test]
    fn reasons_are_said() {
        let check = |error: TextWindowsError, wanted: &str| assert!(error.to_string().contains(wanted));
        check(
            TextWindowsError::TooShort { tokens: 5, context: 512 },
            "5 tokens, less than one window of 512",
        );
        check(TextWindowsError::Context(2), "at least 3");
    }
}
