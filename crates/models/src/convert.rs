//! Writes a model's weights anew: expanded to full precision, or quantized.

use std::io::{BufWriter, Write};
use std::path::Path;

use infercost_core::manifest::Provenance;
use infercost_weights::Entry;
use tempfile::NamedTempFile;

use crate::cache::make_readable;
use crate::error::ModelError;
use crate::gguf::PROVENANCE_KEY;
use crate::gguf_write::{PlannedTensor, header_bytes, pad};
use crate::hash::{HashingWriter, file_name};
use crate::numbers::encode;
use crate::partial_file;
use crate::progress::{Progress, ProgressSink, Stage};
use crate::recipe::{Fallback, Recipe, output_name};
use crate::safetensors_weights::SafetensorsWeights;
use crate::weights::{GgufWeights, Weights};

/// Rises whenever the same source and recipe would give other bytes, so that cached files are made anew.
pub const CONVERTER_VERSION: u32 = 1;

/// Numbers handled at a time: 64 MiB of `f32`.
const BATCH: u64 = 1 << 24;

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// How it came to be, with the tensors that fell back.
    pub provenance: Provenance,
    /// The tensors that the recipe could not hold.
    pub fallbacks: Vec<Fallback>,
    /// How many tensors the file has.
    pub tensors: usize,
}

impl Converted {
    /// One sentence on what fell back; `None` where nothing did.
    pub fn fallback_summary(&self) -> Option<String> {
        fallback_summary(&self.fallbacks, self.tensors)
    }
}

/// What to make of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    /// Full precision out of a quantized file: F32, F16 or BF16.
    Expansion(Recipe),
    /// A recipe out of full precision.
    Quantization(Recipe),
}

/// Writes the expansion of a quantized GGUF file to `out`, in F32, F16 or BF16.
///
/// A Q4_1 or K-quant number is a product and sum of 16-bit scales and small integers. F32 holds it to within
/// rounding; BF16 to within one part in 256, far below the step of the quantization, and costs the memory
/// traffic of the 16-bit files that models are published as. The metadata is carried over.
///
/// # Errors
/// [`ModelError`] for a damaged source, formats that cannot be decoded, and what the file system refuses.
pub fn expand(
    source: &Path,
    origin: &Provenance,
    recipe: Recipe,
    out: &Path,
    progress: &mut ProgressSink<'_>,
) -> Result<Converted, ModelError> {
    replace(out, |temporary| expand_into(source, origin, recipe, temporary, out, progress))
}

/// Quantizes full-precision weights to `out`: a GGUF file of F32, F16 or BF16, or a folder of safetensors.
///
/// # Errors
/// [`ModelError`] for a damaged source, one that is quantized already, numbers that are not finite, and what
/// the file system refuses.
pub fn quantize(
    source: &Path,
    origin: &Provenance,
    recipe: Recipe,
    out: &Path,
    progress: &mut ProgressSink<'_>,
) -> Result<Converted, ModelError> {
    replace(out, |temporary| quantize_into(source, origin, recipe, temporary, out, progress))
}

/// [`expand`] into an open file; `named` stands in errors.
pub(crate) fn expand_into(
    source: &Path,
    origin: &Provenance,
    recipe: Recipe,
    out: &mut dyn Write,
    named: &Path,
    progress: &mut ProgressSink<'_>,
) -> Result<Converted, ModelError> {
    let mut weights = GgufWeights::open(source)?;
    let provenance = expansion_of(&weights, origin);
    convert(&mut weights, Making::Expansion(recipe), provenance, (out, named), progress)
}

/// [`quantize`] into an open file; `named` stands in errors.
pub(crate) fn quantize_into(
    source: &Path,
    origin: &Provenance,
    recipe: Recipe,
    out: &mut dyn Write,
    named: &Path,
    progress: &mut ProgressSink<'_>,
) -> Result<Converted, ModelError> {
    let mut weights: Box<dyn Weights> = if source.is_dir() {
        Box::new(SafetensorsWeights::open(source)?)
    } else {
        Box::new(GgufWeights::open(source)?)
    };
    let quantized = weights.tensors().iter().find(|tensor| !tensor.kind.is_full_precision());
    if let Some(tensor) = quantized {
        return Err(ModelError::Unsupported {
            path: source.to_owned(),
            reason: format!(
                "its weights are quantized already (`{}` is {}), and quantizing twice adds the losses up\nhint: \
                 start from full precision: an F32, F16 or BF16 GGUF, or a safetensors folder",
                crate::file_text::escaped(&tensor.name),
                tensor.kind.name()
            ),
        });
    }

    let provenance = Provenance::Quantized {
        recipe: recipe.name().to_owned(),
        from: Box::new(origin.clone()),
        fallbacks: Vec::new(),
    };
    convert(weights.as_mut(), Making::Quantization(recipe), provenance, (out, named), progress)
}

/// Writes beside `out` and renames when all is well, so that a failure leaves what was there.
fn replace(
    out: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> Result<Converted, ModelError>,
) -> Result<Converted, ModelError> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    partial_file::sweep(folder);
    let mut temporary = partial_file::create(folder).map_err(|cause| refused(out, cause))?;

    let converted = write(&mut temporary)?;

    make_readable(temporary.path());
    temporary.persist(out).map_err(|error| refused(out, error.error))?;
    Ok(converted)
}

fn refused(out: &Path, cause: std::io::Error) -> ModelError {
    ModelError::Output { path: out.to_owned(), cause }
}

/// One sentence on what fell back; `None` where nothing did.
pub fn fallback_summary(fallbacks: &[Fallback], tensors: usize) -> Option<String> {
    let first = fallbacks.first()?;
    let mut kinds: Vec<(&str, &str, usize)> = Vec::new();
    for fallback in fallbacks {
        let (wanted, became) = (fallback.wanted.name(), fallback.became.name());
        match kinds.iter_mut().find(|kind| (kind.0, kind.1) == (wanted, became)) {
            Some(kind) => kind.2 += 1,
            None => kinds.push((wanted, became, 1)),
        }
    }

    let kinds: Vec<String> =
        kinds.iter().map(|(wanted, became, count)| format!("{count} {wanted} -> {became}")).collect();
    let (noun, theirs) = if fallbacks.len() == 1 && tensors == 1 {
        ("tensor", "its own is")
    } else {
        ("tensors", "theirs are")
    };
    Some(format!(
        "{} of {tensors} {noun} fell back, because {} asks for rows that are a multiple of {} wide and {theirs} \
         {}: {}",
        fallbacks.len(),
        first.wanted.name(),
        first.wanted.block_elements(),
        first.width,
        kinds.join(", ")
    ))
}

fn expansion_of(weights: &GgufWeights, origin: &Provenance) -> Provenance {
    let source = match origin {
        Provenance::Published { source } => source.clone(),
        other => other.to_string(),
    };
    Provenance::Expanded { from: main_type(weights), source }
}

/// How most of the file's numbers are stored; Q4_K with some Q6_K is what llama.cpp calls Q4_K_M or Q4_K_S.
fn main_type(weights: &GgufWeights) -> String {
    let mut numbers: Vec<(&str, u64)> = Vec::new();
    for tensor in weights.tensors() {
        match numbers.iter_mut().find(|entry| entry.0 == tensor.kind.name()) {
            Some(entry) => entry.1 = entry.1.saturating_add(tensor.elements()),
            None => numbers.push((tensor.kind.name(), tensor.elements())),
        }
    }

    match weights.header().number("general.file_type") {
        Some(12) => "Q3_K_M".to_owned(),
        Some(14) => "Q4_K_S".to_owned(),
        Some(15) => "Q4_K_M".to_owned(),
        Some(16) => "Q5_K_S".to_owned(),
        Some(17) => "Q5_K_M".to_owned(),
        _ => numbers.iter().max_by_key(|entry| entry.1).map_or("F32", |entry| entry.0).to_owned(),
    }
}

fn convert(
    weights: &mut dyn Weights,
    making: Making,
    mut provenance: Provenance,
    (out, named): (&mut dyn Write, &Path),
    progress: &mut ProgressSink<'_>,
) -> Result<Converted, ModelError> {
    let path = weights.path().to_owned();
    let (recipe, stage) = match making {
        Making::Expansion(recipe) => (recipe, Stage::Expanding),
        Making::Quantization(recipe) => (recipe, Stage::Quantizing),
    };
    let tensors = weights.tensors().to_vec();
    let output = output_name(tensors.iter().map(|tensor| tensor.name.as_str()));
    let mut fallbacks = Vec::new();

    let mut plan = Vec::new();
    for tensor in &tensors {
        let (kind, fallback) = recipe.target(tensor, tensor.name == output);
        fallbacks.extend(fallback);
        plan.push(PlannedTensor { name: tensor.name.clone(), dimensions: tensor.dimensions.clone(), kind });
    }

    if let Provenance::Quantized { fallbacks: noted, .. } = &mut provenance {
        *noted = fallbacks.iter().map(ToString::to_string).collect();
    }

    let alignment = weights.alignment();
    let entries = entries_for(weights.entries(), recipe, &provenance);
    let header = header_bytes(&entries, &plan, alignment)
        .ok_or_else(|| ModelError::bad(&path, "its tensors are too large to be written"))?;
    let mut writer = HashingWriter::new(BufWriter::with_capacity(1 << 20, out));
    let failed = |error| ModelError::io(named, "write")(error);
    writer.write_all(&header).map_err(failed)?;

    let total = tensors.iter().map(infercost_weights::gguf::TensorInfo::elements).sum::<u64>();
    let mut done = 0u64;
    for (tensor, planned) in tensors.iter().zip(&plan) {
        let width = tensor.width();
        let rows = tensor.elements().checked_div(width).unwrap_or(0);
        let batch = BATCH.checked_div(width).unwrap_or(1).max(1);
        let started = writer.written();
        let mut first = 0;
        while first < rows {
            let count = batch.min(rows - first);
            let values = weights.rows(tensor, first, count)?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(ModelError::bad(
                    &path,
                    format!("tensor `{}` holds NaN or infinity", tensor.name),
                ));
            }
            let width = usize::try_from(width).unwrap_or(usize::MAX);
            let bytes = encode(planned.kind, &values, width)
                .map_err(|reason| ModelError::bad(&path, format!("tensor `{}`: {reason}", tensor.name)))?;
            writer.write_all(&bytes).map_err(failed)?;
            first += count;
            done = done.saturating_add(values.len() as u64);

            // Numbers stand in for bytes: every one is read as four.
            let (done, total) = (done.saturating_mul(4), total.saturating_mul(4));
            progress(Progress::Step { stage, file: file_name(&path), done, total: Some(total) });
        }
        let written = writer.written() - started;
        if planned.bytes() != Some(written) {
            return Err(ModelError::bad(
                &path,
                format!("tensor `{}` came out at {written} bytes", tensor.name),
            ));
        }
        pad(&mut writer, written, alignment).map_err(failed)?;
    }

    let bytes = writer.written();
    let (_, sha256) = writer.finish().map_err(failed)?;
    Ok(Converted { sha256, bytes, provenance, fallbacks, tensors: tensors.len() })
}

/// The source's entries with the file's own facts set: its type, the quantization version, how it was made.
fn entries_for(source: &[Entry], recipe: Recipe, provenance: &Provenance) -> Vec<Entry> {
    let told = serde_json::to_string(provenance).unwrap_or_default();
    let own = [
        Entry::u32("general.file_type", recipe.file_type()),
        Entry::u32("general.quantization_version", 2),
        Entry::text(PROVENANCE_KEY, &told),
    ];

    let mut entries = source.to_vec();
    for entry in own {
        match entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }
    entries
}
