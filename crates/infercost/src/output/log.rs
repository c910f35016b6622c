//! Events of the libraries, on stderr: warnings always, more with `INFERCOST_LOG=debug`.

use tracing_subscriber::EnvFilter;

/// Shows warnings, and what `INFERCOST_LOG` or so many `-v` ask for.
pub(crate) fn install(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let asked = EnvFilter::new(format!("infercost={level}"));
    let filter = match EnvFilter::try_from_env("INFERCOST_LOG") {
        Ok(filter) if verbose == 0 => filter,
        _ => asked,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
}
