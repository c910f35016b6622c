//! A conversation to be answered, and how much thinking its answer may take.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Turns of a conversation, with what a chat template or a server is told beside them.
///
/// It reads as the list of its turns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    /// What is said, in order.
    pub messages: Vec<Message>,
    /// How much thinking is allowed; `None` leaves it to the model.
    pub thinking: Option<ThinkingAllowance>,
    /// Variables for the chat template beside its usual ones: switches such as `enable_thinking`.
    pub template: BTreeMap<String, serde_json::Value>,
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

/// How much a model may think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "`thinking` is true, false, a number of tokens, or one of none, minimal, low, medium, high"
)]
pub enum ThinkingAllowance {
    /// Not at all, or as much as it likes.
    Switch(bool),
    /// This many tokens, on top of the limit of the answer.
    Tokens(u32),
    /// As much as the model takes this word for.
    Effort(Effort),
}

/// Words that models and servers know for an amount of thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// None at all.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// A medium amount.
    Medium,
    /// Much.
    High,
}

impl Effort {
    /// As chat templates and servers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl ThinkingAllowance {
    /// True where the model is to think, as far as that is decided.
    pub fn is_on(self) -> bool {
        match self {
            Self::Switch(on) => on,
            Self::Tokens(tokens) => tokens > 0,
            Self::Effort(effort) => effort != Effort::None,
        }
    }
}

impl Conversation {
    /// The limit of output tokens that goes with one of `answer` tokens for the answer itself.
    pub fn output_limit(&self, answer: u32) -> u32 {
        match self.thinking {
            Some(ThinkingAllowance::Tokens(tokens)) => answer.saturating_add(tokens),
            _ => answer,
        }
    }

    /// All variables that a chat template is given beside its usual ones. What is set by name goes before what follows
    /// from the allowance; templates ignore the names that are not theirs.
    pub fn template_variables(&self) -> BTreeMap<String, serde_json::Value> {
        let mut variables = BTreeMap::new();
        if let Some(allowance) = self.thinking {
            // Qwen 3, GLM, SmolLM 3; DeepSeek V3.1, Granite
            for name in ["enable_thinking", "thinking"] {
                variables.insert(name.to_owned(), allowance.is_on().into());
            }
            match allowance {
                // Seed-OSS
                ThinkingAllowance::Tokens(tokens) => {
                    variables.insert("thinking_budget".to_owned(), tokens.into());
                }
                // gpt-oss
                ThinkingAllowance::Effort(effort) => {
                    variables.insert("reasoning_effort".to_owned(), effort.name().into());
                }
                ThinkingAllowance::Switch(_) => {}
            }
        }

        variables.extend(self.template.clone());
        variables
    }
}

impl Deref for Conversation {
    type Target = Vec<Message>;

    fn deref(&self) -> &Vec<Message> {
        &self.messages
    }
}

impl From<Vec<Message>> for Conversation {
    fn from(messages: Vec<Message>) -> Self {
        Self { messages, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]
    use super::*;

    #[test]
    fn allowances_are_read() {
        for (json, allowance) in [
            ("false", ThinkingAllowance::Switch(false)),
            ("true", ThinkingAllowance::Switch(true)),
            ("2048", ThinkingAllowance::Tokens(2048)),
            ("\"low\"", ThinkingAllowance::Effort(Effort::Low)),
        ] {
            assert_eq!(serde_json::from_str::<ThinkingAllowance>(json).unwrap(), allowance);
        }
        for json in ["-1", "1.5", "\"much\"", "null", "[]"] {
            assert!(serde_json::from_str::<ThinkingAllowance>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn tokens_for_thinking_come_on_top() {
        let mut conversation = Conversation::default();
        assert_eq!(conversation.output_limit(10), 10);
        conversation.thinking = Some(ThinkingAllowance::Tokens(100));
        assert_eq!(conversation.output_limit(10), 110);
        assert_eq!(conversation.output_limit(u32::MAX), u32::MAX);
    }

    #[test]
    fn what_is_set_by_name_goes_first() {
        let conversation = Conversation {
            thinking: Some(ThinkingAllowance::Switch(false)),
            template: BTreeMap::from([("thinking".to_owned(), "auto".into())]),
            ..Conversation::default()
        };
        let variables = conversation.template_variables();
        assert_eq!(variables.get("enable_thinking"), Some(&false.into()));
        assert_eq!(variables.get("thinking"), Some(&"auto".into()));
    }
}
