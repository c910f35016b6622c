//! What a person should hear while a run lasts: notes, warnings and progress, shown by whoever runs this crate.
//!
//! Without a console nothing is shown: a library prints nothing by itself.

use std::sync::OnceLock;
use std::time::Duration;

use infercost_models::Progress;

/// Shows what happens.
pub trait Console: Send + Sync {
    /// Says something that is not data.
    fn note(&self, text: &str);

    /// Shows an error that does not end the program, cause by cause.
    fn error(&self, error: &anyhow::Error);

    /// A line that says what is going on, until it is dropped.
    fn activity(&self) -> Box<dyn Activity>;

    /// The fetching and making of models.
    fn models(&self) -> Box<dyn ModelProgress>;

    /// A number of steps that is known beforehand.
    fn steps(&self, total: u64) -> Box<dyn StepProgress>;
}

/// A line that says what is going on.
pub trait Activity {
    /// Shows this from now on.
    fn show(&self, message: &str);
}

/// The fetching and making of models.
pub trait ModelProgress {
    /// Says what is looked for, before anything is found.
    fn begin(&mut self, message: &str);

    /// Shows one step.
    fn show(&mut self, step: Progress);

    /// Everything is there.
    fn clear(self: Box<Self>);
}

/// Steps toward an end.
pub trait StepProgress {
    /// Says what is being done before the first step ends.
    fn show(&self, message: &str);

    /// One more step is done; `message` says which.
    fn step(&self, message: &str);

    /// So many steps are left: fewer, where candidates are dropped.
    fn total(&self, left: u64);

    /// The time that is left, as far as it can be told.
    fn left(&self, time: Option<Duration>);

    /// Says something without disturbing what is shown.
    fn note(&self, text: &str);

    /// All steps are done.
    fn finish(&self);
}

static CONSOLE: OnceLock<Box<dyn Console>> = OnceLock::new();

/// Sets the console of this process; the first one stays.
pub fn install(console: Box<dyn Console>) {
    let _already = CONSOLE.set(console);
}

/// The console of this process.
fn console() -> &'static dyn Console {
    CONSOLE.get().map_or(&Silent, Box::as_ref)
}

/// Says something that is not data.
pub fn note(text: &str) {
    console().note(text);
}

/// Says what is doubtful or went wrong without ending anything.
pub fn warn(text: &str) {
    console().note(&format!("! {text}"));
}

/// Shows an error that does not end the program.
pub(crate) fn error(error: &anyhow::Error) {
    console().error(error);
}

/// A line that says what is going on; public, since commands bring runs and take in traces too.
pub fn activity() -> Box<dyn Activity> {
    console().activity()
}

/// Progress of models; public, since commands convert models too.
pub fn models() -> Box<dyn ModelProgress> {
    console().models()
}

/// Progress over a known number of steps.
pub fn steps(total: u64) -> Box<dyn StepProgress> {
    console().steps(total)
}

/// Shows nothing.
struct Silent;

impl Console for Silent {
    fn note(&self, _: &str) {}

    fn error(&self, _: &anyhow::Error) {}

    fn activity(&self) -> Box<dyn Activity> {
        Box::new(Self)
    }

    fn models(&self) -> Box<dyn ModelProgress> {
        Box::new(Self)
    }

    fn steps(&self, _: u64) -> Box<dyn StepProgress> {
        Box::new(Self)
    }
}

impl Activity for Silent {
    fn show(&self, _: &str) {}
}

impl ModelProgress for Silent {
    fn begin(&mut self, _: &str) {}

    fn show(&mut self, _: Progress) {}

    fn clear(self: Box<Self>) {}
}

impl StepProgress for Silent {
    fn show(&self, _: &str) {}

    fn step(&self, _: &str) {}

    fn total(&self, _: u64) {}

    fn left(&self, _: Option<Duration>) {}

    fn note(&self, _: &str) {}

    fn finish(&self) {}
}
