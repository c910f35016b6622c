//! Files and folders that their owner alone can read: runs hold prompts and answers.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// How files of a run are opened: those that are made now are readable by their owner alone.
pub fn private_options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no such mode"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder that its owner alone can enter.
///
/// # Errors
/// What the system says, an existing folder included.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no such mode"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
