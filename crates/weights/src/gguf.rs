//! A GGUF file's header: metadata and the list of tensors.
//!
//! Where metadata is kept, it is kept byte for byte, in file order, so that a file made from this one carries all of it,
//! whatever its types, and strings that are not UTF-8 too. Layout: the
//! [GGUF specification](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3.

use std::collections::HashSet;
use std::io::{BufRead, Seek};

use infercost_core::text::printable;

use crate::entry::{Entry, KIND_ARRAY, KIND_STRING, KIND_U32, scalar_bytes};
use crate::error::HeaderError;
use crate::tensor_type::TensorType;

/// Most bytes of metadata that are read: the largest vocabularies take some 20 MB.
const MAX_METADATA: u64 = 512 << 20;
/// Most elements of all arrays together. A vocabulary of 262,144 tokens needs about a million; a reader may take 32 bytes
/// of memory for each, whatever its size in the file.
const MAX_ELEMENTS: u64 = 1 << 24;
const MAX_ENTRIES: u64 = 1 << 16;
const MAX_TENSORS: u64 = 1 << 17;
const MAX_NAME: u64 = 1 << 12;
const MAX_DEPTH: u32 = 4;
const MAX_ALIGNMENT: u64 = 1 << 20;
/// The alignment of tensor data where the file names none.
pub const DEFAULT_ALIGNMENT: u64 = 32;

/// What becomes of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// Every byte is kept.
    Kept,
    /// It is walked over and checked.
    Skipped,
}

/// A GGUF file's header.
#[derive(Debug, Clone)]
pub struct Header {
    /// The file's length in bytes.
    pub file_bytes: u64,
    /// GGUF version, 2 or 3.
    pub version: u32,
    /// The metadata, in file order; none where it was skipped.
    pub entries: Vec<Entry>,
    /// The tensors, in file order.
    pub tensors: Vec<TensorInfo>,
    /// Where tensor data starts, in bytes from the file's start.
    pub data_offset: u64,
    /// What tensor offsets are multiples of.
    pub alignment: u64,
}

/// A tensor's place and shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name: `blk.0.attn_q.weight`.
    pub name: String,
    /// Its extents, the row's width first, as GGUF stores them.
    pub dimensions: Vec<u64>,
    /// Its number format.
    pub kind: TensorType,
    /// Where its data starts, in bytes from [`Header::data_offset`].
    pub offset: u64,
}

impl TensorInfo {
    /// How many numbers it holds.
    pub fn elements(&self) -> u64 {
        self.dimensions.iter().fold(1, |product: u64, extent| product.saturating_mul(*extent))
    }

    /// A row's width.
    pub fn width(&self) -> u64 {
        self.dimensions.first().copied().unwrap_or(1)
    }

    /// Its size in bytes; `None` where the shape does not fit the format's blocks.
    pub fn bytes(&self) -> Option<u64> {
        if self.width().is_multiple_of(self.kind.block_elements()) {
            self.kind.bytes_for(self.elements())
        } else {
            None
        }
    }
}

impl Header {
    /// Reads the header from a file's first byte on; `file_bytes` is the file's length.
    ///
    /// # Errors
    /// [`HeaderError`] where it cannot be read, is not GGUF, is cut short, or declares what cannot be.
    pub fn read(
        input: impl BufRead + Seek,
        file_bytes: u64,
        metadata: Metadata,
    ) -> Result<Self, HeaderError> {
        Reader { input, position: 0, file_bytes, elements: 0, metadata }.header()
    }

    /// The entry of that key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The text under that key.
    pub fn text(&self, key: &str) -> Option<String> {
        self.entry(key)?.as_text()
    }

    /// The whole number under that key.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.entry(key)?.as_u64()
    }

    /// Checks that every tensor is a whole number of blocks and lies within the file.
    ///
    /// # Errors
    /// [`HeaderError`] about the first tensor that does not.
    pub fn check_extents(&self) -> Result<(), HeaderError> {
        for tensor in &self.tensors {
            let name = printable(&tensor.name);
            let bytes = tensor.bytes().ok_or_else(|| {
                HeaderError::Bad(format!(
                    "tensor `{name}` is {:?} {}, which is no whole number of blocks",
                    tensor.dimensions,
                    tensor.kind.name()
                ))
            })?;

            let end = self.data_offset.checked_add(tensor.offset).and_then(|start| start.checked_add(bytes));
            if end.is_none_or(|end| end > self.file_bytes) {
                return Err(HeaderError::CutShort(format!(
                    "cut short: tensor `{name}` lies beyond the file's {} bytes; fetch the file again",
                    self.file_bytes
                )));
            }
        }
        Ok(())
    }
}

struct Reader<R> {
    input: R,
    position: u64,
    file_bytes: u64,
    /// Elements of arrays so far.
    elements: u64,
    metadata: Metadata,
}

impl<R: BufRead + Seek> Reader<R> {
    fn header(mut self) -> Result<Header, HeaderError> {
        let version = self.version()?;
        let tensor_count = self.u64()?;
        let entry_count = self.u64()?;
        if tensor_count > MAX_TENSORS || entry_count > MAX_ENTRIES {
            return Err(HeaderError::Bad(format!(
                "declares {tensor_count} tensors and {entry_count} metadata entries, which are too many: damaged, or not a model"
            )));
        }

        let mut alignment = DEFAULT_ALIGNMENT;
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = HashSet::new();
        for _ in 0..entry_count {
            let entry = self.entry()?;
            if !keys.insert(entry.key.clone()) {
                return Err(HeaderError::Bad(format!(
                    "metadata key `{}` stands twice",
                    printable(&entry.key)
                )));
            }
            if entry.key == "general.alignment" {
                alignment = aligned(&entry)?;
            }
            if self.metadata == Metadata::Kept {
                entries.push(entry);
            }
        }

        let tensors = self.tensors(tensor_count)?;
        let data_offset = self.position.next_multiple_of(alignment);
        Ok(Header { file_bytes: self.file_bytes, version, entries, tensors, data_offset, alignment })
    }

    fn version(&mut self) -> Result<u32, HeaderError> {
        let mut magic = [0; 4];
        self.fill(&mut magic)?;
        if &magic != b"GGUF" {
            let starts = magic.map(|byte| format!("{byte:02x}")).join(" ");
            return Err(HeaderError::Bad(format!("not a GGUF file: it starts with {starts}, not with GGUF")));
        }

        match self.u32()? {
            version @ (2 | 3) => Ok(version),
            version if matches!(version.swap_bytes(), 2 | 3) => {
                Err(HeaderError::Bad("a big-endian GGUF file; only little-endian ones are read".to_owned()))
            }
            version => Err(HeaderError::Bad(format!("GGUF version {version}; versions 2 and 3 are read"))),
        }
    }

    /// An entry; without its bytes where metadata is skipped, but for the few that the header itself needs.
    fn entry(&mut self) -> Result<Entry, HeaderError> {
        let key = self.name()?;
        let kind = self.u32()?;
        let mut bytes = Vec::new();
        let is_kept = self.metadata == Metadata::Kept || key == "general.alignment";

        self.value(kind, is_kept.then_some(&mut bytes), 0).map_err(|error| of_key(error, &key))?;
        if self.position > MAX_METADATA {
            return Err(HeaderError::Bad(format!("more than {MAX_METADATA} bytes of metadata")));
        }
        Ok(Entry { key, kind, bytes })
    }

    /// Walks over a value, and keeps its bytes where there is room for them.
    fn value(&mut self, kind: u32, mut into: Option<&mut Vec<u8>>, depth: u32) -> Result<(), HeaderError> {
        if let Some(width) = scalar_bytes(kind) {
            return self.pass(width, into);
        }

        match kind {
            KIND_STRING => {
                let length = self.u64()?;
                if let Some(into) = &mut into {
                    into.extend(length.to_le_bytes());
                }
                self.pass(length, into)
            }
            KIND_ARRAY => self.array(into, depth),
            other => Err(HeaderError::Bad(format!("a value of the unknown type {other}"))),
        }
    }

    fn array(&mut self, mut into: Option<&mut Vec<u8>>, depth: u32) -> Result<(), HeaderError> {
        let inner = self.u32()?;
        let count = self.u64()?;
        if let Some(into) = &mut into {
            into.extend(inner.to_le_bytes());
            into.extend(count.to_le_bytes());
        }

        self.elements = self.elements.saturating_add(count);
        if depth >= MAX_DEPTH {
            return Err(HeaderError::Bad("arrays nested too deep".to_owned()));
        }
        if self.elements > MAX_ELEMENTS {
            return Err(HeaderError::Bad(format!("an array of {count} elements, which are too many")));
        }
        if let Some(width) = scalar_bytes(inner) {
            return self.pass(count.saturating_mul(width), into);
        }

        // A string or an array takes 8 bytes at least.
        if count > self.file_bytes.saturating_sub(self.position) / 8 {
            return Err(HeaderError::CutShort(format!("cut short: an array of {count} elements")));
        }
        for _ in 0..count {
            self.value(inner, into.as_deref_mut(), depth + 1)?;
        }
        Ok(())
    }

    fn tensors(&mut self, count: u64) -> Result<Vec<TensorInfo>, HeaderError> {
        let mut tensors = Vec::new();
        let mut names = HashSet::new();
        for _ in 0..count {
            let tensor = self.tensor()?;
            // Readers that drop trailing zeros must not take two for one.
            if !names.insert(tensor.name.trim_end_matches('\0').to_owned()) {
                return Err(HeaderError::Bad(format!("tensor `{}` stands twice", printable(&tensor.name))));
            }
            tensors.push(tensor);
        }
        Ok(tensors)
    }

    fn tensor(&mut self) -> Result<TensorInfo, HeaderError> {
        let name = self.name()?;
        let bad = |reason: String| HeaderError::Bad(format!("tensor `{}` {reason}", printable(&name)));
        let rank = self.u32()?;
        if rank == 0 || rank > 4 {
            return Err(bad(format!("has {rank} dimensions; 1 to 4 are possible")));
        }

        let mut dimensions = Vec::new();
        for _ in 0..rank {
            dimensions.push(self.u64()?);
        }
        let number = self.u32()?;
        let kind =
            TensorType::from_number(number).ok_or_else(|| bad(format!("is of the unknown type {number}")))?;
        let offset = self.u64()?;

        let elements = dimensions.iter().try_fold(1u64, |product, extent| product.checked_mul(*extent));
        if elements.is_none_or(|elements| elements == 0) {
            return Err(bad(format!("has the impossible shape {dimensions:?}")));
        }
        Ok(TensorInfo { name, dimensions, kind, offset })
    }

    fn name(&mut self) -> Result<String, HeaderError> {
        let length = self.u64()?;
        if length > MAX_NAME {
            return Err(HeaderError::Bad(format!("a name of {length} bytes")));
        }
        let mut bytes = Vec::new();
        self.pass(length, Some(&mut bytes))?;
        String::from_utf8(bytes).map_err(|_| HeaderError::Bad("a name that is not UTF-8".to_owned()))
    }

    fn u32(&mut self) -> Result<u32, HeaderError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, HeaderError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), HeaderError> {
        self.advance(bytes.len() as u64)?;
        Ok(self.input.read_exact(bytes)?)
    }

    /// Goes on by so many bytes, which are kept where there is room for them.
    fn pass(&mut self, length: u64, into: Option<&mut Vec<u8>>) -> Result<(), HeaderError> {
        self.advance(length)?;
        let Some(into) = into else {
            let distance = i64::try_from(length).unwrap_or(i64::MAX);
            return Ok(self.input.seek_relative(distance)?);
        };

        if length > MAX_METADATA {
            return Err(HeaderError::Bad(format!("a metadata value of {length} bytes")));
        }
        let start = into.len();
        into.resize(start + usize::try_from(length).unwrap_or(usize::MAX), 0);
        match into.get_mut(start..) {
            Some(target) => Ok(self.input.read_exact(target)?),
            None => Ok(()),
        }
    }

    /// Makes sure that the file has so many bytes more.
    fn advance(&mut self, length: u64) -> Result<(), HeaderError> {
        if length > self.file_bytes.saturating_sub(self.position) {
            return Err(HeaderError::CutShort(format!(
                "cut short or damaged: its header goes on past the end of the file ({length} bytes at {} of {})",
                self.position, self.file_bytes
            )));
        }
        self.position += length;
        Ok(())
    }
}

/// The alignment that a file names: a power of two in 32 bits, as the specification has it.
fn aligned(entry: &Entry) -> Result<u64, HeaderError> {
    let alignment = (entry.kind == KIND_U32).then(|| entry.as_u64()).flatten();
    alignment.filter(|alignment| alignment.is_power_of_two() && *alignment <= MAX_ALIGNMENT).ok_or_else(
        || HeaderError::Bad(format!("general.alignment is not a power of two up to {MAX_ALIGNMENT}")),
    )
}

/// The same error, with the key of the entry in which it was met.
fn of_key(error: HeaderError, key: &str) -> HeaderError {
    match error {
        HeaderError::Bad(reason) => HeaderError::Bad(format!("metadata `{}`: {reason}", printable(key))),
        other => other,
    }
}

#[cfg(test)]
mod tests;
