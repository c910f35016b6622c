//! Typed access to GGUF metadata. Every value in a file is hostile until it has passed here.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;

use super::error::TokenizerError;

/// The metadata of a GGUF file.
#[derive(Clone, Copy)]
pub(super) struct Metadata<'m>(pub(super) &'m HashMap<String, Value>);

impl<'m> Metadata<'m> {
    pub(super) fn text(self, key: &'static str) -> Result<Option<&'m str>, TokenizerError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenizerError::WrongType { key, expected: "a text" }),
        }
    }

    pub(super) fn flag(self, key: &'static str) -> Result<Option<bool>, TokenizerError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(TokenizerError::WrongType { key, expected: "true or false" }),
        }
    }

    /// The token that a key names, which must be in a vocabulary of `size` tokens.
    pub(super) fn token(self, key: &'static str, size: usize) -> Result<Option<u32>, TokenizerError> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let id = integer(value).ok_or(TokenizerError::WrongType { key, expected: "a token id" })?;
        match u32::try_from(id) {
            Ok(token) if (token as usize) < size => Ok(Some(token)),
            _ => Err(TokenizerError::TokenOutOfRange { key, id, size }),
        }
    }

    pub(super) fn texts(self, key: &'static str) -> Result<Option<Vec<&'m str>>, TokenizerError> {
        self.array(key, "a list of texts", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(super) fn integers(self, key: &'static str) -> Result<Option<Vec<i64>>, TokenizerError> {
        self.array(key, "a list of whole numbers", integer)
    }

    pub(super) fn floats(self, key: &'static str) -> Result<Option<Vec<f32>>, TokenizerError> {
        self.array(key, "a list of numbers", |value| match value {
            Value::F32(number) => Some(*number),
            _ => None,
        })
    }

    fn array<T>(
        self,
        key: &'static str,
        expected: &'static str,
        element: impl Fn(&'m Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, TokenizerError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Array(values)) => values
                .iter()
                .map(element)
                .collect::<Option<Vec<T>>>()
                .map(Some)
                .ok_or(TokenizerError::WrongType { key, expected }),
            Some(_) => Err(TokenizerError::WrongType { key, expected }),
        }
    }
}

fn integer(value: &Value) -> Option<i64> {
    Some(match value {
        Value::U8(number) => i64::from(*number),
        Value::I8(number) => i64::from(*number),
        Value::U16(number) => i64::from(*number),
        Value::I16(number) => i64::from(*number),
        Value::U32(number) => i64::from(*number),
        Value::I32(number) => i64::from(*number),
        Value::U64(number) => i64::try_from(*number).unwrap_or(i64::MAX),
        Value::I64(number) => *number,
        _ => return None,
    })
}
