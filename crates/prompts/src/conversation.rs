//! Turns of a conversation, under the names that formats give them.

use infercost_core::{Message, Role};
use serde_json::{Map, Value};

use crate::shown;

/// Most turns of one prompt.
const MAX_TURNS: usize = 10_000;

/// The turns of a list of messages: `role` and `content` (OpenAI), or `from` and `value` (ShareGPT).
pub(crate) fn turns(messages: &[Value]) -> Result<Vec<Message>, String> {
    if messages.len() > MAX_TURNS {
        return Err(format!("more than {MAX_TURNS} turns"));
    }
    let mut turns = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let turn = turn(message).map_err(|reason| format!("message {}: {reason}", index + 1))?;
        turns.push(turn);
    }
    Ok(turns)
}

/// Whether a list looks like the messages of one conversation.
pub(crate) fn is_conversation(list: &[Value]) -> bool {
    !list.is_empty()
        && list.iter().all(|message| {
            message
                .as_object()
                .is_some_and(|message| message.contains_key("role") || message.contains_key("from"))
        })
}

fn turn(message: &Value) -> Result<Message, String> {
    let message = message.as_object().ok_or("a message is an object with `role` and `content`")?;
    let role = first(message, &["role", "from"]).and_then(Value::as_str).ok_or("`role` is missing")?;
    let role = role_of(role)?;
    let content = first(message, &["content", "value", "text"]).ok_or_else(|| missing_content(message))?;
    Ok(Message { role, content: content_of(content)? })
}

/// The first of these fields that is there.
fn first<'m>(message: &'m Map<String, Value>, names: &[&str]) -> Option<&'m Value> {
    names.iter().find_map(|name| message.get(*name))
}

fn role_of(name: &str) -> Result<Role, String> {
    match name.to_ascii_lowercase().as_str() {
        "system" | "developer" => Ok(Role::System),
        "user" | "human" => Ok(Role::User),
        "assistant" | "gpt" | "model" | "bot" | "chatgpt" | "ai" => Ok(Role::Assistant),
        "tool" | "function" | "function_call" | "observation" => Err(format!(
            "turns of role `{}` are not sent; a prompt set holds system, user and assistant",
            shown(name)
        )),
        _ => Err(format!("role `{}` is not known; use system, user or assistant", shown(name))),
    }
}

fn missing_content(message: &Map<String, Value>) -> String {
    if message.contains_key("tool_calls") || message.contains_key("function_call") {
        return "calls of tools are not sent; a prompt set holds texts".to_owned();
    }
    "`content` is missing".to_owned()
}

/// A text, or a list of parts that are texts.
fn content_of(content: &Value) -> Result<String, String> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Err("`content` is null; calls of tools are not sent".into()),
        Value::Array(parts) => {
            let mut text = String::new();
            for part in parts {
                text.push_str(part_text(part)?);
            }
            Ok(text)
        }
        _ => Err("`content` must be a text, or a list of parts of type text".into()),
    }
}

fn part_text(part: &Value) -> Result<&str, String> {
    if let Some(text) = part.as_str() {
        return Ok(text);
    }
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
    if !matches!(kind, "text" | "input_text" | "output_text") {
        return Err(format!("a part of type `{}` is not sent; a prompt set holds texts", shown(kind)));
    }
    part.get("text").and_then(Value::as_str).ok_or_else(|| "a part of type text has no `text`".to_owned())
}
