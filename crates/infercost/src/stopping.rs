//! Ctrl-C, and a polite request to end: the run ends between two inferences; a second one ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::exit::INTERRUPTED;
use crate::{output, serving};

/// A flag that the first Ctrl-C, or SIGTERM, sets. The second also stops the servers that were started.
pub(crate) fn on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if asked_to_end().await {
                flag.store(true, Ordering::Relaxed);
                output::note("stopping after this inference; press Ctrl-C again to stop now");
            }
            if asked_to_end().await {
                serving::kill_all();
                std::process::exit(i32::from(INTERRUPTED));
            }
        });
    });
    stop
}

/// Waits for Ctrl-C or SIGTERM; false where neither can be waited for.
async fn asked_to_end() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return tokio::signal::ctrl_c().await.is_ok();
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
        terminated = terminate.recv() => terminated.is_some(),
    }
}
