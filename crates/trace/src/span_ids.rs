//! Trace and span ids that follow from what a span records, so that a parent's id is known before the
//! parent is written, and a replay repeats the same ids.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infercost_core::{IdlePhase, PromptId, RunHeader, VariantId, WindowId};
use sha2::{Digest, Sha256};

use crate::error::MappingError;
use crate::span_names::phase_name;

/// The id of a span within its trace.
pub type SpanId = [u8; 8];

/// Derives every id of one run.
#[derive(Debug, Clone)]
pub struct SpanIds {
    /// The run's name, and its random text where it has one.
    run: String,
    trace: [u8; 16],
}

impl SpanIds {
    /// The ids of the run with that header.
    pub fn new(header: &RunHeader) -> Self {
        let name = header.id.as_str();
        Self::of(match &header.salt {
            Some(salt) => format!("{name} {salt}"),
            None => name.to_owned(),
        })
    }

    pub(crate) fn of(run: String) -> Self {
        Self { trace: nonzero(digest(&run, "trace", &[])), run }
    }

    /// The trace that holds the whole run.
    pub fn trace(&self) -> [u8; 16] {
        self.trace
    }

    /// The root.
    pub fn root(&self) -> SpanId {
        self.span("run", &[])
    }

    /// A variant's span.
    pub fn variant(&self, variant: &VariantId) -> SpanId {
        self.span("variant", &[variant.as_str().as_bytes()])
    }

    /// A window's span.
    pub fn window(&self, window: &WindowId) -> SpanId {
        self.span("window", &[window.variant.as_str().as_bytes(), &window.index.to_le_bytes()])
    }

    /// The span of a variant's answer to a prompt.
    pub fn inference(&self, variant: &VariantId, prompt: &PromptId, repetition: u32) -> SpanId {
        self.span(
            "inference",
            &[variant.as_str().as_bytes(), prompt.as_str().as_bytes(), &repetition.to_le_bytes()],
        )
    }

    /// The span of an evaluation; `name` is `task`, `divergence`, or what was impossible.
    pub fn evaluation(&self, variant: &VariantId, prompt: &PromptId, repetition: u32, name: &str) -> SpanId {
        self.span(
            "evaluation",
            &[
                variant.as_str().as_bytes(),
                prompt.as_str().as_bytes(),
                &repetition.to_le_bytes(),
                name.as_bytes(),
            ],
        )
    }

    /// The span of a load; a resumed run loads a second time.
    pub fn load(&self, variant: &VariantId, started_at: u64) -> SpanId {
        self.span("load", &[variant.as_str().as_bytes(), &started_at.to_le_bytes()])
    }

    /// The span of an idle stretch; a resumed run may measure a phase again.
    pub fn idle(&self, phase: IdlePhase, started_at: u64) -> SpanId {
        self.span("idle", &[phase_name(phase).as_bytes(), &started_at.to_le_bytes()])
    }

    fn span(&self, role: &str, parts: &[&[u8]]) -> SpanId {
        nonzero(digest(&self.run, role, parts))
    }
}

/// Nanoseconds since 1970, as OTLP writes times.
///
/// # Errors
/// [`MappingError::Time`] before 1970 and after 2554.
pub fn unix_nanos(time: SystemTime, what: &'static str) -> Result<u64, MappingError> {
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| MappingError::Time { what })?;
    u64::try_from(since.as_nanos()).map_err(|_| MappingError::Time { what })
}

/// The time of that many nanoseconds since 1970.
pub fn from_unix_nanos(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

/// Each part is preceded by its length, so that no two lists of parts give the same bytes.
fn digest(run: &str, role: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [run.as_bytes(), role.as_bytes()].iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first bytes of a hash; OTLP forbids the all-zero id.
fn nonzero<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    let mut id = [0; N];
    for (to, from) in id.iter_mut().zip(hash) {
        *to = from;
    }
    if id.iter().all(|byte| *byte == 0) {
        id = [1; N];
    }
    id
}
