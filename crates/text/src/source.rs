//! A file, a pipe, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::decoder::Decoder;
use crate::error::TextError;

/// The name that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// How a file is named in messages.
pub fn display_name(path: &Path) -> String {
    if path.as_os_str() == STANDARD_INPUT { "standard input".to_owned() } else { path.display().to_string() }
}

/// Opens a text file, or standard input for `-`. It may be a pipe or a device: what it holds counts, up to `most`
/// bytes. `what` is what it should be: `prompt set`.
///
/// # Errors
/// [`TextError`] where it cannot be opened, or starts like no text.
pub fn open(path: &Path, most: u64, what: &str) -> Result<Decoder, TextError> {
    let file = display_name(path);
    let source: Box<dyn Read> = if path.as_os_str() == STANDARD_INPUT {
        Box::new(io::stdin())
    } else {
        let opened = File::open(path).and_then(refuse_folder);
        Box::new(opened.map_err(|cause| failure(&file, what, cause))?)
    };
    Decoder::new(source, most).map_err(|cause| failure(&file, what, cause))
}

/// The whole text of a file, or of standard input for `-`: as [`open`].
///
/// # Errors
/// [`TextError`] where it cannot be read, is no text, or holds more than `most` bytes.
pub fn read(path: &Path, most: u64, what: &str) -> Result<String, TextError> {
    let mut text = String::new();
    let mut decoder = open(path, most, what)?;
    decoder.read_to_string(&mut text).map_err(|cause| failure(&display_name(path), what, cause))?;
    Ok(text)
}

/// Opens a regular file. Anything else is refused before it is opened: opening a pipe that nobody writes to would wait
/// for ever.
///
/// # Errors
/// What the system says, or that it is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    File::open(path)
}

/// The whole text of a file that was found and not named by the user: as [`read`], of a regular file alone.
///
/// # Errors
/// As of [`read`], and where it is no regular file.
pub fn read_regular(path: &Path, most: u64, what: &str) -> Result<String, TextError> {
    let file = display_name(path);
    let opened = open_regular(path).map_err(|cause| failure(&file, what, cause))?;

    let mut text = String::new();
    let mut decoder = Decoder::new(opened, most).map_err(|cause| failure(&file, what, cause))?;
    decoder.read_to_string(&mut text).map_err(|cause| failure(&file, what, cause))?;
    Ok(text)
}

fn refuse_folder(file: File) -> io::Result<File> {
    if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}

/// What the system says, apart from what the bytes are.
pub(crate) fn failure(file: &str, what: &str, cause: io::Error) -> TextError {
    let file = file.to_owned();
    if cause.kind() == io::ErrorKind::InvalidData {
        return TextError::NotText { file, reason: format!("it cannot be used as a {what}: {cause}") };
    }
    TextError::Unreadable { file, what: what.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn bounds_hold_where_no_size_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "four\nfive").unwrap();
        assert_eq!(read(file.path(), 9, "file").unwrap(), "four\nfive");
        let error = read(file.path(), 8, "settings file").unwrap_err().to_string();
        assert!(error.contains("settings file: more than 8 bytes"), "{error}");
    }

    /// Opening a pipe waits for whoever writes to it.
    #[cfg(unix)]
    #[test]
    fn a_pipe_that_was_found_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let regular = folder.path().join("file");
        std::fs::write(&regular, "text").unwrap();

        let (answer, answers) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let read = [pipe, regular].map(|path| read_regular(&path, 100, "settings file"));
            answer.send(read).ok();
        });
        let [of_pipe, of_file] = answers.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        let error = of_pipe.unwrap_err().to_string();
        assert!(error.ends_with("pipe: cannot read the settings file: it is no regular file"), "{error}");
        assert_eq!(of_file.unwrap(), "text");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (path, wanted) in [
            ("/nowhere", "/nowhere: cannot read the file: "),
            ("/", "/: cannot read the file: "),
            ("/dev/zero", "/dev/zero: it cannot be used as a file: it is a binary file"),
        ] {
            let error = read(Path::new(path), 100, "file").unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
