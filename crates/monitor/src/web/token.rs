//! What a reader must show.

use std::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Shorter ones can be guessed.
const SHORTEST: usize = 16;
const LONGEST: usize = 256;

/// A token that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a token has 16 to 256 letters, digits, `-` and `_`; make one with `openssl rand -hex 16`")]
pub struct TokenError;

/// A secret that readers share; it is kept as its hash, and shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// Takes a token.
    ///
    /// # Errors
    /// [`TokenError`] where it is short, or could not stand in a cookie as it is.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !sound || !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(TokenError);
        }
        Ok(Self(Sha256::digest(text.as_bytes()).into()))
    }

    /// Whether this is it. Hashes are compared, all of them, so that time tells nothing.
    pub fn is(&self, shown: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown.as_bytes()).into();
        self.0.iter().zip(shown).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        for refused in
            ["", "short", "with blanks in it, and long", "semi;colon-0123456789", "ümlaut-0123456789"]
        {
            assert_eq!(Token::new(refused), Err(TokenError), "{refused}");
        }
        let token = Token::new("0123456789abcdef");
        let Ok(token) = token else { panic!("{token:?}") };
        assert!(token.is("0123456789abcdef") && !token.is("0123456789abcdeF") && !token.is(""));
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
