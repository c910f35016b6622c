//! From conversations to tokens.

use std::sync::Arc;

use infercost_core::thinking::is_opened_by;
use infercost_core::{Continuation, EngineError, Message, PromptBody, Role};

use crate::chat_template::{ChatMessage, ChatTemplate, plain};
use crate::decoder::WeightSource;
use crate::tokenizer::TextTokenizer;

/// Renders conversations with the model's own chat template, and tokenizes them.
///
/// A model without a template is a base model: its prompt is the contents of the turns, nothing added.
pub(crate) struct PromptEncoder {
    pub(crate) tokenizer: Arc<TextTokenizer>,
    template: Option<ChatTemplate>,
}

impl PromptEncoder {
    pub(crate) fn open(source: &WeightSource) -> Result<Self, String> {
        let (tokenizer, template) = match source.gguf() {
            Some(content) => (
                TextTokenizer::from_gguf(&content.metadata).map_err(|error| error.to_string())?,
                ChatTemplate::from_gguf(&content.metadata),
            ),
            None => (
                TextTokenizer::from_folder(source.folder()).map_err(|error| error.to_string())?,
                ChatTemplate::from_folder(source.folder()),
            ),
        };
        // Some templates tell the model what day it is.
        let today = jiff::Zoned::now().date().at(0, 0, 0, 0);
        let template = template.map_err(|error| error.to_string())?.map(|template| template.with_date(today));
        let encoder = Self { tokenizer: Arc::new(tokenizer), template };
        encoder.refuse_empty()?;
        Ok(encoder)
    }

    /// Refuses a template that leaves out what a user says. One that fails does so again at the first prompt, with the
    /// prompt's name.
    fn refuse_empty(&self) -> Result<(), String> {
        let says = Message { role: Role::User, content: "x".to_owned() };
        match self.render(&PromptBody::Chat(vec![says].into())) {
            Ok(rendered) if rendered.trim().is_empty() => Err(
                "its chat template renders a user's message to nothing; repair `tokenizer.chat_template`, or take it \
                 out, and the prompts are sent as they are"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// The tokens of a conversation, ending where the model is to answer.
    pub(crate) fn encode(&self, prompt: &PromptBody) -> Result<Vec<u32>, EngineError> {
        self.tokens(&self.render(prompt)?)
    }

    /// The tokens of a conversation, and whether it ends inside thinking that its template has opened.
    pub(crate) fn encode_noting(&self, prompt: &PromptBody) -> Result<(Vec<u32>, bool), EngineError> {
        let rendered = self.render(prompt)?;
        Ok((self.tokens(&rendered)?, is_opened_by(&rendered)))
    }

    /// The tokens of a conversation, and those of what follows it.
    ///
    /// A text is tokenized together with the conversation and cut where the conversation's own tokens end, as
    /// the lm-evaluation-harness does. Without a chat template a space joins the two.
    pub(crate) fn encode_with(
        &self,
        prompt: &PromptBody,
        continuation: Continuation<'_>,
    ) -> Result<(Vec<u32>, Vec<u32>), EngineError> {
        let rendered = self.render(prompt)?;
        let context = self.tokens(&rendered)?;
        let text = match continuation {
            Continuation::Tokens(tokens) => return Ok((context, tokens.to_vec())),
            Continuation::Text(text) => text,
        };
        let spaced = self.template.is_none() && !rendered.ends_with(char::is_whitespace);
        let whole = self.tokens(&format!("{rendered}{}{text}", if spaced { " " } else { "" }))?;
        let targets = whole.get(context.len()..).unwrap_or_default().to_vec();
        Ok((context, targets))
    }

    fn render(&self, prompt: &PromptBody) -> Result<String, EngineError> {
        let PromptBody::Chat(turns) = prompt;
        let messages: Vec<ChatMessage> =
            turns.iter().map(|turn| ChatMessage::new(turn.role.name(), turn.content.as_str())).collect();
        let Some(template) = &self.template else { return Ok(plain(&messages)) };
        let variables = turns.template_variables();
        let with_variables;
        let template = if variables.is_empty() {
            template
        } else {
            with_variables = template.clone().with_variables(&variables);
            &with_variables
        };

        template
            .render(&messages, true, &self.named(self.tokenizer.bos()), &self.named(self.tokenizer.eos()))
            .map_err(|error| EngineError::Template(error.to_string()))
    }

    fn tokens(&self, rendered: &str) -> Result<Vec<u32>, EngineError> {
        self.tokenizer.encode_prompt(rendered).map_err(|error| EngineError::Template(error.to_string()))
    }

    fn named(&self, token: Option<u32>) -> String {
        let bytes = token.and_then(|token| self.tokenizer.token_bytes(token)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
