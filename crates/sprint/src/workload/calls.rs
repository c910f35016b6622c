//! Calls that a service recorded, one row each: their own times and lengths, their texts where they were kept.
//!
//! A call that names its prompt is the same text each time. Of a session no table says what its prompts share. A chat
//! sends its whole history again, so a prompt that is at least as long as the prompt and the answer before it in its
//! session is taken to begin with that prompt; any other is taken as a text of its own. That is an assumption, and said.

use std::collections::HashMap;

use super::{TOKENS_OF_A_BLOCK, TraceInput, TraceRequest, TraceWorkload, WorkloadFault, checked, tokens};

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

/// A text that requests have in common, or begin with.
struct SharedText {
    number: u64,
    /// Tokens of the last prompt and its answer.
    tokens: u64,
}

/// The workload of calls in the order of their times. `file` is named in errors.
///
/// # Errors
/// [`WorkloadFault`] where there is no call, or one is longer than any model takes.
pub fn of_calls(file: &str, calls: Vec<TraceCall>) -> Result<TraceWorkload, WorkloadFault> {
    let mut texts = 0;
    let mut by_prompt: HashMap<String, u64> = HashMap::new();
    let mut by_session: HashMap<String, SharedText> = HashMap::new();
    let mut continued = 0_u64;
    let mut requests = Vec::with_capacity(calls.len());

    for call in calls {
        let too_long = |reason: String| WorkloadFault::of_file(file, reason);
        let input_tokens = tokens(call.input_tokens).map_err(too_long)?;
        let output_tokens = tokens(call.output_tokens).map_err(too_long)?.max(1);

        let mut new_text = || {
            texts += 1;
            texts
        };
        let text = match (call.text, call.prompt, call.session) {
            (Some(text), ..) => {
                requests.push(TraceRequest {
                    at_s: call.at_s,
                    input: TraceInput::Text(text),
                    output_tokens,
                });
                continue;
            }
            (None, Some(prompt), _) => Some(*by_prompt.entry(prompt).or_insert_with(new_text)),
            (None, None, Some(session)) => {
                let before = by_session.get(&session);
                let goes_on = before.filter(|before| call.input_tokens >= before.tokens);
                let number = goes_on.map_or_else(&mut new_text, |before| before.number);
                continued += u64::from(goes_on.is_some());
                let tokens = call.input_tokens.saturating_add(call.output_tokens);
                by_session.insert(session, SharedText { number, tokens });
                Some(number)
            }
            (None, None, None) => None,
        };

        let blocks = text.map_or_else(Vec::new, |number| blocks(number, input_tokens));
        let input = TraceInput::Tokens { count: input_tokens, blocks };
        requests.push(TraceRequest { at_s: call.at_s, input, output_tokens });
    }

    let mut notes = Vec::new();
    if continued > 0 {
        notes.push(format!(
            "{continued} requests are assumed to begin with the prompt before them in their session, as they are long enough"
        ));
    }
    let workload = TraceWorkload {
        format: "infercost".to_owned(),
        requests,
        has_arrivals: true,
        notes,
        ..TraceWorkload::default()
    };
    checked(file, workload)
}

/// The numbers of a text's first blocks.
fn blocks(text: u64, tokens: u32) -> Vec<u64> {
    let first = FIRST.saturating_add(text.saturating_mul(BLOCKS_OF_A_TEXT));
    let blocks = u64::from(tokens.div_ceil(TOKENS_OF_A_BLOCK));
    (0..blocks).map(|block| first.saturating_add(block)).collect()
}
