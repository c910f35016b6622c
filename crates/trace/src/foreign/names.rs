//! Names that many calls share, each kept once.

use std::collections::HashSet;
use std::sync::Arc;

/// Longest name that is kept, in characters.
const LONGEST: usize = 256;

/// The names met so far.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// The one copy of a name, cut where it is longer than any name is.
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        let cut = name.char_indices().nth(LONGEST).and_then(|(end, _)| name.get(..end)).unwrap_or(name);
        if let Some(known) = self.0.get(cut) {
            return Arc::clone(known);
        }

        let new: Arc<str> = cut.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}
