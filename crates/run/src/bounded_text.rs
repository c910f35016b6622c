//! Text that a user names, read within bounds whatever its file says of its size: a device or a pipe has none.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use crate::usage::usage;

/// Longest line of a file that is read line by line.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// The whole file; an error where it holds more than `most` bytes. `what` is what it should be.
pub fn read(path: &Path, most: u64, what: &str) -> anyhow::Result<String> {
    let name = path.display();
    let cannot = |error: std::io::Error| usage(format!("{name}: cannot read the {what}: {error}"));
    let mut text = String::new();
    let file = File::open(path).map_err(cannot)?;
    let read = file.take(most.saturating_add(1)).read_to_string(&mut text).map_err(cannot)?;
    if read as u64 > most {
        return Err(usage(format!("{name}: more than {most} bytes are too large for a {what}")));
    }
    Ok(text)
}

/// Each line that is not blank, with its number from 1, without holding the whole file; an error where the file holds
/// more than `most` bytes, or a line more than a mebibyte.
pub fn lines(
    path: &Path,
    most: u64,
    what: &str,
    mut each: impl FnMut(u64, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = path.display();
    let cannot = |error: std::io::Error| usage(format!("{name}: cannot read the {what}: {error}"));
    let mut file = BufReader::new(File::open(path).map_err(cannot)?);
    let (mut total, mut number, mut line) = (0_u64, 0_u64, Vec::new());
    loop {
        line.clear();
        let read =
            file.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(cannot)? as u64;
        if read == 0 {
            return Ok(());
        }
        total = total.saturating_add(read);
        number += 1;
        if read > MAX_LINE_BYTES {
            return Err(usage(format!("{name}:{number}: a line of more than {MAX_LINE_BYTES} bytes")));
        }
        if total > most {
            return Err(usage(format!(
                "{name}: more than {most} bytes are too many at once; split the file"
            )));
        }
        if !line.trim_ascii().is_empty() {
            each(number, line.trim_ascii_end())?;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn bounds_hold_where_no_size_is_told() {
        let endless = Path::new("/dev/zero");
        let too_much = read(endless, 1 << 16, "settings file").unwrap_err().to_string();
        assert!(too_much.contains("/dev/zero: more than 65536 bytes"), "{too_much}");
        let too_long = lines(endless, 1 << 30, "file", |_, _| Ok(())).unwrap_err().to_string();
        assert!(too_long.contains("/dev/zero:1: a line of more than"), "{too_long}");
        let nothing = read(Path::new("/nowhere"), 1, "file").unwrap_err().to_string();
        assert!(nothing.contains("/nowhere: cannot read the file"), "{nothing}");
    }

    #[test]
    fn lines_are_numbered_and_counted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one\n\n  \nfour\r\nfive").unwrap();
        let mut found = Vec::new();
        let mut keep = |number, line: &[u8]| {
            found.push((number, String::from_utf8_lossy(line.trim_ascii()).into_owned()));
            Ok(())
        };
        lines(file.path(), 18, "file", &mut keep).unwrap();
        assert_eq!(found, [(1, "one".to_owned()), (4, "four".to_owned()), (5, "five".to_owned())]);
        let error = lines(file.path(), 17, "file", |_, _| Ok(())).unwrap_err().to_string();
        assert!(error.contains("more than 17 bytes"), "{error}");
        assert_eq!(read(file.path(), 18, "file").unwrap().len(), 18);
        assert!(read(file.path(), 17, "file").is_err());
    }
}
