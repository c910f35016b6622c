//! A safetensors file's header: eight bytes of little-endian length, JSON, then the data
//! (<https://github.com/huggingface/safetensors#format>).

use std::io::Read;

use serde_json::{Map, Value};

use crate::error::HeaderError;

/// Longest header that is read, in bytes; the limit of the safetensors library.
pub const LONGEST_HEADER: u64 = 100_000_000;

/// A safetensors file's own account of its tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Each tensor's name with its type, shape and place, as the file writes them; `__metadata__` is left out.
    pub tensors: Map<String, Value>,
    /// Where data starts, in bytes from the file's start. Offsets of tensors count from here.
    pub data_offset: u64,
    /// The file's length in bytes.
    pub file_bytes: u64,
}

impl Header {
    /// Reads the header from a file's first byte on; `file_bytes` is the file's length.
    ///
    /// # Errors
    /// [`HeaderError`] where it cannot be read, is cut short, or is no such JSON.
    pub fn read(mut input: impl Read, file_bytes: u64) -> Result<Self, HeaderError> {
        let Some(after_length) = file_bytes.checked_sub(8) else {
            return Err(HeaderError::Bad(format!(
                "too short for a safetensors file: {file_bytes} bytes hold no safetensors header"
            )));
        };
        let mut length = [0; 8];
        input.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || length > after_length {
            return Err(HeaderError::CutShort(format!(
                "not a safetensors file, or cut short: a header of {length} bytes does not fit a file of {file_bytes}"
            )));
        }

        let mut text = Vec::new();
        input.take(length).read_to_end(&mut text)?;
        let header: Value = serde_json::from_slice(&text)
            .map_err(|error| bad(&format!("its header is not JSON: {error}")))?;
        let Value::Object(mut tensors) = header else { return Err(bad("its header is not an object")) };
        tensors.remove("__metadata__");
        Ok(Self { tensors, data_offset: 8 + length, file_bytes })
    }

    /// Checks that the file is as long as its tensors need.
    ///
    /// # Errors
    /// [`HeaderError::CutShort`] where it is not.
    pub fn check_length(&self) -> Result<(), HeaderError> {
        let ends = self.tensors.values().filter_map(|about| about.get("data_offsets")?.get(1)?.as_u64());
        let end = ends.max().and_then(|end| self.data_offset.checked_add(end));
        if end.is_some_and(|end| end <= self.file_bytes) || self.tensors.is_empty() {
            return Ok(());
        }

        let wanted =
            end.map_or_else(|| "more bytes than there can be".to_owned(), |end| format!("{end} bytes"));
        Err(HeaderError::CutShort(format!(
            "cut short: its tensors need {wanted}, the file has {}; fetch it again",
            self.file_bytes
        )))
    }
}

fn bad(reason: &str) -> HeaderError {
    HeaderError::Bad(format!("not a safetensors file: {reason}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn read(header: &str, data: usize) -> Result<Header, HeaderError> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        Header::read(bytes.as_slice(), bytes.len() as u64)
    }

    #[test]
    fn what_a_file_declares() {
        let text = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let header = read(text, 8).unwrap();
        assert_eq!(header.tensors.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(header.data_offset, 8 + text.len() as u64);
        header.check_length().unwrap();

        let cut = read(text, 7).unwrap().check_length().unwrap_err();
        assert!(matches!(&cut, HeaderError::CutShort(why) if why.contains("fetch it again")), "{cut}");
    }

    #[test]
    fn what_is_no_header() {
        for (bytes, wanted) in [
            (&b"1234567"[..], "no safetensors header"),
            (b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", "does not fit"),
            (b"\x02\0\0\0\0\0\0\0[]", "not an object"),
            (b"\x02\0\0\0\0\0\0\0{{", "not JSON"),
        ] {
            let error = Header::read(bytes, bytes.len() as u64).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error} lacks {wanted}");
        }
    }
}
