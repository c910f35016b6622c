//! A code for programs next to a sentence for people, as JSON holds the two.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

/// Something that programs know by its code and people by its sentence, which `Display` makes where it is shown.
pub trait Coded: fmt::Display {
    /// The code; it never changes its meaning.
    fn code(&self) -> &'static str;
}

/// Why an answer is what it is. In JSON, flattened, two fields: `why`, the sentence, and `why_code`.
#[derive(Debug, Clone, PartialEq)]
pub struct Why<T>(pub T);

/// What a value or a change is of. In JSON, flattened, two fields: `what`, the words, and `what_code`.
#[derive(Debug, Clone, PartialEq)]
pub struct What<T>(pub T);

/// Why a value is not there, or what must be said of it; `None` where there is nothing to say. In JSON, flattened, two
/// fields: `reason`, the sentence, empty where there is none, and `reason_code`, null likewise.
#[derive(Debug, Clone, PartialEq)]
pub struct ReasonGiven<T>(pub Option<T>);

/// Why there is nothing to show; `None` where there is. In JSON, flattened, two fields that are left out where there is
/// no reason: `why`, the sentence, and `why_code`.
#[derive(Debug, Clone, PartialEq)]
pub struct WhyNot<T>(pub Option<T>);

#[derive(Serialize)]
struct WhyJson {
    why: String,
    why_code: &'static str,
}

#[derive(Serialize)]
struct WhyNotJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_code: Option<&'static str>,
}

#[derive(Serialize)]
struct WhatJson {
    what: String,
    what_code: &'static str,
}

#[derive(Serialize)]
struct ReasonJson {
    reason: String,
    reason_code: Option<&'static str>,
}

impl<T> Deref for Why<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for What<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Display> fmt::Display for Why<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for What<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> ReasonGiven<T> {
    /// The sentence; empty where there is none.
    pub fn sentence(&self) -> String {
        self.0.as_ref().map_or_else(String::new, T::to_string)
    }
}

impl<T: Coded> Serialize for Why<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WhyJson { why: self.0.to_string(), why_code: self.0.code() }.serialize(serializer)
    }
}

impl<T: Coded> Serialize for What<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WhatJson { what: self.0.to_string(), what_code: self.0.code() }.serialize(serializer)
    }
}

impl<T: Coded> Serialize for WhyNot<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reason = self.0.as_ref();
        WhyNotJson { why: reason.map(T::to_string), why_code: reason.map(T::code) }.serialize(serializer)
    }
}

impl<T: Coded> Serialize for ReasonGiven<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let code = self.0.as_ref().map(T::code);
        ReasonJson { reason: self.sentence(), reason_code: code }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use serde_json::json;

    use super::*;
    use crate::economics::EconomicsReason;

    #[derive(Serialize)]
    struct Row {
        #[serde(flatten)]
        why: Why<EconomicsReason>,
        #[serde(flatten)]
        reason: ReasonGiven<EconomicsReason>,
        #[serde(flatten)]
        nothing: WhyNot<EconomicsReason>,
    }

    #[test]
    fn json_has_the_sentence_and_its_code() {
        let row = |reason| Row {
            why: Why(EconomicsReason::NotRented),
            reason: ReasonGiven(reason),
            nothing: WhyNot(None),
        };
        let found = serde_json::to_value(row(Some(EconomicsReason::ShortLife))).unwrap();
        assert_eq!(
            found,
            json!({
                "why": "nothing is rented", "why_code": "not_rented",
                "reason": "the machine lives a year or less", "reason_code": "short_life",
            })
        );

        let found = serde_json::to_value(row(None)).unwrap();
        assert_eq!((&found["reason"], &found["reason_code"]), (&json!(""), &json!(null)));
    }
}
