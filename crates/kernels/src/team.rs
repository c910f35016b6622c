//! The threads that share a forward pass.
//!
//! A [`Team`] is the calling thread and as many workers as are needed beside it. A phase of work is cut into pieces,
//! which members claim one at a time from a counter: a member that the system has put to sleep delays the piece that it
//! holds, and nothing else. A phase ends when its last piece is done, whether or not every worker has noticed that it
//! had begun.
//!
//! **Waiting costs joules**, and this program measures joules. So a member that finds nothing to claim spins for
//! [`SPIN`] (the steps of a pass are microseconds apart, and waking a thread takes longer than that), then offers its
//! processor to others until [`LINGER`] is over, and then sleeps until it is woken. Between two passes of a model all
//! workers sleep after 50 µs; other engines' workers poll for milliseconds.

use std::any::Any;
use std::cell::UnsafeCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::Scratch;

/// How long a member that waits keeps its processor.
pub const SPIN: Duration = Duration::from_micros(20);

/// How long a member waits before it sleeps; beyond [`SPIN`] it lets other programs run first.
pub const LINGER: Duration = Duration::from_micros(50);

/// Looks at the counter between two looks at the clock, which cost more.
const LOOKS: u32 = 8;

/// Most threads of a team.
pub const MOST_THREADS: usize = 1024;

/// Memory of one member, which keeps it from one piece to the next.
#[derive(Default)]
pub struct Workspace {
    /// For products of matrices.
    pub matmul: Scratch,
    /// For everything else: of any length, holding anything.
    pub floats: Vec<f32>,
}

/// Threads that share work; the one that calls is among them.
pub struct Team {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    workspace: Workspace,
}

/// What one piece of work is called with: its number, and the memory of the member that does it.
pub type Work<'a> = dyn Fn(usize, &mut Workspace) + Sync + 'a;

/// A number on a cache line of its own, so that nobody waits for a neighbor's.
#[repr(align(128))]
struct Alone<T>(T);

struct Shared {
    /// Number of the phase in the upper half, pieces that are left to claim in the lower.
    claims: Alone<AtomicU64>,
    /// Pieces of this phase that are not done yet.
    pending: Alone<AtomicUsize>,
    /// What this phase does. Written before `claims` shows the phase, read by members that hold one of its pieces.
    phase: UnsafeCell<Option<Phase>>,
    /// One for each worker: true while it sleeps or is about to.
    asleep: Vec<Alone<AtomicBool>>,
    /// The caller, while it sleeps or is about to.
    caller: Mutex<Option<Thread>>,
    caller_asleep: AtomicBool,
    /// What a piece panicked with; the first of several.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    stop: AtomicBool,
}

#[derive(Clone, Copy)]
struct Phase {
    work: *const Work<'static>,
    pieces: u32,
}

// SAFETY: `phase` is written by the caller alone, while no piece of an earlier phase is pending. A member reads it only
// while it holds a piece, which it has claimed after the write was published through `claims`; and the caller waits for
// that piece before it writes again, or lets go of what `work` points to.
unsafe impl Sync for Shared {}
// SAFETY: `work` points to something that can be called from any thread.
unsafe impl Send for Shared {}

impl Team {
    /// A team of `threads` members, the caller included; at least one, at most [`MOST_THREADS`].
    ///
    /// # Errors
    /// The system starts no more threads.
    pub fn new(threads: usize) -> io::Result<Self> {
        let others = threads.clamp(1, MOST_THREADS) - 1;
        let shared = Arc::new(Shared {
            claims: Alone(AtomicU64::new(0)),
            pending: Alone(AtomicUsize::new(0)),
            phase: UnsafeCell::new(None),
            asleep: (0..others).map(|_| Alone(AtomicBool::new(false))).collect(),
            caller: Mutex::new(None),
            caller_asleep: AtomicBool::new(false),
            panic: Mutex::new(None),
            stop: AtomicBool::new(false),
        });

        // From here on, dropping the team stops what has been started.
        let mut team = Self { shared, workers: Vec::with_capacity(others), workspace: Workspace::default() };
        for number in 0..others {
            let shared = team.shared.clone();
            let worker = thread::Builder::new()
                .name(format!("kernels-{number}"))
                .spawn(move || shared.work(number))?;
            team.workers.push(worker);
        }
        Ok(team)
    }

    /// Members, the caller included.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Does `pieces` pieces of work, each once, on all members, and returns when all are done.
    ///
    /// Pieces are claimed in ascending order. Their results must not depend on who does them.
    ///
    /// # Panics
    /// A piece panicked: the first panic goes on here, after the other pieces are done.
    pub fn run(&mut self, pieces: usize, work: &Work<'_>) {
        let counted = u32::try_from(pieces).ok().filter(|_| pieces > 1 && !self.workers.is_empty());
        let Some(counted) = counted else {
            for piece in 0..pieces {
                work(piece, &mut self.workspace);
            }
            return;
        };

        self.begin(counted, work);
        while self.shared.do_piece(&mut self.workspace) {}
        self.shared.await_end();

        let panic = self.shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// The caller's memory, for what it does alone.
    pub(crate) fn own_workspace(&mut self) -> &mut Workspace {
        &mut self.workspace
    }

    /// Shows a phase to the workers.
    fn begin(&mut self, pieces: u32, work: &Work<'_>) {
        let shared = &*self.shared;

        // SAFETY: only the lifetime changes; the pointer is followed by members that hold a piece, and `run` returns
        // after all pieces are done.
        let work: *const Work<'static> =
            unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: no piece is pending, so nobody reads; see `Shared`.
        unsafe { *shared.phase.get() = Some(Phase { work, pieces }) };
        shared.pending.0.store(pieces as usize, Ordering::Relaxed);

        let number = (shared.claims.0.load(Ordering::Relaxed) >> 32).wrapping_add(1);
        shared.claims.0.store(number << 32 | u64::from(pieces), Ordering::Release);

        // A worker that has said that it sleeps and has not seen the claims is woken: one of the two fences, here and in
        // `await_piece`, comes first.
        fence(Ordering::SeqCst);
        let wanted = pieces as usize - 1;
        let sleepers = self.workers.iter().zip(&shared.asleep).take(wanted);
        for (worker, asleep) in sleepers {
            if asleep.0.load(Ordering::Relaxed) {
                worker.thread().unpark();
            }
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches what pieces panic with, and does nothing else.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Team").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

impl Shared {
    /// A worker's life.
    fn work(&self, number: usize) {
        let mut workspace = Workspace::default();
        while !self.stop.load(Ordering::Relaxed) {
            if !self.do_piece(&mut workspace) {
                self.await_piece(number);
            }
        }
    }

    /// Claims one piece and does it; false where none is left.
    fn do_piece(&self, workspace: &mut Workspace) -> bool {
        let Some(left) = self.claim() else { return false };

        // SAFETY: this member holds a piece of the phase that is on show; see `Shared`.
        let phase = unsafe { *self.phase.get() };
        if let Some(Phase { work, pieces }) = phase {
            let piece = pieces.wrapping_sub(left) as usize;
            // SAFETY: the caller keeps it alive until this piece is done.
            let work = unsafe { &*work };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(piece, workspace))) {
                self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
            }
        }

        self.end_piece();
        true
    }

    /// Takes a piece: how many were left with it.
    ///
    /// The number of the phase is part of what is compared, so that a member that was asleep cannot claim a piece of a
    /// phase that has ended (unless 2^32 phases passed meanwhile).
    fn claim(&self) -> Option<u32> {
        let mut claims = self.claims.0.load(Ordering::Acquire);
        loop {
            let left = claims as u32;
            if left == 0 {
                return None;
            }
            match self.claims.0.compare_exchange_weak(claims, claims - 1, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some(left),
                Err(now) => claims = now,
            }
        }
    }

    /// Counts a piece as done, and wakes the caller with the last one.
    fn end_piece(&self) {
        if self.pending.0.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }

        fence(Ordering::SeqCst);
        if self.caller_asleep.load(Ordering::Relaxed) {
            let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(caller) = caller.as_ref() {
                caller.unpark();
            }
        }
    }

    /// Waits, in a worker, until there may be something to claim.
    fn await_piece(&self, number: usize) {
        let Some(Alone(asleep)) = self.asleep.get(number) else { return };
        let is_over =
            || self.claims.0.load(Ordering::Acquire) as u32 != 0 || self.stop.load(Ordering::Relaxed);
        if linger(&is_over) {
            return;
        }

        asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        while !is_over() {
            thread::park();
        }
        asleep.store(false, Ordering::Relaxed);
    }

    /// Waits, in the caller, until all pieces are done.
    fn await_end(&self) {
        let is_over = || self.pending.0.load(Ordering::Acquire) == 0;
        if linger(&is_over) {
            return;
        }

        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current());
        self.caller_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        while !is_over() {
            thread::park();
        }
        self.caller_asleep.store(false, Ordering::Relaxed);
    }
}

/// Waits a little without sleeping; true where what was awaited has come.
fn linger(is_over: &dyn Fn() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if is_over() {
                return true;
            }
            std::hint::spin_loop();
        }

        let waited = begin.elapsed();
        if waited > LINGER {
            return is_over();
        }
        if waited > SPIN {
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(threads: usize) -> Team {
        Team::new(threads).unwrap()
    }

    #[test]
    fn each_piece_is_done_once() {
        for threads in [1, 2, 3, 8] {
            let mut team = team(threads);
            assert_eq!(team.threads(), threads);
            for pieces in [0, 1, 2, 3, 7, 64, 1000] {
                let done: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
                team.run(pieces, &|piece, _| {
                    done[piece].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{threads} {pieces}");
            }
        }
    }

    #[test]
    fn phases_follow_one_another_without_loss() {
        let mut team = team(4);
        let total = AtomicUsize::new(0);
        for phase in 0..20_000 {
            // Now and then the workers have fallen asleep.
            if phase % 5000 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
            team.run(5, &|piece, _| {
                total.fetch_add(piece + 1, Ordering::Relaxed);
            });
            assert_eq!(total.load(Ordering::Relaxed), (phase + 1) * 15);
        }
    }

    #[test]
    fn what_a_piece_writes_is_seen_by_the_next_phase() {
        let mut team = team(3);
        let values: Vec<AtomicUsize> = (0..64).map(|_| AtomicUsize::new(0)).collect();
        for round in 1..500 {
            team.run(64, &|piece, _| values[piece].store(round, Ordering::Relaxed));
            team.run(64, &|piece, _| {
                assert_eq!(values[(piece + 31) % 64].load(Ordering::Relaxed), round);
            });
        }
    }

    #[test]
    fn a_sleeping_worker_delays_its_piece_alone() {
        let mut team = team(2);
        let by_others = AtomicUsize::new(0);
        // One piece sleeps; whoever else is there does all the others meanwhile.
        team.run(50, &|piece, _| {
            if piece == 0 {
                while by_others.load(Ordering::Relaxed) < 49 {
                    thread::yield_now();
                }
            } else {
                by_others.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(by_others.load(Ordering::Relaxed), 49);
    }

    #[test]
    fn panics_come_back_and_the_team_goes_on() {
        let mut team = team(3);
        for panicking in [0, 5, 9] {
            let done = AtomicUsize::new(0);
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.run(10, &|piece, _| {
                    assert_ne!(piece, panicking, "as planned");
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }));
            assert!(result.is_err());
            assert_eq!(done.load(Ordering::Relaxed), 9, "the other pieces are done");
        }
        team.run(4, &|_, _| {});
    }

    #[test]
    fn members_keep_their_memory() {
        let mut team = team(2);
        team.run(16, &|_, workspace| workspace.floats.resize(100, 1.0));
        team.run(16, &|_, workspace| assert!(workspace.floats.is_empty() || workspace.floats.len() == 100));
    }

    #[test]
    fn teams_are_moved_between_threads() {
        let mut team = team(2);
        let team = thread::spawn(move || {
            team.run(4, &|_, _| {});
            team
        });
        let mut team = team.join().unwrap();
        team.run(4, &|_, _| {});
    }
}
