//! Prompt sets: JSON Lines, one prompt a line, checked whole before anything runs.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::conversation::{Conversation, ThinkingAllowance};
use crate::identity::PromptId;

/// Largest prompt set read, in prompts.
pub const MAX_PROMPTS: usize = 1_000_000;
/// Output limit of a prompt that names none, in tokens.
pub const DEFAULT_MAX_TOKENS: u32 = 128;

/// A checked, non-empty set of prompts with distinct ids.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptSet {
    /// The set's name in reports.
    pub name: String,
    /// The prompts, in the file's order.
    pub prompts: Vec<Prompt>,
}

/// One prompt and how its answer is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// Distinct within its set.
    pub id: PromptId,
    /// What the model is asked.
    pub body: PromptBody,
    /// How the answer is judged.
    pub grader: Grader,
    /// Output limit, in tokens, tokens that are allowed for thinking included.
    pub max_tokens: u32,
    /// Free labels, for grouping.
    pub tags: Vec<String>,
}

/// What the model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptBody {
    /// A conversation, rendered with the model's chat template. A lone `prompt` is one user turn.
    Chat(Conversation),
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who speaks in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Standing instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that chat templates and APIs use.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// How an answer is judged. Each kind holds just what it needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Grader {
    /// Equal to one of these, but for case, outer white space and a trailing full stop.
    Exact(Vec<String>),
    /// Holds one of these, case-insensitively, on word boundaries.
    Contains(Vec<String>),
    /// Matches this regular expression somewhere.
    Regex(String),
    /// Its last number is this one.
    Number(f64),
    /// The most likely of these choices is the one at `right`.
    Choice {
        /// The choices.
        choices: Vec<String>,
        /// Index of the right one.
        right: usize,
    },
    /// Is JSON that satisfies this schema.
    JsonSchema(serde_json::Value),
    /// Not judged: cost and divergence only.
    None,
}

/// The name of a grader, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraderKind {
    /// [`Grader::Exact`].
    Exact,
    /// [`Grader::Contains`].
    Contains,
    /// [`Grader::Regex`].
    Regex,
    /// [`Grader::Number`].
    Number,
    /// [`Grader::Choice`].
    Choice,
    /// [`Grader::JsonSchema`].
    JsonSchema,
    /// [`Grader::None`].
    None,
}

impl GraderKind {
    /// As prompt sets and traces write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::Regex => "regex",
            Self::Number => "number",
            Self::Choice => "choice",
            Self::JsonSchema => "json_schema",
            Self::None => "none",
        }
    }
}

impl Grader {
    /// The grader's name.
    pub fn kind(&self) -> GraderKind {
        match self {
            Self::Exact(_) => GraderKind::Exact,
            Self::Contains(_) => GraderKind::Contains,
            Self::Regex(_) => GraderKind::Regex,
            Self::Number(_) => GraderKind::Number,
            Self::Choice { .. } => GraderKind::Choice,
            Self::JsonSchema(_) => GraderKind::JsonSchema,
            Self::None => GraderKind::None,
        }
    }
}

/// A prompt set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PromptSetError {
    /// One line is wrong.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An id stands twice.
    #[error("{file}:{line}: id `{id}` stands already in line {first}; ids must be distinct")]
    DuplicateId {
        /// The file.
        file: String,
        /// The second line, from 1.
        line: usize,
        /// The first line, from 1.
        first: usize,
        /// The id.
        id: String,
    },
    /// No prompt at all.
    #[error("{file}: no prompts; write one JSON object a line, such as {{\"id\":\"1\",\"prompt\":\"…\"}}")]
    Empty {
        /// The file.
        file: String,
    },
    /// More than [`MAX_PROMPTS`] prompts.
    #[error("{file}: more than {MAX_PROMPTS} prompts; split the set")]
    TooMany {
        /// The file.
        file: String,
    },
}

/// One line as it is written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    system: Option<String>,
    choices: Option<Vec<String>>,
    answer: Option<serde_json::Value>,
    grader: Option<GraderKind>,
    max_tokens: Option<u32>,
    /// How much thinking is allowed.
    thinking: Option<ThinkingAllowance>,
    /// Variables for the chat template.
    #[serde(default)]
    template: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    tags: Vec<String>,
}

impl PromptSet {
    /// Parses JSON Lines. `file` is named in errors, `name` in reports. Empty lines are skipped.
    ///
    /// # Errors
    /// [`PromptSetError`] with the file and line of the first thing wrong.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, PromptSetError> {
        let mut seen: HashMap<PromptId, usize> = HashMap::new();
        let mut prompts = Vec::new();
        for (index, source) in text.lines().enumerate() {
            let line = index + 1;
            let source = if index == 0 { source.trim_start_matches('\u{feff}') } else { source };
            if source.trim().is_empty() {
                continue;
            }
            let wrong = |reason: String| PromptSetError::Line { file: file.to_owned(), line, reason };
            let parsed: Line = serde_json::from_str(source).map_err(|error| wrong(describe(&error)))?;
            let prompt = check(parsed).map_err(wrong)?;
            if let Some(first) = seen.insert(prompt.id.clone(), line) {
                let id = escape(prompt.id.as_str());
                return Err(PromptSetError::DuplicateId { file: file.to_owned(), line, first, id });
            }
            prompts.push(prompt);
            if prompts.len() > MAX_PROMPTS {
                return Err(PromptSetError::TooMany { file: file.to_owned() });
            }
        }
        if prompts.is_empty() {
            return Err(PromptSetError::Empty { file: file.to_owned() });
        }
        Ok(Self { name: name.to_owned(), prompts })
    }

    /// The prompt of that id.
    pub fn get(&self, id: &PromptId) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| &prompt.id == id)
    }
}

/// serde_json counts lines inside the one line that it is given: drop that, keep the column.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    format!("{} (column {})", escape(reason), error.column())
}

/// Control characters of a file reach no terminal.
fn escape(text: &str) -> String {
    text.chars()
        .take(200)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

fn check(line: Line) -> Result<Prompt, String> {
    if line.id.trim().is_empty() || line.id.len() > 200 {
        return Err("`id` must hold 1 to 200 bytes".into());
    }
    let grader = grader(&line)?;
    let messages = messages(line.prompt, line.messages, line.system)?;
    let conversation = Conversation { messages, thinking: line.thinking, template: line.template };
    let max_tokens = line.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
    if max_tokens == 0 {
        return Err("`max_tokens` must be at least 1".into());
    }
    Ok(Prompt {
        id: PromptId(line.id),
        max_tokens: conversation.output_limit(max_tokens),
        body: PromptBody::Chat(conversation),
        grader,
        tags: line.tags,
    })
}

fn messages(
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    system: Option<String>,
) -> Result<Vec<Message>, String> {
    let turns = match (prompt, messages) {
        (Some(_), Some(_)) => return Err("give `prompt` or `messages`, not both".into()),
        (None, None) => return Err("`prompt` or `messages` is missing".into()),
        (Some(text), None) => vec![Message { role: Role::User, content: text }],
        (None, Some(messages)) => messages,
    };
    if turns.iter().all(|message| message.content.trim().is_empty()) {
        return Err("the prompt is empty".into());
    }
    if system.is_some() && turns.iter().any(|message| message.role == Role::System) {
        return Err("give `system` or a message of role `system`, not both".into());
    }
    let system = system.map(|content| Message { role: Role::System, content });
    Ok(system.into_iter().chain(turns).collect())
}

fn grader(line: &Line) -> Result<Grader, String> {
    let inferred =
        match (&line.choices, &line.answer) {
            (Some(_), _) => GraderKind::Choice,
            (None, Some(_)) => return line.grader.map_or_else(
                || {
                    Err("`answer` without `grader`: say how to judge it (exact, contains, regex, number, …)"
                        .into())
                },
                |kind| with_answer(kind, line),
            ),
            (None, None) => GraderKind::None,
        };
    with_answer(line.grader.unwrap_or(inferred), line)
}

fn with_answer(kind: GraderKind, line: &Line) -> Result<Grader, String> {
    if line.choices.is_some() && !matches!(kind, GraderKind::Choice | GraderKind::None) {
        return Err("`choices` go with the grader `choice`".into());
    }
    let answer = || line.answer.as_ref().ok_or_else(|| format!("grader `{}` needs an `answer`", kind.name()));
    Ok(match kind {
        GraderKind::None => Grader::None,
        GraderKind::Exact => Grader::Exact(texts(answer()?)?),
        GraderKind::Contains => Grader::Contains(texts(answer()?)?),
        GraderKind::Regex => Grader::Regex(text(answer()?)?),
        GraderKind::Number => Grader::Number(number(answer()?)?),
        GraderKind::JsonSchema => Grader::JsonSchema(match answer()? {
            serde_json::Value::Object(schema) => serde_json::Value::Object(schema.clone()),
            _ => {
                return Err("the `answer` of grader `json_schema` is a JSON schema: an object".into());
            }
        }),
        GraderKind::Choice => {
            let choices = line.choices.clone().ok_or("grader `choice` needs `choices`")?;
            if choices.len() < 2 || choices.iter().any(|choice| choice.trim().is_empty()) {
                return Err("`choices` needs at least two non-empty texts".into());
            }
            let right = text(answer()?)?;
            let right = choices
                .iter()
                .position(|choice| *choice == right)
                .ok_or_else(|| format!("`answer` is `{}`, which is none of the `choices`", escape(&right)))?;
            Grader::Choice { choices, right }
        }
    })
}

fn text(value: &serde_json::Value) -> Result<String, String> {
    match value {
        serde_json::Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err("`answer` must be a non-empty text".into()),
    }
}

fn texts(value: &serde_json::Value) -> Result<Vec<String>, String> {
    match value {
        serde_json::Value::Array(values) if !values.is_empty() => values.iter().map(text).collect(),
        serde_json::Value::Array(_) => Err("`answer` is an empty list".into()),
        other => text(other).map(|text| vec![text]),
    }
}

fn number(value: &serde_json::Value) -> Result<f64, String> {
    let parsed = match value {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.replace(',', "").trim().parse().ok(),
        _ => None,
    };
    parsed
        .filter(|number| number.is_finite())
        .ok_or_else(|| "the `answer` of grader `number` must be a number".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_error(text: &str, wanted: &str) {
        let error = PromptSet::parse("set", "set.jsonl", text).err().map(|error| error.to_string());
        assert!(error.as_deref().is_some_and(|error| error.contains(wanted)), "{error:?} lacks {wanted:?}");
    }

    #[test]
    fn broken_sets_name_file_line_and_reason() {
        check_error("", "no prompts");
        check_error("\n \n", "no prompts");
        check_error("{\"id\":\"a\",\"prompt\":\"x\"}\n{nope", "set.jsonl:2: ");
        check_error(r#"{"id":"a"}"#, "`prompt` or `messages` is missing");
        check_error(r#"{"id":"","prompt":"x"}"#, "`id`");
        check_error(r#"{"id":"a","prompt":" "}"#, "empty");
        check_error(r#"{"id":"a","prompt":"x","grader":"exact"}"#, "needs an `answer`");
        check_error(r#"{"id":"a","prompt":"x","answer":"y"}"#, "without `grader`");
        check_error(r#"{"id":"a","prompt":"x","grader":"number","answer":"many"}"#, "must be a number");
        check_error(r#"{"id":"a","prompt":"x","grader":"choice","answer":"y"}"#, "needs `choices`");
        check_error(r#"{"id":"a","prompt":"x","choices":["y","z"],"answer":"w"}"#, "none of the `choices`");
        check_error(r#"{"id":"a","prompt":"x","max_tokens":0}"#, "at least 1");
        check_error(r#"{"id":"a","prompt":"x","promt":"x"}"#, "promt");
        check_error(r#"{"id":"a","prompt":"x","grader":"feeling"}"#, "feeling");
        let twice = "{\"id\":\"a\",\"prompt\":\"x\"}\n\n{\"id\":\"a\",\"prompt\":\"y\"}";
        check_error(twice, "set.jsonl:3: id `a` stands already in line 1");
    }

    #[test]
    fn control_characters_are_escaped() {
        check_error(
            "{\"id\":\"a\",\"prompt\":\"x\",\"choices\":[\"y\",\"z\"],\"answer\":\"\\u001b[31m\"}",
            "\\u{1b}",
        );
    }

    #[test]
    fn good_lines() -> Result<(), PromptSetError> {
        let text = concat!(
            "\u{feff}{\"id\":\"1\",\"prompt\":\"2+2?\",\"grader\":\"number\",\"answer\":4,\"max_tokens\":8}\n",
            "{\"id\":\"2\",\"prompt\":\"x\",\"system\":\"s\",\"choices\":[\"y\",\"z\"],\"answer\":\"z\"}\r\n",
            "{\"id\":\"3\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        );
        let set = PromptSet::parse("set", "set.jsonl", text)?;
        let graders: Vec<_> = set.prompts.iter().map(|prompt| prompt.grader.clone()).collect();
        let choice = Grader::Choice { choices: vec!["y".into(), "z".into()], right: 1 };
        assert_eq!(graders, [Grader::Number(4.0), choice, Grader::None]);
        let PromptBody::Chat(turns) = &set.prompts[1].body;
        assert_eq!(turns.first().map(|turn| turn.role), Some(Role::System));
        Ok(())
    }
}
