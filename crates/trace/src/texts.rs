//! Whether prompts and answers are read with a run.

/// What becomes of prompts and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// They are read.
    Kept,
    /// They stay on the disk: figures need none, and a long run is read in half the memory.
    LeftOut,
}

impl Texts {
    /// A copy of a text that is kept.
    pub(crate) fn kept(self, text: Option<&str>) -> Option<String> {
        text.filter(|_| self == Self::Kept).map(str::to_owned)
    }
}
