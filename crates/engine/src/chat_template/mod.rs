//! Chat templates: what a model's makers want a conversation to look like as text.
//!
//! A template is a small program in the Jinja language that comes with the model, so it is run like
//! hostile code: it reads no file and no clock, and stops when it has used up its allowance of steps
//! and memory. It renders what `apply_chat_template` of transformers renders: the same variables (`tools`
//! and `documents` are none unless given), globals, whitespace control and methods of Python's texts. A
//! conversation that ends with the assistant's turn is closed like any other, and a generation prompt
//! follows where it is asked for.
//!
//! A model without a template is a base model; the caller decides what that means. [`plain`] is the
//! documented choice: the contents alone, with nothing that the model was never trained on.

mod amount;
mod constants;
mod error;
mod filters;
mod formatting;
mod namespaces;
mod operators;
mod program;
mod python_methods;
mod source;
mod to_json;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use candle_core::quantized::gguf_file::Value as GgufValue;
pub use error::ChatTemplateError;
use jiff::civil::DateTime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value, context};

use self::amount::{as_text, pay_for_bytes};
use crate::tokenizer::shown;

/// The longest template that is read. Published ones, with tool calling and all, stay below 20 kB.
const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Steps allowed to a template, on top of what the size of the conversation calls for. A step is an
/// instruction or 64 bytes of data, so this also bounds memory, to about 64 MB.
const BASE_STEPS: u64 = 1_000_000;
/// Time allowed to a template. Steps do not count the work of minijinja 3.1 on lists that are joined
/// to themselves again and again, so this is the second line of defense.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// What jiff fills a field of a date up to.
const LONGEST_DATE_FIELD: usize = 256;
/// Enough for values as deep as the steps can nest them, which minijinja writes by recursion: a step adds a level, and a level
/// took 690 bytes. What no template needs is never taken from the system.
const THREAD_STACK_BYTES: usize = 1 << 30;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// `system`, `user`, `assistant`, or what else the template knows.
    pub role: String,
    /// The text.
    pub content: String,
}

impl ChatMessage {
    /// A turn of `role` that says `content`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }
}

/// A conversation as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The prompt.
    pub text: String,
    /// The template has no place for a system message, so its content stands before that of the first
    /// user message, on a line of its own. llama.cpp does the same; the original program refuses.
    pub system_folded: bool,
}

/// A parsed chat template.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    /// The source with its guards, which is what runs.
    guarded: String,
    /// What it is given besides the conversation: `enable_thinking`, `tools`, …
    variables: BTreeMap<String, serde_json::Value>,
    /// The model's special tokens other than those of the beginning and the end: `unk_token`, `pad_token`, …
    special: BTreeMap<String, String>,
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate").field("source", &self.source).finish_non_exhaustive()
    }
}

/// The template refused the conversation.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// The template asked for a date and there is none.
#[derive(Debug)]
struct NoDate;

impl fmt::Display for NoDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no date was given")
    }
}

impl std::error::Error for NoDate {}

impl ChatTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// [`ChatTemplateError::Malformed`] and [`ChatTemplateError::TooLong`].
    pub fn from_source(source: &str) -> Result<Self, ChatTemplateError> {
        let (bytes, limit) = (source.len(), MAX_TEMPLATE_BYTES);
        if bytes > limit {
            return Err(ChatTemplateError::TooLong { bytes, limit });
        }
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(syntax.build().map_err(failure)?);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_unknown_method_callback(python_methods::call);
        minijinja_contrib::add_to_environment(&mut environment);
        environment.add_filter("tojson", to_json::to_json);
        environment.add_function("raise_exception", |state: &State<'_, '_>, message: &Value| {
            let message = as_text(state, message)?.to_string();
            let refused = Error::new(ErrorKind::InvalidOperation, "refused");
            Err::<Value, Error>(refused.with_source(Refusal(message)))
        });
        environment.add_function("strftime_now", |_: &Value| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, "no date").with_source(NoDate))
        });
        environment.add_filter(namespaces::FILTER, namespaces::without_namespaces);
        filters::add_to(&mut environment);
        operators::add_to(&mut environment);

        let guarded = namespaces::guarded(&source::without_generation_tags(source));
        check(&environment, &guarded)?;

        Ok(Self {
            environment,
            source: source.to_owned(),
            guarded,
            variables: BTreeMap::new(),
            special: BTreeMap::new(),
        })
    }

    /// Reads the template in a GGUF file's metadata, if there is one. A blank one is none.
    ///
    /// # Errors
    /// As [`from_source`](Self::from_source); also where the metadata value is no text.
    pub fn from_gguf(metadata: &HashMap<String, GgufValue>) -> Result<Option<Self>, ChatTemplateError> {
        let Some(source) = source::in_gguf(metadata)? else { return Ok(None) };
        let special = source::special_in_gguf(metadata);
        Ok(Some(Self { special, ..Self::from_source(source)? }))
    }

    /// Reads the template in a model's folder, if there is one: `chat_template.jinja`, or else what
    /// `chat_template.json` or `tokenizer_config.json` holds, a text or a list with a template named `default`. A
    /// blank one is none.
    ///
    /// # Errors
    /// As [`from_source`](Self::from_source); also where a file cannot be read or lists templates
    /// without a default.
    pub fn from_folder(folder: &Path) -> Result<Option<Self>, ChatTemplateError> {
        let Some(source) = source::in_folder(folder)? else { return Ok(None) };
        let special = source::special_in_folder(folder);
        Ok(Some(Self { special, ..Self::from_source(&source)? }))
    }

    /// Gives the template a date and time for `strftime_now`. Without one, a template that asks is
    /// refused.
    #[must_use]
    pub fn with_date(mut self, date: DateTime) -> Self {
        self.environment.add_function("strftime_now", move |state: &State<'_, '_>, format: &Value| {
            let format = as_text(state, format)?.to_string();
            let fields = format.bytes().filter(|byte| *byte == b'%').count();
            pay_for_bytes(state, fields.saturating_mul(LONGEST_DATE_FIELD))?;
            jiff::fmt::strtime::format(format, date)
                .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
        });
        self
    }

    /// Gives the template further variables, such as `enable_thinking`, as `apply_chat_template` of transformers and
    /// `chat_template_kwargs` of servers do. They come before `tools`, `documents`, `bos_token` and `eos_token`; the
    /// conversation and `add_generation_prompt` stay what they are.
    #[must_use]
    pub fn with_variables(mut self, variables: &BTreeMap<String, serde_json::Value>) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// The template's own text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders a conversation.
    ///
    /// `add_generation_prompt`: open the assistant's turn at the end. `bos` and `eos`: the text of
    /// these tokens, empty where the model has none. Tokenize the result with
    /// [`encode_prompt`](crate::tokenizer::TextTokenizer::encode_prompt), which minds a BOS that the
    /// template has written.
    ///
    /// # Errors
    /// [`ChatTemplateError::Refused`] where the template objects, such as to roles that do not alternate;
    /// [`DateNeeded`](ChatTemplateError::DateNeeded), [`TooMuchWork`](ChatTemplateError::TooMuchWork) and
    /// [`Failed`](ChatTemplateError::Failed) where it cannot be run.
    pub fn render(
        &self,
        messages: &[ChatMessage],
        add_generation_prompt: bool,
        bos: &str,
        eos: &str,
    ) -> Result<String, ChatTemplateError> {
        self.render_noting(messages, add_generation_prompt, bos, eos).map(|rendered| rendered.text)
    }

    /// Renders a conversation and says whether the system message had to be moved.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn render_noting(
        &self,
        messages: &[ChatMessage],
        add_generation_prompt: bool,
        bos: &str,
        eos: &str,
    ) -> Result<Rendered, ChatTemplateError> {
        let as_given = self.render_as_given(messages, add_generation_prompt, bos, eos);
        let [system, rest @ ..] = messages else {
            return as_given.map(|text| Rendered { text, system_folded: false });
        };

        // A template may refuse a system message or leave it out without a word.
        let lost = match &as_given {
            Ok(text) => !text.contains(system.content.trim()),
            Err(ChatTemplateError::Refused { .. }) => true,
            Err(_) => false,
        };

        if system.role == "system" && lost {
            let folded = fold(system, rest);
            if let Ok(text) = self.render_as_given(&folded, add_generation_prompt, bos, eos) {
                return Ok(Rendered { text, system_folded: true });
            }
        }

        as_given.map(|text| Rendered { text, system_folded: false })
    }

    fn render_as_given(
        &self,
        messages: &[ChatMessage],
        add_generation_prompt: bool,
        bos: &str,
        eos: &str,
    ) -> Result<String, ChatTemplateError> {
        let bytes: usize = messages.iter().map(|m| m.role.len() + m.content.len()).sum();
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(BASE_STEPS.saturating_add(bytes as u64)));
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| context! { role => message.role.as_str(), content => message.content.as_str() })
            .collect();
        // What stands first wins. A variable that is none is another thing than one that is not there.
        let defaults = context! { tools => Value::from(()), documents => Value::from(()), bos_token => bos, eos_token => eos };
        let given = Value::from(Serde(&self.variables));
        let special = Value::from(Serde(&self.special));

        let context = context! {
            messages => messages,
            add_generation_prompt => add_generation_prompt,
            ..context! { ..given, ..defaults, ..special }
        };
        let guarded = self.guarded.clone();
        within(TIME_LIMIT, move || program::run(&guarded, &environment, context))
    }
}

/// Whether a template can be parsed.
fn check(environment: &Environment<'static>, guarded: &str) -> Result<(), ChatTemplateError> {
    let (environment, guarded) = (environment.clone(), guarded.to_owned());
    within(TIME_LIMIT, move || program::read(&guarded, &environment).map(drop))
}

/// Works in a thread of its own, which is abandoned at the limit. What it does then still has its allowance of steps and
/// memory.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, ChatTemplateError> + Send + 'static,
) -> Result<T, ChatTemplateError> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new()
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            // Nobody listens any more once the limit has passed.
            let _ = sender.send(work());
        })
        .map_err(|error| ChatTemplateError::Failed { line: 0, reason: error.to_string() })?;

    let result = receiver.recv_timeout(limit).unwrap_or(Err(ChatTemplateError::TooMuchWork));
    if thread.is_finished() || !matches!(result, Err(ChatTemplateError::TooMuchWork)) {
        // its stack is given back before the next one is taken
        let _ = thread.join();
    }
    result
}

/// The conversation with the system message's content put before the first user message's.
fn fold(system: &ChatMessage, rest: &[ChatMessage]) -> Vec<ChatMessage> {
    match rest {
        [first, others @ ..] if first.role == "user" => {
            let content = [system.content.as_str(), first.content.as_str()].join("\n");
            let mut folded = vec![ChatMessage::new("user", content)];
            folded.extend_from_slice(others);
            folded
        }
        _ => {
            let mut folded = vec![ChatMessage::new("user", system.content.as_str())];
            folded.extend_from_slice(rest);
            folded
        }
    }
}

/// The prompt for a model without a chat template: the contents, a blank line between them, and no
/// word about roles.
#[must_use]
pub fn plain(messages: &[ChatMessage]) -> String {
    messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n")
}

fn failure(error: Error) -> ChatTemplateError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(Refusal(message)) = inner.downcast_ref() {
            return ChatTemplateError::Refused { message: shown(message) };
        }
        if inner.is::<NoDate>() {
            return ChatTemplateError::DateNeeded;
        }
        if inner.downcast_ref::<Error>().is_some_and(|e| e.kind() == ErrorKind::OutOfFuel) {
            return ChatTemplateError::TooMuchWork;
        }
        cause = inner.source();
    }
    ChatTemplateError::Failed { line: error.line().unwrap_or(0), reason: reason(&error) }
}

fn reason(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {}", error.kind(), shown(detail)),
        None => error.kind().to_string(),
    }
}
