//! The steps of a streamed answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::reply::{CODED_END, Reply, Step, coded};

/// A streamed answer. The default is ten tokens of a well-behaved chat stream, without pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamScript {
    /// Before the first chunk with text.
    pub first: Duration,
    /// Before each further one.
    pub gap: Duration,
    /// The tokens' texts.
    pub tokens: Vec<String>,
    /// Tokens in one chunk.
    pub tokens_per_chunk: usize,
    /// True where the first token's text is the time that went by on the server: see [`Step::Stamp`].
    pub stamp: bool,
    /// False streams plain completions.
    pub chat: bool,
    /// Send `usage` in a last chunk with empty `choices`.
    pub usage: bool,
    /// Prompt tokens that `usage` tells, and how many of them came from the cache.
    pub prompt_tokens: (u32, u32),
    /// `length` in place of `stop`.
    pub cut_by_length: bool,
    /// Lines end in CRLF, and comments stand between events.
    pub crlf_and_comments: bool,
    /// Every byte is a write of its own, so that characters are split.
    pub byte_by_byte: bool,
    /// End with `[DONE]`.
    pub done: bool,
    /// What goes wrong, and behind how many chunks with text.
    pub fault: Option<(usize, Fault)>,
}

/// What goes wrong in the middle of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The connection is reset.
    Reset,
    /// The connection is closed without the end of the body.
    Close,
    /// The body ends in order, but the answer does not.
    EndsEarly,
    /// Nothing more comes.
    Stall,
    /// An event holds half a JSON object.
    HalfJson,
    /// An error object in place of a chunk.
    ErrorObject,
    /// The server dies.
    Die,
}

impl Default for StreamScript {
    fn default() -> Self {
        Self {
            first: Duration::ZERO,
            gap: Duration::ZERO,
            tokens: (0..10).map(|number| format!(" t{number}")).collect(),
            tokens_per_chunk: 1,
            stamp: false,
            chat: true,
            usage: true,
            prompt_tokens: (12, 0),
            cut_by_length: false,
            crlf_and_comments: false,
            byte_by_byte: false,
            done: true,
            fault: None,
        }
    }
}

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
/// Stands where a stamp's number goes.
const NUMBER: &str = "@NUMBER@";

impl StreamScript {
    /// The whole answer as text.
    pub fn text(&self) -> String {
        self.tokens.concat()
    }

    /// The reply of these steps.
    pub fn reply(&self) -> Reply {
        let mut steps = vec![Step::Send(HEAD.to_vec())];
        if self.chat {
            let begin = self.chunk(json!({"role": "assistant", "content": null}), None);
            self.push(&mut steps, &self.event(&begin));
        }

        let chunks = self.tokens.chunks(self.tokens_per_chunk.max(1));
        for (number, tokens) in chunks.enumerate() {
            if let Some((after, fault)) = self.fault
                && after == number
            {
                return self.broken(steps, fault);
            }

            steps.push(Step::Wait(if number == 0 { self.first } else { self.gap }));
            let stamped = self.stamp && number == 0;
            let text = if stamped { NUMBER.to_owned() } else { tokens.concat() };
            let delta = if self.chat { json!({ "content": text }) } else { json!(text) };

            // A stamp's number is only known when it is sent.
            let event = self.event(&self.chunk(delta, None));
            match event.split_once(NUMBER).filter(|_| stamped) {
                Some((before, after)) => {
                    steps.push(Step::Stamp { before: before.into(), after: after.into() });
                }
                None => self.push(&mut steps, &event),
            }
        }
        if let Some((_, fault)) = self.fault {
            return self.broken(steps, fault);
        }
        steps.push(Step::Send(self.end()));
        Reply::of(self.split(joined(steps)))
    }

    /// The last events and the end of the body.
    fn end(&self) -> Vec<u8> {
        let reason = if self.cut_by_length { "length" } else { "stop" };
        let nothing = if self.chat { json!({}) } else { json!("") };
        let mut end = self.event(&self.chunk(nothing, Some(reason)));

        if self.usage {
            let (prompt, cached) = self.prompt_tokens;
            let completion = self.tokens.len() + usize::from(!self.cut_by_length);
            end.push_str(&self.event(&json!({
                "choices": [], "object": "chat.completion.chunk", "model": "m",
                "usage": {
                    "prompt_tokens": prompt, "completion_tokens": completion,
                    "prompt_tokens_details": {"cached_tokens": cached},
                },
            })));
        }
        if self.done {
            end.push_str("data: [DONE]\n\n");
        }

        let mut end = coded(end.as_bytes());
        end.extend_from_slice(CODED_END);
        end
    }

    fn chunk(&self, delta: Value, finish: Option<&str>) -> Value {
        let choice = if self.chat {
            json!({"finish_reason": finish, "index": 0, "delta": delta})
        } else {
            json!({"finish_reason": finish, "index": 0, "text": delta, "logprobs": null})
        };
        json!({
            "choices": [choice], "created": 1, "id": "chatcmpl-1", "model": "m",
            "system_fingerprint": "stand-in", "object": "chat.completion.chunk",
        })
    }

    fn event(&self, data: &Value) -> String {
        if self.crlf_and_comments {
            format!(": ping\r\ndata: {data}\r\n\r\n")
        } else {
            format!("data: {data}\n\n")
        }
    }

    fn push(&self, steps: &mut Vec<Step>, event: &str) {
        steps.push(Step::Send(coded(event.as_bytes())));
    }

    fn broken(&self, mut steps: Vec<Step>, fault: Fault) -> Reply {
        match fault {
            Fault::Reset => steps.push(Step::Reset),
            Fault::Close => steps.push(Step::Close),
            Fault::Stall => steps.push(Step::Hang),
            Fault::Die => steps.push(Step::Die),
            Fault::EndsEarly => steps.push(Step::Send(CODED_END.to_vec())),
            Fault::HalfJson => {
                self.push(&mut steps, "data: {\"choices\":[{\"index\":0,\"delta\":{\"con\n\n");
                steps.push(Step::Send(CODED_END.to_vec()));
            }
            Fault::ErrorObject => {
                self.push(&mut steps, "data: {\"error\":{\"code\":500,\"message\":\"out of memory\"}}\n\n");
                steps.push(Step::Send(CODED_END.to_vec()));
            }
        }
        Reply::of(self.split(joined(steps)))
    }

    fn split(&self, steps: Vec<Step>) -> Vec<Step> {
        if !self.byte_by_byte {
            return steps;
        }
        let mut split = Vec::new();
        for step in steps {
            match step {
                Step::Send(bytes) => split.extend(bytes.into_iter().map(|byte| Step::Send(vec![byte]))),
                other => split.push(other),
            }
        }
        split
    }
}

/// Writes that nothing lies between become one; waits of no length go.
fn joined(steps: Vec<Step>) -> Vec<Step> {
    let mut all: Vec<Step> = Vec::new();
    for step in steps {
        match (all.last_mut(), step) {
            (_, Step::Wait(time)) if time.is_zero() => {}
            (Some(Step::Send(last)), Step::Send(more)) => last.extend(more),
            (_, step) => all.push(step),
        }
    }
    all
}
