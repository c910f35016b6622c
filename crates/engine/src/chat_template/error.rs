//! What can go wrong with a chat template.

use std::path::PathBuf;

use thiserror::Error;

/// Why a conversation could not be rendered.
///
/// Text that comes from the template is escaped and shortened before it is put into a message.
#[derive(Debug, Error)]
pub enum ChatTemplateError {
    /// The template is longer than any published one by far.
    #[error("the chat template has {bytes} bytes; at most {limit} are read")]
    TooLong {
        /// The template's length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The template cannot be parsed.
    #[error("the chat template is malformed in line {line}: {reason}")]
    Malformed {
        /// The line, from 1; 0 where it is not known.
        line: usize,
        /// The reason.
        reason: String,
    },
    /// The template itself refuses the conversation, through `raise_exception`.
    #[error("the model's chat template refuses this conversation: {message}")]
    Refused {
        /// The template's own words, escaped.
        message: String,
    },
    /// The template uses something that does not exist, or applies it wrongly.
    #[error("the chat template fails in line {line}: {reason}")]
    Failed {
        /// The line, from 1; 0 where it is not known.
        line: usize,
        /// The reason.
        reason: String,
    },
    /// The template asks for today's date and none was given.
    ///
    /// A clock would make the same prompt differ from one day to the next.
    #[error("the chat template writes today's date into the prompt; fix a date to make runs comparable")]
    DateNeeded,
    /// The template does more work than any conversation needs.
    #[error("the chat template was stopped after too much work; it may not end")]
    TooMuchWork,
    /// The model's files hold several templates and none of them is the default one.
    #[error("the model has chat templates named {names}, and none named `default`")]
    NoDefault {
        /// The names, escaped.
        names: String,
    },
    /// A file with a template cannot be read.
    #[error("cannot read the chat template from {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}
