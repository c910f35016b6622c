//! What a run says while it lasts, on stderr: bars on a terminal, a few plain lines elsewhere.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar};
use infercost_models::Progress;
use infercost_run::console::{self, Activity, Console, ModelProgress, StepProgress};

use crate::output;
use crate::output::progress::{TICK, bar};
use crate::output::terminal::plain;

/// Shows what `infercost-run` says.
pub(crate) fn install() {
    console::install(Box::new(Terminal));
}

/// The bar that stands on the screen now: whatever is said meanwhile goes above it, and leaves no second one behind.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Puts a bar on the screen.
fn show(bar: &ProgressBar) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
}

/// Says something above the bar, if there is one.
fn above(say: impl FnOnce()) {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown.filter(|bar| !bar.is_finished()) {
        Some(bar) => bar.suspend(say),
        None => say(),
    }
}

struct Terminal;

impl Console for Terminal {
    fn note(&self, text: &str) {
        above(|| output::note(text));
    }

    fn error(&self, error: &anyhow::Error) {
        above(|| output::error(error));
    }

    fn activity(&self) -> Box<dyn Activity> {
        let bar = bar(None, "{spinner} {msg}");
        bar.enable_steady_tick(TICK);
        show(&bar);
        Box::new(Spinner { bar, quiet: !io::stderr().is_terminal() })
    }

    fn models(&self) -> Box<dyn ModelProgress> {
        let bar = bar(Some(0), "{msg} [{bar:30}] {bytes}/{total_bytes} {eta} left");
        show(&bar);
        Box::new(Transfers { bar, doing: String::new(), quiet: !io::stderr().is_terminal() })
    }

    fn steps(&self, total: u64) -> Box<dyn StepProgress> {
        let bar = bar(Some(total), "[{bar:24}] {pos}/{len} {prefix}{msg}");
        show(&bar);
        Box::new(Steps {
            bar,
            done: Cell::new(0),
            total: Cell::new(total),
            left: Cell::new(None),
            quiet: !io::stderr().is_terminal(),
        })
    }
}

/// A line that says what is going on.
struct Spinner {
    bar: ProgressBar,
    quiet: bool,
}

impl Activity for Spinner {
    /// Off a terminal each is one line.
    fn show(&self, message: &str) {
        if self.quiet {
            output::note(message);
        }
        self.bar.set_message(plain(message));
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Fetching and making models.
struct Transfers {
    bar: ProgressBar,
    doing: String,
    quiet: bool,
}

impl Transfers {
    fn say(&self, text: &str) {
        self.bar.suspend(|| output::note(text));
    }
}

impl ModelProgress for Transfers {
    fn begin(&mut self, message: &str) {
        self.bar.set_message(plain(message));
        self.bar.tick();
    }

    /// Off a terminal each new step is one line.
    fn show(&mut self, step: Progress) {
        match step {
            Progress::Step { stage, file, done, total } => {
                let doing = format!("{} {}", stage.name(), plain(&file));
                if doing != self.doing {
                    if self.quiet {
                        output::note(&doing);
                    }
                    self.bar.set_message(doing.clone());
                    self.bar.reset();
                    self.doing = doing;
                }

                self.bar.set_length(total.unwrap_or(done));
                self.bar.set_position(done);
            }
            Progress::LicenseNotice { model, text, url } => {
                self.say(&format!("{model} comes under a license of its own ({url}):\n{text}"));
            }
            Progress::SourceFailed { source, reason } => {
                self.say(&format!("{source}: {reason}; trying the next source"));
            }
        }
    }

    fn clear(self: Box<Self>) {
        self.bar.finish_and_clear();
    }
}

/// A number of steps that is known beforehand.
struct Steps {
    bar: ProgressBar,
    done: Cell<u64>,
    total: Cell<u64>,
    left: Cell<Option<Duration>>,
    quiet: bool,
}

impl StepProgress for Steps {
    fn show(&self, message: &str) {
        if self.quiet {
            output::note(message);
        }
        self.bar.set_message(plain(message));
        self.bar.tick();
    }

    /// Off a terminal every tenth of the way is one line.
    fn step(&self, message: &str) {
        let done = self.done.get() + 1;
        self.done.set(done);
        self.bar.set_message(plain(message));
        self.bar.inc(1);

        let total = self.total.get().max(1);
        if self.quiet && done * 10 / total > (done - 1) * 10 / total {
            output::note(&format!("{done} of {total} measured{}; {message}", about(self.left.get())));
        }
    }

    fn total(&self, left: u64) {
        let total = self.done.get() + left;
        self.total.set(total);
        self.bar.set_length(total);
    }

    fn left(&self, time: Option<Duration>) {
        self.left.set(time);
        let shown = about(time);
        let shown = shown.strip_prefix(", ").map_or_else(String::new, |shown| format!("{shown} · "));
        self.bar.set_prefix(shown);
    }

    fn note(&self, text: &str) {
        self.bar.suspend(|| output::note(text));
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// `, about 3 minutes left`; nothing while nothing can be said.
fn about(left: Option<Duration>) -> String {
    left.map_or_else(String::new, |left| format!(", about {} left", HumanDuration(left)))
}
