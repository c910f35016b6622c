//! Is a server's `usage` to be believed? Its numbers against each other, and against what came.

use infercost_core::UsageFault;

use crate::count::{Count, saturated};
use crate::stream_chunk::Usage;

/// More tokens of thinking than any model's context holds.
const MOST_THINKING: u64 = 10_000_000;
/// Tokens that a stream need not show: an end of turn, and special tokens that mark roles, channels and thinking.
const UNSEEN: u64 = 16;
/// Tokens that a chat template may add to a prompt: instructions and tools of its own.
const TEMPLATE: u64 = 65_536;

/// What came of an answer, by what nothing but the stream says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    /// Output tokens asked for.
    pub(crate) limit: u32,
    /// Tokens by the chunks that came, thinking included.
    pub(crate) streamed: u32,
    /// Of those, thinking.
    pub(crate) streamed_thinking: u32,
    /// Chunks that came, empty ones included.
    pub(crate) chunks: u64,
    /// Bytes of text that came, thinking included.
    pub(crate) bytes: usize,
    /// Bytes of the prompt; `None` where unknown.
    pub(crate) prompt_bytes: Option<usize>,
    /// True where the server says that the limit ended the answer.
    pub(crate) by_length: bool,
}

/// What of a `usage` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Believed {
    /// Output tokens, thinking included.
    pub(crate) output: Option<u32>,
    /// Prompt tokens, cached ones included.
    pub(crate) input: Option<u32>,
    /// Cached tokens of the prompt.
    pub(crate) cached: Option<u32>,
    /// Tokens of thinking, part of the output.
    pub(crate) thinking: Option<u32>,
    /// Output tokens as the server gives them.
    pub(crate) claimed: Option<u64>,
    /// What does not add up.
    pub(crate) faults: Vec<UsageFault>,
}

/// Weighs a `usage` against what came.
///
/// Two conventions are about. OpenAI's has thinking inside `completion_tokens`; xAI's has it beside them, which shows
/// in the total, or where there is more thinking than completion.
pub(crate) fn weigh(usage: &Usage, evidence: &Evidence) -> Believed {
    let mut faults = Faults::default();
    let prompt = faults.known(usage.prompt_tokens);
    let completion = faults.known(usage.completion_tokens);
    let total = faults.known(usage.total_tokens);
    let cached = faults.known(usage.cached());
    let thinking = faults.known(usage.reasoning()).filter(|tokens| {
        let is_possible = *tokens <= MOST_THINKING;
        faults.note_unless(is_possible, UsageFault::ThinkingBeyondContext { claimed: *tokens });
        is_possible
    });

    // no prompt is empty once it is rendered, and text takes tokens: such zeros were never counted
    let prompt = prompt.filter(|tokens| *tokens > 0);
    let claimed = completion;
    // (where there was thinking, zero is what was said beside it)
    let is_zero_known = evidence.streamed == 0 || thinking.is_some_and(|tokens| tokens > 0);
    let completion = completion.filter(|tokens| *tokens > 0 || is_zero_known);

    let outside = thinking
        .zip(completion)
        .filter(|(thinking, completion)| *thinking > 0 && is_outside(*thinking, *completion, prompt, total));
    let output = match outside {
        Some((thinking, completion)) => Some(completion.saturating_add(thinking)),
        None => completion,
    };
    let output = output.filter(|output| {
        let fault = beyond(*output, thinking, claimed.unwrap_or(*output), evidence);
        faults.list.extend(fault);
        fault.is_none()
    });
    if let (Some((added, _)), Some(_)) = (outside, output) {
        faults.list.push(UsageFault::ThinkingOutsideCompletion { added: saturated(added) });
    }

    if let (Some(prompt), Some(output), Some(total)) = (prompt, output, total) {
        let parts = i128::from(prompt) + i128::from(output);
        let difference = i64::try_from(i128::from(total) - parts).unwrap_or(i64::MAX);
        faults.note_unless(difference == 0 || total == 0, UsageFault::TotalDoesNotAddUp { difference });
    }

    let input = prompt.filter(|tokens| {
        let most = evidence.prompt_bytes.map(|bytes| (bytes as u64).saturating_add(TEMPLATE));
        let is_possible = most.is_none_or(|most| *tokens <= most);
        faults.note_unless(is_possible, UsageFault::PromptBeyondText { claimed: *tokens });
        is_possible
    });
    let cached = cached.filter(|tokens| {
        let is_possible = prompt.is_none_or(|prompt| *tokens <= prompt);
        faults.note_unless(is_possible, UsageFault::CachedBeyondPrompt { claimed: *tokens });
        is_possible
    });

    Believed {
        thinking: thinking.filter(|_| output.is_some()).map(saturated),
        output: output.map(saturated),
        input: input.map(saturated),
        cached: cached.map(saturated),
        claimed,
        faults: faults.list,
    }
}

/// True where thinking stands beside the completion's tokens and not among them.
fn is_outside(thinking: u64, completion: u64, prompt: Option<u64>, total: Option<u64>) -> bool {
    let shown = prompt
        .zip(total)
        .is_some_and(|(prompt, total)| total == prompt.saturating_add(completion).saturating_add(thinking));
    shown || thinking > completion
}

/// Why so many output tokens cannot be; `None` where they can.
fn beyond(output: u64, thinking: Option<u64>, claimed: u64, evidence: &Evidence) -> Option<UsageFault> {
    // Thinking that is reported may be hidden, and some servers do not count it toward the limit.
    let reported = thinking.unwrap_or(0);
    let shown = output.saturating_sub(reported);
    let streamed = u64::from(match reported {
        0 => evidence.streamed,
        _ => evidence.streamed.saturating_sub(evidence.streamed_thinking),
    });

    if shown > u64::from(evidence.limit).max(streamed).saturating_add(1) {
        return Some(UsageFault::OutputBeyondLimit { claimed });
    }
    // A token is at least one byte of text, or a chunk, or one of the few that are never shown. A server that hides
    // thinking without reporting it may still reach its limit with it.
    let held = (evidence.bytes as u64).max(evidence.chunks).saturating_add(UNSEEN);
    let is_limit = evidence.by_length && shown <= u64::from(evidence.limit);
    (shown > held && !is_limit).then_some(UsageFault::OutputBeyondText { claimed })
}

/// Faults, each noted once.
#[derive(Default)]
struct Faults {
    list: Vec<UsageFault>,
}

impl Faults {
    fn known(&mut self, count: Option<Count>) -> Option<u64> {
        let count = count?;
        self.note_unless(count != Count::Impossible, UsageFault::NotACount);
        count.known()
    }

    fn note_unless(&mut self, is_right: bool, fault: UsageFault) {
        if !is_right && !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    /// Eight tokens were asked for, and "Paris" came in two chunks with an end of turn.
    fn came() -> Evidence {
        Evidence {
            limit: 8,
            streamed: 3,
            chunks: 3,
            bytes: 5,
            prompt_bytes: Some(100),
            ..Evidence::default()
        }
    }

    fn weighed(json: &str, evidence: &Evidence) -> Believed {
        weigh(&serde_json::from_str(json).unwrap(), evidence)
    }

    /// output, thinking, faults
    #[track_caller]
    fn check(
        json: &str,
        evidence: &Evidence,
        output: Option<u32>,
        thinking: Option<u32>,
        faults: &[UsageFault],
    ) {
        let believed = weighed(json, evidence);
        assert_eq!((believed.output, believed.thinking), (output, thinking), "{json}");
        assert_eq!(believed.faults, faults, "{json}");
    }

    #[test]
    fn ordinary_counts_are_believed() {
        check(r#"{"prompt_tokens":20,"completion_tokens":3,"total_tokens":23}"#, &came(), Some(3), None, &[]);
        check(r#"{"completion_tokens":2}"#, &came(), Some(2), None, &[]);
        check(r#"{"completion_tokens":9}"#, &came(), Some(9), None, &[]);
        check(
            r#"{"completion_tokens":3.0,"total_tokens":0,"prompt_tokens":20}"#,
            &came(),
            Some(3),
            None,
            &[],
        );
        check(r#"{"completion_tokens":0}"#, &came(), None, None, &[]);
        check("{}", &came(), None, None, &[]);
    }

    #[test]
    fn impossible_counts_are_not() {
        let limit = |claimed| UsageFault::OutputBeyondLimit { claimed };
        check(r#"{"completion_tokens":4294967295}"#, &came(), None, None, &[limit(4_294_967_295)]);
        check(r#"{"completion_tokens":10}"#, &came(), None, None, &[limit(10)]);
        check(r#"{"completion_tokens":-3}"#, &came(), None, None, &[UsageFault::NotACount]);
        check(
            r#"{"completion_tokens":2.5,"prompt_tokens":"x"}"#,
            &came(),
            None,
            None,
            &[UsageFault::NotACount],
        );

        let roomy = Evidence { limit: 1000, ..came() };
        let text = |claimed| UsageFault::OutputBeyondText { claimed };
        check(r#"{"completion_tokens":900}"#, &roomy, None, None, &[text(900)]);
        check(r#"{"completion_tokens":21}"#, &roomy, Some(21), None, &[]);
        // Empty chunks are tokens, too.
        check(r#"{"completion_tokens":900}"#, &Evidence { chunks: 900, ..roomy }, Some(900), None, &[]);
        // A limit that thinking used up, hidden and not reported.
        let used_up = Evidence { by_length: true, ..roomy };
        check(r#"{"completion_tokens":1000}"#, &used_up, Some(1000), None, &[]);
        // A server that ignores the limit, and shows it.
        let ignored = Evidence { streamed: 50, chunks: 50, bytes: 200, ..came() };
        check(r#"{"completion_tokens":51}"#, &ignored, Some(51), None, &[]);
    }

    #[test]
    fn thinking_inside_and_outside_of_the_completion() {
        let inside = r#"{"prompt_tokens":20,"completion_tokens":320,"total_tokens":340,"completion_tokens_details":{"reasoning_tokens":317}}"#;
        check(inside, &Evidence { limit: 500, ..came() }, Some(320), Some(317), &[]);

        let added = [UsageFault::ThinkingOutsideCompletion { added: 317 }];
        let outside = r#"{"prompt_tokens":32,"completion_tokens":2,"total_tokens":351,"completion_tokens_details":{"reasoning_tokens":317}}"#;
        check(outside, &came(), Some(319), Some(317), &added);
        let untotaled = r#"{"prompt_tokens":32,"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":317}}"#;
        check(untotaled, &came(), Some(319), Some(317), &added);
        // A gateway that counts nothing but thinking.
        let nothing_else = r#"{"prompt_tokens":21,"completion_tokens":0,"total_tokens":81,"completion_tokens_details":{"reasoning_tokens":60}}"#;
        let added = [UsageFault::ThinkingOutsideCompletion { added: 60 }];
        check(nothing_else, &Evidence { streamed: 1, chunks: 1, ..came() }, Some(60), Some(60), &added);
        check(r#"{"completion_tokens":5,"reasoning_tokens":3}"#, &came(), Some(5), Some(3), &[]);
    }

    #[test]
    fn totals_that_do_not_add_up_are_said() {
        let difference = |difference| [UsageFault::TotalDoesNotAddUp { difference }];
        let json = r#"{"prompt_tokens":20,"completion_tokens":3,"total_tokens":523}"#;
        check(json, &came(), Some(3), None, &difference(500));
        let json = r#"{"prompt_tokens":20,"completion_tokens":3,"total_tokens":20}"#;
        check(json, &came(), Some(3), None, &difference(-3));
    }

    #[test]
    fn thinking_that_no_context_holds_is_not_believed() {
        let json = r#"{"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":4294967295}}"#;
        let fault = UsageFault::ThinkingBeyondContext { claimed: 4_294_967_295 };
        check(json, &came(), Some(3), None, &[fault]);
    }

    #[test]
    fn prompts_and_caches_have_bounds() {
        let json = r#"{"prompt_tokens":4000000000,"completion_tokens":3}"#;
        let believed = weighed(json, &came());
        assert_eq!((believed.input, believed.output), (None, Some(3)));
        assert_eq!(believed.faults, [UsageFault::PromptBeyondText { claimed: 4_000_000_000 }]);

        let json =
            r#"{"prompt_tokens":20,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":30}}"#;
        let believed = weighed(json, &came());
        assert_eq!((believed.input, believed.cached), (Some(20), None));
        assert_eq!(believed.faults, [UsageFault::CachedBeyondPrompt { claimed: 30 }]);
    }
}
