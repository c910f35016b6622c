//! Names that stand in many records of a run, each kept once.

use std::collections::HashSet;
use std::sync::Arc;

use infercost_core::RunHeader;

/// The names that were met so far. Records that name one prompt share its text: a run of a million spans is then read
/// in a hundred megabytes less.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Those of the run's header, for all who read its lines.
    announced: Arc<HashSet<Arc<str>>>,
    /// Further ones.
    met: HashSet<Arc<str>>,
}

impl Names {
    /// The names that a run's header holds: records share those too.
    pub(crate) fn announced(header: &RunHeader) -> Self {
        let prompts = header.prompts.chosen.iter().map(Arc::from);
        let variants = header.variants.iter().map(|variant| Arc::from(&variant.id));
        Self { announced: Arc::new(prompts.chain(variants).collect()), met: HashSet::new() }
    }

    /// The name that is spelled so.
    pub(crate) fn of<N: From<Arc<str>>>(&mut self, text: &str) -> N {
        if let Some(known) = self.announced.get(text).or_else(|| self.met.get(text)) {
            return N::from(Arc::clone(known));
        }

        let name: Arc<str> = text.into();
        self.met.insert(Arc::clone(&name));
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

        let mut known = Names { announced: Arc::new(HashSet::from([Arc::from(&one)])), met: HashSet::new() };
        let announced: PromptId = known.of("p-1");
        assert!(std::ptr::eq(one.as_str(), announced.as_str()) && known.met.is_empty());

        let another: PromptId = names.of("p-2");
        assert_eq!((one.as_str(), another.as_str(), names.met.len()), ("p-1", "p-2", 2));
    }
}
