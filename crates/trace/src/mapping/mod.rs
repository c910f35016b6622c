//! Records to spans and back, one file a record.
//!
//! Writing and reading one record stand side by side, so that a change to one is seen beside the other.

pub(crate) mod energy;
pub(crate) mod evaluation;
pub(crate) mod idle;
pub(crate) mod inference;
pub(crate) mod interference;
mod json_list;
pub(crate) mod load;
pub(crate) mod run;
pub(crate) mod served;
pub(crate) mod thinking;
pub(crate) mod window;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use infercost_core::{RunHeader, VariantId};

use crate::error::MappingError;
use crate::mapping::run::provenance_words;
use crate::span_ids::{SpanIds, unix_nanos};
pub(crate) use crate::span_names::{CHAIN, EVALUATOR, LLM, record};

/// Turns the records of one run into spans: what a span repeats from the run's header is looked up here.
#[derive(Debug)]
pub(crate) struct RunSpans {
    pub(crate) ids: SpanIds,
    pub(crate) header: RunHeader,
    /// Place in the header, and provenance in words.
    variants: HashMap<VariantId, (usize, String)>,
}

impl RunSpans {
    /// The spans of the run with that header.
    pub(crate) fn new(header: &RunHeader) -> Self {
        let variants = header
            .variants
            .iter()
            .enumerate()
            .map(|(index, variant)| (variant.id.clone(), (index, provenance_words(&variant.provenance))))
            .collect();
        Self { ids: SpanIds::new(header), header: header.clone(), variants }
    }

    /// True where the header names the variant.
    pub(crate) fn knows(&self, variant: &VariantId) -> bool {
        self.variants.contains_key(variant)
    }

    /// The variant's header and its provenance in words.
    fn variant(&self, variant: &VariantId) -> Option<(&infercost_core::run::VariantHeader, &str)> {
        let (index, words) = self.variants.get(variant)?;
        Some((self.header.variants.get(*index)?, words))
    }
}

/// Start and end of a stretch of time, in nanoseconds since 1970.
pub(crate) fn stretch(started_at: SystemTime, length: Duration) -> Result<(u64, u64), MappingError> {
    const END: MappingError = MappingError::Time { what: "the end" };
    let start = unix_nanos(started_at, "the start")?;
    let length = u64::try_from(length.as_nanos()).map_err(|_| END)?;
    Ok((start, start.checked_add(length).ok_or(END)?))
}
