//! The one way to stdout. A write that fails is an error of the whole program, whichever command made it.
//!
//! The first failure is kept here and not handed from function to function: a caller that forgets to look at a result
//! would end with exit code 0 and half an answer, and [`failure`] is asked once, at the end of `main`.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// What happened to stdout so far.
#[derive(Debug)]
struct State {
    /// False once a write has failed: what comes later would be an answer with a hole.
    open: bool,
    /// Why, unless the reader has gone away.
    failure: Option<io::Error>,
}

static STATE: Mutex<State> = Mutex::new(State { open: true, failure: None });

/// Prints one line of data.
pub(crate) fn line(text: &str) {
    block(&format!("{text}\n"));
}

/// Prints data that ends its own lines.
pub(crate) fn block(text: &str) {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    state.write(&mut io::stdout().lock(), text.as_bytes());
}

/// True once a write has failed: nobody reads what would come.
pub(crate) fn is_closed() -> bool {
    !STATE.lock().unwrap_or_else(PoisonError::into_inner).open
}

/// The first write that failed; `None` where everything was written, or the reader wanted no more (`| head`).
pub(crate) fn failure() -> Option<anyhow::Error> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let error = state.failure.take()?;
    Some(anyhow::Error::new(error).context("cannot write to standard output"))
}

impl State {
    fn write(&mut self, out: &mut impl Write, bytes: &[u8]) {
        if !self.open {
            return;
        }

        // flushed each time: what stays in a buffer would fail where nobody looks
        let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) else { return };

        self.open = false;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failure = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes and then fails in its own way.
    struct Scripted {
        taken: Vec<u8>,
        room: usize,
        fails_with: io::ErrorKind,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.room.saturating_sub(self.taken.len()).min(bytes.len()) {
                0 => Err(self.fails_with.into()),
                fits => {
                    self.taken.extend(bytes.iter().take(fits));
                    Ok(fits)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(room: usize, fails_with: io::ErrorKind, taken: &str, failure: Option<io::ErrorKind>) {
        let mut out = Scripted { taken: Vec::new(), room, fails_with };
        let mut state = State { open: true, failure: None };
        for text in ["first\n", "second\n", "3\n"] {
            state.write(&mut out, text.as_bytes());
        }
        assert_eq!(String::from_utf8_lossy(&out.taken), taken);
        assert_eq!(state.failure.map(|error| error.kind()), failure);
    }

    #[test]
    fn the_first_failure_counts_and_nothing_follows_it() {
        check(99, io::ErrorKind::StorageFull, "first\nsecond\n3\n", None);
        check(8, io::ErrorKind::StorageFull, "first\nse", Some(io::ErrorKind::StorageFull));
        check(0, io::ErrorKind::WriteZero, "", Some(io::ErrorKind::WriteZero));
    }

    #[test]
    fn a_reader_that_has_gone_away_is_no_failure() {
        check(8, io::ErrorKind::BrokenPipe, "first\nse", None);
    }
}
