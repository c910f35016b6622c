//! One question, asked again and again on a thread of its own, so that whoever is slow holds up nothing.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Asks when it is wanted, and keeps the last answer until somebody takes it.
pub(crate) struct Asking<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    change: Condvar,
}

struct State<T> {
    /// How often an answer was wanted.
    wanted: u64,
    /// The `wanted` that was answered last.
    answered: u64,
    /// What came of it.
    answer: Option<Result<T, String>>,
    over: bool,
}

impl<T: Send + 'static> Asking<T> {
    /// Begins to ask by calling `ask`.
    ///
    /// # Errors
    /// What the system says where no thread can be started.
    pub(crate) fn start(
        name: &str,
        ask: impl FnMut() -> Result<T, String> + Send + 'static,
    ) -> io::Result<Self> {
        let state = State { wanted: 0, answered: 0, answer: None, over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), change: Condvar::new() });
        let for_thread = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).spawn(move || for_thread.run(ask))?;
        Ok(Self { shared })
    }
}

impl<T> Asking<T> {
    /// Wants an answer; where one is on its way, another one will follow it.
    pub(crate) fn want(&self) {
        self.shared.lock().wanted += 1;
        self.shared.change.notify_all();
    }

    /// An answer that nobody has taken yet; waits until then for the one that is wanted.
    pub(crate) fn answer_by(&self, until: Instant) -> Option<Result<T, String>> {
        let mut state = self.shared.lock();
        while state.answered != state.wanted {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                break;
            };
            let waited = self.shared.change.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.answer.take()
    }
}

impl<T> Drop for Asking<T> {
    /// The thread ends once the question under way has ended; nobody waits for it.
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.change.notify_all();
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut ask: impl FnMut() -> Result<T, String>) {
        let mut state = self.lock();
        while !state.over {
            if state.wanted == state.answered {
                state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }

            let wanted = state.wanted;
            drop(state);
            let answer = ask();
            state = self.lock();
            state.answered = wanted;
            state.answer = Some(answer);
            self.change.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_is_taken_once_and_a_slow_one_holds_up_nothing() {
        let (answers, slow) = mpsc::channel::<u32>();
        let asking = Asking::start("asking", move || slow.recv().map_err(|error| error.to_string())).unwrap();
        let soon = || Instant::now() + Duration::from_millis(5);
        let late = || Instant::now() + Duration::from_secs(10);

        asking.want();
        assert_eq!(asking.answer_by(soon()), None, "it is being asked");
        answers.send(1).unwrap();
        assert_eq!(asking.answer_by(late()), Some(Ok(1)));
        assert_eq!(asking.answer_by(soon()), None, "it was taken");
        asking.want();
        drop(answers);
        assert!(asking.answer_by(late()).unwrap().is_err());
    }
}
