//! What a run says while it lasts, on stderr: bars on a terminal, a few plain lines elsewhere.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar};
use infercost_models::Progress;
use infercost_run::console::{self, Activity, Console, ModelProgress, StepProgress};

use crate::output;
use crate::output::progress::{TICK, bar, style};
use crate::output::terminal::plain;

/// Shows what `infercost-run` says.
pub(crate) fn install() {
    console::install(Box::new(Terminal));
}

/// Less is not worth saying.
const SHORTEST: Duration = Duration::from_secs(1);

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
        let bar = bar(None, Shape::Name.template());
        show(&bar);
        Box::new(Transfers::on(bar, !io::stderr().is_terminal()))
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

/// What is known of a transfer, and so what is drawn of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// What is being done.
    Name,
    /// And how much of it is done.
    Counted,
    /// And how much there is in all.
    Measured,
}

impl Shape {
    fn template(self) -> &'static str {
        match self {
            Self::Name => "{spinner} {msg}",
            Self::Counted => "{spinner} {msg} {bytes}",
            Self::Measured => "{msg} [{bar:30}] {bytes}/{total_bytes}{left}",
        }
    }
}

/// Fetching and making models.
struct Transfers {
    bar: ProgressBar,
    doing: String,
    shape: Shape,
    quiet: bool,
}

impl Transfers {
    /// On a bar that shows a name alone.
    fn on(bar: ProgressBar, quiet: bool) -> Self {
        Self { bar, doing: String::new(), shape: Shape::Name, quiet }
    }

    /// Draws so much from the next step on.
    fn take_shape(&mut self, shape: Shape) {
        if shape != self.shape
            && let Some(style) = style(shape.template())
        {
            self.bar.set_style(style);
            self.shape = shape;
        }
    }

    /// Turns to another file. Its name stands alone until its own numbers are set: those of the file before are not its.
    fn turn_to(&mut self, doing: String) {
        if self.quiet {
            output::note(&doing);
        }
        self.take_shape(Shape::Name);
        self.bar.set_message(doing.clone());
        self.bar.reset();
        self.doing = doing;
    }

    /// Draws how far the file is.
    fn reach(&mut self, done: u64, total: Option<u64>) {
        let total = total.filter(|total| *total > 0);
        self.bar.update(|state| {
            state.set_pos(done);
            if let Some(total) = total {
                state.set_len(total);
            }
        });

        let shape = if total.is_some() { Shape::Measured } else { Shape::Counted };
        if shape != self.shape {
            self.take_shape(shape);
            self.bar.tick();
        }
    }

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
                    self.turn_to(doing);
                }
                self.reach(done, total);
            }
            Progress::LicenseNotice { model, text, url } => {
                self.say(&format!("{model} comes under a license of its own ({url}):\n{text}"));
            }
            Progress::SourceFailed { source, reason } => {
                self.say(&format!("{source}: {reason}; trying the next source"));
            }
            Progress::NamedAgain { argument } => {
                self.say(&format!("! {argument} was named twice; each model is taken once"));
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
    match left.filter(|left| *left >= SHORTEST) {
        Some(left) => format!(", about {} left", HumanDuration(left)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::sync::Arc;

    use indicatif::{ProgressDrawTarget, TermLike};
    use infercost_models::Stage;

    use super::*;

    /// A terminal that keeps every line that was ever drawn on it.
    #[derive(Debug, Clone, Default)]
    struct Paper(Arc<Mutex<Vec<String>>>);

    impl Paper {
        fn write(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }

        /// The lines that name this file.
        fn about(&self, file: &str) -> Vec<String> {
            let mut lines = self.0.lock().unwrap().clone();
            lines.retain(|line| line.contains(file));
            lines
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            120
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn step(stage: Stage, file: &str, done: u64, total: Option<u64>) -> Progress {
        Progress::Step { stage, file: file.to_owned(), done, total }
    }

    /// Every line that is drawn shows the numbers of the file that it names, and a bar only where there is a whole.
    #[test]
    fn a_bar_is_that_of_its_own_file() {
        const MIB: u64 = 1 << 20;
        let paper = Paper::default();
        let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(Shape::Name.template()).unwrap());

        let mut transfers = Transfers::on(bar, false);
        transfers.begin("looking for demo");
        for done in 1..=3 {
            transfers.show(step(Stage::Downloading, "a.whl", done * MIB, None));
        }
        for done in 1..=4 {
            transfers.show(step(Stage::Verifying, "a.gguf", done * MIB, Some(4 * MIB)));
        }
        transfers.show(step(Stage::Verifying, "b.gguf", MIB, Some(2 * MIB)));
        transfers.show(step(Stage::Verifying, "empty.gguf", 0, Some(0)));

        let is_bar = |line: &String| line.contains('[');
        for file in ["looking for demo", "a.whl", "empty.gguf"] {
            let lines = paper.about(file);
            assert!(!lines.is_empty() && !lines.iter().any(is_bar), "{lines:#?}");
        }
        assert!(
            paper.about("a.whl").iter().any(|line| line.contains("3.00 MiB")),
            "{:#?}",
            paper.about("a.whl")
        );

        for (file, total) in [("a.gguf", "/4.00 MiB"), ("b.gguf", "1.00 MiB/2.00 MiB")] {
            let bars: Vec<String> = paper.about(file).into_iter().filter(is_bar).collect();
            assert!(!bars.is_empty() && bars.iter().all(|line| line.contains(total)), "{bars:#?}");
        }
        let all = paper.about("");
        assert!(!all.iter().any(|line| line.contains(" 0s") || line.contains("0 seconds")), "{all:#?}");
    }
}
