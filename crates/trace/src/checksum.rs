//! A checksum at the end of each line of a run, so that a line that was damaged on the disk is found and not believed.
//!
//! It is a further field of the line's object, `"crc32"`: the CRC-32 of ISO-HDLC (the one of gzip and PNG), in eight
//! hexadecimal digits, over the bytes of the line before it. Whoever else reads OTLP JSON passes over fields that it does
//! not know, as the specification asks (*OTLP, JSON Protobuf Encoding*).

/// What stands between the spans and the digits.
const BEFORE: &[u8] = b",\"crc32\":\"";
/// What stands behind them.
const AFTER: &[u8] = b"\"}";
/// Hexadecimal digits.
const DIGITS: usize = 8;

/// What a line's checksum says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seal {
    /// There is none: the line of an earlier version, or of another program.
    None,
    /// The line is as it was written.
    Whole,
    /// It is not.
    Broken,
}

/// What is said of a line whose checksum does not match.
pub(crate) const BROKEN: &str = "its checksum does not match: the line was damaged after it was written. Remove the line to continue without what it held";
/// What is said of a line without a checksum among lines that have one.
pub(crate) const MISSING: &str = "it has no checksum, as the lines before it have: it was damaged or written by another version. Remove the line to go \
     on without what it held";

/// Ends a line that lacks the brace that closes its object.
pub(crate) fn seal(line: &mut Vec<u8>) {
    let checksum = crc32fast::hash(line);
    line.extend_from_slice(BEFORE);
    line.extend_from_slice(format!("{checksum:08x}").as_bytes());
    line.extend_from_slice(AFTER);
}

/// The part of a line that its checksum is over, and what it says; of a line without one, the line.
pub(crate) fn check(line: &[u8]) -> (&[u8], Seal) {
    let Some((body, stated)) = split(line.trim_ascii_end()) else { return (line, Seal::None) };
    let is_whole = format!("{:08x}", crc32fast::hash(body)).as_bytes() == stated;
    (body, if is_whole { Seal::Whole } else { Seal::Broken })
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8; DIGITS])> {
    let (rest, digits) = line.strip_suffix(AFTER)?.split_last_chunk::<DIGITS>()?;
    Some((rest.strip_suffix(BEFORE)?, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damaged_bit_is_found() {
        let mut line = br#"{"resourceSpans":[{"a":12}]"#.to_vec();
        let body = line.len();
        seal(&mut line);
        line.push(b'\n');
        assert_eq!(check(&line), (&line[..body], Seal::Whole));

        for bit in 0..8 * (line.len() - 1) {
            let mut damaged = line.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // where the mark of the checksum itself is damaged, the line is one without, which the reader notices
            assert_ne!(check(&damaged).1, Seal::Whole, "bit {bit}");
        }
    }

    #[test]
    fn lines_of_others_have_none() {
        for line in ["", "{}", r#"{"resourceSpans":[]}"#, r#","crc32":"0"}"#] {
            assert_eq!(check(line.as_bytes()), (line.as_bytes(), Seal::None), "{line}");
        }
    }
}
