//! What happens while models are fetched and made, told to the caller as it happens.

/// Receives every [`Progress`] as it happens. The crate prints nothing; the binary draws the bar.
pub type ProgressSink<'a> = dyn FnMut(Progress) + 'a;

/// One thing worth telling while a model is fetched or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Work on a file has moved on.
    Step {
        /// What is being done.
        stage: Stage,
        /// The file's name, for people.
        file: String,
        /// Bytes done.
        done: u64,
        /// Bytes in all; `None` where that is not known.
        total: Option<u64>,
    },
    /// A license that must be seen before the weights are fetched.
    LicenseNotice {
        /// The model's name in full.
        model: String,
        /// The notice.
        text: String,
        /// Where the license can be read.
        url: String,
    },
    /// A source could not serve; the next one is tried.
    SourceFailed {
        /// The source, in words.
        source: String,
        /// Why.
        reason: String,
    },
    /// A model was named before, and is taken once.
    NamedAgain {
        /// The text that names it again, fit to be shown.
        argument: String,
    },
}

/// What is being done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Coming over the network.
    Downloading,
    /// Being taken out of its archive, and hashed on the way.
    Extracting,
    /// Being hashed.
    Verifying,
    /// Being expanded to full precision.
    Expanding,
    /// Being quantized.
    Quantizing,
    /// Parts of a split model being put together.
    Joining,
}

impl Stage {
    /// The stage as a verb for a progress line: `downloading`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Downloading => "downloading",
            Self::Extracting => "extracting",
            Self::Verifying => "verifying",
            Self::Expanding => "expanding",
            Self::Quantizing => "quantizing",
            Self::Joining => "joining",
        }
    }
}
