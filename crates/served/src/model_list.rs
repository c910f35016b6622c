//! Lists of models in any of the shapes that are about.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Fields in which a list stands inside an object.
const LISTS: [&str; 5] = ["data", "models", "result", "items", "list"];
/// Fields that hold a model's name, the likeliest first.
const NAMES: [&str; 5] = ["id", "model", "name", "key", "model_name"];
/// Fields of an object that is no list of models by name.
const NO_NAMES: [&str; 8] = ["object", "error", "detail", "message", "status", "success", "code", "has_more"];

/// One model, as far as a list tells.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ModelEntry {
    #[serde(skip)]
    pub(crate) id: String,
    pub(crate) owned_by: Option<String>,
    pub(crate) aliases: Option<Vec<String>>,
    pub(crate) max_model_len: Option<u32>,
    pub(crate) meta: Option<ModelMeta>,
}

/// What llama.cpp tells of a model.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ModelMeta {
    pub(crate) n_ctx: Option<u32>,
    pub(crate) n_ctx_train: Option<u32>,
    pub(crate) ftype: Option<String>,
}

impl ModelEntry {
    /// The model of this name; what else its fields hold is read where it is what it should be.
    fn of(id: &str, fields: &Value) -> Self {
        let told = Self::deserialize(fields).unwrap_or_default();
        Self { id: id.to_owned(), ..told }
    }

    /// Short forms of the id: an alias, Ollama's implied `:latest`, the file name of llama.cpp's path, Gemini's
    /// `models/`.
    pub(crate) fn is_also_called(&self, wanted: &str) -> bool {
        let file = self.id.rsplit(['/', '\\']).next().unwrap_or(&self.id);
        self.aliases.iter().flatten().any(|alias| alias == wanted)
            || self.id.strip_suffix(":latest") == Some(wanted)
            || self.id.strip_prefix("models/") == Some(wanted)
            || file == wanted
            || file.strip_suffix(".gguf") == Some(wanted)
    }
}

/// The models of a list: a bare array, an array below one of the usual names, objects by name, or names alone. `None`
/// where the JSON is no list of models.
pub(crate) fn models(json: &Value) -> Option<Vec<ModelEntry>> {
    match json {
        Value::Array(entries) => Some(entries.iter().filter_map(entry).collect()),
        Value::Object(fields) => {
            if let Some(list) = LISTS.iter().find_map(|name| fields.get(*name)) {
                return match list {
                    Value::Null => Some(Vec::new()),
                    Value::Object(inner) if !inner.contains_key("id") => {
                        let nested = LISTS.iter().find_map(|name| inner.get(*name));
                        nested.map_or_else(|| by_name(inner), models)
                    }
                    Value::Array(_) => models(list),
                    Value::Object(_) => Some(entry(list).into_iter().collect()),
                    _ => None,
                };
            }
            entry(json).map(|one| vec![one]).or_else(|| by_name(fields))
        }
        _ => None,
    }
}

/// One element of a list: an object with a name, or a name.
fn entry(element: &Value) -> Option<ModelEntry> {
    if let Value::String(name) = element {
        return Some(ModelEntry { id: name.clone(), ..ModelEntry::default() });
    }
    let fields = element.as_object()?;
    let name = NAMES.iter().find_map(|name| fields.get(*name)?.as_str().filter(|name| !name.is_empty()))?;
    Some(ModelEntry::of(name, element))
}

/// Objects by name; `None` where the fields are something else.
fn by_name(fields: &Map<String, Value>) -> Option<Vec<ModelEntry>> {
    let is_list = !fields.is_empty()
        && fields.iter().all(|(name, value)| value.is_object() && !NO_NAMES.contains(&name.as_str()));
    is_list.then(|| fields.iter().map(|(name, value)| ModelEntry::of(name, value)).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<&[&str]>) {
        let found = models(&serde_json::from_str(json).unwrap());
        let names = found.map(|found| found.into_iter().map(|one| one.id).collect::<Vec<_>>());
        assert_eq!(
            names.as_deref(),
            expected.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref(),
            "{json}"
        );
    }

    #[test]
    fn lists_of_every_shape_are_read() {
        check(r#"{"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]}"#, Some(&["a", "b"]));
        check(r#"[{"id":"a","type":"chat"},{"id":"b"}]"#, Some(&["a", "b"]));
        check(r#"{"models":[{"name":"a:latest","model":"a:latest","details":{}}]}"#, Some(&["a:latest"]));
        check(r#"{"models":[{"key":"a"}]}"#, Some(&["a"]));
        check(r#"{"models":["a","b"]}"#, Some(&["a", "b"]));
        check(r#"["a","b"]"#, Some(&["a", "b"]));
        check(r#"{"a":{"object":"model"},"b":{}}"#, Some(&["a", "b"]));
        check(r#"{"data":{"a":{"x":1}}}"#, Some(&["a"]));
        check(r#"{"data":{"models":[{"id":"a"}]}}"#, Some(&["a"]));
        check(r#"{"success":true,"result":[{"name":"a"}]}"#, Some(&["a"]));
        check(r#"{"id":"a","object":"model"}"#, Some(&["a"]));
        check(r#"{"object":"list","data":null}"#, Some(&[]));
        check(r#"{"data":[{"id":"a"},7,null,{"x":1}]}"#, Some(&["a"]));
    }

    #[test]
    fn what_is_no_list_is_none() {
        check("7", None);
        check("{}", None);
        check(r#"{"error":{"message":"x"}}"#, None);
        check(r#"{"detail":"Not Found"}"#, None);
    }

    #[test]
    fn what_else_a_list_tells_is_kept() {
        let json = r#"{"data":[{"id":"m","owned_by":"llamacpp","meta":{"n_ctx_train":8192,"ftype":"Q4_1"},"aliases":["x"]},{"id":"n","owned_by":7}]}"#;
        let found = models(&serde_json::from_str(json).unwrap()).unwrap();
        let meta = found[0].meta.as_ref().unwrap();
        assert_eq!((meta.n_ctx_train, meta.ftype.as_deref()), (Some(8192), Some("Q4_1")));
        assert!(found[0].is_also_called("x") && found[1].owned_by.is_none());
    }
}
