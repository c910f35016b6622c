//! Writes a GGUF file, tensor by tensor.
//!
//! Own code rather than candle's writer: that one holds all tensors in memory, takes the alignment to be 32
//! whatever the metadata says, and loses the order of the metadata and the element type of empty arrays.

use std::io::{self, Write};

use infercost_weights::gguf::TensorInfo;
use infercost_weights::{Entry, TensorType};

/// A tensor that is going to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedTensor {
    pub(crate) name: String,
    pub(crate) dimensions: Vec<u64>,
    pub(crate) kind: TensorType,
}

impl PlannedTensor {
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.placed(0).bytes()
    }

    fn placed(&self, offset: u64) -> TensorInfo {
        TensorInfo { name: self.name.clone(), dimensions: self.dimensions.clone(), kind: self.kind, offset }
    }
}

/// Writes everything before the tensor data, padding included. `None` where a size overflows.
pub(crate) fn header_bytes(entries: &[Entry], tensors: &[PlannedTensor], alignment: u64) -> Option<Vec<u8>> {
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((entries.len() as u64).to_le_bytes());

    for entry in entries {
        put_text(&mut out, &entry.key);
        out.extend(entry.kind.to_le_bytes());
        out.extend(&entry.bytes);
    }

    let mut offset = 0u64;
    for tensor in tensors {
        put_text(&mut out, &tensor.name);
        out.extend(u32::try_from(tensor.dimensions.len()).ok()?.to_le_bytes());
        for extent in &tensor.dimensions {
            out.extend(extent.to_le_bytes());
        }
        out.extend(tensor.kind.number().to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset = offset.checked_add(tensor.bytes()?)?.checked_next_multiple_of(alignment)?;
    }

    let padded = (out.len() as u64).checked_next_multiple_of(alignment)?;
    out.resize(usize::try_from(padded).ok()?, 0);
    Some(out)
}

/// Writes the zeros that follow a tensor of that many bytes.
pub(crate) fn pad(out: &mut dyn Write, written: u64, alignment: u64) -> io::Result<()> {
    let padding = written.next_multiple_of(alignment) - written;
    io::copy(&mut io::Read::take(io::repeat(0), padding), out).map(|_| ())
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
