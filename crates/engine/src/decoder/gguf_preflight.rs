//! A walk over a GGUF header that allocates nothing, before the header is really read.
//!
//! candle's reader trusts three things that a broken or hostile file can lie about: that the
//! alignment is not zero (it divides by it), that arrays are worth their length in memory, and
//! that element types are known (it names the number, but not the tensor).

use std::collections::HashSet;
use std::io::{BufRead, Seek};

use super::error::shown;

/// Most array elements in all metadata together. A vocabulary of 262,144 tokens needs about a
/// million; each costs 32 bytes in memory, whatever its size in the file.
const MOST_ELEMENTS: u64 = 1 << 24;
const MOST_ENTRIES: u64 = 1 << 20;
const LONGEST_NAME: u64 = 1 << 16;
const DEEPEST_ARRAY: u32 = 4;

/// Checks the header of a GGUF file of `size` bytes from its first byte on.
///
/// The layout is that of the
/// [specification](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub(crate) fn check(reader: &mut (impl BufRead + Seek), size: u64) -> Result<(), String> {
    let mut walk = Walk { reader, left: size, elements: 0 };
    if walk.bytes::<4>()? != *b"GGUF" {
        return Err("it does not start with \"GGUF\"".into());
    }
    match walk.u32()? {
        2 | 3 => {}
        version => return Err(format!("GGUF version {version} is not 2 or 3")),
    }
    let tensors = walk.u64()?;
    let entries = walk.u64()?;
    if tensors > MOST_ENTRIES || entries > MOST_ENTRIES {
        return Err(format!("{tensors} tensors and {entries} metadata entries are too many"));
    }
    for _ in 0..entries {
        walk.entry()?;
    }
    let mut names = HashSet::new();
    for _ in 0..tensors {
        let name = walk.tensor()?;
        if let Some(twice) = names.replace(name) {
            return Err(format!("tensor \"{}\" is described twice", shown(&twice)));
        }
    }
    Ok(())
}

struct Walk<'a, R> {
    reader: &'a mut R,
    left: u64,
    elements: u64,
}

impl<R: BufRead + Seek> Walk<'_, R> {
    fn entry(&mut self) -> Result<(), String> {
        let key = self.name()?;
        let kind = self.u32()?;
        if key == "general.alignment" {
            let alignment = if kind == 4 { self.u32()? } else { 0 };
            return if alignment.is_power_of_two() {
                Ok(())
            } else {
                Err("general.alignment is not a power of two".into())
            };
        }
        self.value(kind, 0).map_err(|reason| format!("metadata \"{}\": {reason}", shown(&key)))
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<(), String> {
        match kind {
            8 => {
                let length = self.u64()?;
                self.skip(length)
            }
            9 => {
                let (kind, count) = (self.u32()?, self.u64()?);
                self.elements = self.elements.saturating_add(count);
                if self.elements > MOST_ELEMENTS || depth >= DEEPEST_ARRAY {
                    return Err(format!("an array of {count} elements at depth {depth} is too large"));
                }
                match width(kind) {
                    Some(width) => self.skip(count.saturating_mul(width)),
                    None => (0..count).try_for_each(|_| self.value(kind, depth + 1)),
                }
            }
            kind => match width(kind) {
                Some(width) => self.skip(width),
                None => Err(format!("value type {kind} is unknown")),
            },
        }
    }

    fn tensor(&mut self) -> Result<String, String> {
        let name = self.name()?;
        let dimensions = self.u32()?;
        if dimensions > 4 {
            return Err(format!("tensor \"{}\": {dimensions} dimensions are more than 4", shown(&name)));
        }

        self.skip(u64::from(dimensions) * 8)?;
        let kind = self.u32()?;
        // F32 and F16, the block types that candle has, and BF16.
        if !matches!(kind, 0..=3 | 6..=15 | 30) {
            return Err(format!(
                "tensor \"{}\": element type {kind} is not supported; use another quantization, such as Q4_K_M or Q8_0",
                shown(&name)
            ));
        }
        self.skip(8)?;
        Ok(name)
    }

    fn name(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        if length > LONGEST_NAME || length > self.left {
            return Err(format!("a name of {length} bytes does not fit"));
        }
        let mut name = vec![0; length as usize];
        self.fill(&mut name)?;
        // Trailing zeros are dropped as candle drops them, so that names compare alike.
        let end = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        name.truncate(end);
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        self.take(bytes.len() as u64)?;
        self.reader.read_exact(bytes).map_err(|error| error.to_string())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), String> {
        self.take(bytes)?;
        let distance = i64::try_from(bytes).map_err(|error| error.to_string())?;
        self.reader.seek_relative(distance).map_err(|error| error.to_string())
    }

    fn take(&mut self, bytes: u64) -> Result<(), String> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err("its header goes on past the end of the file; fetch it again".into()),
        }
    }
}

/// Bytes of a value of fixed width.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
