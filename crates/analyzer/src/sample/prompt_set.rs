//! Sets of prompts, by their rows.

/// Rows of prompts, each once.
#[derive(Debug, Clone)]
pub(crate) struct PromptSet {
    holds: Vec<bool>,
    count: usize,
}

impl PromptSet {
    /// An empty set of rows below `prompts`.
    pub(crate) fn new(prompts: usize) -> Self {
        Self { holds: vec![false; prompts], count: 0 }
    }

    /// Adds a row; outside the table, nothing happens.
    pub(crate) fn insert(&mut self, prompt: usize) {
        if let Some(holds) = self.holds.get_mut(prompt) {
            self.count += usize::from(!*holds);
            *holds = true;
        }
    }

    /// True where it holds the row.
    pub(crate) fn contains(&self, prompt: usize) -> bool {
        self.holds.get(prompt).is_some_and(|holds| *holds)
    }

    /// True where it holds none.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many rows it holds.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Its rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.holds.iter().enumerate().filter(|(_, holds)| **holds).map(|(prompt, _)| prompt)
    }

    /// The rows that both hold, ascending.
    pub(crate) fn both<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = usize> + 's {
        self.iter().filter(|prompt| other.contains(*prompt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_each_row_once() {
        let (mut one, mut other) = (PromptSet::new(5), PromptSet::new(5));
        for prompt in [3, 1, 3, 9] {
            one.insert(prompt);
        }
        other.insert(3);
        assert_eq!((one.len(), one.iter().collect::<Vec<_>>()), (2, vec![1, 3]));
        assert!(one.contains(1) && !one.contains(0) && !one.contains(9) && !one.is_empty());
        assert_eq!(one.both(&other).collect::<Vec<_>>(), [3]);
        assert!(PromptSet::new(5).is_empty());
    }
}
