//! What would save something beside other flags, computed from the present setting's measured times and called so.

use std::collections::HashSet;

use infercost_core::text::percent;
use infercost_core::{Prompt, PromptBody};
use infercost_sprint::journal::Measured;
use serde::Serialize;

use super::workload::{Pace, Work};

/// What a lever's saving rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeverBasis {
    /// It was measured in this sprint.
    Measured,
    /// It follows from times that were measured in this sprint.
    Computed,
    /// It is not known here.
    Unknown,
}

/// Something beside flags that would save something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lever {
    /// What, in a few words.
    pub name: String,
    /// Share of the present cost that it would save at most; `None` where it is not known.
    pub saving: Option<f64>,
    /// What that rests on.
    pub basis: LeverBasis,
    /// How it follows, and what it changes.
    pub why: String,
}

/// The levers of a workload, by what the present setting took for it.
///
/// An answer limit that was measured among the settings is no lever beside them: `limits_tried`.
pub(super) fn of(work: &Work, present: &Measured, limits_tried: bool) -> Vec<Lever> {
    let busy = present.ttft_s + present.decode_s;
    if present.answers == 0 || busy <= 0.0 {
        return Vec::new();
    }
    let mut levers = vec![prefix_cache(work, present, busy), batching(work, present)];
    if !limits_tried {
        levers.push(answer_limit(present, busy));
    }
    levers
}

/// A router: another model first, and the present one for what that gets wrong. `ratio` is the other's cost over the present
/// one's; `right` of `graded` answers of the other were right. `None` where that saves nothing.
pub(super) fn router(first: &str, ratio: f64, right: u64, graded: u64) -> Option<Lever> {
    if graded == 0 {
        return None;
    }
    let share = right as f64 / graded as f64;
    let saving = share - ratio;
    (saving > 0.0).then(|| Lever {
        name: format!("router: {first} first"),
        saving: Some(saving),
        basis: LeverBasis::Computed,
        why: format!(
            "at best: {first} alone got {right} of {graded} graded answers right at {} of the cost, and the present model \
             is asked for the others; a real router does not know which those are",
            percent(ratio)
        ),
    })
}

/// Another model, of which nothing is known here.
pub(super) fn smaller_model() -> Lever {
    Lever {
        name: "a smaller model".to_owned(),
        saving: None,
        basis: LeverBasis::Unknown,
        why: "name it next to this one, and it is measured and judged like any other variant".to_owned(),
    }
}

/// A prefix cache over the prompts as they follow one another.
fn prefix_cache(work: &Work, present: &Measured, busy: f64) -> Lever {
    let name = "prefix cache".to_owned();
    let cached = present.cached_tokens.unwrap_or(0);
    if cached > 0 {
        let why = format!("the server used one already: {cached} prompt tokens came from it");
        return Lever { name, saving: None, basis: LeverBasis::Measured, why };
    }
    let share = shared_share(&work.prompts);
    let saving = share * present.ttft_s / busy;
    Lever {
        name,
        saving: Some(saving),
        basis: LeverBasis::Computed,
        why: format!(
            "{} of the prompts' text repeats how an earlier one began, and {} of the time comes before the first token",
            percent(share),
            percent(present.ttft_s / busy)
        ),
    }
}

/// The share of all prompts' characters with which an earlier prompt began, in pieces of 64.
fn shared_share(prompts: &[Prompt]) -> f64 {
    let mut seen: HashSet<String> = HashSet::new();
    let (mut shared, mut all) = (0_usize, 0_usize);
    for prompt in prompts {
        let PromptBody::Chat(turns) = &prompt.body;
        let text: Vec<char> = turns.iter().flat_map(|turn| turn.content.chars()).collect();
        all += text.len();

        let mut beginning = String::new();
        let mut is_known = true;
        for piece in text.chunks(64) {
            beginning.extend(piece);
            // a piece is shared only where all before it is
            is_known &= piece.len() == 64 && seen.contains(&beginning);
            if is_known {
                shared += piece.len();
            } else if beginning.len() <= 1 << 14 {
                seen.insert(beginning.clone());
            }
        }
    }
    if all == 0 { 0.0 } else { shared as f64 / all as f64 }
}

/// Work that can wait, done at once: what idle time would not be paid for.
fn batching(work: &Work, present: &Measured) -> Lever {
    let name = "batching at night".to_owned();
    let busy = present.busy_s / present.wall_s.max(f64::MIN_POSITIVE);
    if !matches!(work.pace, Pace::AtTimes(_)) {
        let why =
            "the workload has no arrival times, so how long the machine waits for it is not known".to_owned();
        return Lever { name, saving: None, basis: LeverBasis::Unknown, why };
    }
    Lever {
        name,
        saving: Some((1.0 - busy).clamp(0.0, 1.0)),
        basis: LeverBasis::Computed,
        why: format!(
            "a request is in flight {} of the time; work that can wait needs the machine for no longer, if it can be \
             rented for so long or do something else meanwhile",
            percent(busy)
        ),
    }
}

/// Answers of at most three quarters of the present length.
fn answer_limit(present: &Measured, busy: f64) -> Lever {
    let share = 0.25 * present.decode_s / busy;
    let limit = (0.75 * present.output_tokens as f64 / present.answers as f64).ceil();
    Lever {
        name: "answers a quarter shorter".to_owned(),
        saving: Some(share),
        basis: LeverBasis::Computed,
        why: format!(
            "decode takes {} of the time, in proportion to tokens; `--vary max-tokens=none,{limit:.0}` measures it with \
             what it does to the task score",
            percent(present.decode_s / busy)
        ),
    }
}

#[cfg(test)]
mod tests {
    use infercost_core::conversation::{Message, Role};
    use infercost_core::{Conversation, PromptId};

    use super::*;

    fn prompt(text: &str) -> Prompt {
        let message = Message { role: Role::User, content: text.to_owned() };
        Prompt {
            id: PromptId::from(text.len().to_string()),
            body: PromptBody::Chat(Conversation::from(vec![message])),
            grader: None,
            max_tokens: 8,
            tags: Vec::new(),
        }
    }

    #[test]
    fn a_router_saves_what_the_cheap_model_gets_right() {
        let saving = |right, graded| router("q4_0", 0.4, right, graded).and_then(|lever| lever.saving);
        assert!(saving(9, 10).is_some_and(|saving| (saving - 0.5).abs() < 1e-9));
        assert_eq!(saving(3, 10), None, "it costs more than it saves");
        assert_eq!(saving(0, 0), None);
    }

    #[test]
    fn what_repeats_a_beginning_is_shared() {
        let system = "s".repeat(128);
        let prompts =
            [prompt(&format!("{system}a")), prompt(&format!("{system}b")), prompt(&"t".repeat(129))];
        let share = shared_share(&prompts);
        assert!((share - 128.0 / 387.0).abs() < 1e-9, "{share}");
        assert!(shared_share(&[]).abs() < 1e-9);
    }
}
