//! Names that many calls share, kept once.

use std::collections::HashSet;
use std::sync::Arc;

/// Longest name that is kept, in characters.
const LONGEST: usize = 256;
/// Names that are remembered: some 1 MB of usual ones. A trace without end names ever more sessions.
const MOST: usize = 1 << 14;

/// The names met of late.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// The copy of a name that calls share, cut where it is longer than any name is.
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        let cut = name.char_indices().nth(LONGEST).and_then(|(end, _)| name.get(..end)).unwrap_or(name);
        if let Some(known) = self.0.get(cut) {
            return Arc::clone(known);
        }

        if self.0.len() >= MOST {
            self.0.clear();
        }
        let new: Arc<str> = cut.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}
