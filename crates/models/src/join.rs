//! Makes one GGUF file out of the parts of a split one.
//!
//! The first part carries the metadata of the whole; `split.no`, `split.count` and `split.tensors.count` say what
//! belongs together (llama.cpp's `gguf-split`).

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use infercost_core::manifest::Provenance;

use crate::convert::Converted;
use crate::error::ModelError;
use crate::gguf::GgufHeader;
use crate::gguf_write::{PlannedTensor, header_bytes, pad};
use crate::hash::{HashingWriter, file_name};
use crate::progress::{Progress, ProgressSink, Stage};

/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;

/// The parts of a split model, checked to belong together.
pub(crate) struct SplitModel {
    parts: Vec<GgufHeader>,
}

impl SplitModel {
    /// Reads the parts' headers.
    ///
    /// # Errors
    /// [`ModelError`] where a part is damaged or belongs to another model.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, ModelError> {
        let parts: Vec<GgufHeader> =
            paths.iter().map(|path| GgufHeader::read(path)).collect::<Result<_, _>>()?;
        let total: u64 = parts.iter().map(|part| part.tensors.len() as u64).sum();
        for (index, part) in parts.iter().enumerate() {
            let belongs = states(part, "split.count", parts.len() as u64)
                && states(part, "split.no", index as u64)
                && states(part, "split.tensors.count", total);
            if !belongs {
                return Err(ModelError::bad(
                    &part.path,
                    "it does not belong to the other parts next to it: its own count of parts or tensors is another",
                ));
            }
        }

        Ok(Self { parts })
    }

    /// Bytes of all parts.
    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.file_bytes))
    }

    /// Whether every weight is of full precision.
    pub(crate) fn is_full_precision(&self) -> bool {
        self.parts.iter().flat_map(|part| &part.tensors).all(|tensor| tensor.kind.is_full_precision())
    }

    /// Writes the whole model.
    ///
    /// # Errors
    /// [`ModelError`] where a tensor stands twice, and what the file system refuses.
    pub(crate) fn write(
        &self,
        provenance: Provenance,
        out: &mut dyn Write,
        named: &Path,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Converted, ModelError> {
        let Some(first) = self.parts.first() else {
            return Err(ModelError::bad(named, "there are no parts"));
        };
        let planned: Vec<PlannedTensor> = self.planned()?;
        let entries: Vec<_> =
            first.entries.iter().filter(|entry| !entry.key.starts_with("split.")).cloned().collect();
        let header = header_bytes(&entries, &planned, first.alignment)
            .ok_or_else(|| ModelError::bad(&first.path, "its tensors are too large to be written"))?;

        let mut writer = HashingWriter::new(BufWriter::with_capacity(CHUNK, out));
        writer.write_all(&header).map_err(ModelError::io(named, "write"))?;
        for part in &self.parts {
            copy_tensors(part, first.alignment, &mut writer, named, self.bytes(), progress)?;
        }
        let bytes = writer.written();
        let (_, sha256) = writer.finish().map_err(ModelError::io(named, "write"))?;

        Ok(Converted { sha256, bytes, provenance, fallbacks: Vec::new(), tensors: planned.len() })
    }

    fn planned(&self) -> Result<Vec<PlannedTensor>, ModelError> {
        let mut names = std::collections::HashSet::new();
        let mut planned = Vec::new();
        for part in &self.parts {
            for tensor in &part.tensors {
                if !names.insert(tensor.name.as_str()) {
                    return Err(ModelError::bad(
                        &part.path,
                        format!("tensor `{}` stands in another part too", tensor.name),
                    ));
                }
                let (name, dimensions) = (tensor.name.clone(), tensor.dimensions.clone());
                planned.push(PlannedTensor { name, dimensions, kind: tensor.kind });
            }
        }

        Ok(planned)
    }
}

/// Whether a part states that number, or none.
fn states(part: &GgufHeader, key: &str, found: u64) -> bool {
    part.number(key).is_none_or(|stated| stated == found)
}

fn copy_tensors(
    part: &GgufHeader,
    alignment: u64,
    writer: &mut HashingWriter<impl Write>,
    named: &Path,
    total: u64,
    progress: &mut ProgressSink<'_>,
) -> Result<(), ModelError> {
    let path = part.path.as_path();
    let mut file = File::open(path).map_err(ModelError::io(path, "open"))?;

    let mut buffer = vec![0; CHUNK];
    for tensor in &part.tensors {
        // The header was checked against the file's length when it was read.
        let length = tensor.bytes().unwrap_or_default();
        let start = part.data_offset.saturating_add(tensor.offset);
        file.seek(SeekFrom::Start(start)).map_err(ModelError::io(path, "read"))?;
        let mut left = length;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let chunk = buffer.get_mut(..wanted).unwrap_or_default();
            file.read_exact(chunk).map_err(ModelError::io(path, "read"))?;
            writer.write_all(chunk).map_err(ModelError::io(named, "write"))?;
            left -= wanted as u64;
        }
        pad(writer, length, alignment).map_err(ModelError::io(named, "write"))?;
        let done = writer.written();
        progress(Progress::Step { stage: Stage::Joining, file: file_name(path), done, total: Some(total) });
    }

    Ok(())
}
