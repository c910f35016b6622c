#![expect(clippy::unwrap_used, reason = "a test may panic")]
use std::io::{Cursor, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::Decoder;

/// Gives its bytes in pieces of one size, as pipes do.
struct Dripping(Cursor<Vec<u8>>, usize);

impl Read for Dripping {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = out.len().min(self.1);
        self.0.read(&mut out[..most])
    }
}

fn decode(bytes: &[u8], piece: usize) -> Result<String, String> {
    let mut text = String::new();
    let source = Dripping(Cursor::new(bytes.to_vec()), piece);
    let mut decoder = Decoder::new(source, 1 << 20).map_err(|error| error.to_string())?;
    decoder.read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

fn little(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn big(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_usual_encoding_is_the_same_text() {
    let text = "{\"a\": \"ß日🦀\"}\nzwei\n";
    let windows = text.replace('\n', "\r\n");
    let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
    for bytes in [
        text.as_bytes().to_vec(),
        windows.as_bytes().to_vec(),
        text.replace('\n', "\r").into_bytes(),
        marked(&[0xEF, 0xBB, 0xBF], text.as_bytes().to_vec()),
        marked(&[0xFF, 0xFE], little(&windows)),
        marked(&[0xFE, 0xFF], big(text)),
        little(text),
        big(&windows),
        gzip(text.as_bytes()),
        gzip(&marked(&[0xFF, 0xFE], little(&windows))),
        [gzip(&text.as_bytes()[..7]), gzip(&text.as_bytes()[7..])].concat(),
    ] {
        for piece in [1, 3, 7, 4096] {
            assert_eq!(decode(&bytes, piece).as_deref(), Ok(text), "{bytes:?}");
        }
    }
}

#[test]
fn what_is_no_text_is_said() {
    for (bytes, wanted) in [
        (&b"PK\x03\x04rest"[..], "packed with zip"),
        (b"\x28\xb5\x2f\xfdrest", "packed with zstd"),
        (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
        (b"GGUF\x03\0\0\0\0", "binary file"),
        (b"good\nb\xe9d", "line 2: the bytes e9 are not UTF-8"),
        (b"cut \xe6\x97", "line 1: the text ends in the middle of a character"),
        (b"\xff\xfea\0\x00\xd8", "middle of a character"),
        (b"\xff\xfe\x00\xdca\0", "dc00 is half a character"),
        (&gzip(&[b'x'; 9000])[..20], "gzip"),
    ] {
        let error = decode(bytes, 4096).unwrap_err();
        assert!(error.contains(wanted), "{error} lacks {wanted}");
    }
}

#[test]
fn the_bound_counts_what_comes_out() {
    let bomb = gzip(&vec![b' '; 3 << 20]);
    assert!(bomb.len() < 1 << 16, "the test's own input is small");
    let error = decode(&bomb, 4096).unwrap_err();
    assert!(error.contains("more than 1048576 bytes"), "{error}");
}

proptest! {
    #[test]
    fn text_survives(text in "[^\r\u{feff}\0]{0,80}", piece in 1_usize..9) {
        prop_assert_eq!(decode(text.as_bytes(), piece), Ok(text.clone()));
        let marked = [&[0xFF, 0xFE][..], &little(&text)].concat();
        prop_assert_eq!(decode(&marked, piece), Ok(text));
    }

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in 1_usize..9) {
        let _ = decode(&bytes, piece);
    }
}
