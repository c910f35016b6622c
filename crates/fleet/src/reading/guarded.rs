//! Decoders panic on bytes that nobody wrote; what they are given here takes nothing down with it.

use std::thread;

/// What a step on a thread of its own gives; `None` where it panics.
pub(crate) fn guarded<T: Send>(step: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| thread::Builder::new().spawn_scoped(scope, step).ok()?.join().ok())
}
