#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Cursor;

use super::*;

/// A file of these entries and tensors, with 64 bytes of data.
fn file(entries: &[Entry], tensors: &[TensorInfo]) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((entries.len() as u64).to_le_bytes());
    let named = |bytes: &mut Vec<u8>, name: &str| {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
    };

    for entry in entries {
        named(&mut bytes, &entry.key);
        bytes.extend(entry.kind.to_le_bytes());
        bytes.extend(&entry.bytes);
    }
    for tensor in tensors {
        named(&mut bytes, &tensor.name);
        bytes.extend((tensor.dimensions.len() as u32).to_le_bytes());
        for extent in &tensor.dimensions {
            bytes.extend(extent.to_le_bytes());
        }
        bytes.extend(tensor.kind.number().to_le_bytes());
        bytes.extend(tensor.offset.to_le_bytes());
    }

    bytes.resize(bytes.len().next_multiple_of(64) + 64, 0);
    bytes
}

fn tensor(name: &str) -> TensorInfo {
    TensorInfo { name: name.to_owned(), dimensions: vec![8, 2], kind: TensorType::F32, offset: 0 }
}

fn read(bytes: &[u8], metadata: Metadata) -> Result<Header, HeaderError> {
    Header::read(Cursor::new(bytes), bytes.len() as u64, metadata)
}

/// What is skipped is checked all the same, and everything after it is found where it lies.
#[test]
fn skipping_finds_what_keeping_finds() {
    let nested = Entry {
        key: "nested".into(),
        kind: KIND_ARRAY,
        bytes: {
            let inner = Entry::texts("", ["a", "bc"].into_iter()).bytes;
            [&KIND_ARRAY.to_le_bytes()[..], &1_u64.to_le_bytes(), &inner].concat()
        },
    };
    let entries = [
        Entry::text("general.name", "hé"),
        Entry::u32("general.alignment", 64),
        Entry::texts("tokens", ["x", "yz"].into_iter()),
        Entry::f32s("scores", [0.5, 1.0].into_iter()),
        nested,
    ];
    let bytes = file(&entries, &[tensor("a"), tensor("b")]);

    let kept = read(&bytes, Metadata::Kept).unwrap();
    assert_eq!(kept.entries, entries);
    assert_eq!((kept.alignment, kept.data_offset % 64), (64, 0));
    kept.check_extents().unwrap();

    let skipped = read(&bytes, Metadata::Skipped).unwrap();
    assert!(skipped.entries.is_empty());
    assert_eq!((&skipped.tensors, skipped.data_offset), (&kept.tensors, kept.data_offset));
}

#[test]
fn what_a_header_may_not_declare() {
    let of = |entry: Entry| file(&[entry], &[]);
    let array = |count: u64| {
        let bytes = [&4_u32.to_le_bytes()[..], &count.to_le_bytes()].concat();
        of(Entry { key: "many".into(), kind: KIND_ARRAY, bytes })
    };
    let twice = Entry::u32("k\u{1b}", 1);
    for (bytes, wanted) in [
        (of(Entry::u32("general.alignment", 48)), "power of two"),
        (of(Entry::u32("general.alignment", 0)), "power of two"),
        (of(Entry { kind: 10, bytes: vec![0; 8], ..Entry::u32("general.alignment", 0) }), "power of two"),
        (of(Entry { kind: 77, ..Entry::u32("k", 1) }), "metadata `k`: a value of the unknown type 77"),
        (array(1 << 25), "too many"),
        (array(1 << 20), "past the end"),
        (file(&[twice.clone(), twice], &[]), "`k\\u{1b}` stands twice"),
        (file(&[], &[tensor("a"), tensor("a\0")]), "stands twice"),
        (file(&[], &[TensorInfo { dimensions: vec![0], ..tensor("a") }]), "impossible shape"),
        (file(&[], &[TensorInfo { dimensions: vec![u64::MAX, 2], ..tensor("a") }]), "impossible shape"),
        (file(&[], &[TensorInfo { dimensions: Vec::new(), ..tensor("a") }]), "0 dimensions"),
        (b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\0\0\0\0\0\0\0\0".to_vec(), "too many"),
        (b"GGUF\x01\0\0\0\0\0\0\0".to_vec(), "version 1"),
        (b"GGUF\0\0\0\x03\0\0\0\0".to_vec(), "big-endian"),
        (b"nonsense".to_vec(), "not a GGUF file"),
    ] {
        for metadata in [Metadata::Kept, Metadata::Skipped] {
            let error = read(&bytes, metadata).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error} lacks {wanted}");
        }
    }

    let beyond = file(&[], &[TensorInfo { offset: 64, ..tensor("a") }]);
    let error = read(&beyond, Metadata::Skipped).unwrap().check_extents().unwrap_err();
    assert!(matches!(error, HeaderError::CutShort(_)), "{error}");
}

/// Cut anywhere in its header, a file is an error and no panic.
#[test]
fn no_header_is_cut_short_unnoticed() {
    let whole = file(&[Entry::texts("tokens", ["x", "yz"].into_iter())], &[tensor("a")]);
    // The header ends somewhere in the 32 bytes before the data.
    let shortest = read(&whole, Metadata::Skipped).unwrap().data_offset as usize - 32;
    for length in 0..shortest {
        for metadata in [Metadata::Kept, Metadata::Skipped] {
            assert!(read(&whole[..length], metadata).is_err(), "{length}");
        }
    }
}
