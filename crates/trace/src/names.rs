//! Names that stand in many records of a run, each kept once.

use std::collections::HashSet;
use std::sync::Arc;

/// The names that were met so far. Records that name one prompt share its text: a run of a million spans is then read
/// in a hundred megabytes less.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<Arc<str>>);

impl Names {
    /// The name that is spelled so.
    pub(crate) fn of<N: From<Arc<str>>>(&mut self, text: &str) -> N {
        if let Some(known) = self.0.get(text) {
            return N::from(Arc::clone(known));
        }

        let name: Arc<str> = text.into();
        self.0.insert(Arc::clone(&name));
        N::from(name)
    }
}

#[cfg(test)]
mod tests {
    use infercost_core::{PromptId, VariantId};

    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let mut names = Names::default();
        let [one, other]: [PromptId; 2] = [names.of("p-1"), names.of("p-1")];
        let variant: VariantId = names.of("p-1");
        assert!(std::ptr::eq(one.as_str(), other.as_str()) && std::ptr::eq(one.as_str(), variant.as_str()));

        let another: PromptId = names.of("p-2");
        assert_eq!((one.as_str(), another.as_str(), names.0.len()), ("p-1", "p-2", 2));
    }
}
