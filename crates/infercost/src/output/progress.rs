//! Progress, on stderr, on a terminal only; elsewhere a few plain lines.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use infercost_core::{OperatingPoint, VariantId};
use infercost_harness::Completed;
use infercost_models::Progress;

use crate::output;
use crate::output::terminal::plain;

const TICK: Duration = Duration::from_millis(120);

fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = match length {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::new_spinner(),
    };
    if !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// A line that says what is going on.
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    pub(crate) fn new() -> Self {
        let bar = bar(None, "{spinner} {msg}");
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    pub(crate) fn show(&self, message: &str) {
        self.0.set_message(plain(message));
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Fetching and making models.
pub(crate) struct ModelProgress {
    bar: ProgressBar,
    doing: String,
    quiet: bool,
}

impl ModelProgress {
    pub(crate) fn new() -> Self {
        let quiet = !io::stderr().is_terminal();
        Self {
            bar: bar(Some(0), "{msg} [{bar:30}] {bytes}/{total_bytes} {eta}"),
            doing: String::new(),
            quiet,
        }
    }

    /// Shows one step. Off a terminal each new step is one line.
    pub(crate) fn show(&mut self, step: Progress) {
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

    fn say(&self, text: &str) {
        self.bar.suspend(|| output::note(text));
    }

    pub(crate) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

/// A run's inferences and scorings.
pub(crate) struct RunProgress {
    bar: ProgressBar,
    done: Cell<u64>,
    total: u64,
    quiet: bool,
}

impl RunProgress {
    /// A bar over all inferences and scorings that are still to do.
    pub(crate) fn new(variants: usize, prompts: usize, repetitions: u32, completed: &Completed) -> Self {
        let planned = variants * prompts * (repetitions as usize + 1);
        let before = completed.inferences.len() + completed.scorings.len();
        let total = planned.saturating_sub(before) as u64;
        let bar = bar(Some(total), "{msg:24!} [{bar:30}] {pos}/{len} {eta}");
        Self { bar, done: Cell::new(0), total, quiet: !io::stderr().is_terminal() }
    }

    pub(crate) fn inference(&self, variant: &VariantId) {
        self.step(&format!("run {}", variant.variant_name()));
    }

    pub(crate) fn scored(&self, variant: &VariantId) {
        self.step(&format!("score {}", variant.variant_name()));
    }

    /// Load has no known number of requests, so each operating point is a line of its own.
    pub(crate) fn driving(&self, variant: &VariantId, point: OperatingPoint) {
        let load = match point {
            OperatingPoint::Closed { concurrency } => format!("{concurrency} in flight"),
            OperatingPoint::Open { rate } => format!("{rate} requests/s"),
        };
        self.bar.suspend(|| output::note(&format!("driving {variant} with {load}")));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Off a terminal every tenth of the way is one line.
    fn step(&self, message: &str) {
        let done = self.done.get() + 1;
        self.done.set(done);
        self.bar.set_message(plain(message));
        self.bar.inc(1);
        let tenth = |done: u64| done * 10 / self.total.max(1);
        if self.quiet && tenth(done) > tenth(done - 1) {
            output::note(&format!("{} of {} measured", done, self.total));
        }
    }
}

/// Windows of a text.
pub(crate) struct WindowProgress {
    bar: ProgressBar,
    total: u64,
    quiet: bool,
}

impl WindowProgress {
    pub(crate) fn new(windows: usize) -> Self {
        let total = windows as u64;
        let bar = bar(Some(total), "{msg:24} [{bar:30}] {pos}/{len} windows {eta}");
        Self { bar, total, quiet: !io::stderr().is_terminal() }
    }

    /// One more window is scored. Off a terminal every tenth of the way is one line.
    pub(crate) fn scored(&self, perplexity: Option<f64>) {
        let before = self.bar.position();
        self.bar.inc(1);
        if let Some(perplexity) = perplexity {
            self.bar.set_message(format!("perplexity {perplexity:.4}"));
        }
        let tenth = |done: u64| done * 10 / self.total.max(1);
        if self.quiet && tenth(before + 1) > tenth(before) {
            output::note(&format!("{} of {} windows scored", before + 1, self.total));
        }
    }
}

impl Drop for WindowProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
