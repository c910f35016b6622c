//! A file in pieces that each fit into one request, and their checksums.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use infercost_trace::open_regular;
use sha2::{Digest as _, Sha256};

use crate::manifest::{Piece, StoredFile};

/// Bytes of a piece: what is sent again where a request fails. The last piece is shorter, and the one line of a run can be
/// longer than a piece, which then goes on in the next.
pub(crate) const PIECE: usize = 8 << 20;

/// SHA-256 in lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The digits of a checksum.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // writing into a text never fails
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A file's pieces, one after the other, each at most [`PIECE`] long and cut behind a line where it holds the end of one.
/// A header, which is one object, is a piece whatever its size.
pub(crate) struct Pieces {
    file: File,
    /// Longest piece.
    longest: usize,
    /// What was read and belongs to the next piece.
    rest: Vec<u8>,
    whole: Sha256,
    /// Bytes of the pieces that were given.
    bytes: u64,
}

impl Pieces {
    /// Opens a file.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open(path: &Path, longest: usize) -> io::Result<Self> {
        let file = open_regular(path)?;
        Ok(Self { file, longest, rest: Vec::new(), whole: Sha256::new(), bytes: 0 })
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut piece = std::mem::take(&mut self.rest);
        let wanted = self.longest.saturating_sub(piece.len());
        let read = self.file.by_ref().take(wanted as u64).read_to_end(&mut piece)?;

        // not at the end of the file: the piece ends where its last line does
        let is_full = read == wanted;
        if is_full && let Some(end) = piece.iter().rposition(|byte| *byte == b'\n') {
            self.rest = piece.split_off(end + 1);
        }
        if piece.is_empty() {
            return Ok(None);
        }

        self.whole.update(&piece);
        self.bytes += piece.len() as u64;
        Ok(Some(piece))
    }

    /// The file as a manifest describes it, once all pieces were given.
    pub(crate) fn described(self, pieces: Vec<Piece>) -> StoredFile {
        StoredFile { bytes: self.bytes, sha256: hexadecimal(&self.whole.finalize()), pieces }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    fn cut(text: &str, longest: usize) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, text).unwrap();

        let mut pieces = Pieces::open(&path, longest).unwrap();
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            all.push(String::from_utf8(piece).unwrap());
        }

        let file = pieces.described(Vec::new());
        assert_eq!((file.bytes, file.sha256), (text.len() as u64, sha256(text.as_bytes())));
        assert_eq!(all.concat(), text);
        all
    }

    #[test]
    fn pieces_end_where_lines_do() {
        assert_eq!(cut("aa\nbb\ncc\n", 7), ["aa\nbb\n", "cc\n"]);
        assert_eq!(cut("aa\nbb\ncc\n", 3), ["aa\n", "bb\n", "cc\n"]);
        assert_eq!(cut("aa\nbb\ncc", 100), ["aa\nbb\ncc"]);
        assert_eq!(cut("", 7), Vec::<String>::new());
        // a line that is longer than a piece goes on in the next
        assert_eq!(cut("aaaaaaaa\nb\n", 3), ["aaa", "aaa", "aa\n", "b\n"]);
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        // FIPS 180-2, appendix B.1
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
