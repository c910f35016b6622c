//! ShareGPT's conversations: a JSON array of `{"id", "conversations": [{"from": "human"|"gpt", "value"}]}`. It has no
//! times. The first question of each conversation is asked; the length of its answer, at four characters a token, limits
//! the replayed one.

use infercost_text::json::documents;
use serde::Deserialize;

use super::{TraceInput, TraceRequest, TraceWorkload, WorkloadFault, tokens};

/// Characters of a token, about: what OpenAI's documentation names for English.
const CHARACTERS_OF_A_TOKEN: u64 = 4;

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    conversations: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    from: String,
    value: String,
}

/// Whether the beginning of a text names the field.
pub(super) fn is_meant(text: &str) -> bool {
    let mut end = text.len().min(4096);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).is_some_and(|beginning| beginning.contains("\"conversations\""))
}

pub(super) fn read(file: &str, text: &str) -> Result<TraceWorkload, WorkloadFault> {
    let mut workload = TraceWorkload { format: "ShareGPT".to_owned(), ..TraceWorkload::default() };
    for document in documents(file, text)? {
        let entry: Entry = document.parse(file)?;
        let mut turns = entry.conversations.into_iter();
        let asked = turns.find(|turn| ["human", "user"].contains(&turn.from.as_str()));
        let answered = turns.next().filter(|turn| !["human", "user"].contains(&turn.from.as_str()));

        let (Some(asked), Some(answered)) = (asked, answered) else {
            workload.left_out += 1;
            continue;
        };
        let characters = u64::try_from(answered.value.chars().count()).unwrap_or(u64::MAX);
        let output = tokens(characters.div_ceil(CHARACTERS_OF_A_TOKEN));
        let output_tokens = output.map_err(|reason| WorkloadFault::at(file, document.line, reason))?;
        if asked.value.trim().is_empty() || output_tokens == 0 {
            workload.left_out += 1;
            continue;
        }
        let input = TraceInput::Text(asked.value);
        workload.requests.push(TraceRequest { at_s: 0.0, input, output_tokens });
    }
    Ok(workload)
}
