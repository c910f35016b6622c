//! A GGUF file's header: metadata and the list of tensors.
//!
//! The metadata is kept byte for byte, in file order, so that a file made from this one carries all of it,
//! whatever its types, and strings that are not UTF-8 too. Layout: the GGUF specification, versions 2 and 3.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::ModelError;
use crate::metadata::{Entry, KIND_ARRAY, KIND_STRING, scalar_bytes};
use crate::mistaken;
use crate::tensor_type::TensorType;

/// Most bytes of metadata that are read: the largest vocabularies take some 20 MB.
const MAX_METADATA: u64 = 512 << 20;
const MAX_ENTRIES: u64 = 1 << 16;
const MAX_TENSORS: u64 = 1 << 17;
const MAX_NAME: u64 = 1 << 12;
const MAX_DEPTH: u32 = 4;
/// The alignment of tensor data where the file names none.
pub const DEFAULT_ALIGNMENT: u64 = 32;

/// A GGUF file's header, read and checked against the file's length.
#[derive(Debug, Clone)]
pub struct GgufHeader {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// GGUF version, 2 or 3.
    pub version: u32,
    /// The metadata, in file order.
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
    /// Where its data starts, in bytes from [`GgufHeader::data_offset`].
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

impl GgufHeader {
    /// Reads and checks the header of a file.
    ///
    /// # Errors
    /// [`ModelError::Io`] where it cannot be read, [`ModelError::BadFile`] where it is not GGUF, is cut short,
    /// or declares more than it holds.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        mistaken::refuse(path)?;
        let file = File::open(path).map_err(ModelError::io(path, "open"))?;
        let file_bytes = file.metadata().map_err(ModelError::io(path, "open"))?.len();
        let mut reader = Reader { input: BufReader::new(file), path, position: 0, file_bytes };
        reader.header()
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
}

struct Reader<'a> {
    input: BufReader<File>,
    path: &'a Path,
    position: u64,
    file_bytes: u64,
}

impl Reader<'_> {
    fn header(&mut self) -> Result<GgufHeader, ModelError> {
        let mut magic = [0; 4];
        self.fill(&mut magic)?;
        if &magic != b"GGUF" {
            let starts = magic.map(|byte| format!("{byte:02x}")).join(" ");
            return Err(self.bad(format!("not a GGUF file: it starts with {starts}, not with GGUF")));
        }

        let version = self.u32()?;
        if version.swap_bytes() == 2 || version.swap_bytes() == 3 {
            return Err(self.bad("a big-endian GGUF file; only little-endian ones are read"));
        }
        if version != 2 && version != 3 {
            return Err(self.bad(format!("GGUF version {version}; versions 2 and 3 are read")));
        }
        let tensor_count = self.u64()?;
        let entry_count = self.u64()?;
        if tensor_count > MAX_TENSORS || entry_count > MAX_ENTRIES {
            return Err(self.bad(format!(
                "declares {tensor_count} tensors and {entry_count} metadata entries: damaged, or not a model"
            )));
        }

        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..entry_count {
            let entry = self.entry()?;
            if entries.iter().any(|known| known.key == entry.key) {
                return Err(self.bad(format!("metadata key `{}` stands twice", entry.key)));
            }
            entries.push(entry);
        }

        let alignment = entries
            .iter()
            .find(|entry| entry.key == "general.alignment")
            .map_or(Some(DEFAULT_ALIGNMENT), Entry::as_u64)
            .filter(|alignment| alignment.is_power_of_two() && *alignment <= 1 << 20)
            .ok_or_else(|| self.bad("general.alignment is not a power of two up to 1048576"))?;

        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(self.tensor()?);
        }
        let data_offset = self.position.next_multiple_of(alignment);
        let header = GgufHeader {
            path: self.path.to_owned(),
            file_bytes: self.file_bytes,
            version,
            entries,
            tensors,
            data_offset,
            alignment,
        };
        self.check_extents(&header)?;

        Ok(header)
    }

    fn check_extents(&self, header: &GgufHeader) -> Result<(), ModelError> {
        let mut names = std::collections::HashSet::new();
        for tensor in &header.tensors {
            if !names.insert(tensor.name.as_str()) {
                return Err(self.bad(format!("tensor `{}` stands twice", tensor.name)));
            }
            let bytes = tensor.bytes().ok_or_else(|| {
                self.bad(format!(
                    "tensor `{}` is {:?} {}, which is no whole number of blocks",
                    tensor.name,
                    tensor.dimensions,
                    tensor.kind.name()
                ))
            })?;
            let end =
                header.data_offset.checked_add(tensor.offset).and_then(|start| start.checked_add(bytes));
            if end.is_none_or(|end| end > header.file_bytes) {
                return Err(self.bad(format!(
                    "cut short: tensor `{}` lies beyond the file's {} bytes; fetch the file again{}",
                    tensor.name,
                    header.file_bytes,
                    mistaken::unfinished(self.path)
                )));
            }
        }

        Ok(())
    }

    fn entry(&mut self) -> Result<Entry, ModelError> {
        let key = self.name()?;
        let kind = self.u32()?;
        let mut bytes = Vec::new();
        self.value(kind, &mut bytes, 0)?;
        if self.position > MAX_METADATA {
            return Err(self.bad(format!("more than {MAX_METADATA} bytes of metadata")));
        }
        Ok(Entry { key, kind, bytes })
    }

    fn value(&mut self, kind: u32, into: &mut Vec<u8>, depth: u32) -> Result<(), ModelError> {
        if let Some(width) = scalar_bytes(kind) {
            return self.copy(width, into);
        }
        match kind {
            KIND_STRING => {
                let length = self.u64()?;
                into.extend(length.to_le_bytes());
                self.copy(length, into)
            }
            KIND_ARRAY if depth < MAX_DEPTH => {
                let inner = self.u32()?;
                let count = self.u64()?;
                into.extend(inner.to_le_bytes());
                into.extend(count.to_le_bytes());
                if let Some(width) = scalar_bytes(inner) {
                    let length =
                        count.checked_mul(width).ok_or_else(|| self.bad("an array that overflows"))?;
                    return self.copy(length, into);
                }

                // A string or an array takes 8 bytes at least.
                if count > self.file_bytes.saturating_sub(self.position) / 8 {
                    return Err(self.bad(format!("cut short: an array of {count} elements")));
                }
                for _ in 0..count {
                    self.value(inner, into, depth + 1)?;
                }
                Ok(())
            }
            KIND_ARRAY => Err(self.bad("arrays nested too deep")),
            other => Err(self.bad(format!("metadata value of unknown type {other}"))),
        }
    }

    fn tensor(&mut self) -> Result<TensorInfo, ModelError> {
        let name = self.name()?;
        let rank = self.u32()?;
        if rank == 0 || rank > 4 {
            return Err(self.bad(format!("tensor `{name}` has {rank} dimensions; 1 to 4 are possible")));
        }

        let mut dimensions = Vec::new();
        for _ in 0..rank {
            dimensions.push(self.u64()?);
        }
        let number = self.u32()?;
        let kind = TensorType::from_number(number)
            .ok_or_else(|| self.bad(format!("tensor `{name}` is of the unknown type {number}")))?;
        let offset = self.u64()?;

        if dimensions
            .iter()
            .try_fold(1u64, |product, extent| product.checked_mul(*extent))
            .is_none_or(|n| n == 0)
        {
            return Err(self.bad(format!("tensor `{name}` has the impossible shape {dimensions:?}")));
        }

        Ok(TensorInfo { name, dimensions, kind, offset })
    }

    fn name(&mut self) -> Result<String, ModelError> {
        let length = self.u64()?;
        if length > MAX_NAME {
            return Err(self.bad(format!("a name of {length} bytes")));
        }
        let mut bytes = Vec::new();
        self.copy(length, &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| self.bad("a name that is not UTF-8"))
    }

    fn u32(&mut self) -> Result<u32, ModelError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, ModelError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ModelError> {
        self.has(bytes.len() as u64)?;
        self.input.read_exact(bytes).map_err(ModelError::io(self.path, "read"))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn copy(&mut self, length: u64, into: &mut Vec<u8>) -> Result<(), ModelError> {
        self.has(length)?;
        if length > MAX_METADATA {
            return Err(self.bad(format!("a metadata value of {length} bytes")));
        }
        let start = into.len();
        into.resize(start + usize::try_from(length).unwrap_or(usize::MAX), 0);
        if let Some(target) = into.get_mut(start..) {
            self.input.read_exact(target).map_err(ModelError::io(self.path, "read"))?;
        }
        self.position += length;
        Ok(())
    }

    fn has(&self, length: u64) -> Result<(), ModelError> {
        if length > self.file_bytes.saturating_sub(self.position) {
            Err(self.bad(format!(
                "cut short or damaged: the header wants {length} bytes at {}, the file has {}{}",
                self.position,
                self.file_bytes,
                mistaken::unfinished(self.path)
            )))
        } else {
            Ok(())
        }
    }

    fn bad(&self, reason: impl Into<String>) -> ModelError {
        ModelError::bad(self.path, reason)
    }
}
