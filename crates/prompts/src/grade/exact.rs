//! The whole answer, and nothing else.

use infercost_core::{Grader, Judgment, SharedGrader};

use super::comparable::comparable;
use super::{Definition, Key, shared};

const NAME: &str = "exact";

pub(super) const DEFINITION: Definition = Definition {
    name: NAME,
    right_when: "it equals `answer`, but for case, outer white space, a trailing full stop and how Unicode writes it",
    parse,
};

/// Full stops of the world's scripts.
const FULL_STOPS: [char; 6] = ['.', '。', '।', '۔', '።', '\u{1361}'];

#[derive(Debug)]
struct Exact {
    wanted: Vec<String>,
}

fn parse(key: &Key<'_>) -> Result<SharedGrader, String> {
    let wanted = key.texts(NAME)?.iter().map(|text| without_stop(text)).collect();
    Ok(shared(Exact { wanted }))
}

impl Grader for Exact {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&self, answer: &str) -> Judgment {
        Judgment::of(self.wanted.contains(&without_stop(answer)))
    }
}

fn without_stop(text: &str) -> String {
    let text = comparable(text);
    let text = text.trim();
    text.strip_suffix(FULL_STOPS).unwrap_or(text).trim_end().to_owned()
}
