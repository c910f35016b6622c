//! Ctrl-C, a polite request to end, or a terminal that goes away: the run ends between two inferences; a second one, or
//! a request to quit, ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::usage::INTERRUPTED;
use crate::{console, serving};

/// How the process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Ctrl-C, SIGTERM, or SIGHUP.
    ToEnd,
    /// SIGQUIT.
    ToQuit,
}

/// A flag that the first Ctrl-C, SIGTERM or SIGHUP sets. The second, or a SIGQUIT, ends the process and the servers that
/// were started.
pub(crate) fn on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let mut requests = Requests::heard();
            if requests.next().await == Asked::ToEnd {
                flag.store(true, Ordering::Relaxed);
                console::note("stopping after this inference; press Ctrl-C again to stop now");
                requests.next().await;
            }
            serving::kill_all();
            std::process::exit(i32::from(INTERRUPTED));
        });
    });
    stop
}

/// The signals that are listened to; one that cannot be never comes.
struct Requests {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
    quit: Option<Signal>,
}

impl Requests {
    fn heard() -> Self {
        // what `nohup` has ignored stays ignored
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();

        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            hangup: unless_ignored(&status, SignalKind::hangup()),
            quit: unless_ignored(&status, SignalKind::quit()),
        }
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            () = came(&mut self.interrupt) => Asked::ToEnd,
            () = came(&mut self.terminate) => Asked::ToEnd,
            () = came(&mut self.hangup) => Asked::ToEnd,
            () = came(&mut self.quit) => Asked::ToQuit,
        }
    }
}

/// Listens to a signal, where this process does not ignore it.
fn unless_ignored(status: &str, kind: SignalKind) -> Option<Signal> {
    if is_ignored(status, kind.as_raw_value()) { None } else { signal(kind).ok() }
}

async fn came(signal: &mut Option<Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending::<()>().await;
    }
}

/// True where `/proc/self/status` shows the signal of that number among those that are ignored: bit n − 1 of `SigIgn`
/// (proc(5)).
fn is_ignored(status: &str, number: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(number).ok().and_then(|number| number.checked_sub(1));
    bit.and_then(|bit| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read() {
        let check = |status: &str, number: i32, wanted: bool| {
            assert_eq!(is_ignored(status, number), wanted, "{status:?} {number}");
        };
        let hangup = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n";
        check(hangup, 1, true);
        check(hangup, 3, false);
        check("SigIgn:\t0000000000001004\n", 3, true);
        check("SigIgn:\t8000000000000000\n", 64, true);
        check("SigIgn:\tx\n", 1, false);
        check("", 1, false);
        check(hangup, 0, false);
        check(hangup, 99, false);
    }
}
