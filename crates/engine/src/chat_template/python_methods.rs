//! Methods of Python's texts and lists that templates call: those that the template library does not know, and those that it
//! does not bound.

use minijinja::value::{ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use super::amount::{items, pay_for_parts};
use super::{filters, formatting};

/// Calls a method that the template library itself lacks.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let result = match value.as_str() {
        Some(text) => of_text(state, value, text, method, arguments),
        None if value.kind() == ValueKind::Seq && method == "count" => Some(counted(state, value, arguments)),
        None => None,
    };
    match result {
        Some(result) => result,
        None => pycompat::unknown_method_callback(state, value, method, arguments),
    }
}

/// The methods of texts that are here; `None` for all others.
fn of_text(
    state: &State<'_, '_>,
    value: &Value,
    text: &str,
    method: &str,
    arguments: &[Value],
) -> Option<Result<Value, Error>> {
    let first = arguments.first().and_then(Value::as_str);
    let result = match method {
        "format" => return Some(formatting::python(state, text, arguments)),
        "join" => return Some(joined(state, text, arguments)),
        "replace" => return Some(replaced(state, text, arguments)),
        "split" => return Some(split(state, value, arguments)),
        "splitlines" => return Some(lines(state, text, arguments)),
        "startswith" | "endswith" if arguments.first()?.as_object().is_some() => {
            return Some(stands(state, text, method, arguments));
        }
        "rsplit" => {
            let mark = first.filter(|mark| !mark.is_empty());
            mark.map(|mark| split_from_end(state, text, mark, arguments))
        }
        "removeprefix" => first.map(|prefix| Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))),
        "removesuffix" => first.map(|suffix| Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))),
        "partition" => first.filter(|mark| !mark.is_empty()).map(|mark| match text.split_once(mark) {
            Some((before, after)) => Ok(owned([before, mark, after])),
            None => Ok(owned([text, "", ""])),
        }),
        "rpartition" => first.filter(|mark| !mark.is_empty()).map(|mark| match text.rsplit_once(mark) {
            Some((before, after)) => Ok(owned([before, mark, after])),
            None => Ok(owned(["", "", text])),
        }),
        _ => return None,
    };

    Some(result.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{method} needs a text that is not empty")))
    }))
}

fn owned(parts: [&str; 3]) -> Value {
    Value::from(parts.map(str::to_owned).to_vec())
}

fn joined(state: &State<'_, '_>, joiner: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (list,): (&Value,) = from_args(arguments)?;
    filters::joined(state, list, joiner, None)
}

fn replaced(state: &State<'_, '_>, text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (from, to, count): (&str, &str, Option<i64>) = from_args(arguments)?;
    filters::with_replacements(state, text, from, to, count)
}

fn split(state: &State<'_, '_>, value: &Value, arguments: &[Value]) -> Result<Value, Error> {
    let (mark, most): (Option<&str>, Option<i64>) = from_args(arguments)?;
    filters::split(state, value, mark, most)
}

fn lines(state: &State<'_, '_>, text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (keep_ends,): (Option<bool>,) = from_args(arguments)?;
    pay_for_parts(state, text.lines().count(), text.len())?;

    let lines: Vec<&str> =
        if keep_ends == Some(true) { text.split_inclusive('\n').collect() } else { text.lines().collect() };
    Ok(lines.into_iter().map(Value::from).collect())
}

/// Whether a text begins, or ends, with one of several.
fn stands(state: &State<'_, '_>, text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (several,): (&Value,) = from_args(arguments)?;
    for one in items(state, several)? {
        let one = one.as_str().ok_or_else(|| {
            Error::new(ErrorKind::InvalidOperation, format!("{method} needs a text or several"))
        })?;
        if if method == "startswith" { text.starts_with(one) } else { text.ends_with(one) } {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

fn split_from_end(
    state: &State<'_, '_>,
    text: &str,
    mark: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let most = arguments.get(1).and_then(|most| usize::try_from(most.clone()).ok());
    let most = most.map_or(usize::MAX, |most| most.saturating_add(1));
    let parts = text.matches(mark).count().saturating_add(1).min(most);
    pay_for_parts(state, parts, text.len())?;

    let mut parts: Vec<String> = text.rsplitn(most, mark).map(str::to_owned).collect();
    parts.reverse();
    Ok(Value::from(parts))
}

/// How often a list holds a value.
fn counted(state: &State<'_, '_>, list: &Value, arguments: &[Value]) -> Result<Value, Error> {
    let (what,): (&Value,) = from_args(arguments)?;
    let found = items(state, list)?.iter().filter(|item| *item == what).count();
    Ok(Value::from(found))
}
