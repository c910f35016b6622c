//! What stands in many records of a run, kept once: names, and how tokens were chosen.

use std::collections::HashSet;
use std::sync::Arc;

use infercost_core::{RunHeader, Sampling};

/// The names that were met so far. Records that name one prompt share its text: a run of a million spans is then read
/// in a hundred megabytes less.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Those of the run's header, for all who read its lines.
    announced: Arc<HashSet<Arc<str>>>,
    /// Further ones.
    met: HashSet<Arc<str>>,
    /// How tokens of the last request were chosen.
    sampling: Arc<Sampling>,
}

impl Names {
    /// The names that a run's header holds: records share those too.
    pub(crate) fn announced(header: &RunHeader) -> Self {
        let prompts = header.prompts.chosen.iter().map(Arc::from);
        let variants = header.variants.iter().map(|variant| Arc::from(&variant.id));
        Self { announced: Arc::new(prompts.chain(variants).collect()), ..Self::default() }
    }

    /// How tokens were chosen: as for the request before, in nearly all runs.
    pub(crate) fn sampling(&mut self, sampling: Sampling) -> Arc<Sampling> {
        if *self.sampling != sampling {
            self.sampling = Arc::new(sampling);
        }
        Arc::clone(&self.sampling)
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

        let mut known = Names { announced: Arc::new(HashSet::from([Arc::from(&one)])), ..Names::default() };
        let announced: PromptId = known.of("p-1");
        assert!(std::ptr::eq(one.as_str(), announced.as_str()) && known.met.is_empty());

        let hot = Sampling { temperature: 1.0, ..Sampling::default() };
        let [first, second] = [names.sampling(hot.clone()), names.sampling(hot)];
        assert!(Arc::ptr_eq(&first, &second) && first.temperature > 0.0);

        let another: PromptId = names.of("p-2");
        assert_eq!((one.as_str(), another.as_str(), names.met.len()), ("p-1", "p-2", 2));
    }
}
