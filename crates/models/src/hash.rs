//! SHA-256 of files and of what is written.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::ModelError;
use crate::progress::{Progress, ProgressSink, Stage};

/// Read at a time while hashing.
const CHUNK: usize = 1 << 20;

/// A writer that hashes and counts what passes through it.
pub(crate) struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
    written: u64,
}

impl<W: Write> HashingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), written: 0 }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Flushes, and gives back the inner writer and the hash in hex.
    pub(crate) fn finish(mut self) -> io::Result<(W, String)> {
        self.inner.flush()?;
        Ok((self.inner, hex(&self.hasher.finalize())))
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        if let Some(taken) = bytes.get(..count) {
            self.hasher.update(taken);
        }
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The SHA-256 of a file, in hex.
///
/// # Errors
/// [`ModelError::Io`] where the file cannot be read.
pub fn sha256_of_file(path: &Path, progress: &mut ProgressSink<'_>) -> Result<String, ModelError> {
    let mut file = File::open(path).map_err(ModelError::io(path, "open"))?;
    let total = file.metadata().map_err(ModelError::io(path, "read"))?.len();
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];

    let mut done = 0;
    loop {
        let count = file.read(&mut buffer).map_err(ModelError::io(path, "read"))?;
        let Some(taken) = buffer.get(..count).filter(|taken| !taken.is_empty()) else { break };
        hasher.update(taken);
        done += count as u64;
        progress(Progress::Step { stage: Stage::Verifying, file: file_name(path), done, total: Some(total) });
    }

    Ok(hex(&hasher.finalize()))
}

/// The SHA-256 of a text, in hex.
pub(crate) fn sha256_of_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// The last part of a path, for people.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn known_hash() {
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(b"ab").unwrap();
        writer.write_all(b"c").unwrap();
        assert_eq!(writer.written(), 3);
        let (inner, hash) = writer.finish().unwrap();
        assert_eq!((inner.as_slice(), hash.as_str()), (b"abc".as_slice(), ABC));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let mut steps = 0;
        assert_eq!(sha256_of_file(&path, &mut |_| steps += 1).unwrap(), ABC);
        assert_eq!((steps, sha256_of_text("abc").as_str()), (1, ABC));
    }
}
