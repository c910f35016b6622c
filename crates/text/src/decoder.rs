//! Bytes of any usual encoding become UTF-8, piece by piece.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// Bytes that are looked at to tell an encoding.
const PROBE: usize = 64;
/// Bytes decoded at a time.
const PIECE: usize = 64 << 10;

/// UTF-8 with `\n` line ends out of UTF-8, UTF-16 or gzip of either.
///
/// A byte-order mark is dropped. UTF-16 without one is known by its zero bytes. `\r\n` and a lone `\r` become `\n`.
/// Every error is of the kind [`io::ErrorKind::InvalidData`] and says in words what the bytes are.
pub struct Decoder {
    bytes: Box<dyn BufRead>,
    /// The bytes come out of gzip.
    packed: bool,
    encoding: Encoding,
    /// Bytes that may still be decoded.
    left: u64,
    limit: u64,
    /// Bytes of a character that is not whole yet.
    pending: Vec<u8>,
    /// The first half of a character of UTF-16 that needs two units.
    high: Option<u16>,
    /// The text so far ended with `\r`, which was given as `\n`: a `\n` that follows belongs to it.
    after_return: bool,
    text: Vec<u8>,
    given: usize,
    /// Lines ended so far.
    lines: u64,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
}

impl Decoder {
    /// Decodes `source`; an error where it holds more than `limit` bytes, counted after unpacking.
    ///
    /// # Errors
    /// What the source reports, and a format that is no text: another compression, UTF-32, a binary file.
    pub fn new(source: impl Read + 'static, limit: u64) -> io::Result<Self> {
        let (head, bytes) = probe(Box::new(BufReader::new(source)))?;
        let packing = packing(&head);
        let packed = packing.is_some();
        let bytes: Box<dyn BufRead> = match packing {
            Some(Packing::Gzip) => Box::new(BufReader::new(MultiGzDecoder::new(bytes))),
            Some(Packing::Other(name)) => {
                return Err(invalid(format!(
                    "it is packed with {name}; unpack it first (gzip is read as it is)"
                )));
            }
            None => bytes,
        };

        let (head, bytes) = probe(bytes).map_err(|error| if packed { damaged(&error) } else { error })?;
        let (encoding, mark) = encoding(&head)?;
        let mut decoder = Self {
            bytes,
            packed,
            encoding,
            left: limit,
            limit,
            pending: Vec::new(),
            high: None,
            after_return: false,
            text: Vec::new(),
            given: 0,
            lines: 0,
            ended: false,
        };
        decoder.bytes.consume(mark);

        Ok(decoder)
    }

    /// Decodes the next piece into `text`.
    fn refill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() && !self.ended {
            let packed = self.packed;
            let piece =
                self.bytes.fill_buf().map_err(|error| if packed { damaged(&error) } else { error })?;
            let taken = piece.len().min(PIECE);
            if taken == 0 {
                self.ended = true;
                self.finish()?;
                break;
            }
            let Some(left) = self.left.checked_sub(taken as u64) else {
                return Err(invalid(format!("more than {} bytes are too many", self.limit)));
            };
            self.left = left;
            self.pending.extend(piece.iter().take(taken));
            self.bytes.consume(taken);
            match self.encoding {
                Encoding::Utf8 => self.take_utf8()?,
                Encoding::Utf16Little => self.take_utf16(u16::from_le_bytes)?,
                Encoding::Utf16Big => self.take_utf16(u16::from_be_bytes)?,
            }
        }

        Ok(())
    }

    fn take_utf8(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        match std::str::from_utf8(&pending) {
            Ok(text) => self.push(text),
            Err(error) => {
                let (good, rest) = pending.split_at(error.valid_up_to());
                self.push(std::str::from_utf8(good).unwrap_or_default());
                if let Some(length) = error.error_len() {
                    let bad = rest.iter().take(length).map(|byte| format!("{byte:02x}")).collect::<String>();
                    return Err(self.not_utf8(&bad));
                }
                self.pending = rest.to_vec();
            }
        }

        Ok(())
    }

    fn take_utf16(&mut self, unit: fn([u8; 2]) -> u16) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let (pairs, rest) = pending.as_chunks::<2>();
        self.pending = rest.to_vec();

        // A character may be cut in two by the end of a piece, so its first half is kept.
        let units = self.high.take().into_iter().chain(pairs.iter().map(|pair| unit(*pair)));
        let mut units: Vec<u16> = units.collect();
        if units.last().is_some_and(|last| (0xD800..0xDC00).contains(last)) {
            self.high = units.pop();
        }

        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) => self.push(&text),
            Err(error) => {
                let half = error.unpaired_surrogate();
                return Err(invalid(format!("it is no UTF-16 text: {half:04x} is half a character")));
            }
        }

        Ok(())
    }

    /// Refuses a text that ends in the middle of a character.
    fn finish(&self) -> io::Result<()> {
        if self.pending.is_empty() && self.high.is_none() {
            return Ok(());
        }
        Err(invalid(format!(
            "line {}: the text ends in the middle of a character; it was cut off",
            self.lines + 1
        )))
    }

    fn push(&mut self, text: &str) {
        for byte in text.bytes() {
            let byte = match byte {
                b'\n' if std::mem::take(&mut self.after_return) => continue,
                b'\r' => {
                    self.after_return = true;
                    b'\n'
                }
                other => {
                    self.after_return = false;
                    other
                }
            };
            self.lines += u64::from(byte == b'\n');
            self.text.push(byte);
        }
    }

    fn not_utf8(&self, bad: &str) -> io::Error {
        invalid(format!(
            "line {}: the bytes {bad} are not UTF-8; save the file as UTF-8 (UTF-16 and gzip are read as well)",
            self.lines + 1
        ))
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("encoding", &self.encoding)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

impl Read for Decoder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(out.len());
        for (to, from) in out.iter_mut().zip(ready) {
            *to = *from;
        }
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Decoder {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given >= self.text.len() && !self.ended {
            self.refill()?;
        }
        Ok(self.text.get(self.given..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.given = self.given.saturating_add(count).min(self.text.len());
    }
}

enum Packing {
    Gzip,
    Other(&'static str),
}

/// The first bytes of a source, and the source with them still in front.
fn probe(mut source: Box<dyn BufRead>) -> io::Result<(Vec<u8>, Box<dyn BufRead>)> {
    let mut head = Vec::new();
    source.by_ref().take(PROBE as u64).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(source);
    Ok((head, Box::new(whole)))
}

/// What unpacking reports of a damaged archive, in words.
fn damaged(error: &io::Error) -> io::Error {
    invalid(format!("its gzip data is damaged or cut off ({error})"))
}

fn packing(head: &[u8]) -> Option<Packing> {
    const OTHERS: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "zip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"PAR1", "Parquet"),
    ];

    if head.starts_with(&[0x1F, 0x8B]) {
        return Some(Packing::Gzip);
    }
    OTHERS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| Packing::Other(name))
}

/// The encoding that the first bytes show, and the length of the byte-order mark.
fn encoding(head: &[u8]) -> io::Result<(Encoding, usize)> {
    match head {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => {
            return Err(invalid("it is UTF-32 text; save it as UTF-8".to_owned()));
        }
        [0xEF, 0xBB, 0xBF, ..] => return Ok((Encoding::Utf8, 3)),
        [0xFF, 0xFE, ..] => return Ok((Encoding::Utf16Little, 2)),
        [0xFE, 0xFF, ..] => return Ok((Encoding::Utf16Big, 2)),
        _ => {}
    }

    // Text that starts with a character of ASCII shows a zero beside it in UTF-16, and never in UTF-8.
    match head {
        [first, 0, ..] if first.is_ascii() && *first != 0 => Ok((Encoding::Utf16Little, 0)),
        [0, first, ..] if first.is_ascii() && *first != 0 => Ok((Encoding::Utf16Big, 0)),
        _ if head.contains(&0) => Err(invalid("it is a binary file and no text".to_owned())),
        _ => Ok((Encoding::Utf8, 0)),
    }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
#[path = "decoder/tests.rs"]
mod tests;
