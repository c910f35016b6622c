//! Graders: was an answer right?
//!
//! A grader never guesses in favor of an answer: what cannot be read is unparsable, what cannot be judged is failed,
//! and both score 0. To add one: a file in this folder with a `DEFINITION`, and its name in the list below.

mod comparable;

use std::sync::Arc;

use infercost_core::SharedGrader;
use serde_json::Value;

pub use comparable::comparable;

/// Every grader: a module with a `DEFINITION`.
macro_rules! graders {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*
        /// The graders that prompt sets may name.
        pub const GRADERS: &[Definition] = &[$($module::DEFINITION),*];
    };
}

graders![exact, contains, pattern, number, choice, schema];

/// How a grader is made from what a prompt set says.
#[derive(Clone, Copy)]
pub struct Definition {
    /// Its name in prompt sets and traces.
    pub name: &'static str,
    /// When an answer is right, in a few words.
    pub right_when: &'static str,
    /// Makes one; an error where it could not judge.
    pub parse: fn(&Key<'_>) -> Result<SharedGrader, String>,
}

/// What a prompt set says of the right answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Key<'a> {
    /// `answer`.
    pub answer: Option<&'a Value>,
    /// `choices`.
    pub choices: Option<&'a [String]>,
}

/// Makes the grader of that name.
///
/// # Errors
/// One plain sentence: there is no such grader, or it cannot judge by this key.
pub fn grader(name: &str, key: &Key<'_>) -> Result<SharedGrader, String> {
    let Some(definition) = GRADERS.iter().find(|definition| definition.name == name) else {
        let names: Vec<&str> = GRADERS.iter().map(|definition| definition.name).collect();
        return Err(format!("there is no grader `{}`; use {} or none", crate::shown(name), names.join(", ")));
    };
    if key.choices.is_some() && name != choice::DEFINITION.name {
        return Err("`choices` go with the grader `choice`".into());
    }
    (definition.parse)(key)
}

fn shared(grader: impl infercost_core::Grader + 'static) -> SharedGrader {
    Arc::new(grader)
}

impl<'a> Key<'a> {
    fn answer(&self, grader: &str) -> Result<&'a Value, String> {
        self.answer.ok_or_else(|| format!("grader `{grader}` needs an `answer`"))
    }

    fn text(&self, grader: &str) -> Result<String, String> {
        text(self.answer(grader)?)
    }

    /// One text or a list of texts, of which any counts.
    fn texts(&self, grader: &str) -> Result<Vec<String>, String> {
        match self.answer(grader)? {
            Value::Array(values) if values.is_empty() => Err("`answer` is an empty list".into()),
            Value::Array(values) => values.iter().map(text).collect(),
            other => Ok(vec![text(other)?]),
        }
    }
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("`answer` must be a non-empty text".into()),
    }
}

#[cfg(test)]
mod tests;
