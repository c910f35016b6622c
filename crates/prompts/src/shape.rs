//! The shapes in which a JSON document holds a prompt.

use infercost_core::{Message, Role};
use serde_json::{Map, Value};

use crate::conversation::{is_conversation, turns};
use crate::item::{Item, tokens};
use crate::shown;

/// Names of a field that holds what is asked, the surest first.
const ASKED: [&str; 7] = ["prompt", "question", "instruction", "query", "input", "text", "problem"];
const CONVERSATIONS: [&str; 6] = ["messages", "conversations", "conversation", "chat", "dialog", "turns"];
/// Names of a field that holds the right answer, the surest first.
const ANSWERS: [&str; 14] = [
    "answer",
    "answers",
    "reference",
    "reference_answer",
    "expected",
    "expected_output",
    "expected_answer",
    "ground_truth",
    "ideal",
    "target",
    "output",
    "completion",
    "response",
    "answerkey",
];
const SYSTEMS: [&str; 3] = ["system", "system_prompt", "system_message"];
const IDS: [&str; 7] = ["id", "custom_id", "prompt_id", "question_id", "example_id", "uuid", "_id"];
const LIMITS: [&str; 5] =
    ["max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "n_predict"];
/// Names of this format's own fields: what is nearly one of them is a mistake and not a field of another format.
const OWN: [&str; 11] = [
    "id",
    "prompt",
    "messages",
    "system",
    "choices",
    "answer",
    "grader",
    "max_tokens",
    "tags",
    "thinking",
    "chat_template_kwargs",
];
/// Variables for the chat template.
const TEMPLATE: [&str; 2] = ["chat_template_kwargs", "template"];
/// Lists that hold the prompts of a whole file.
const LISTS: [&str; 8] = ["rows", "data", "prompts", "examples", "items", "instances", "train", "test"];

/// The documents that a wrapper holds: `{"rows": […]}`, as services answer; `None` where it is a prompt itself.
pub(crate) fn unwrapped(document: &Value) -> Option<&[Value]> {
    let object = document.as_object()?;
    let is_prompt = ASKED.iter().chain(&CONVERSATIONS).any(|name| object.contains_key(*name));
    if is_prompt || object.contains_key("row") || object.contains_key("body") {
        return None;
    }
    LISTS.iter().find_map(|name| object.get(*name)?.as_array()).map(Vec::as_slice)
}

/// The prompt that a document holds.
///
/// # Errors
/// A plain sentence on what is missing or cannot be read.
pub(crate) fn item(document: &Value) -> Result<Item, Unread> {
    match document {
        Value::String(text) => Ok(Item { turns: vec![asked(text)], ..Item::default() }),
        Value::Array(messages) if is_conversation(messages) => {
            Ok(Item { turns: turns(messages).map_err(Unread::Wrong)?, ..Item::default() })
        }
        Value::Object(fields) => object(fields),
        _ => Err(Unread::NoPrompt("this is not a prompt".to_owned())),
    }
}

/// Why a document is no prompt.
pub(crate) enum Unread {
    /// It has no place where a prompt could be.
    NoPrompt(String),
    /// It has, and something in it is wrong.
    Wrong(String),
}

fn object(fields: &Map<String, Value>) -> Result<Item, Unread> {
    // A row of a data set, as the hub's viewer answers.
    if let Some(Value::Object(row)) = fields.get("row") {
        let mut item = object(row)?;
        item.id = item.id.or(first_id(fields, &["row_idx"]).map_err(Unread::Wrong)?);
        return Ok(item);
    }

    // A line of a batch file of OpenAI's API.
    if let Some(Value::Object(body)) = fields.get("body") {
        let mut item = object(body)?;
        item.id = first_id(fields, &IDS).map_err(Unread::Wrong)?.or(item.id);
        return Ok(item);
    }

    let mut reader = Fields { fields, used: Vec::new() };
    let turns = reader.turns()?;
    reader.rest(turns).map_err(Unread::Wrong)
}

/// Fields on their way into an item; those that nobody asked for are ignored and named.
struct Fields<'f> {
    fields: &'f Map<String, Value>,
    used: Vec<&'f str>,
}

impl<'f> Fields<'f> {
    /// The first of these fields that is there and not null.
    fn take(&mut self, names: &[&str]) -> Option<(&'f str, &'f Value)> {
        for name in names {
            let found =
                self.fields.iter().find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null());
            if let Some((key, value)) = found {
                self.used.push(key);
                return Some((key, value));
            }
        }
        None
    }

    fn text(&mut self, names: &[&str]) -> Result<Option<String>, String> {
        match self.take(names) {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text.clone())),
            Some((name, _)) => Err(format!("`{}` must be a text", shown(name))),
        }
    }

    fn turns(&mut self) -> Result<Vec<Message>, Unread> {
        let conversation = self.take(&CONVERSATIONS);
        if let Some((name, value)) = conversation {
            if self.fields.contains_key("prompt") {
                return Err(Unread::Wrong(format!("give `prompt` or `{}`, not both", shown(name))));
            }
            let messages = value.as_array();
            let messages = messages
                .ok_or_else(|| Unread::Wrong(format!("`{}` must be a list of messages", shown(name))))?;
            return turns(messages).map_err(Unread::Wrong);
        }

        let Some((name, value)) = self.take(&ASKED) else {
            return Err(Unread::NoPrompt("`prompt` or `messages` is missing".to_owned()));
        };
        match value {
            Value::String(text) => {
                let mut text = text.clone();

                // Alpaca's format: an instruction, and what it is about.
                if name.eq_ignore_ascii_case("instruction")
                    && let Some((_, Value::String(input))) = self.take(&["input"])
                    && !input.trim().is_empty()
                {
                    text = format!("{text}\n\n{input}");
                }
                Ok(vec![asked(&text)])
            }
            Value::Array(messages) if is_conversation(messages) => turns(messages).map_err(Unread::Wrong),
            _ => Err(Unread::Wrong(format!("`{}` must be a text or a list of messages", shown(name)))),
        }
    }

    fn rest(mut self, turns: Vec<Message>) -> Result<Item, String> {
        let choices = self.choices()?;
        let mut item = Item {
            id: first_id(self.fields, &IDS)?,
            turns,
            system: self.text(&SYSTEMS)?,
            choices,
            grader: self.text(&["grader"])?,
            tags: self.tags()?,
            ..Item::default()
        };
        item.answer = self.answer();

        if let Some((name, value)) = self.take(&LIMITS) {
            item.max_tokens = tokens(name, value)?;
        }

        if let Some((_, value)) = self.take(&["thinking"]) {
            item.thinking = Some(
                serde_json::from_value(value.clone())
                    .map_err(|error| shown(&error.to_string()).to_string())?,
            );
        }
        if let Some((name, value)) = self.take(&TEMPLATE) {
            let Value::Object(variables) = value else { return Err(format!("`{name}` must be an object")) };
            item.template = variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        }

        item.ignored = self.ignored()?;
        Ok(item)
    }

    /// The right answer. `answer` is taken as it is, a schema too; under other names an object wraps a list of texts.
    fn answer(&mut self) -> Option<Value> {
        let (name, value) = self.take(&ANSWERS)?;
        if name == "answer" {
            return Some(value.clone());
        }
        match value {
            // SQuAD's answers.
            Value::Object(object) => object.get("text").cloned(),
            // Chats as pairs of lists: what the assistant should say.
            Value::Array(list) if is_conversation(list) => {
                let last = list.last()?;
                last.get("content").or_else(|| last.get("value")).cloned()
            }
            other => Some(other.clone()),
        }
    }

    /// A list of texts, or ARC's object of texts and letters.
    fn choices(&mut self) -> Result<Option<Vec<String>>, String> {
        let Some((_, value)) = self.take(&["choices", "options"]) else { return Ok(None) };
        let list = value.get("text").unwrap_or(value).as_array();
        let texts: Option<Vec<String>> =
            list.and_then(|list| list.iter().map(|choice| choice.as_str().map(str::to_owned)).collect());
        texts.map(Some).ok_or_else(|| "`choices` must be a list of texts".to_owned())
    }

    fn tags(&mut self) -> Result<Vec<String>, String> {
        match self.take(&["tags"]) {
            None => Ok(Vec::new()),
            Some((_, Value::String(tag))) => Ok(vec![tag.clone()]),
            Some((_, value)) => {
                let tags = value
                    .as_array()
                    .and_then(|tags| tags.iter().map(|tag| Some(tag.as_str()?.to_owned())).collect());
                tags.ok_or_else(|| "`tags` must be a list of texts".to_owned())
            }
        }
    }

    /// Fields that nobody asked for; an error where one is nearly a field of this format.
    fn ignored(&self) -> Result<Vec<String>, String> {
        let mut ignored = Vec::new();
        for name in self.fields.keys() {
            if self.used.contains(&name.as_str()) || IDS.iter().any(|id| name.eq_ignore_ascii_case(id)) {
                continue;
            }
            if let Some(meant) = OWN.iter().find(|own| is_near(own, name)) {
                return Err(format!("`{}` is not a field of a prompt; did you mean `{meant}`?", shown(name)));
            }
            ignored.push(shown(name));
        }
        Ok(ignored)
    }
}

fn asked(text: &str) -> Message {
    Message { role: Role::User, content: text.to_owned() }
}

/// An id: a text, or a whole number.
fn first_id(fields: &Map<String, Value>, names: &[&str]) -> Result<Option<String>, String> {
    let value = names.iter().find_map(|name| fields.get(*name).filter(|value| !value.is_null()));
    match value {
        None => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(Value::Number(id)) if id.is_u64() || id.is_i64() => Ok(Some(id.to_string())),
        Some(other) => {
            Err(format!("`id` must be a text or a whole number, and is {}", shown(&other.to_string())))
        }
    }
}

/// Whether one letter was left out, added or changed, or two were exchanged; not in the shortest names.
fn is_near(own: &str, name: &str) -> bool {
    if own.len() < 4 || own == name {
        return false;
    }
    let (own, name): (Vec<char>, Vec<char>) = (own.chars().collect(), name.to_lowercase().chars().collect());
    let same = own.iter().zip(&name).take_while(|(a, b)| a == b).count();
    let (Some(own_rest), Some(rest)) = (own.get(same..), name.get(same..)) else { return false };
    let changed = is_rest(own_rest, 1, rest, 1);
    let left_out = is_rest(own_rest, 1, rest, 0);
    let added = is_rest(own_rest, 0, rest, 1);
    own != name && (changed || left_out || added || is_exchanged(own_rest, rest))
}

/// Whether two texts are the same behind so many letters of each.
fn is_rest(one: &[char], skipped: usize, other: &[char], other_skipped: usize) -> bool {
    one.get(skipped..).is_some_and(|rest| Some(rest) == other.get(other_skipped..))
}

/// Whether two texts differ in the order of their first two letters alone.
fn is_exchanged(one: &[char], other: &[char]) -> bool {
    match (one, other) {
        ([a, b, rest @ ..], [c, d, other_rest @ ..]) => a == d && b == c && rest == other_rest,
        _ => false,
    }
}
