//! Counts of tokens: what belongs to what.
//!
//! Some programs count cached tokens as a part of the prompt's (the GenAI conventions, OpenInference, OpenAI), others
//! beside them (Anthropic's interface, Langfuse); with reasoning and the answer's tokens it is the same. What adds up
//! to the total that stands beside the counts decides; else what is possible at all; else the writer's convention.

use crate::otlp_json::ReadValue;

use super::call_attributes::{Fact, Facts, text};
use super::words::number_after;

/// More tokens than any call has.
const MOST: u64 = u32::MAX as u64;

/// Counts as a span states them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StatedTokens {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
    pub(super) reasoning: Option<u64>,
    /// True where the writer counts each token in one place only.
    pub(super) apart: bool,
}

/// Counts in which the prompt's holds what is cached, and the answer's holds its reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
    pub(super) output: Option<u64>,
    /// True where no way of counting gives the total that is stated.
    pub(super) mismatch: bool,
    /// True where nothing but a convention said whether cached tokens are a part of the prompt's.
    pub(super) by_convention: bool,
}

impl StatedTokens {
    /// Reads the counts of a span. Calls `impossible` with the name of each attribute that holds no count.
    pub(super) fn read(facts: &Facts<'_>, impossible: &mut dyn FnMut(&'static str)) -> Self {
        let mut counts = Counts { facts, impossible };

        let mut stated = Self {
            input: counts.of(Fact::InputTokens, &["prompt_tokens", "input_tokens", "input"]),
            output: counts.of(Fact::OutputTokens, &["completion_tokens", "output_tokens", "output"]),
            total: counts.of(Fact::TotalTokens, &["total_tokens", "total"]),
            cache_read: counts.of(Fact::CacheRead, &CACHE_READ),
            cache_write: counts.of(Fact::CacheWrite, &CACHE_WRITE),
            reasoning: counts
                .of(Fact::Reasoning, &["output_reasoning_tokens", "reasoning_tokens", "reasoning"]),
            apart: false,
        };

        // Langfuse's own names are of counts that do not overlap
        let own_names =
            ["input_cached_tokens", "input_cache_read", "input_cache_creation", "output_reasoning_tokens"];
        stated.apart = facts.text(Fact::LangfuseKind).is_some()
            && facts
                .text(Fact::UsageText)
                .is_some_and(|usage| own_names.iter().any(|name| number_after(usage, name).is_some()));

        stated
    }

    /// Settles what belongs to what.
    pub(super) fn settled(self) -> Tokens {
        let (read, write) = (self.cache_read.unwrap_or(0), self.cache_write.unwrap_or(0));
        let cached = read.saturating_add(write);
        let reasoning = self.reasoning.unwrap_or(0);

        let inputs = ways(self.input, cached, self.apart);
        let outputs = ways(self.output, reasoning, self.apart);
        let mut tokens = Tokens {
            input: inputs.first().copied(),
            output: outputs.first().copied(),
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            mismatch: false,
            by_convention: inputs.len() > 1,
        };

        let Some(total) = self.total.filter(|_| self.input.is_some() && self.output.is_some()) else {
            return tokens;
        };
        let pairs = inputs.iter().flat_map(|input| outputs.iter().map(move |output| (*input, *output)));

        match pairs.into_iter().find(|(input, output)| input + output == total) {
            Some((input, output)) => {
                (tokens.input, tokens.output) = (Some(input), Some(output));
                tokens.by_convention = false;
            }
            None => tokens.mismatch = true,
        }

        tokens
    }
}

/// Looks for counts in a span's attributes.
struct Counts<'f, 's, 'i> {
    facts: &'f Facts<'s>,
    impossible: &'i mut dyn FnMut(&'static str),
}

impl Counts<'_, '_, '_> {
    /// A count as an attribute states it, or a text of several counts under one of the `keys`.
    fn of(&mut self, fact: Fact, keys: &[&str]) -> Option<u64> {
        let mut all = Vec::new();

        for (name, value) in self.facts.all(fact) {
            match count(value) {
                Ok(count) => all.push(count),
                Err(()) => (self.impossible)(name),
            }
        }

        for (_, value) in self.facts.all(Fact::UsageText) {
            let number = keys.iter().find_map(|key| number_after(text(value)?, key));
            all.extend(number.and_then(whole));
        }

        // a zero is often what a writer puts where it knows nothing: any other count comes first
        all.iter().copied().find(|count| *count > 0).or(all.first().copied())
    }
}

const CACHE_READ: [&str; 6] = [
    "cached_tokens",
    "cache_read_input_tokens",
    "input_cached_tokens",
    "input_cache_read",
    "cache_read",
    "cachedInputTokens",
];
const CACHE_WRITE: [&str; 5] = [
    "cache_creation_input_tokens",
    "input_cache_creation",
    "cache_creation",
    "cache_write",
    "cacheCreationInputTokens",
];

/// The possible sums of a count and its part, the likelier first: the part inside it, or beside it.
fn ways(count: Option<u64>, part: u64, apart: bool) -> Vec<u64> {
    let Some(count) = count else { return Vec::new() };
    let (inside, beside) = (count, count.saturating_add(part));
    match (part, apart) {
        (0, _) => vec![inside],
        // a part cannot be larger than what holds it
        _ if part > count => vec![beside],
        (_, true) => vec![beside, inside],
        (_, false) => vec![inside, beside],
    }
}

/// A count; some programs write it as a double or as text.
fn count(value: &ReadValue<'_>) -> Result<u64, ()> {
    let whole = match value {
        ReadValue::Int(number) => u64::try_from(*number).ok(),
        ReadValue::Number(number) => whole(*number),
        ReadValue::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    whole.filter(|count| *count <= MOST).ok_or(())
}

/// A number as a count; `None` where it is negative, fractional or larger than any.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
fn whole(number: f64) -> Option<u64> {
    ((0.0..=MOST as f64).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input, output, total, cache read, cache write, reasoning → input, output.
    #[track_caller]
    fn check(stated: [Option<u64>; 6], apart: bool, wanted: (Option<u64>, Option<u64>), mismatch: bool) {
        let [input, output, total, cache_read, cache_write, reasoning] = stated;
        let stated = StatedTokens { input, output, total, cache_read, cache_write, reasoning, apart };
        let tokens = stated.settled();
        assert_eq!((tokens.input, tokens.output, tokens.mismatch), (wanted.0, wanted.1, mismatch));
    }

    #[test]
    fn parts_are_counted_once() {
        let some = Some;
        // inside: the conventions
        check([some(100), some(20), some(120), some(40), None, some(5)], false, (some(100), some(20)), false);
        check([some(100), some(20), None, some(40), None, None], false, (some(100), some(20)), false);
        // beside: more was cached than the prompt is said to have
        check([some(5), some(20), None, some(400), some(100), None], false, (some(505), some(20)), false);
        // beside, as the total shows
        check([some(60), some(20), some(120), some(40), None, None], false, (some(100), some(20)), false);
        check([some(10), some(20), some(80), None, None, some(50)], false, (some(10), some(70)), false);
        check([some(60), some(15), some(120), some(40), None, some(5)], false, (some(100), some(20)), false);
        // beside, as the writer's names show
        check([some(60), some(20), None, some(40), None, None], true, (some(100), some(20)), false);
        // an answer that was all reasoning
        check([some(10), some(0), None, None, None, some(50)], false, (some(10), some(50)), false);
    }

    #[test]
    fn what_does_not_add_up_is_said() {
        check([Some(10), Some(5), Some(99), None, None, None], false, (Some(10), Some(5)), true);
        check([Some(10), Some(5), Some(15), None, None, None], false, (Some(10), Some(5)), false);
        // a total alone says nothing of its parts
        check([None, None, Some(99), None, None, None], false, (None, None), false);
        check([Some(10), None, Some(99), None, None, None], false, (Some(10), None), false);
    }

    #[test]
    fn only_what_cannot_be_told_rests_on_a_convention() {
        let stated = |input, cached, total| StatedTokens {
            input: Some(input),
            output: Some(1),
            cache_read: Some(cached),
            total,
            ..StatedTokens::default()
        };
        assert!(stated(100, 40, None).settled().by_convention);
        assert!(!stated(100, 40, Some(101)).settled().by_convention);
        assert!(!stated(30, 40, None).settled().by_convention);
        assert!(!stated(100, 0, None).settled().by_convention);
    }
}
