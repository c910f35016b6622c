//! A small, closed subset of JSON Schema: `type`, `properties`, `required`, `additionalProperties` (true,
//! false or a schema), `items`, `enum`, `const`, `minimum`, `maximum`, and true or false as a schema.
//!
//! Annotations (`title`, `description`, `$schema`, `default`, `examples`) are allowed and say nothing. Any
//! other keyword is refused before a run: ignoring it would let wrong answers pass.

use infercost_core::{Grader, Judgment, SharedGrader};
use serde_json::{Map, Value};

use super::{Definition, Key, shared};

const NAME: &str = "json_schema";

pub(super) const DEFINITION: Definition =
    Definition { name: NAME, right_when: "it is JSON that the schema in `answer` accepts", parse };

#[derive(Debug)]
struct Schema {
    schema: Value,
}

fn parse(key: &Key<'_>) -> Result<SharedGrader, String> {
    let schema = key.answer(NAME)?;
    if !schema.is_object() {
        return Err("the `answer` of grader `json_schema` is a JSON schema: an object".into());
    }
    validate(schema)?;
    Ok(shared(Schema { schema: schema.clone() }))
}

impl Grader for Schema {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&self, answer: &str) -> Judgment {
        match extract(answer) {
            Some(value) => Judgment::of(accepts(&self.schema, &value)),
            None => Judgment::Unparsable,
        }
    }
}

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];

/// The JSON in an answer: the whole answer, or what stands in its first ``` fence.
fn extract(answer: &str) -> Option<Value> {
    let whole = serde_json::from_str(answer.trim()).ok();
    whole.or_else(|| {
        let (_, behind) = answer.split_once("```")?;
        let (inside, _) = behind.split_once("```")?;
        let (_language, body) = inside.split_once('\n')?;
        serde_json::from_str(body.trim()).ok()
    })
}

/// True where the value satisfies the schema.
fn accepts(schema: &Value, value: &Value) -> bool {
    match schema {
        Value::Bool(all) => *all,
        Value::Object(keywords) => {
            keywords.iter().all(|(keyword, rule)| holds(keyword, rule, keywords, value))
        }
        _ => false,
    }
}

/// Checks that every keyword is understood and well formed.
fn validate(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Bool(_) => Ok(()),
        Value::Object(keywords) => {
            keywords.iter().try_for_each(|(keyword, rule)| validate_rule(keyword, rule))
        }
        _ => Err("a JSON schema is an object, true or false".into()),
    }
}

fn validate_rule(keyword: &str, rule: &Value) -> Result<(), String> {
    let wrong = |wanted: &str| Err(format!("JSON schema: `{keyword}` must be {wanted}"));

    match keyword {
        "title" | "description" | "$schema" | "default" | "examples" | "const" => Ok(()),
        "type" => {
            let known = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
            let sound =
                known(rule) || rule.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(known));
            if sound { Ok(()) } else { wrong(&format!("one or several of {}", TYPES.join(", "))) }
        }

        "enum" if rule.as_array().is_some_and(|values| !values.is_empty()) => Ok(()),
        "enum" => wrong("a list of at least one value"),
        "required" if rule.as_array().is_some_and(|names| names.iter().all(Value::is_string)) => Ok(()),
        "required" => wrong("a list of names"),
        "minimum" | "maximum" if rule.is_number() => Ok(()),
        "minimum" | "maximum" => wrong("a number"),

        "items" | "additionalProperties" => validate(rule),
        "properties" => match rule.as_object() {
            Some(properties) => properties.values().try_for_each(validate),
            None => wrong("an object of schemas"),
        },

        other => {
            let name = infercost_core::text::printable_up_to(other, 60);
            Err(format!(
                "JSON schema: `{name}` is not understood; use type, properties, required, \
                 additionalProperties, items, enum, const, minimum, maximum"
            ))
        }
    }
}

fn holds(keyword: &str, rule: &Value, keywords: &Map<String, Value>, value: &Value) -> bool {
    match keyword {
        "type" => match rule {
            Value::Array(names) => names.iter().any(|name| is(name, value)),
            name => is(name, value),
        },
        "enum" => rule.as_array().is_some_and(|values| values.iter().any(|wanted| same(wanted, value))),
        "const" => same(rule, value),
        "minimum" => value.as_f64().is_none_or(|number| rule.as_f64().is_some_and(|least| number >= least)),
        "maximum" => value.as_f64().is_none_or(|number| rule.as_f64().is_some_and(|most| number <= most)),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| accepts(rule, item))),
        "required" => value.as_object().is_none_or(|object| {
            let names = rule.as_array().into_iter().flatten();
            names.filter_map(Value::as_str).all(|name| object.contains_key(name))
        }),
        "properties" => value.as_object().is_none_or(|object| {
            let rules = rule.as_object().into_iter().flatten();
            rules.into_iter().all(|(name, rule)| object.get(name).is_none_or(|value| accepts(rule, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let named = keywords.get("properties").and_then(Value::as_object);
            let is_named = |name: &str| named.is_some_and(|named| named.contains_key(name));
            object.iter().all(|(name, value)| is_named(name) || accepts(rule, value))
        }),
        _ => true,
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        // JSON Schema counts 36.0 as an integer.
        Some("integer") => value.as_f64().is_some_and(|number| number.fract().abs() <= 0.0),
        _ => false,
    }
}

/// Equality that takes 1 and 1.0 for the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() <= 0.0,
        _ => one == other,
    }
}
