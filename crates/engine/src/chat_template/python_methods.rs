//! Methods of Python's texts that templates call and the template library does not know.

use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

/// Calls a method that the template library itself lacks.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    match value.as_str() {
        Some(text) => match of_text(text, method, arguments) {
            Some(result) => result,
            None => pycompat::unknown_method_callback(state, value, method, arguments),
        },
        None => pycompat::unknown_method_callback(state, value, method, arguments),
    }
}

/// The methods added here; `None` for all others.
fn of_text(text: &str, method: &str, arguments: &[Value]) -> Option<Result<Value, Error>> {
    let first = arguments.first().and_then(Value::as_str);
    let result = match method {
        "removeprefix" => first.map(|prefix| Value::from(text.strip_prefix(prefix).unwrap_or(text))),
        "removesuffix" => first.map(|suffix| Value::from(text.strip_suffix(suffix).unwrap_or(text))),
        "partition" => first.filter(|mark| !mark.is_empty()).map(|mark| match text.split_once(mark) {
            Some((before, after)) => owned([before, mark, after]),
            None => owned([text, "", ""]),
        }),
        "rpartition" => first.filter(|mark| !mark.is_empty()).map(|mark| match text.rsplit_once(mark) {
            Some((before, after)) => owned([before, mark, after]),
            None => owned(["", "", text]),
        }),
        "rsplit" => first
            .filter(|mark| !mark.is_empty())
            .map(|mark| Value::from(split_from_end(text, mark, arguments))),
        _ => return None,
    };

    Some(result.ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("{method} needs a text that is not empty"))
    }))
}

fn owned(parts: [&str; 3]) -> Value {
    Value::from(parts.map(str::to_owned).to_vec())
}

fn split_from_end(text: &str, mark: &str, arguments: &[Value]) -> Vec<String> {
    let most = arguments.get(1).and_then(|most| usize::try_from(most.clone()).ok());
    let mut parts: Vec<String> = match most {
        Some(most) => text.rsplitn(most.saturating_add(1), mark).map(str::to_owned).collect(),
        None => text.rsplit(mark).map(str::to_owned).collect(),
    };
    parts.reverse();
    parts
}
