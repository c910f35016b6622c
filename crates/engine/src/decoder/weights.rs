//! Where a model's configuration and weights come from: GGUF or safetensors.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file;
use candle_core::{DType, Device};
use infercost_weights::gguf::{Header, Metadata};

use super::config::{DecoderConfig, RopeScaling};
use super::error::{DecoderError, shown};
use super::gguf_config;
use super::hf_config;
use super::regular_file;
use super::safetensors_header;
use super::stored_tensor::{Encoding, StoredTensor};
use super::tensor_names::safetensors_name;
use super::tensor_place::TensorPlace;

/// An opened model: its configuration, and the place of every tensor.
///
/// Opening reads headers only. Each tensor's place is checked against the size of its file
/// before a byte is allocated for it, so that a truncated download is an error that names
/// the first tensor cut off.
#[derive(Debug)]
pub struct WeightSource {
    path: PathBuf,
    config: DecoderConfig,
    files: Vec<WeightFile>,
    tensors: HashMap<String, TensorPlace>,
    naming: Naming,
    gguf: Option<gguf_file::Content>,
}

#[derive(Debug)]
struct WeightFile {
    path: PathBuf,
    handle: File,
}

/// A tensor, and the file it lies in.
struct FoundTensor<'a> {
    place: &'a TensorPlace,
    file: &'a WeightFile,
}

#[derive(Clone, Debug)]
enum Naming {
    Gguf,
    Safetensors { prefix: &'static str },
}

/// Checks a GGUF header before candle reads it.
///
/// candle's reader trusts three things that a broken or hostile file can lie about: that the alignment is not zero (it
/// divides by it), that arrays are worth their length in memory, and that element types are known (it names the number,
/// but not the tensor).
fn guard(reader: &mut (impl BufRead + Seek), size: u64) -> Result<(), String> {
    let header = Header::read(reader, size, Metadata::Skipped).map_err(|error| error.to_string())?;

    for tensor in header.tensors {
        // F32 and F16, the block types that candle has, and BF16.
        if !matches!(tensor.kind.number(), 0..=3 | 6..=15 | 30) {
            return Err(format!(
                "tensor \"{}\": element type {} is not supported; use another quantization, such as Q4_K_M or Q8_0",
                shown(&tensor.name),
                tensor.kind.name()
            ));
        }
    }
    Ok(())
}

impl WeightSource {
    /// Opens a `.gguf` file, a `.safetensors` file with a `config.json` beside it, or a folder
    /// with `config.json` and `model.safetensors` or `model.safetensors.index.json`.
    ///
    /// # Errors
    /// A file that cannot be read, is no model, is truncated, or is of an unknown architecture.
    pub fn open(path: &Path) -> Result<Self, DecoderError> {
        let metadata = std::fs::metadata(path).map_err(DecoderError::reading(path))?;
        if metadata.is_dir() {
            return Self::open_safetensors(path, path, None);
        }

        let mut magic = [0u8; 4];
        let mut file = regular_file::open(path)?;
        let read = file.read(&mut magic).map_err(DecoderError::reading(path))?;
        if magic.get(..read) == Some(b"GGUF") {
            return Self::open_gguf(path, file);
        }

        if path.extension().is_some_and(|extension| extension == "safetensors") {
            let folder = path.parent().unwrap_or(Path::new("."));
            return Self::open_safetensors(path, folder, Some(path));
        }
        Err(DecoderError::not_a_model(path, "it does not start with \"GGUF\" and is not named .safetensors"))
    }

    /// The configuration read from the file.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// The header of a GGUF file, for readers of its tokenizer; `None` for safetensors.
    pub fn gguf(&self) -> Option<&gguf_file::Content> {
        self.gguf.as_ref()
    }

    /// The path the model was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that holds what belongs to the weights: `config.json`, `tokenizer.json`.
    pub fn folder(&self) -> &Path {
        if self.path.is_dir() { &self.path } else { self.path.parent().unwrap_or(Path::new(".")) }
    }

    fn open_gguf(path: &Path, file: File) -> Result<Self, DecoderError> {
        let size = file.metadata().map_err(DecoderError::reading(path))?.len();
        let mut reader = BufReader::new(&file);
        reader.seek(SeekFrom::Start(0)).map_err(DecoderError::reading(path))?;
        guard(&mut reader, size).map_err(|reason| DecoderError::not_a_model(path, reason))?;

        reader.seek(SeekFrom::Start(0)).map_err(DecoderError::reading(path))?;
        let content = gguf_file::Content::read(&mut reader)
            .map_err(|error| DecoderError::not_a_model(path, shown(&error.to_string())))?;

        let mut tensors = HashMap::with_capacity(content.tensor_infos.len());
        let mut infos: Vec<_> = content.tensor_infos.iter().collect();
        // In the order of the file, so that the error names the first tensor cut off.
        infos.sort_by_key(|(name, info)| (info.offset, *name));
        for (name, info) in infos {
            let place = TensorPlace {
                file: 0,
                offset: content.tensor_data_offset.saturating_add(info.offset),
                encoding: Encoding::from_ggml(info.ggml_dtype),
                shape: info.shape.dims().to_vec(),
            };
            place.check(path, name, size)?;
            tensors.insert(name.clone(), place);
        }

        let config = gguf_config::read(path, &content)?;
        let divisors = gguf_config::rope_divisors_tensor(&content);
        let mut source = Self {
            path: path.into(),
            config,
            files: vec![WeightFile { path: path.into(), handle: file }],
            tensors,
            naming: Naming::Gguf,
            gguf: Some(content),
        };
        if let Some(name) = divisors {
            source.read_rope_divisors(name)?;
        }
        source.config.check(path)?;
        Ok(source)
    }

    /// Takes the divisors of rotary frequencies from their tensor.
    fn read_rope_divisors(&mut self, name: &str) -> Result<(), DecoderError> {
        let RopeScaling::PerFrequency { magnitude, .. } = self.config.rope.scaling else { return Ok(()) };
        let divisors = self
            .read(name, &[self.config.rope.rotated_width / 2])?
            .to_plain(DType::F32, &Device::Cpu)?
            .to_vec1()?;

        self.config.rope.scaling = RopeScaling::PerFrequency { divisors, magnitude };
        Ok(())
    }

    fn open_safetensors(path: &Path, folder: &Path, single: Option<&Path>) -> Result<Self, DecoderError> {
        let config_path = folder.join("config.json");
        let config = hf_config::read(&config_path, &safetensors_header::read_text(&config_path)?)?;
        let paths = match single {
            Some(file) => vec![file.to_path_buf()],
            None => safetensors_header::shards(folder)?,
        };

        let mut files = Vec::with_capacity(paths.len());
        let mut tensors = HashMap::new();
        for (index, path) in paths.into_iter().enumerate() {
            let handle = regular_file::open(&path)?;
            let size = handle.metadata().map_err(DecoderError::reading(&path))?.len();
            for (name, place) in safetensors_header::read(&path, &handle, size, index)? {
                place.check(&path, &name, size)?;
                tensors.insert(name, place);
            }
            files.push(WeightFile { path, handle });
        }

        // Models that also see images put their language part under a prefix of their own,
        // and the library that writes them has changed it once.
        let prefix = ["", "language_model.", "model.language_model."]
            .into_iter()
            .find(|prefix| tensors.contains_key(&prefixed(prefix, "model.embed_tokens.weight")))
            .unwrap_or("");
        let naming = Naming::Safetensors { prefix };
        Ok(Self { path: path.into(), config, files, tensors, naming, gguf: None })
    }

    /// True if the file has the tensor.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.file_name(name).is_some_and(|name| self.tensors.contains_key(&name))
    }

    /// What the fused matrix of gate and up projection is called.
    ///
    /// A GGUF file without a gate has it in the upper half of `ffn_up` (phi3).
    pub(crate) fn gate_up_name(&self, layer: usize) -> String {
        let gate = self.has(&format!("blk.{layer}.ffn_gate.weight"));
        let part = if self.gguf.is_some() && !gate { "ffn_up" } else { "ffn_gate_up" };
        format!("blk.{layer}.{part}")
    }

    /// How a tensor is encoded, its shape checked.
    pub(crate) fn encoding(&self, name: &str, shape: &[usize]) -> Result<Encoding, DecoderError> {
        self.place(name, shape).map(|found| found.place.encoding)
    }

    /// Bytes of a tensor in its file, its shape checked.
    pub(crate) fn stored_bytes(&self, name: &str, shape: &[usize]) -> Result<u64, DecoderError> {
        let found = self.place(name, shape)?;
        found.place.encoding.bytes(shape).ok_or_else(|| self.missing(name))
    }

    /// Bytes that loading takes at least: all tensors as they lie in the file, and the largest of them once more while
    /// it is being packed.
    pub(crate) fn bytes_to_load(&self) -> u64 {
        let mut all = 0_u64;
        let mut largest = 0_u64;
        for place in self.tensors.values() {
            let bytes = place.encoding.bytes(&place.shape).unwrap_or(0);
            all = all.saturating_add(bytes);
            largest = largest.max(bytes);
        }
        all.saturating_add(largest)
    }

    /// Reads a tensor and checks its shape. Several threads may read at once.
    pub(crate) fn read(&self, name: &str, shape: &[usize]) -> Result<StoredTensor, DecoderError> {
        let FoundTensor { place, file } = self.place(name, shape)?;
        let length = place
            .encoding
            .bytes(shape)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| self.missing(name))?;

        let mut bytes = vec![0; length];
        read_exact_at(&file.handle, &mut bytes, place.offset)
            .map_err(|source| DecoderError::Io { path: file.path.clone(), source })?;
        Ok(StoredTensor { bytes, encoding: place.encoding, shape: shape.into() })
    }

    fn place(&self, name: &str, shape: &[usize]) -> Result<FoundTensor<'_>, DecoderError> {
        let stored_name = self.file_name(name).unwrap_or_else(|| name.into());
        let place = self.tensors.get(&stored_name).ok_or_else(|| self.missing(name))?;
        let file = self.files.get(place.file).ok_or_else(|| self.missing(name))?;
        if place.shape == shape {
            return Ok(FoundTensor { place, file });
        }
        Err(DecoderError::Shape {
            path: file.path.clone(),
            tensor: stored_name,
            expected: shape.into(),
            found: place.shape.clone(),
        })
    }

    fn missing(&self, name: &str) -> DecoderError {
        let tensor = self.file_name(name).unwrap_or_else(|| name.into());
        DecoderError::MissingTensor { path: self.path.clone(), tensor }
    }

    fn file_name(&self, name: &str) -> Option<String> {
        match self.naming {
            Naming::Gguf => Some(name.into()),
            Naming::Safetensors { prefix } => {
                safetensors_name(name, self.config.sandwich_norms).map(|name| prefixed(prefix, &name))
            }
        }
    }
}

/// Reads without moving the file's own position, which threads would share.
#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Reads at a position, one thread at a time.
#[cfg(not(unix))]
fn read_exact_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

/// `model.language_model.` replaces the leading `model.`; the other prefixes stand before it.
fn prefixed(prefix: &str, name: &str) -> String {
    match (prefix, name.strip_prefix("model.")) {
        ("model.language_model.", Some(rest)) => format!("{prefix}{rest}"),
        ("model.language_model.", None) => name.into(),
        _ => format!("{prefix}{name}"),
    }
}
