//! What can go wrong with a meter as a whole.

use thiserror::Error;

/// A failure of a meter as a whole; a failed window is an unavailable reading instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MeterError {
    /// A meter was asked for by name and is not there.
    #[error("the {meter} meter cannot be used: {reason}; {fix}")]
    RequiredMeterMissing {
        /// The meter as the command line names it.
        meter: String,
        /// What is missing.
        reason: String,
        /// What would change that.
        fix: String,
    },
    /// The estimate that was asked for cannot be made.
    #[error("cannot estimate power: {reason}; {fix}")]
    NoEstimate {
        /// What is missing.
        reason: String,
        /// What would change that.
        fix: String,
    },
    /// A token was given to a meter that did not issue it.
    #[error("this reading was started by another meter; stop it with the meter that started it")]
    ForeignReading,
    /// The sampling thread could not be started.
    #[error("cannot start the thread that samples the meters; raise the limit on threads")]
    SamplerThread(#[source] std::io::Error),
    /// A scripted meter was told to fail here.
    #[error("scripted failure: {0}")]
    Scripted(String),
}
