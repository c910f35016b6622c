//! What a run says while it lasts, on stderr: bars on a terminal, a few plain lines elsewhere.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};

use indicatif::ProgressBar;
use infercost_models::Progress;
use infercost_run::console::{self, Activity, Console, ModelProgress, StepProgress};

use crate::output;
use crate::output::progress::{TICK, bar};
use crate::output::terminal::plain;

/// Shows what `infercost-run` says.
pub(crate) fn install() {
    console::install(Box::new(Terminal));
}

struct Terminal;

impl Console for Terminal {
    fn note(&self, text: &str) {
        output::note(text);
    }

    fn error(&self, error: &anyhow::Error) {
        output::error(error);
    }

    fn activity(&self) -> Box<dyn Activity> {
        let bar = bar(None, "{spinner} {msg}");
        bar.enable_steady_tick(TICK);
        Box::new(Spinner(bar))
    }

    fn models(&self) -> Box<dyn ModelProgress> {
        Box::new(Transfers {
            bar: bar(Some(0), "{msg} [{bar:30}] {bytes}/{total_bytes} {eta}"),
            doing: String::new(),
            quiet: !io::stderr().is_terminal(),
        })
    }

    fn steps(&self, total: u64) -> Box<dyn StepProgress> {
        Box::new(Steps {
            bar: bar(Some(total), "{msg:24!} [{bar:30}] {pos}/{len} {eta}"),
            done: Cell::new(0),
            total,
            quiet: !io::stderr().is_terminal(),
        })
    }
}

/// A line that says what is going on.
struct Spinner(ProgressBar);

impl Activity for Spinner {
    fn show(&self, message: &str) {
        self.0.set_message(plain(message));
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
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
    total: u64,
    quiet: bool,
}

impl StepProgress for Steps {
    /// Off a terminal every tenth of the way is one line.
    fn step(&self, message: &str) {
        let done = self.done.get() + 1;
        self.done.set(done);
        self.bar.set_message(plain(message));
        self.bar.inc(1);

        let total = self.total.max(1);
        if self.quiet && done * 10 / total > (done - 1) * 10 / total {
            output::note(&format!("{} of {} measured", done, self.total));
        }
    }

    fn note(&self, text: &str) {
        self.bar.suspend(|| output::note(text));
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
