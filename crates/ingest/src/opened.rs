//! A source, uncompressed, and the name that it goes by.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::error::IngestError;

/// Most of a beginning that a source goes by, in bytes.
const LONGEST_HEAD: usize = 64 << 10;
/// What of a binary beginning it goes by: the first ids stand in it.
const BINARY_HEAD: usize = 512;
/// Bytes read at once.
const BUFFER: usize = 1 << 20;
/// Hexadecimal digits of a name.
const DIGITS: usize = 16;
/// Window of the largest frames of zstd that are read, as a power of two: 128 MiB, as the program takes without being asked.
const LARGEST_WINDOW: u32 = 27;

/// A source that can be read.
pub(crate) struct Opened {
    /// Uncompressed.
    pub(crate) reader: Box<dyn BufRead + Send>,
    /// What it goes by: the same for a file that has grown, and for a copy of it.
    pub(crate) id: String,
    /// Uncompressed bytes that were read so far.
    pub(crate) read: Arc<AtomicU64>,
}

impl Opened {
    /// Opens a file from its beginning, whatever it is compressed by.
    pub(crate) fn new(mut file: File, path: &Path) -> Result<Self, IngestError> {
        file.rewind().map_err(IngestError::file(path))?;
        let mut reader =
            uncompressed(BufReader::with_capacity(BUFFER, file)).map_err(IngestError::file(path))?;

        let mut head = Vec::new();
        reader.by_ref().take(LONGEST_HEAD as u64).read_to_end(&mut head).map_err(IngestError::file(path))?;
        let id = id_of(&head);

        let read = Arc::new(AtomicU64::new(0));
        let whole = Cursor::new(head).chain(reader);
        let counted = Counted { inner: whole, read: Arc::clone(&read) };
        Ok(Self { reader: Box::new(BufReader::with_capacity(BUFFER, counted)), id, read })
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn uncompressed(mut file: BufReader<File>) -> io::Result<Box<dyn BufRead + Send>> {
    let first = file.fill_buf()?;
    if first.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))));
    }
    if first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut decoder = zstd::Decoder::with_buffer(file)?;
        decoder.window_log_max(LARGEST_WINDOW)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)));
    }
    Ok(Box::new(file))
}

/// The name of what begins so: by its first line, or by the first bytes of what has no lines.
fn id_of(head: &[u8]) -> String {
    let begins_text = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    let line = head.iter().position(|byte| *byte == b'\n');
    let end = match line {
        Some(end) if begins_text && end > BINARY_HEAD => end,
        // JSON that is indented begins with a short line that says nothing
        _ if begins_text => head.len(),
        _ => BINARY_HEAD.min(head.len()),
    };

    let mut id = String::with_capacity(DIGITS);
    for byte in Sha256::digest(head.get(..end).unwrap_or(head)).iter().take(DIGITS / 2) {
        // writing into a text never fails
        let _written = write!(id, "{byte:02x}");
    }
    id
}
