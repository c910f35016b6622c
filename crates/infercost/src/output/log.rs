//! Events of the libraries, on stderr: warnings always, more with `INFERCOST_LOG=debug`.

use tracing_subscriber::EnvFilter;

/// Shows warnings and what `INFERCOST_LOG` asks for.
pub(crate) fn install() {
    let filter =
        EnvFilter::try_from_env("INFERCOST_LOG").unwrap_or_else(|_| EnvFilter::new("infercost=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
}
