//! Text as servers stream it: a string, or a list of parts of which some are thinking.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Parts nested deeper than this are not looked into.
const DEEPEST: usize = 8;
/// Fields in which a part holds its text, the likeliest first.
const TEXT_FIELDS: [&str; 7] =
    ["text", "thinking", "reasoning", "content", "summary", "output_text", "refusal"];

/// One piece of text, borrowed where it is a string without escapes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    /// What is said.
    pub(crate) answer: Cow<'a, str>,
    /// What is thought.
    pub(crate) thinking: Cow<'a, str>,
}

impl<'a> Content<'a> {
    /// A string.
    fn text(text: Cow<'a, str>) -> Self {
        Self { answer: text, thinking: Cow::Borrowed("") }
    }

    /// The text of a field that holds nothing but thinking.
    pub(crate) fn all_thinking(&self) -> &str {
        if self.answer.is_empty() { &self.thinking } else { &self.answer }
    }

    fn add(&mut self, part: &Value, is_thinking: bool, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match part {
            Value::String(text) if is_thinking => self.thinking.to_mut().push_str(text),
            Value::String(text) => self.answer.to_mut().push_str(text),
            Value::Array(parts) => parts.iter().for_each(|part| self.add(part, is_thinking, depth + 1)),
            Value::Object(part) => self.add_object(part, is_thinking, depth),
            _ => {}
        }
    }

    fn add_object(&mut self, part: &Map<String, Value>, is_thinking: bool, depth: usize) {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        let is_thinking = is_thinking || kind.contains("think") || kind.contains("reason");

        let mut fields = TEXT_FIELDS.iter().filter_map(|name| Some((*name, part.get(*name)?)));
        if let Some((name, text)) = fields.find(|(_, text)| !text.is_null()) {
            let is_thinking = is_thinking || matches!(name, "thinking" | "reasoning");
            self.add(text, is_thinking, depth + 1);
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of parts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut content = Content::default();
        while let Some(part) = parts.next_element::<Value>()? {
            content.add(&part, false, 0);
        }
        Ok(content)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut part = Map::new();
        while let Some((name, value)) = fields.next_entry::<String, Value>()? {
            part.insert(name, value);
        }
        let mut content = Content::default();
        content.add_object(&part, false, 0);
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[track_caller]
    fn check(json: &str, answer: &str, thinking: &str) {
        let content: Content<'_> = serde_json::from_str(json).unwrap();
        assert_eq!((&*content.answer, &*content.thinking), (answer, thinking), "{json}");
    }

    #[test]
    fn texts_and_parts() {
        check("null", "", "");
        check(r#""a\nb""#, "a\nb", "");
        check(r#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#, "ab", "");
        check(r#"["a",{"text":"b"}]"#, "ab", "");
        check(r#"{"type":"output_text","text":"a"}"#, "a", "");
        check(
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]"#,
            "a",
            "hm",
        );
        check(r#"[{"type":"thinking","thinking":"hm","signature":"x"}]"#, "", "hm");
        check(
            r#"[{"type":"reasoning.text","text":"hm"},{"type":"reasoning.summary","summary":"s"}]"#,
            "",
            "hms",
        );
        check(r#"[{"type":"reasoning.encrypted","data":"AAAA"}]"#, "", "");
        check(r#"[{"type":"redacted_thinking","data":"AAAA"}]"#, "", "");
        check(r#"[{"type":"refusal","refusal":"no"}]"#, "no", "");
        check(r#"[{"type":"image_url","image_url":{"url":"x"}},null,7,true]"#, "", "");
    }

    #[test]
    fn a_plain_text_is_borrowed() {
        let content: Content<'_> = serde_json::from_str(r#""hi""#).unwrap();
        assert!(matches!(content.answer, Cow::Borrowed("hi")));
    }

    #[test]
    fn deep_parts_end() {
        let mut deep = r#""x""#.to_owned();
        for _ in 0..100 {
            deep = format!(r#"[{deep}]"#);
        }
        check(&deep, "", "");
    }
}
