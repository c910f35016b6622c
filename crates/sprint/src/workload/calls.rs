//! Calls that a service recorded, one row each: their own times and lengths, their texts where they were kept.
//!
//! A call that names its prompt is the same text each time. Of a session no table says what its prompts share. A chat
//! sends its whole history again, so a prompt that is at least as long as the prompt and the answer before it in its
//! session is taken to begin with that prompt; any other is taken as a text of its own. That is an assumption, and said.

use std::collections::HashMap;

use infercost_core::text::{are, count};

use super::{
    MOST_TOKENS_IN_ALL, TOKENS_OF_A_BLOCK, TraceInput, TraceRequest, TraceWorkload, WorkloadFault, checked,
    tokens,
};

/// Numbers of blocks of one text: more than a request has.
const BLOCKS_OF_A_TEXT: u64 = 1 << 20;
/// Numbers of such blocks begin here, apart from those of other workloads.
const FIRST: u64 = 1 << 41;

/// A call of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceCall {
    /// Seconds since any moment.
    pub at_s: f64,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// The prompt, where it was kept.
    pub text: Option<String>,
    /// What names the prompt: equal names are equal text.
    pub prompt: Option<String>,
    /// The conversation that it is a part of.
    pub session: Option<String>,
}

/// The workload of calls in the order of their times. `file` is named in errors.
///
/// # Errors
/// [`WorkloadFault`] where there is no call, or one is longer than any model takes.
pub fn of_calls(file: &str, calls: Vec<TraceCall>) -> Result<TraceWorkload, WorkloadFault> {
    let mut all = 0;
    let mut texts = Texts::default();
    let mut requests = Vec::with_capacity(calls.len());
    for call in calls {
        let too_long = |reason: String| WorkloadFault::of_file(file, reason);
        let count = tokens(call.input_tokens).map_err(too_long)?;
        let output_tokens = tokens(call.output_tokens).map_err(too_long)?.max(1);
        all += u64::from(count);
        if all > MOST_TOKENS_IN_ALL {
            let reason = format!("holds more than {MOST_TOKENS_IN_ALL} tokens of prompts: cut it");
            return Err(WorkloadFault::of_file(file, reason));
        }

        let at_s = call.at_s;
        let number = texts.number(&call);
        let input = match call.text {
            Some(text) => TraceInput::Text(text),
            None => TraceInput::Tokens { count, blocks: blocks(number, count) },
        };
        requests.push(TraceRequest { at_s, input, output_tokens });
    }

    let mut notes = Vec::new();
    if texts.continued > 0 {
        let (requests, are) = (count(texts.continued, "request"), are(texts.continued));
        notes.push(format!(
            "{requests} {are} assumed to begin with the prompt before them in their session, as they are long enough"
        ));
    }
    let format = "infercost".to_owned();
    let workload = TraceWorkload { format, requests, has_arrivals: true, notes, ..TraceWorkload::default() };
    checked(file, workload)
}

/// Which calls have a text in common, or begin with it.
#[derive(Default)]
struct Texts {
    count: u64,
    by_prompt: HashMap<String, u64>,
    by_session: HashMap<String, Begun>,
    /// Calls that begin with the prompt before them.
    continued: u64,
}

/// What was said last in a session.
struct Begun {
    text: u64,
    /// Tokens of the prompt and its answer.
    tokens: u64,
}

impl Texts {
    /// The number of a call's text: a prompt that is as long as all that was said before goes on with that.
    fn number(&mut self, call: &TraceCall) -> u64 {
        if call.text.is_some() {
            return self.next();
        }
        if let Some(prompt) = &call.prompt {
            if let Some(known) = self.by_prompt.get(prompt) {
                return *known;
            }
            let text = self.next();
            self.by_prompt.insert(prompt.clone(), text);
            return text;
        }
        let Some(session) = &call.session else { return self.next() };

        let before = self.by_session.get(session);
        let text = match before.filter(|before| before.tokens <= call.input_tokens) {
            Some(before) => {
                self.continued += 1;
                before.text
            }
            None => self.next(),
        };
        let tokens = call.input_tokens.saturating_add(call.output_tokens);
        self.by_session.insert(session.clone(), Begun { text, tokens });
        text
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

/// The numbers of a text's first blocks.
fn blocks(text: u64, tokens: u32) -> Vec<u64> {
    let first = FIRST.saturating_add(text.saturating_mul(BLOCKS_OF_A_TEXT));
    let blocks = u64::from(tokens.div_ceil(TOKENS_OF_A_BLOCK));
    (0..blocks).map(|block| first.saturating_add(block)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    #[test]
    fn claims_beyond_any_model_are_refused() {
        let call = |input_tokens| TraceCall { input_tokens, output_tokens: 1, ..TraceCall::default() };
        let refused = |calls| of_calls("calls.jsonl", calls).unwrap_err().reason;

        assert!(of_calls("calls.jsonl", vec![call(1 << 21)]).is_ok());
        assert!(refused(vec![call((1 << 21) + 1)]).contains("more than a request can have"));
        let many = vec![call(2_000_000); 10_001];
        assert!(refused(many).contains("more than 20000000000 tokens"));
    }
}
