//! ShareGPT's conversations: a JSON array of `{"id", "conversations": [{"from": "human"|"gpt", "value"}]}`, or a column of
//! such lists. It has no times. The first question of each conversation is asked; the length of its answer, at four
//! characters a token, limits the replayed one.

use infercost_core::TraceCell;
use infercost_text::json::documents;
use serde::Deserialize;

use super::{TraceInput, TraceRequest, TraceWorkload, WorkloadFault, tokens};

pub(super) const FORMAT: &str = "ShareGPT";
/// The column of the conversations.
pub(super) const COLUMN: &str = "conversations";
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
    let mut workload = TraceWorkload { format: FORMAT.to_owned(), ..TraceWorkload::default() };
    for document in documents(file, text)? {
        let entry: Entry = document.parse(file)?;
        let read = request(entry);
        match read.map_err(|reason| WorkloadFault::at(file, document.line, reason))? {
            Some(request) => workload.requests.push(request),
            None => workload.left_out += 1,
        }
    }
    Ok(workload)
}

/// The request of a row; `None` for a conversation that is empty, or was not answered.
pub(super) fn of_cells(row: &[TraceCell]) -> Result<Option<TraceRequest>, String> {
    let turns = match row.first() {
        None | Some(TraceCell::Missing) => return Ok(None),
        Some(TraceCell::List(turns)) => turns,
        Some(other) => return Err(no_turns(other)),
    };
    let mut conversations = Vec::with_capacity(turns.len());
    for turn in turns {
        let (Some(from), Some(value)) = (turn.field("from"), turn.field("value")) else {
            return Err(no_turns(turn));
        };
        conversations.push(Said { from: text(from)?, value: text(value)? });
    }
    request(Entry { conversations })
}

/// A turn that says nothing is an empty one.
fn text(cell: &TraceCell) -> Result<String, String> {
    match cell {
        TraceCell::Missing => Ok(String::new()),
        TraceCell::Text(text) => Ok(text.clone()),
        other => Err(no_turns(other)),
    }
}

fn no_turns(found: &TraceCell) -> String {
    format!("`{COLUMN}` holds {}, and not turns with the texts `from` and `value`", found.words())
}

/// The request of a conversation; `None` for one that is empty, or was not answered.
fn request(entry: Entry) -> Result<Option<TraceRequest>, String> {
    let mut turns = entry.conversations.into_iter();
    let asked = turns.find(|turn| ["human", "user"].contains(&turn.from.as_str()));
    let answered = turns.next().filter(|turn| !["human", "user"].contains(&turn.from.as_str()));
    let (Some(asked), Some(answered)) = (asked, answered) else { return Ok(None) };

    let characters = u64::try_from(answered.value.chars().count()).unwrap_or(u64::MAX);
    let output_tokens = tokens(characters.div_ceil(CHARACTERS_OF_A_TOKEN))?;
    if asked.value.trim().is_empty() || output_tokens == 0 {
        return Ok(None);
    }
    Ok(Some(TraceRequest { at_s: 0.0, input: TraceInput::Text(asked.value), output_tokens }))
}
