//! What is left out of a report on other programs' traces, counted and named.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use infercost_core::{Irregularity, IrregularityKind};

/// Longest example that is kept, in characters.
const LONGEST: usize = 160;

/// Counters by reason, each with its first example.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeMap<IrregularityKind, Irregularity>);

impl Notes {
    /// Counts one; `example` is asked for the first.
    pub(super) fn add(&mut self, reason: IrregularityKind, example: impl FnOnce() -> String) {
        let known =
            self.0.entry(reason).or_insert_with(|| Irregularity { count: 0, example: shown(&example()) });
        known.count += 1;
    }

    /// Counts what came behind these.
    pub(super) fn join(&mut self, later: Self) {
        for (reason, more) in later.0 {
            match self.0.entry(reason) {
                Entry::Vacant(place) => drop(place.insert(more)),
                Entry::Occupied(mut known) => known.get_mut().count += more.count,
            }
        }
    }

    pub(super) fn into_map(self) -> BTreeMap<IrregularityKind, Irregularity> {
        self.0
    }
}

fn shown(text: &str) -> String {
    infercost_core::text::printable_up_to(text, LONGEST).into_owned()
}
