//! One prompt as it was written, whatever the format, and its check.

use std::collections::BTreeMap;

use infercost_core::conversation::{Conversation, ThinkingAllowance};
use infercost_core::{Message, Prompt, PromptBody, PromptId, Role, SharedGrader};
use serde_json::Value;

use crate::grade::{Key, grader};
use crate::limits::{DEFAULT_MAX_TOKENS, LONGEST_PROMPT};
use crate::shown;

/// Longest id, in bytes.
const LONGEST_ID: usize = 200;
/// Longest reference answer that is looked for in an answer where no grader is named, in characters.
const SHORT_REFERENCE: usize = 80;

/// One prompt as it was written, before it is checked.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) id: Option<String>,
    pub(crate) turns: Vec<Message>,
    pub(crate) system: Option<String>,
    pub(crate) answer: Option<Value>,
    pub(crate) grader: Option<String>,
    pub(crate) choices: Option<Vec<String>>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) tags: Vec<String>,
    /// How much thinking is allowed.
    pub(crate) thinking: Option<ThinkingAllowance>,
    /// Variables for the chat template.
    pub(crate) template: BTreeMap<String, Value>,
    /// Fields of the file that say nothing here.
    pub(crate) ignored: Vec<String>,
}

/// How a prompt without a named grader is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// As the set says.
    AsNamed,
    /// By a short reference answer, which has to occur in the answer.
    ByShortReference,
    /// Not at all: its reference answer is too long to be looked for.
    ReferenceTooLong,
}

/// A prompt that can be run.
pub(crate) struct Checked {
    pub(crate) prompt: Prompt,
    pub(crate) judged: Judged,
    pub(crate) ignored: Vec<String>,
}

impl Item {
    /// Checks it. `number` becomes its id where it has none.
    ///
    /// # Errors
    /// One plain sentence on what is wrong.
    pub(crate) fn check(mut self, number: usize) -> Result<Checked, String> {
        let id = self.id.take().unwrap_or_else(|| number.to_string());
        if id.trim().is_empty() || id.len() > LONGEST_ID {
            return Err(format!("`id` must hold 1 to {LONGEST_ID} bytes"));
        }
        self.add_system()?;
        let reference = self.take_reference();

        if self.turns.iter().all(|turn| turn.content.trim().is_empty()) {
            return Err("the prompt is empty".into());
        }
        let length: usize = self.turns.iter().map(|turn| turn.content.len()).sum();
        if length > LONGEST_PROMPT {
            return Err(format!(
                "the prompt holds {length} bytes; at most {LONGEST_PROMPT} are taken: shorten it"
            ));
        }

        let max_tokens = self.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
        if max_tokens == 0 {
            return Err("`max_tokens` must be at least 1".into());
        }

        let (grader, judged) = self.grader(reference)?;
        let conversation =
            Conversation { messages: self.turns, thinking: self.thinking, template: self.template };
        let prompt = Prompt {
            id: PromptId::from(id),
            max_tokens: conversation.output_limit(max_tokens),
            body: PromptBody::Chat(conversation),
            grader,
            tags: self.tags,
        };

        Ok(Checked { prompt, judged, ignored: self.ignored })
    }

    fn add_system(&mut self) -> Result<(), String> {
        let Some(content) = self.system.take() else { return Ok(()) };
        if self.turns.iter().any(|turn| turn.role == Role::System) {
            return Err("give `system` or a message of role `system`, not both".into());
        }
        self.turns.insert(0, Message { role: Role::System, content });
        Ok(())
    }

    /// The last turn, where it is the assistant's: what it should say. An `answer` beside it comes first.
    fn take_reference(&mut self) -> Option<Value> {
        let is_answered = self.turns.last().is_some_and(|turn| turn.role == Role::Assistant);
        let said = if is_answered { self.turns.pop() } else { None };
        self.answer.take().or_else(|| said.map(|turn| Value::String(turn.content)))
    }

    fn grader(&mut self, reference: Option<Value>) -> Result<(Option<SharedGrader>, Judged), String> {
        let choices = self.choices.as_deref();
        let reference = reference.map(|answer| named_choice(answer, choices));
        let key = Key { answer: reference.as_ref(), choices };
        let named = match (self.grader.as_deref(), choices) {
            (Some("none"), _) => return Ok((None, Judged::AsNamed)),
            (Some(name), _) => Some(name),
            (None, Some(_)) => Some("choice"),
            (None, None) => None,
        };

        if let Some(name) = named {
            return Ok((Some(grader(name, &key)?), Judged::AsNamed));
        }

        // Nobody said how to judge. What can be found in an answer is looked for; the rest is not judged.
        let name = match &reference {
            None => return Ok((None, Judged::AsNamed)),
            Some(Value::Number(_)) => "number",
            Some(Value::String(text)) if !is_short(text) => return Ok((None, Judged::ReferenceTooLong)),
            Some(Value::Array(texts)) if !texts.iter().filter_map(Value::as_str).all(is_short) => {
                return Ok((None, Judged::ReferenceTooLong));
            }
            Some(_) => "contains",
        };

        Ok((Some(grader(name, &key)?), Judged::ByShortReference))
    }
}

fn is_short(text: &str) -> bool {
    let text = text.trim();
    !text.contains('\n') && text.chars().count() <= SHORT_REFERENCE
}

/// The text of the right choice, where it was given by its number from 0 or its letter.
fn named_choice(answer: Value, choices: Option<&[String]>) -> Value {
    let Some(choices) = choices else { return answer };
    let written = match &answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };

    if choices.contains(&written) {
        return Value::String(written);
    }
    let index = match &answer {
        Value::Number(number) => number.as_u64().and_then(|index| usize::try_from(index).ok()),
        Value::String(letter) => letter_index(letter.trim()),
        _ => None,
    };
    index.and_then(|index| choices.get(index)).map_or(answer, |choice| Value::String(choice.clone()))
}

fn letter_index(letter: &str) -> Option<usize> {
    match letter.as_bytes() {
        [letter @ b'A'..=b'Z'] => Some(usize::from(letter - b'A')),
        _ => None,
    }
}

/// A number of tokens.
pub(crate) fn tokens(field: &str, value: &Value) -> Result<Option<u32>, String> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| {
        format!("`{field}` must be a whole number of tokens, and is {}", shown(&value.to_string()))
    })
}
