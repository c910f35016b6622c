//! The number of worker threads, which candle reads from the environment once, when its pool starts.

use std::env;

use anyhow::Context as _;

const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Makes this process use `threads` worker threads, by starting itself again with the environment set.
///
/// The variable must be set before the first thread starts, and setting it in a running process is unsound;
/// so the process replaces itself.
pub(crate) fn pin(threads: Option<u16>) -> anyhow::Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    let wanted = threads.to_string();
    if env::var(VARIABLE).is_ok_and(|set| set == wanted) {
        return Ok(());
    }
    restart(&wanted)
}

#[cfg(unix)]
fn restart(threads: &str) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let program = env::current_exe().context("cannot find this program to start it with --threads")?;
    let error =
        std::process::Command::new(program).args(env::args_os().skip(1)).env(VARIABLE, threads).exec();
    Err(error).context("cannot start this program again with --threads; set RAYON_NUM_THREADS instead")
}

#[cfg(not(unix))]
fn restart(threads: &str) -> anyhow::Result<()> {
    anyhow::bail!("--threads needs the environment here: set {VARIABLE}={threads}")
}
