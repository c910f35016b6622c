//! One entry of a GGUF file's metadata, kept as the bytes of the file.

/// GGUF's number for a string.
pub(crate) const KIND_STRING: u32 = 8;
/// GGUF's number for an array.
pub(crate) const KIND_ARRAY: u32 = 9;
/// GGUF's number for a number of 32 bits without sign.
pub(crate) const KIND_U32: u32 = 4;
const KIND_I32: u32 = 5;
const KIND_F32: u32 = 6;
const KIND_BOOL: u32 = 7;

/// A key and its value as the file stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key: `general.architecture`.
    pub key: String,
    /// GGUF's number for the value's type.
    pub kind: u32,
    /// The value's bytes, without the type number.
    pub bytes: Vec<u8>,
}

/// Bytes of one value of a type of fixed width.
pub(crate) fn scalar_bytes(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | KIND_BOOL => Some(1),
        2 | 3 => Some(2),
        KIND_U32 | KIND_I32 | KIND_F32 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

impl Entry {
    /// A text entry.
    pub fn text(key: impl Into<String>, value: &str) -> Self {
        let mut bytes = (value.len() as u64).to_le_bytes().to_vec();
        bytes.extend(value.as_bytes());
        Self { key: key.into(), kind: KIND_STRING, bytes }
    }

    /// An entry of 32 bits without sign.
    pub fn u32(key: impl Into<String>, value: u32) -> Self {
        Self { key: key.into(), kind: KIND_U32, bytes: value.to_le_bytes().to_vec() }
    }

    /// A floating-point entry.
    pub fn f32(key: impl Into<String>, value: f32) -> Self {
        Self { key: key.into(), kind: KIND_F32, bytes: value.to_le_bytes().to_vec() }
    }

    /// A yes-or-no entry.
    pub fn boolean(key: impl Into<String>, value: bool) -> Self {
        Self { key: key.into(), kind: KIND_BOOL, bytes: vec![u8::from(value)] }
    }

    /// An array of texts.
    pub fn texts<'a>(key: impl Into<String>, values: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let mut bytes = KIND_STRING.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        for value in values {
            bytes.extend((value.len() as u64).to_le_bytes());
            bytes.extend(value.as_bytes());
        }
        Self { key: key.into(), kind: KIND_ARRAY, bytes }
    }

    /// An array of whole numbers of 32 bits.
    pub fn i32s(key: impl Into<String>, values: impl ExactSizeIterator<Item = i32>) -> Self {
        let mut bytes = KIND_I32.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        bytes.extend(values.flat_map(i32::to_le_bytes));
        Self { key: key.into(), kind: KIND_ARRAY, bytes }
    }

    /// An array of floating-point numbers of 32 bits.
    pub fn f32s(key: impl Into<String>, values: impl ExactSizeIterator<Item = f32>) -> Self {
        let mut bytes = KIND_F32.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        bytes.extend(values.flat_map(f32::to_le_bytes));
        Self { key: key.into(), kind: KIND_ARRAY, bytes }
    }

    /// The value as text, where it is one; bytes that are not UTF-8 become the replacement character.
    pub fn as_text(&self) -> Option<String> {
        (self.kind == KIND_STRING)
            .then(|| self.bytes.get(8..).map(|text| String::from_utf8_lossy(text).into_owned()))
            .flatten()
    }

    /// The value as a whole number, where it is one and not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match (self.kind, self.bytes.as_slice()) {
            (0 | KIND_BOOL, [byte]) => Some(u64::from(*byte)),
            (1, [byte]) => u64::try_from(byte.cast_signed()).ok(),
            (2, bytes) => Some(u64::from(u16::from_le_bytes(bytes.try_into().ok()?))),
            (3, bytes) => u64::try_from(i16::from_le_bytes(bytes.try_into().ok()?)).ok(),
            (KIND_U32, bytes) => Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?))),
            (KIND_I32, bytes) => u64::try_from(i32::from_le_bytes(bytes.try_into().ok()?)).ok(),
            (10, bytes) => Some(u64::from_le_bytes(bytes.try_into().ok()?)),
            (11, bytes) => u64::try_from(i64::from_le_bytes(bytes.try_into().ok()?)).ok(),
            _ => None,
        }
    }

    /// How many elements the array has, where the value is one.
    pub fn array_length(&self) -> Option<u64> {
        if self.kind != KIND_ARRAY {
            return None;
        }
        Some(u64::from_le_bytes(self.bytes.get(4..12)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        assert_eq!(Entry::text("k", "hé").as_text().as_deref(), Some("hé"));
        assert_eq!(Entry::u32("k", 7).as_u64(), Some(7));
        assert_eq!(Entry { key: "k".into(), kind: 5, bytes: (-1i32).to_le_bytes().to_vec() }.as_u64(), None);
        assert_eq!(Entry::texts("k", ["a", "b"].into_iter()).array_length(), Some(2));
        assert_eq!(Entry::f32s("k", [0.5, 1.0].into_iter()).bytes.len(), 12 + 8);
        assert_eq!(Entry::u32("k", 7).as_text(), None);
    }
}
