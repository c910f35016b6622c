//! Prompt sets: what models are asked, and what judges their answers.

use crate::conversation::Conversation;
use crate::grader::SharedGrader;
use crate::identity::PromptId;

/// A checked, non-empty set of prompts with distinct ids.
#[derive(Debug, Clone)]
pub struct PromptSet {
    /// The set's name in reports.
    pub name: String,
    /// The prompts, in the file's order.
    pub prompts: Vec<Prompt>,
}

/// One prompt and how its answer is judged.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// Distinct within its set.
    pub id: PromptId,
    /// What the model is asked.
    pub body: PromptBody,
    /// What judges the answer; `None` where it is not judged: cost and divergence only.
    pub grader: Option<SharedGrader>,
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

impl Prompt {
    /// Its kind: the first of its tags; empty where it has none.
    pub fn kind(&self) -> &str {
        self.tags.first().map_or("", String::as_str)
    }

    /// How long it is, in characters of all its messages.
    pub fn characters(&self) -> usize {
        let PromptBody::Chat(conversation) = &self.body;
        conversation.messages.iter().map(|message| message.content.chars().count()).sum()
    }
}

impl PromptSet {
    /// The prompt of that id.
    pub fn get(&self, id: &PromptId) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| &prompt.id == id)
    }
}
