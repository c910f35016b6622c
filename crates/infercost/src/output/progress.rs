//! Progress bars, on stderr, on a terminal only; elsewhere a few plain lines.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use infercost_core::text::count;

use crate::output;

/// How often a spinner turns.
pub(crate) const TICK: Duration = Duration::from_millis(120);

/// A bar, or a spinner where the length is not known; hidden where stderr is no terminal.
pub(crate) fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = match length {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::new_spinner(),
    };
    if output::is_quiet() || !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Some(style) = style(template) {
        bar.set_style(style);
    }
    bar
}

/// The style of a template, in which `{left}` says how long it still takes, once there is a pace to tell it by.
pub(crate) fn style(template: &str) -> Option<ProgressStyle> {
    let style = ProgressStyle::with_template(template).ok()?;
    Some(style.with_key("left", left))
}

/// ` 3 minutes left`; nothing where nothing is left, or no step was timed yet.
fn left(state: &ProgressState, to: &mut dyn fmt::Write) {
    let time = state.eta();
    let is_known = state.per_sec() > 0.0 && state.len().is_some_and(|length| state.pos() < length);
    if is_known && time >= Duration::from_secs(1) {
        // a terminal that takes no text has no use for an error either
        let _gone = write!(to, " {:#} left", HumanDuration(time));
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
        let bar = bar(Some(total), "{msg:24} [{bar:30}] {pos}/{len} windows{left}");
        Self { bar, total, quiet: !io::stderr().is_terminal() }
    }

    /// One more window is scored. Off a terminal every tenth of the way is one line.
    pub(crate) fn scored(&self, perplexity: Option<f64>) {
        let before = self.bar.position();
        self.bar.inc(1);
        if let Some(perplexity) = perplexity {
            self.bar.set_message(format!("perplexity {perplexity:.4}"));
        }

        let total = self.total.max(1);
        if self.quiet && (before + 1) * 10 / total > before * 10 / total {
            output::note(&format!("{} of {} scored", before + 1, count(self.total, "window")));
        }
    }
}

impl Drop for WindowProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
